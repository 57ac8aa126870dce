"""The live page: its first line, cards and rows, empty states, and that it costs the same however full it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from time_machine import TimeMachineFixture

from accounts.models import Role
from cameras.models import Camera, Capture
from events.models import Event
from telemetry.models import Pause
from tests.factories import (
    AssessmentFactory,
    CameraFactory,
    CaptureFactory,
    EventFactory,
    IgnoredFileFactory,
    UserFactory,
    detection_of,
)
from tests.pages.conftest import signed_in_as

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def noon(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOON, tick=False)


def text_of(client: Client, url: str = "/") -> str:
    return client.get(url).content.decode()


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def first_line(text: str) -> str:
    return " ".join(between(text, "<h1", "</h1>").replace("</a>", "").rsplit(">", 1)[1].split())


def test_a_visit_that_wants_a_look_is_the_first_line(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front, risk_score=44, started_at=NOON - timedelta(minutes=20))
    assert first_line(text_of(page)) == "1 to look at: Front door, 11:40."


def test_the_most_worrying_visit_comes_first_not_the_newest(page: Client, front: Camera, back: Camera) -> None:
    EventFactory.create(camera=back, risk_score=90, started_at=NOON - timedelta(hours=3))
    EventFactory.create(camera=front, risk_score=44)
    assert first_line(text_of(page)) == "2 to look at: Back garden, 09:00."


def test_low_and_reviewed_visits_want_nothing(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front, risk_score=20)
    EventFactory.create(camera=front, risk_score=70, reviewed=True)
    text = text_of(page)
    assert first_line(text) == "Nothing needs you."
    assert "2 visits today" in " ".join(text.split())
    assert 'class="card' not in text
    assert text.count('class="row ') == 2


def test_the_clock_is_the_cameras(page: Client) -> None:
    far = CameraFactory.create(id="cabin", name="Cabin", timezone="Asia/Tokyo")
    EventFactory.create(camera=far, risk_score=44, started_at=NOON - timedelta(hours=1))
    assert first_line(text_of(page)) == "1 to look at: Cabin, 20:00."


def test_a_card_says_what_weighs_most_and_who_judged(page: Client, front: Camera) -> None:
    parts = [
        {"name": "subject", "points": 22, "why": "a person (6 pictures, best 91 %)", "detection_ids": []},
        {"name": "probing", "points": 30, "why": "from car to car", "detection_ids": []},
    ]
    EventFactory.create(camera=front, risk_score=52, assessment__parts=parts)
    card = " ".join(between(text_of(page), "<article", "</article>").split())
    assert "+30</span> from car to car" in card
    assert "Medium 52" in card
    assert "◐" in card
    assert "by rules" in card


def test_a_card_shows_the_deciding_box_only(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front, risk_score=52)
    detection_of(event)
    card = between(text_of(page), "<article", "</article>")
    assert 'viewBox="0 0 1280 720"' in card
    assert card.count("box-line") == 1


def test_an_open_visit_counts_its_seconds(page: Client, front: Camera) -> None:
    EventFactory.create(
        camera=front, risk_score=44, state=Event.State.OPEN, started_at=NOON - timedelta(seconds=34), ended_at=NOON
    )
    text = text_of(page)
    assert "Now" in between(text, 'class="now"', "</span>")
    assert "data-since=" in text


def test_a_visit_that_came_in_late_is_told_as_taken_never_as_now(page: Client, front: Camera) -> None:
    EventFactory.create(
        camera=front, risk_score=44, state=Event.State.OPEN, started_at=NOON - timedelta(hours=3), created_at=NOON
    )
    text = text_of(page)
    assert 'class="now"' not in text
    assert "taken" in text


def test_a_changed_score_shows_where_it_was(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front, risk_score=44)
    AssessmentFactory.create(event=event, score=18)
    Event.objects.update(risk_score=18)
    assert "44 → 18" in text_of(page)


def test_quiet_neighbours_are_folded_except_the_newest(page: Client) -> None:
    street = CameraFactory.create(id="street", name="Street", place="street")
    for minutes in range(50, 20, -5):
        EventFactory.create(camera=street, started_at=NOON - timedelta(minutes=minutes))
    EventFactory.create(camera=street, started_at=NOON - timedelta(hours=3))
    hour = between(text_of(page), 'class="hour"', "</section>")
    assert "3 passers-by" in hour
    assert "11:10–11:20" in hour
    assert hour.count('class="row ') == 6


def test_a_worrying_visit_is_never_folded_away(page: Client, front: Camera) -> None:
    for score in (10, 10, 70, 10, 10, 10, 10):
        EventFactory.create(camera=front, risk_score=score, reviewed=True, started_at=NOON - timedelta(minutes=30))
    assert "quiet visits" not in text_of(page)


def test_more_than_fit_are_counted(page: Client, front: Camera) -> None:
    EventFactory.create_batch(7, camera=front, risk_score=50)
    assert "2 more to look at" in text_of(page)


def test_before_the_first_file_the_page_says_how_to_begin(page: Client, settings: object) -> None:
    text = text_of(page)
    assert "Drop a picture here" in text
    assert "Play the demo" in text
    assert str(getattr(settings, "CAMERA_ROOT")) in text  # noqa: B009  (a SettingsWrapper)


def test_a_quiet_day_says_since_when(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front, started_at=NOON - timedelta(hours=30), ended_at=NOON - timedelta(hours=29))
    text = " ".join(text_of(page).split())
    assert "Quiet since yesterday 07:00. 1 camera reporting." in text
    assert "Drop a picture here" not in text


def test_a_camera_that_has_only_sent_files_is_quiet(page: Client, front: Camera) -> None:
    CaptureFactory.create(camera=front)
    assert "Quiet so far. 1 camera reporting." in " ".join(text_of(page).split())


def test_a_viewer_is_told_that_there_is_more(front: Camera, back: Camera) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
    assert "You can see 1 of 2 cameras. Ask the owner." in " ".join(text_of(viewer).split())
    nobody = signed_in_as(UserFactory.create(role=Role.VIEWER))
    assert "You can see 0 of 2 cameras. Ask the owner." in " ".join(text_of(nobody).split())


def test_a_paused_stage_says_why(page: Client) -> None:
    Pause.objects.create(stage="detect", reason="no model is there")
    text = text_of(page)
    assert "Pictures wait to be looked at" in text
    assert "no model is there" in text


def test_every_file_has_a_receipt(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front)
    seen = event.key_detection
    assert seen is not None
    states = Capture.State
    CaptureFactory.create(
        camera=front, state=states.DUPLICATE, duplicate_of=seen.capture, captured_at=NOON + timedelta(seconds=40)
    )
    CaptureFactory.create(camera=front, state=states.DETECTING)
    CaptureFactory.create(camera=front, state=states.REJECTED, error="the file is empty")
    CaptureFactory.create(camera=front, state=states.FAILED, error="the detector died")
    CaptureFactory.create(camera=front, nothing_found="Nothing found: the built-in detector sees standing people only")
    CaptureFactory.create(camera=front, nothing_found="Nothing found (looked for people, cars)")
    IgnoredFileFactory.create(camera=front, arrived_at=now(), reason="txt files are not read")
    text = " ".join(between(text_of(page), 'id="receipts"', "</section>").split())
    for sentence in (
        "Found: person",
        "Same picture as 40 s ago",
        "Being looked at…",
        "Rejected: the file is empty",
        "Failed: the detector died",
        "Nothing found: the built-in detector sees standing people only",
        "Nothing found (looked for people, cars)",
        "Ignored: txt files are not read",
    ):
        assert sentence in text
    assert text.count(f"/events/{event.pk}/") == 2  # of the picture and of its duplicate


def test_words_from_outside_are_only_words(page: Client) -> None:
    camera = CameraFactory.create(id="hostile", name=HOSTILE)
    EventFactory.create(camera=camera, risk_score=50, summary=HOSTILE)
    CaptureFactory.create(camera=camera, file_path=f"hostile/{HOSTILE}.jpg", state="rejected", error=HOSTILE)
    Pause.objects.create(stage=HOSTILE, reason=HOSTILE)
    assert HOSTILE not in text_of(page)
    assert text_of(page).count("&lt;script&gt;") >= 6


def test_it_costs_the_same_however_full_it_is(
    page: Client, front: Camera, back: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    EventFactory.create(camera=front, risk_score=50)
    EventFactory.create(camera=front)
    # session, user · cards, their assessments · rows, their assessments · cameras, pictures ·
    # captures, ignored files · first line: visit, waiting, today · pauses · failed files · last visit ·
    # who is home · whether anybody is told, channels, the first rule
    queries = 21
    with django_assert_num_queries(queries):
        page.get("/")
    for camera in (front, back):
        EventFactory.create_batch(4, camera=camera, risk_score=50)
        EventFactory.create_batch(10, camera=camera)
        IgnoredFileFactory.create(camera=camera)
    with django_assert_num_queries(queries):
        page.get("/")
