"""The archive: filters, words, places in the list."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import pytest
from django.test import Client

from accounts.models import User
from cameras.models import Camera
from events.models import Event
from tests.factories import EventFactory, ZoneFactory
from tests.pages.conftest import signed_in_as
from zones.models import DetectionZone


def shown(client: Client, **query: str | int) -> list[int]:
    """Ids of the visits on the page, in order."""
    text = client.get("/events/", query).content.decode()
    return [int(found) for found in re.findall(r'id="row-(\d+)"', text)]


@pytest.fixture
def visits(front: Camera, back: Camera) -> list[Event]:
    return [
        EventFactory.create(
            camera=front,
            risk_score=20,
            started_at=datetime(2026, 11, 1, 10, tzinfo=UTC),
            summary="A cat crossed the garden.",
            object_types="cat",
        ),
        EventFactory.create(
            camera=back,
            risk_score=50,
            reviewed=True,
            started_at=datetime(2026, 11, 2, 10, tzinfo=UTC),
            summary="A person was in the back garden.",
        ),
        EventFactory.create(
            camera=front,
            risk_score=70,
            state=Event.State.OPEN,
            started_at=datetime(2026, 11, 3, 23, 30, tzinfo=UTC),  # the 4th at home, in Berlin
            summary="A person tried two doors.",
            notes="called the neighbours",
        ),
    ]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, [2, 1, 0]),
        ({"camera": "front_door"}, [2, 0]),
        ({"level": "medium"}, [1]),
        ({"level": "look"}, [2, 1]),
        ({"state": "open"}, [2]),
        ({"reviewed": "no"}, [2, 0]),
        ({"reviewed": "yes"}, [1]),
        ({"since": "2026-11-02"}, [2, 1]),
        ({"until": "2026-11-03"}, [1, 0]),
        ({"since": "2026-11-04", "until": "2026-11-04"}, [2]),
        ({"q": "garden"}, [1, 0]),
        ({"q": "garden -cat"}, [1]),
        ({"q": "neighbour"}, [2]),
        ({"q": "persons"}, [2, 1]),
        ({"level": "look", "reviewed": "no", "camera": "front_door"}, [2]),
    ],
)
def test_filters_narrow_the_list(page: Client, visits: list[Event], query: dict[str, str], numbers: list[int]) -> None:
    assert shown(page, **query) == [visits[number].pk for number in numbers]


@pytest.mark.parametrize(
    "query",
    [
        {"camera": "nowhere"},
        {"zone": "nowhere"},
        {"level": "extreme"},
        {"state": "half"},
        {"reviewed": "maybe"},
        {"since": "yesterday"},
        {"until": "2026-13-01"},
        {"since": "2026-11-04", "until": "2026-11-01"},
        {"q": "x" * 300},
        {"q": "a\0b"},
        {"before": "first"},
        {"before": "-1"},
        {"before": "9" * 30},
    ],
)
def test_a_bad_value_gets_a_message_and_no_guess(page: Client, visits: list[Event], query: dict[str, str]) -> None:
    response = page.get("/events/", query)
    assert response.status_code == 200
    assert 'role="alert"' in response.content.decode()
    assert shown(page, **query) == []


def test_a_zone_narrows_the_list(page: Client, visits: list[Event]) -> None:
    assert 'name="zone"' not in page.get("/events/").content.decode(), "there is none to choose"
    zone = ZoneFactory.create(camera=visits[0].camera, name="Porch")
    ZoneFactory.create(camera=visits[1].camera, name="Lawn")
    DetectionZone.objects.create(zone=zone, detection=visits[2].detections.get())
    text = page.get("/events/", {"zone": zone.pk}).content.decode()
    assert shown(page, zone=zone.pk) == [visits[2].pk]
    assert "Front door: Porch" in text and "Back garden: Lawn" in text
    assert '<span class="muted">Front door: Porch</span>' in text
    assert shown(page, zone=zone.pk, camera="back_garden") == []


def test_a_viewer_is_offered_the_zones_of_their_cameras(stranger: User, visits: list[Event]) -> None:
    zones = [ZoneFactory.create(camera=visit.camera, name=f"Zone {visit.pk}") for visit in visits[:2]]
    text = signed_in_as(stranger).get("/events/").content.decode()
    assert zones[1].pk in text and zones[0].pk not in text
    refused = signed_in_as(stranger).get("/events/", {"zone": zones[0].pk}).content.decode()
    assert 'role="alert"' in refused


@pytest.mark.parametrize("words", ['"', "'; DROP TABLE events; --", "a & | ! (", "%", "\\", "<b>"])
def test_odd_words_are_only_words(page: Client, visits: list[Event], words: str) -> None:
    response = page.get("/events/", {"q": words})
    assert response.status_code == 200
    assert "<b>" not in response.content.decode()


def test_older_visits_are_a_link_away_and_keep_the_filter(page: Client, front: Camera, back: Camera) -> None:
    events = EventFactory.create_batch(35, camera=front)
    EventFactory.create(camera=back)
    text = page.get("/events/", {"camera": "front_door"}).content.decode()
    older = re.findall(r'href="(\?[^"]+)"\s+rel="next"', text)[0].replace("&amp;", "&")
    assert shown(page, camera="front_door") == [event.pk for event in reversed(events[5:])]
    rest = page.get(f"/events/{older}").content.decode()
    assert re.findall(r'id="row-(\d+)"', rest) == [str(event.pk) for event in reversed(events[:5])]
    assert "Older visits" not in rest
    assert "Newest" in rest


def test_a_visit_that_comes_in_meanwhile_moves_nothing(page: Client, front: Camera) -> None:
    events = EventFactory.create_batch(31, camera=front)
    before = events[1].pk
    EventFactory.create(camera=front)
    assert shown(page, before=before) == [events[0].pk]


def test_a_viewer_can_not_even_name_another_camera(stranger: User, visits: list[Event]) -> None:
    client = signed_in_as(stranger)
    assert shown(client) == [visits[1].pk]
    text = client.get("/events/", {"camera": "front_door"}).content.decode()
    assert 'role="alert"' in text
    assert shown(client, camera="front_door") == []


def test_an_empty_list_says_why(page: Client, front: Camera) -> None:
    assert "No visit yet." in page.get("/events/").content.decode()
    EventFactory.create(camera=front)
    assert "No visit is like that." in page.get("/events/", {"q": "zebra"}).content.decode()


def test_the_folded_filters_say_what_they_are_set_to(page: Client, front: Camera) -> None:
    text = page.get("/events/", {"reviewed": "no", "level": "look", "since": "2026-11-02"}).content.decode()
    assert "Medium and above · Not reviewed · from 2026-11-02" in text


def test_it_costs_the_same_however_long_it_is(
    page: Client, front: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    EventFactory.create(camera=front)
    queries = 6  # session, user · cameras and zones to choose from · visits · scores they had
    with django_assert_num_queries(queries):
        page.get("/events/")
    EventFactory.create_batch(20, camera=front)
    with django_assert_num_queries(queries):
        page.get("/events/")
