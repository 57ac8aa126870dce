"""Captures into batches, batches into visits: one visit is one event, whatever the order of arrival."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from cameras.models import Camera, Capture
from detections.models import Detection
from events.models import Batch, Event, EventDetection
from events.placing import close_due_batches, place_detected
from tests.events.rows import NOON, Seen, detected, make_camera

pytestmark = pytest.mark.django_db


@pytest.fixture
def camera() -> Camera:
    return make_camera()


def seconds(event: Event) -> tuple[float, float]:
    return (event.started_at - NOON).total_seconds(), (event.ended_at - NOON).total_seconds()


def test_the_first_detection_makes_an_event_with_a_score_and_a_sentence(camera: Camera) -> None:
    detected(camera, 0)
    assert place_detected(camera.pk) == 1
    event = Event.objects.get()
    batch = Batch.objects.get()
    assert (event.state, batch.state, event.batch_id, batch.event) == ("open", "open", batch.pk, event)
    assert event.summary and event.risk_score == event.assessments.get().score
    assert event.revision == 1 and event.key_detection_id == Detection.objects.get().pk
    assert Capture.objects.get().placed_at is not None


def test_a_ten_minute_visitor_with_a_picture_every_twenty_seconds_is_one_event(camera: Camera) -> None:
    for moment in range(0, 601, 20):
        detected(camera, moment)
        place_detected(camera.pk)
    event = Event.objects.get()
    assert seconds(event) == (0, 600)
    assert event.memberships.count() == 31
    assert Batch.objects.filter(state="open").count() == 1
    assert set(Batch.objects.filter(state="closed").values_list("close_reason", flat=True)) == {"window"}
    assert all((b.last_activity_at - b.started_at).total_seconds() <= 90 for b in Batch.objects.all())


def test_a_pause_longer_than_the_gap_ends_the_visit(camera: Camera) -> None:
    for moment in (0, 299, 600, 901):
        detected(camera, moment)
    place_detected(camera.pk)
    assert [seconds(event) for event in Event.objects.order_by("id")] == [(0, 299), (600, 600), (901, 901)]
    assert Batch.objects.get(state="open").event == Event.objects.latest("id")


def test_without_a_gap_every_batch_is_an_event(camera: Camera, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"VISIT_GAP_SECONDS": 0})
    for moment in (0, 20, 100):
        detected(camera, moment)
    place_detected(camera.pk)
    assert [seconds(event) for event in Event.objects.order_by("id")] == [(0, 20), (100, 100)]


def test_an_endless_visit_is_cut_and_the_next_points_back(camera: Camera) -> None:
    for moment in range(0, 4000, 20):
        detected(camera, moment)
    place_detected(camera.pk)
    first, second, third = Event.objects.order_by("started_at")
    assert first.duration <= timedelta(seconds=1890)
    assert (second.continues, third.continues) == (first, second)
    assert (first.chain_id_or_own, second.chain_id, third.chain_id) == (first.pk, first.pk, first.pk)


def test_old_files_between_live_ones_leave_the_live_event_untouched(camera: Camera) -> None:
    detected(camera, 7200)
    place_detected(camera.pk)
    live = Event.objects.get()
    for moment in (0, 20, 40):
        detected(camera, moment)
        place_detected(camera.pk)
    detected(camera, 7210)
    place_detected(camera.pk)
    old = Event.objects.exclude(pk=live.pk).get()
    live.refresh_from_db()
    assert (seconds(live), live.state, live.memberships.count()) == ((7200, 7210), "open", 2)
    assert (seconds(old), old.state, old.memberships.count()) == ((0, 40), "closed", 3)
    assert set(old.batches.values_list("close_reason", flat=True)) == {"late"}


def test_a_late_picture_inside_a_visit_joins_it(camera: Camera) -> None:
    for moment in (0, 200, 400, 100):
        detected(camera, moment)
        place_detected(camera.pk)
    assert Event.objects.get().memberships.count() == 4


@pytest.mark.parametrize("moments", [[0, 20, 40, 500, 520, 1500, 1502], list(range(0, 3600, 45))])
def test_a_backlog_gives_the_same_events_as_if_it_had_come_live(moments: list[int]) -> None:
    live, late = make_camera("live"), make_camera("late")
    for moment in moments:
        detected(live, moment)
        place_detected(live.pk)
        detected(late, moment)
    detected(late, 90_000)  # what comes in now goes first
    late_now = Capture.objects.filter(camera=late).latest("captured_at")
    Capture.objects.filter(camera=late).exclude(pk=late_now.pk).update(state="queued")
    place_detected(late.pk)
    Capture.objects.filter(camera=late, state="queued").update(state="detected")
    place_detected(late.pk)

    def visits(camera: Camera) -> list[tuple[float, float]]:
        return [
            seconds(event)
            for event in camera.events.filter(started_at__lt=NOON + timedelta(hours=9)).order_by("started_at")
        ]

    assert visits(late) == visits(live)


def test_a_video_is_never_split_and_fits_by_its_start(camera: Camera) -> None:
    detected(camera, 0)
    detected(camera, 25, [Seen(offset_s=offset) for offset in (0.0, 60.0, 110.0)], duration_s=120)
    place_detected(camera.pk)
    assert Batch.objects.get().memberships.count() == 4
    assert seconds(Event.objects.get()) == (0, 135)


def test_cameras_do_not_share_visits(camera: Camera) -> None:
    other = make_camera("back")
    for one in (camera, other):
        detected(one, 0)
        place_detected(one.pk)
    assert Event.objects.count() == 2


def test_a_batch_holds_at_most_five_hundred_detections_before_the_next_opens(camera: Camera) -> None:
    for moment in range(6):
        detected(camera, moment, [Seen()] * 120)
    place_detected(camera.pk)
    first, second = Batch.objects.order_by("started_at")
    assert (first.detection_count, first.close_reason, second.detection_count) == (600, "max_size", 120)
    assert Event.objects.count() == 1


def test_a_sure_person_is_on_the_fast_path(camera: Camera) -> None:
    detected(camera, 0, [Seen(confidence=0.89), Seen("car", confidence=0.99, box=(0, 0, 50, 50))])
    place_detected(camera.pk)
    assert not Event.objects.get().is_fast_path
    detected(camera, 5, [Seen(confidence=0.9)])
    place_detected(camera.pk)
    assert Event.objects.get().is_fast_path
    assert Event.objects.get().object_types == "car, person"


CAR = Seen("car", box=(100, 300, 300, 200))


def test_a_parked_car_extends_nothing_and_opens_nothing(camera: Camera) -> None:
    for moment in range(0, 7201, 100):
        detected(camera, moment, [CAR])
        place_detected(camera.pk)
    event = Event.objects.get()
    assert seconds(event) == (0, 500)  # from 600 s on it is parked
    assert EventDetection.objects.filter(event=event).count() == Detection.objects.count()
    assert EventDetection.objects.filter(parked=True).count() == 67


def test_a_visitor_beside_a_parked_car_is_a_visit_of_its_own(camera: Camera) -> None:
    for moment in range(0, 7201, 100):
        detected(camera, moment, [CAR])
    detected(camera, 5050, [CAR, Seen()])
    place_detected(camera.pk)
    first, visitor = Event.objects.order_by("id")
    assert (seconds(first), seconds(visitor)) == ((0, 500), (5050, 5050))
    assert visitor.object_types == "person"


def test_a_car_that_comes_back_to_the_same_spot_is_news(camera: Camera) -> None:
    for moment in (*range(0, 1000, 100), *range(2000, 2400, 100)):
        detected(camera, moment, [CAR])
    for moment in range(1000, 2000, 100):
        detected(camera, moment, [])
    place_detected(camera.pk)
    assert [seconds(event) for event in Event.objects.order_by("id")] == [(0, 500), (2000, 2300)]


def at_wall_clock(offset_s: float) -> None:
    """Move the open batches back in time, as if they had been placed that long ago."""
    for batch in Batch.objects.all():
        Batch.objects.filter(pk=batch.pk).update(
            opened_at=batch.opened_at - timedelta(seconds=offset_s),
            last_placed_at=batch.last_placed_at - timedelta(seconds=offset_s),
        )


def test_a_batch_closes_once_nothing_came_for_thirty_seconds(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    at_wall_clock(29)
    assert close_due_batches() == 0
    at_wall_clock(2)
    assert close_due_batches() == 1
    event = Event.objects.get()
    assert (Batch.objects.get().close_reason, event.state, event.revision) == ("idle", "closed", 2)


def test_a_batch_waits_for_a_capture_that_is_still_being_looked_at(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    on_its_way = detected(camera, 20)
    Capture.objects.filter(pk=on_its_way.pk).update(state="detecting")
    at_wall_clock(60)
    assert close_due_batches() == 0
    at_wall_clock(600)
    assert close_due_batches() == 1


def test_a_batch_does_not_wait_for_a_capture_that_would_not_fit(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    Capture.objects.filter(pk=detected(camera, 200).pk).update(state="queued")
    at_wall_clock(60)
    assert close_due_batches() == 1


def test_a_closed_visit_opens_again_when_it_goes_on(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    at_wall_clock(60)
    close_due_batches()
    detected(camera, 100)
    place_detected(camera.pk)
    assert (Event.objects.get().state, Batch.objects.count()) == ("open", 2)


@pytest.mark.django_db(transaction=True)
def test_many_placers_at_once_place_each_capture_once() -> None:
    cameras = [make_camera(name) for name in ("a", "b")]
    for camera in cameras:
        for moment in range(0, 400, 10):
            detected(camera, moment)
    start = threading.Barrier(6)
    finished: list[str] = []

    def run(camera_id: str) -> None:
        start.wait()
        try:
            place_detected(camera_id)
            finished.append(camera_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(cameras[number % 2].pk,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(finished) == 6
    assert EventDetection.objects.count() == 80
    assert Event.objects.count() == 2
    assert not Capture.objects.unplaced().exists()
    assert Batch.objects.filter(opened_at__gt=timezone.now()).count() == 0


def test_a_reviewed_visit_wants_a_look_again_when_somebody_comes_after_a_pause(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    Event.objects.update(reviewed=True)
    detected(camera, 20)
    place_detected(camera.pk)
    assert Event.objects.get().reviewed
    detected(camera, 200)
    place_detected(camera.pk)
    assert not Event.objects.get().reviewed


def test_a_reviewed_visit_wants_a_look_again_when_it_becomes_more_worrying(camera: Camera) -> None:
    detected(camera, 0)
    place_detected(camera.pk)
    Event.objects.update(reviewed=True, risk_score=70)
    detected(camera, 5)
    place_detected(camera.pk)
    assert Event.objects.get().reviewed, "it worries less than what was reviewed"
    Event.objects.update(reviewed=True, risk_score=5)
    for moment in range(10, 90, 5):
        detected(camera, moment)
    place_detected(camera.pk)
    assert Event.objects.get().risk_level != "low"
    assert not Event.objects.get().reviewed
