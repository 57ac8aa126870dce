"""What a cleanup lets go and what it keeps, that a dry run tells the same, and that nothing interrupts it for good."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Session
from alerts import telling
from alerts.evaluate import evaluate_changed
from alerts.models import Alert, AlertGate, AlertRule, Delivery
from cameras.models import Camera, Capture
from detections.models import Detection
from events.models import Assessment, Batch, Event, EventDetection
from events.placing import place_detected
from system import retention
from system.retention import clean_up, what_would_go
from tests.events.rows import detected
from tests.factories import ChannelFactory, RuleFactory, ZoneFactory
from tests.stack import eventually
from tests.system.archive import (
    configure,
    days_ago,
    detection_with_files,
    files_below,
    visit,
)
from zones.models import DetectionZone

pytestmark = pytest.mark.django_db
OLD, YOUNG = 31, 29


def counts() -> tuple[int, ...]:
    return tuple(rows.objects.count() for rows in (Event, Batch, EventDetection, Assessment, Detection))


class TestEvents:
    def test_an_old_visit_goes_with_all_that_belongs_to_it(self, reporting: Camera) -> None:
        visit(reporting, days_ago(OLD), pictures=3)
        report = clean_up()
        assert counts() == (0, 0, 0, 0, 0)
        assert files_below("thumbnails") == files_below("previews") == set()
        assert set(Capture.objects.values_list("state", "preview_path")) == {("expired", "")}
        assert (report.events_deleted, report.detections_deleted, report.thumbnails_deleted) == (1, 3, 3)
        assert report.images_deleted == 0 and report.space_reclaimed > 0
        assert len(files_below("cameras/front")) == 4

    def test_what_rules_decided_and_told_of_it_goes_along_and_the_rule_stays(self, reporting: Camera) -> None:
        rule = RuleFactory.create(channels=[ChannelFactory.create()])
        event = visit(reporting, days_ago(OLD))
        evaluate_changed()
        assert Alert.objects.get().event == event
        assert AlertGate.objects.count() == Delivery.objects.count() == 1
        clean_up()
        assert not Alert.objects.exists() and not AlertGate.objects.exists() and not Delivery.objects.exists()
        assert list(AlertRule.objects.all()) == [rule]

    def test_a_young_one_stays_whole(self, reporting: Camera) -> None:
        visit(reporting, days_ago(YOUNG))
        before = files_below("thumbnails"), files_below("previews"), counts()
        report = clean_up()
        assert (files_below("thumbnails"), files_below("previews"), counts()) == before
        assert report.events_deleted == report.space_reclaimed == 0
        assert set(Capture.objects.values_list("state", flat=True)) == {"detected"}

    @pytest.mark.parametrize(
        "fields",
        [{"state": "open"}, {"ended_at": days_ago(YOUNG)}, {"created_at": days_ago(YOUNG)}],
        ids=["open", "ended later", "arrived later"],
    )
    def test_what_is_open_or_ended_or_arrived_later_stays(self, reporting: Camera, fields: dict[str, Any]) -> None:
        visit(reporting, days_ago(OLD), **fields)
        clean_up()
        assert counts()[0] == 1 and counts()[4] == 2

    def test_a_late_picture_that_was_placed_since_keeps_it(self, reporting: Camera) -> None:
        event = visit(reporting, days_ago(OLD))
        event.batches.update(last_placed_at=days_ago(YOUNG))
        clean_up()
        assert Event.objects.exists()

    def test_a_car_that_is_still_parked_keeps_the_visit_it_came_in(self, reporting: Camera) -> None:
        event = visit(reporting, days_ago(OLD))
        lately = detection_with_files(reporting, days_ago(1))
        EventDetection.objects.create(detection=lately, event=event, batch=event.batches.get(), parked=True)
        clean_up()
        assert counts()[4] == 3 and not Capture.objects.filter(state="expired").exists()

    def test_nothing_of_a_visit_across_the_cutoff_goes(self, reporting: Camera) -> None:
        visit(reporting, days_ago(30) - timedelta(seconds=2), pictures=60)
        clean_up()
        assert counts()[4] == 60 and not Capture.objects.filter(state="expired").exists()

    def test_visits_are_worked_off_in_more_than_one_transaction(
        self, reporting: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("system.retention.EVENTS_AT_ONCE", 2)
        at = days_ago(OLD)
        for number in range(5):
            visit(reporting, at + timedelta(seconds=number // 3), pictures=1)  # three end at the same moment
        assert what_would_go().events_deleted == 5
        assert clean_up().events_deleted == 5
        assert not Event.objects.exists()

    def test_a_transaction_is_bound_by_detections_too_and_a_visit_goes_whole(
        self, reporting: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(retention, "DETECTIONS_AT_ONCE", 3)
        hauls: list[int] = []
        delete = retention._delete

        def note(haul: Any) -> None:
            hauls.append(len(haul.detections))
            delete(haul)

        monkeypatch.setattr(retention, "_delete", note)
        for number, pictures in enumerate([5, 1, 2, 1, 4]):
            visit(reporting, days_ago(40 - number), pictures=pictures)
        assert what_would_go().detections_deleted == clean_up().detections_deleted == 13
        assert hauls == [5, 3, 1, 4]

    def test_one_that_a_picture_joins_before_the_lock_stays(
        self, reporting: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        event, haul_of = visit(reporting, days_ago(OLD)), retention._haul_of

        def join_first(due: Any) -> Any:
            event.batches.update(last_placed_at=timezone.now())
            return haul_of(due)

        monkeypatch.setattr(retention, "_haul_of", join_first)
        assert clean_up().events_deleted == 0
        assert Event.objects.exists()

    def test_zero_days_keep_for_ever(self, reporting: Camera, settings: Settings) -> None:
        configure(settings, RETENTION_DAYS=0)
        visit(reporting, days_ago(4000))
        assert clean_up().events_deleted == 0
        assert Event.objects.exists()


def test_old_failed_logins_and_ended_sessions_go(settings: Settings) -> None:
    for days in (8, 6):
        AccessAttempt.objects.create(username="eve", ip_address=f"10.0.0.{days}", failures_since_start=1)
        AccessAttempt.objects.filter(ip_address=f"10.0.0.{days}").update(attempt_time=days_ago(days))
    for key, days in (("over", 1), ("alive", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(days))
    assert what_would_go().logs_deleted == 1
    assert clean_up().logs_deleted == 1
    assert AccessAttempt.objects.get().ip_address == "10.0.0.6"
    assert Session.objects.get().session_key == "alive"
    configure(settings, LOG_RETENTION_DAYS=0)
    AccessAttempt.objects.update(attempt_time=days_ago(999))
    assert clean_up().logs_deleted == 0


@pytest.mark.django_db(transaction=True)
def test_a_late_picture_while_its_visit_goes_makes_a_visit_of_its_own(
    reporting: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = days_ago(OLD)
    old = visit(reporting, at)
    late = detected(reporting, at + timedelta(seconds=1))
    placed = threading.Event()

    def place() -> None:
        place_detected(reporting.pk)
        placed.set()
        connection.close()

    delete, placing = retention._delete, threading.Thread(target=place)

    def delete_while_placing(haul: Any) -> None:
        placing.start()
        assert not placed.wait(0.5), "placing waits for the camera's row"
        delete(haul)

    monkeypatch.setattr(retention, "_delete", delete_while_placing)
    clean_up()
    placing.join()
    event = Event.objects.get()
    assert event.pk != old.pk
    assert list(event.detections.all()) == list(late.detections.all())


@pytest.mark.django_db(transaction=True)
def test_a_visit_may_go_while_the_one_that_goes_on_from_it_is_held_against_the_rules(
    reporting: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    RuleFactory.create(severity="low")
    old = visit(reporting, days_ago(OLD))
    evaluate_changed()
    young = visit(reporting, days_ago(YOUNG))
    Event.objects.filter(pk=young.pk).update(chain=old, continues=old, risk_score=90)
    backends, failures = list[int](), list[BaseException]()

    def clean() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backends.append(cursor.fetchone()[0])
            clean_up()
        except BaseException as error:  # noqa: BLE001  (the test looks at it)
            failures.append(error)
        finally:
            connection.close()

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = ANY(%s)", [backends])
            return bool(cursor.fetchone()[0])

    cleaning, hold = threading.Thread(target=clean), telling._held

    def hold_once_it_waits(alerts: list[Alert]) -> object:
        cleaning.start()
        eventually(waits)
        return hold(alerts)

    monkeypatch.setattr(telling, "_held", hold_once_it_waits)
    assert evaluate_changed() == 1
    cleaning.join(60)
    assert failures == []
    assert Event.objects.get() == young
    assert Alert.objects.get().event == young


def test_the_number_of_queries_does_not_grow_with_the_visits(reporting: Camera) -> None:
    def queries() -> int:
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            clean_up()
        return len(captured)

    zone = ZoneFactory.create(camera=reporting)

    def visit_in_the_zone(number: int, pictures: int) -> None:
        event = visit(reporting, days_ago(OLD) + timedelta(minutes=number), pictures=pictures)
        DetectionZone.objects.bulk_create(
            DetectionZone(zone=zone, detection=detection) for detection in event.detections.all()
        )

    visit_in_the_zone(0, pictures=1)
    few = queries()
    for number in range(10):
        visit_in_the_zone(number, pictures=2)
    assert queries() <= few + 1
    assert not DetectionZone.objects.exists()
