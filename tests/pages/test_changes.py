"""What an open page gets by cursor: what changed, as fragments that carry their own place."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from accounts.models import User
from cameras.hiding import put_away
from cameras.models import Camera
from events.merging import merge_camera
from events.models import Event
from tests.factories import CaptureFactory, EventFactory
from tests.pages.conftest import signed_in_as

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    time_machine.move_to(NOON, tick=False)
    return time_machine


def cursor_of(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1_000_000))


def fragments(client: Client, since: datetime | str) -> dict[str, str]:
    """What is to be done with which element, by id: "true" (replace, or new) or "delete"."""
    cursor = since if isinstance(since, str) else cursor_of(since)
    text = client.get(f"/live/changes?since={cursor}").content.decode()
    return {
        found["id"]: found["how"]
        for tag in re.findall(r"<[a-z0-9]+\s[^>]*hx-swap-oob=[^>]*>", text)
        for found in [{"id": re.findall(r'\sid="([^"]+)"', tag)[0], "how": re.findall(r'oob="([^"]+)"', tag)[0]}]
    }


def test_only_what_changed_since_the_cursor_comes(page: Client, front: Camera) -> None:
    old = EventFactory.create(camera=front, risk_score=20, started_at=NOON - timedelta(hours=3))
    new = EventFactory.create(camera=front, risk_score=50, started_at=NOON)
    found = fragments(page, NOON - timedelta(minutes=1))
    assert found[f"event-{new.pk}"] == "true"
    assert f"event-{old.pk}" not in found
    assert "hour-2026112110" not in found  # 09:00 UTC is 10:00 at home
    assert {"first-line", "status", "pauses", "note", "camera-front_door"} <= found.keys()


def test_nothing_new_is_a_short_answer(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front, risk_score=50, started_at=NOON - timedelta(hours=1))
    found = fragments(page, NOON)
    assert found.keys() == {"first-line", "status", "home-mode", "pauses", "note", "more-waiting", "camera-front_door"}


def test_a_transaction_that_was_open_at_the_cursor_is_not_missed(page: Client, front: Camera) -> None:
    late = EventFactory.create(camera=front, risk_score=50, started_at=NOON - timedelta(seconds=9))
    assert f"event-{late.pk}" in fragments(page, NOON)


def test_the_answers_cursor_leads_on(page: Client, front: Camera, clock: TimeMachineFixture) -> None:
    event = EventFactory.create(camera=front, risk_score=50, started_at=NOON)
    clock.move_to(NOON + timedelta(seconds=30), tick=False)
    answer = page.get(f"/live/changes?since={cursor_of(NOON)}")
    assert f"event-{event.pk}" in answer.content.decode()
    assert answer["X-Live-Clock"] == "13:00"  # at home, in Berlin
    assert f"event-{event.pk}" not in fragments(page, answer["X-Live-Cursor"])


def test_a_card_goes_when_its_visit_becomes_low_and_its_hour_gains_a_row(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front, risk_score=44, started_at=NOON)
    Event.objects.update(risk_score=18)
    found = fragments(page, NOON)
    assert found[f"event-{event.pk}"] == "delete"
    assert found["hour-2026112113"] == "true"  # 13:00 at home, in Berlin


def test_an_hour_goes_when_its_last_row_does(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front, risk_score=70, started_at=NOON)
    assert fragments(page, NOON)["hour-2026112113"] == "delete"


def test_a_newer_row_folds_the_hour_before(page: Client, front: Camera) -> None:
    EventFactory.create_batch(4, camera=front, started_at=NOON - timedelta(hours=1))
    EventFactory.create(camera=front, started_at=NOON)
    found = fragments(page, NOON)
    assert found["hour-2026112113"] == found["hour-2026112112"] == "true"


def test_a_deleted_visit_goes(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front, risk_score=70, started_at=NOON)
    Event.objects.update(deleted_at=NOON)
    assert fragments(page, NOON)[f"event-{event.pk}"] == "delete"


def test_a_camera_that_is_put_away_goes_with_its_visits(page: Client, front: Camera, back: Camera) -> None:
    waiting = EventFactory.create(camera=front, risk_score=70, started_at=NOON - timedelta(days=3))
    EventFactory.create(camera=front, started_at=NOON - timedelta(hours=1))
    put_away(front, None)
    found = fragments(page, NOON)
    assert found["camera-front_door"] == found[f"event-{waiting.pk}"] == found["hour-2026112112"] == "delete"
    assert found["camera-back_garden"] == "true"
    assert "camera-front_door" not in fragments(page, NOON + timedelta(minutes=1))


def test_the_tile_of_one_that_was_merged_goes_and_its_visits_stay(page: Client, front: Camera, back: Camera) -> None:
    event = EventFactory.create(camera=front, risk_score=70, started_at=NOON - timedelta(hours=1))
    merge_camera(front, back, None)
    found = fragments(page, NOON)
    assert (found["camera-front_door"], found[f"event-{event.pk}"]) == ("delete", "true")


def test_a_viewer_is_not_told_of_one_they_could_not_see(front: Camera, stranger: User) -> None:
    put_away(front, None)
    assert "camera-front_door" not in fragments(signed_in_as(stranger), NOON)


def test_the_next_visit_takes_the_place_of_a_reviewed_one(page: Client, front: Camera) -> None:
    waiting = EventFactory.create(camera=front, risk_score=50, started_at=NOON - timedelta(hours=2))
    EventFactory.create_batch(4, camera=front, risk_score=50, started_at=NOON - timedelta(hours=1))
    reviewed = EventFactory.create(camera=front, risk_score=50, started_at=NOON - timedelta(hours=1))
    Event.objects.filter(pk=reviewed.pk).update(reviewed=True, changed_at=NOON)
    found = fragments(page, NOON)
    assert found[f"event-{waiting.pk}"] == "true"
    assert found[f"event-{reviewed.pk}"] == "delete"


def test_files_come_when_one_arrived_or_was_looked_at(page: Client, front: Camera) -> None:
    capture = CaptureFactory.create(camera=front, captured_at=NOON - timedelta(hours=1))
    assert "receipts" not in fragments(page, NOON)
    capture.processed_at = NOON
    capture.save(update_fields=["processed_at"])
    assert "receipts" in fragments(page, NOON)


def test_changes_of_another_camera_are_none_for_a_viewer(front: Camera, stranger: User) -> None:
    EventFactory.create(camera=front, risk_score=70, started_at=NOON)
    found = fragments(signed_in_as(stranger), NOON)
    assert not any(name.startswith(("event-", "hour-")) for name in found)
    assert "camera-front_door" not in found


def test_a_cursor_of_long_ago_reaches_back_a_day(page: Client, front: Camera) -> None:
    seen = EventFactory.create(camera=front, risk_score=70, started_at=NOON - timedelta(hours=23))
    assert f"event-{seen.pk}" in fragments(page, "0")


@pytest.mark.parametrize("cursor", ["", "now", "9" * 40, "-" + "9" * 30, "1e3"])
def test_what_is_no_cursor_is_refused(page: Client, cursor: str) -> None:
    assert page.get("/live/changes", {"since": cursor}).status_code == 400


def test_changes_cost_the_same_however_many_there_are(
    page: Client, front: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    EventFactory.create(camera=front, risk_score=50, started_at=NOON)
    EventFactory.create(camera=front, started_at=NOON)
    queries = 20  # those of the whole page, and which visits changed, and which cameras were put away
    with django_assert_num_queries(queries):
        fragments(page, NOON)
    EventFactory.create_batch(8, camera=front, risk_score=50, started_at=NOON)
    EventFactory.create_batch(8, camera=front, started_at=NOON)
    with django_assert_num_queries(queries):
        fragments(page, NOON)
