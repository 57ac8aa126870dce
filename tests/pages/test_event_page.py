"""The page of one visit: its pictures with boxes, and the score taken apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from cameras.models import Camera
from detections.models import Detection
from events.cards import Box
from events.evidence import Step, limits_of
from events.models import Assessment, Event
from tests.factories import AssessmentFactory, CaptureFactory, DetectionFactory, EventFactory, detection_of

HOSTILE = "<img src=x onerror=alert(1)>"


def text_of(client: Client, event: Event, query: str = "") -> str:
    return " ".join(client.get(f"/events/{event.pk}/{query}").content.decode().split())


@pytest.fixture
def visit(front: Camera) -> Event:
    """Two pictures; the second decides. Three parts, held by a ceiling."""
    event = EventFactory.create(camera=front, risk_score=74, detections=[], assessment=False)
    first, second = detection_of(event), detection_of(event, at=event.started_at + timedelta(seconds=6))
    batch = event.batches.get()
    for detection in (first, second):
        event.memberships.create(detection=detection, batch=batch)
    event.key_detection = second
    event.save(update_fields=["key_detection"])
    AssessmentFactory.create(
        event=event,
        raw_score=88,
        ceiling=74,
        ceiling_why="no zones are drawn",
        parts=[
            {"name": "place", "points": 12, "why": "at the back door", "detection_ids": [first.pk]},
            {"name": "probing", "points": 80, "why": "tried two doors", "detection_ids": [second.pk]},
            {"name": "certainty", "points": -4, "why": "one weak picture", "detection_ids": []},
        ],
        not_known=["who it was", "whether anybody is home"],
    )
    return event


def test_reasons_come_biggest_first_with_their_sign(page: Client, visit: Event) -> None:
    text = text_of(page, visit)
    positions = [text.index(words) for words in ("tried two doors", "at the back door", "one weak picture")]
    assert positions == sorted(positions)
    assert "+80" in text
    assert "−4" in text


def test_the_limit_that_bound_and_what_is_not_known_have_lines_of_their_own(page: Client, visit: Event) -> None:
    text = text_of(page, visit)
    assert '<p class="limit">Held at 74: no zones are drawn</p>' in text
    assert "<strong>Not known:</strong> who it was and whether anybody is home." in text


def test_a_limit_that_bound_nothing_is_not_mentioned() -> None:
    within = Assessment(raw_score=40, score=40, floor=30, floor_why="floor", ceiling=74, ceiling_why="ceiling")
    raised = Assessment(raw_score=20, score=30, floor=30, floor_why="a door at night", ceiling=74)
    assert limits_of(within) == []
    assert limits_of(raised) == ["Raised to 30: a door at night"]


def test_the_deciding_picture_is_shown_first(page: Client, visit: Event) -> None:
    assert visit.key_detection is not None
    text = text_of(page, visit)
    assert f'src="/media/previews/{visit.key_detection.capture_id}"' in text
    assert "picture 2 of 2" in text


def test_pressing_a_reason_goes_to_its_picture_and_lights_its_box(page: Client, visit: Event) -> None:
    first = visit.detections.earliest("pk")
    link = f"?picture={first.capture_id}&amp;reason=1"
    assert link in text_of(page, visit)
    text = text_of(page, visit, link.replace("&amp;", "&"))
    assert f'src="/media/previews/{first.capture_id}"' in text
    assert text.count('class="box is-lit"') == 1


@pytest.mark.parametrize(
    "query", ["?picture=0", "?picture=x", "?picture=²", "?reason=99", "?picture=99999999999999999999"]
)
def test_a_picture_or_reason_that_is_none_is_left_aside(page: Client, visit: Event, query: str) -> None:
    assert "picture 2 of 2" in text_of(page, visit, query)


def test_it_says_by_whom(page: Client, visit: Event) -> None:
    assert "Judged by rules 1" in text_of(page, visit)
    AssessmentFactory.create(event=visit, source=Assessment.Source.LLM, model="qwen-4b")
    AssessmentFactory.create(event=visit, model="rules 2")
    assert "Judged by qwen-4b, a language model" in text_of(page, visit)


def test_judgements_and_detections_and_timing_are_there_to_unfold(page: Client, visit: Event) -> None:
    text = text_of(page, visit)
    for summary in ("Timing of this picture", "Detections", "Judgements so far"):
        assert summary in text
    assert "500, 200, 120×320" in text


def test_visits_of_a_chain_are_linked(page: Client, visit: Event, front: Camera) -> None:
    following = EventFactory.create(camera=front, continues=visit, chain=visit)
    assert f'Goes on in <a href="/events/{following.pk}/">' in text_of(page, visit)
    assert f'Continues <a href="/events/{visit.pk}/">' in text_of(page, following)


def test_a_video_shows_the_boxes_of_the_moment_its_preview_shows(page: Client, front: Camera) -> None:
    clip = CaptureFactory.create(camera=front, media_type="video", preview_path="previews/a.jpg", preview_offset=2.0)
    found = [DetectionFactory.create(capture=clip, frame_offset=offset) for offset in (1.0, 2.0, 3.0)]
    event = EventFactory.create(camera=front, detections=found, key_detection=found[1])
    text = text_of(page, event)
    assert text.count('class="box"') == 1
    assert "2 more found at other moments of this video" in text


def test_words_from_outside_are_only_words(page: Client, front: Camera) -> None:
    part = {"name": "x", "points": 50, "why": HOSTILE, "detection_ids": []}
    event = EventFactory.create(
        camera=front,
        summary=HOSTILE,
        reasoning=HOSTILE,
        notes=HOSTILE + "</textarea>",
        risk_score=50,
        assessment__parts=[part],
        assessment__not_known=[HOSTILE],
        assessment__model=HOSTILE,
    )
    assert HOSTILE not in text_of(page, event)


def test_a_visit_without_pictures_or_judgement_still_has_its_page(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front, detections=[], assessment=False)
    text = text_of(page, event)
    assert "The pictures of this visit are gone." in text
    assert "Nobody has judged this visit yet." in text


def test_it_costs_the_same_however_much_was_seen(
    page: Client, visit: Event, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    url = f"/events/{visit.pk}/"
    # session, user · visit, judgements, detections with their captures, visits that go on · whether there are rules
    queries = 7
    with django_assert_num_queries(queries):
        page.get(url)
    for seconds in range(10):
        detection = detection_of(visit, at=visit.started_at + timedelta(seconds=seconds))
        visit.memberships.create(detection=detection, batch=visit.batches.get())
    with django_assert_num_queries(queries):
        page.get(url)


def test_a_label_stays_inside_the_picture() -> None:
    corner = Box(
        Detection(object_type="person", confidence=0.9, bbox_x=1250, bbox_y=5, bbox_width=30, bbox_height=60), 1280
    )
    assert corner.label == "person 90 %"
    assert corner.label_x + corner.label_width <= 1280
    assert corner.label_y > 65  # no room above


@pytest.mark.parametrize(("seconds", "words"), [(0.44, "+0.4 s"), (-2, "−2.0 s"), (90, "+90 s"), (-3700, "−1 h 1 min")])
def test_a_step_tells_how_long_it_took(seconds: float, words: str) -> None:
    assert Step("Arrived", now(), timedelta(seconds=seconds)).after_words == words
