"""Queries that must never read through the whole archive: PostgreSQL can answer each from the index made for it.

A table of a test is far too small for PostgreSQL to bother, so that sorting and reading in order are made dear first.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from alerts.evaluate import to_evaluate
from alerts.models import Alert
from cameras.day import day_of
from cameras.models import Camera, Capture
from cameras.tiles import tiles_of
from cameras.time_range import between_ids
from detections.models import Detection
from events.asking import due, free_lost_claims
from events.feed import waiting_events
from events.models import Event
from tests.factories import CameraFactory, CaptureFactory, UserFactory
from zones.locating import to_locate
from zones.models import DetectionZone


@pytest.fixture(autouse=True)
def _as_if_large(db: None) -> None:
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        # As if no other test had been there: what it rolled back lies in the files still, and pages count as rows.
        cursor.execute("TRUNCATE cameras CASCADE")
        # As if no vacuum had come by behind other tests: of a table known to be empty any plan will do.
        cursor.execute("UPDATE pg_class SET reltuples = -1 WHERE relkind IN ('r', 'i')")
        cursor.execute("DELETE FROM pg_statistic WHERE starelid >= 16384")  # and no analyze: of tables of our own


@pytest.fixture
def owner(db: None) -> User:
    return UserFactory.create()


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def plans_of(queries: CaptureQueriesContext) -> str:
    return "\n".join(plan_of(query["sql"]) for query in queries.captured_queries)


def test_the_visits_that_want_a_look_lie_ready_in_their_order(owner: User) -> None:
    plan = str(waiting_events(owner)[:5].explain())
    assert "using idx_events_waiting" in plan
    assert "Sort" not in plan


def test_the_visits_that_want_a_look_are_counted_without_touching_them(owner: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        waiting_events(owner).count()
    assert "Index Only Scan using idx_events_waiting" in plans_of(queries)


def test_a_camera_silent_for_months_shows_its_last_picture_without_reading_those_of_others(owner: User) -> None:
    CameraFactory.create()
    with CaptureQueriesContext(connection) as queries:
        tiles_of(Camera.objects.for_user(owner))
    plan = plans_of(queries)
    assert "Index Only Scan using idx_captures_camera_arrivals" in plan
    assert "using idx_captures_camera_time_id" in plan


def test_of_the_files_of_a_camera_only_those_of_the_day_are_read() -> None:
    camera: Camera = CameraFactory.create()
    CaptureFactory.create(camera=camera)
    with CaptureQueriesContext(connection) as queries:
        day_of(camera)
    where_it_begins, its_captures, _ = (plan_of(query["sql"]) for query in queries.captured_queries)
    assert "Index Only Scan using idx_captures_camera_arrivals" in where_it_begins
    assert "Index Cond" in its_captures and "(id > " in its_captures


def test_a_camera_whose_names_tell_no_time_is_known_as_one_at_once(owner: User) -> None:
    camera: Camera = CameraFactory.create()
    with CaptureQueriesContext(connection) as queries:
        assert camera.measured_clock_offset is None
    assert "using idx_captures_clock_difference" in plans_of(queries)


def test_the_visit_that_a_language_model_looks_at_next_lies_ready_in_its_order() -> None:
    plan = str(due()[:1].explain())
    assert "using idx_events_analysis_pending" in plan
    assert "Sort" not in plan


def test_what_dead_workers_held_is_found_among_what_is_held() -> None:
    with CaptureQueriesContext(connection) as queries:
        free_lost_claims()
    assert "using idx_events_analysis_claimed" in plans_of(queries)


def test_what_the_alert_rules_have_not_seen_is_found_without_touching_what_they_have() -> None:
    plan = str(to_evaluate()[:20].explain())
    assert "using idx_events_to_evaluate" in plan
    assert "Sort" not in plan


def test_alerts_are_listed_from_the_newest_on(owner: User) -> None:
    newest = Alert.objects.order_by("-created_at", "-pk")
    of_a_moment = newest.filter(created_at__lte=timezone.now())
    assert "using idx_alerts_newest" in str(of_a_moment[:50].explain())


@pytest.mark.parametrize(
    ("model", "time", "index", "another"),
    [
        (Capture, "captured_at", "idx_captures_camera_time_id", "idx_captures_id_time"),
        (Detection, "detected_at", "idx_detections_camera_time_id", "idx_detections_id_time"),
        (Event, "started_at", "idx_events_camera_time_id", "idx_events_id_time"),
    ],
)
def test_the_ids_of_a_day_long_ago_are_found_without_touching_a_row(
    model: type[models.Model], time: str, index: str, another: str
) -> None:
    rows: models.QuerySet[Any] = model._default_manager.all()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {another}")  # of a table this small it would do as well
    long_ago = timezone.now() - timedelta(days=30)
    with CaptureQueriesContext(connection) as queries:
        between_ids(rows, time, long_ago, long_ago + timedelta(days=1))
    assert f"Index Only Scan using {index}" in plans_of(queries)


def test_the_newest_in_a_zone_lie_ready_in_their_order() -> None:
    found = DetectionZone.objects.filter(zone="porch").order_by("-detection_id").values("detection_id")
    plan = str(found[:50].explain())
    assert "Index Only Scan using idx_detection_zones_newest" in plan and "Sort" not in plan


def test_the_zones_that_wait_to_be_held_against_what_was_seen_have_their_own_index() -> None:
    assert "using idx_zones_to_locate" in str(to_locate()[:1].explain())


@pytest.mark.parametrize("since", [None, timezone.now() - timedelta(days=90)])
@pytest.mark.parametrize(
    ("model", "time", "index"),
    [
        (Capture, "captured_at", "idx_captures_id_time"),
        (Detection, "detected_at", "idx_detections_id_time"),
        (Event, "started_at", "idx_events_id_time"),
    ],
)
def test_the_last_before_a_day_long_ago_is_found_without_touching_a_row(
    model: type[models.Model], time: str, index: str, since: datetime | None
) -> None:
    rows: models.QuerySet[Any] = model._default_manager.all()
    with CaptureQueriesContext(connection) as queries:
        between_ids(rows, time, since, timezone.now() - timedelta(days=30))
    assert f"Index Only Scan Backward using {index}" in plans_of(queries)
