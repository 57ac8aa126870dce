from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from cameras.models import Capture
from cameras.time_range import between_ids
from tests.factories import CameraFactory, CaptureFactory

LONG_AGO = timezone.now() - timedelta(days=30)
HOURS = [LONG_AGO + timedelta(hours=hour) for hour in range(-1, 13)]


def of_time(since: datetime | None, until: datetime | None) -> set[int]:
    rows = Capture.objects.all()
    if since:
        rows = rows.filter(captured_at__gte=since)
    if until:
        rows = rows.filter(captured_at__lt=until)
    return set(rows.values_list("pk", flat=True))


@pytest.fixture
def _files_in_any_order(db: None) -> None:
    """One an hour on two cameras; some came hours late, as after an outage."""
    cameras = [CameraFactory.create(), CameraFactory.create()]
    hours = list(range(12))
    random.Random(7).shuffle(hours)
    for hour in hours:
        CaptureFactory.create(camera=cameras[hour % 2], captured_at=LONG_AGO + timedelta(hours=hour))


@pytest.mark.usefixtures("_files_in_any_order")
def test_nothing_of_that_time_is_left_out_whatever_the_order_of_arrival() -> None:
    for since in (None, *HOURS):
        for until in (None, *HOURS):
            rows = Capture.objects.filter(pk__in=of_time(since, until))
            found = between_ids(rows, "captured_at", since, until)
            assert set(found.values_list("pk", flat=True)) == of_time(since, until)


def test_a_day_long_ago_is_not_reached_by_way_of_all_that_came_since(db: None) -> None:
    camera = CameraFactory.create()
    _, asked_for, after = (
        CaptureFactory.create(camera=camera, captured_at=LONG_AGO + timedelta(days=day)) for day in range(3)
    )
    found = between_ids(Capture.objects.all(), "captured_at", asked_for.captured_at, after.captured_at)
    assert list(found) == [asked_for]


def test_what_came_before_a_day_long_ago_is_not_reached_by_way_of_all_that_came_since(db: None) -> None:
    camera = CameraFactory.create()
    before, after = (CaptureFactory.create(camera=camera, captured_at=LONG_AGO + timedelta(days=day)) for day in (0, 1))
    assert list(between_ids(Capture.objects.all(), "captured_at", None, after.captured_at)) == [before]


def test_only_a_time_that_has_ended_costs_a_query(
    db: None, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    now, day = timezone.now(), timedelta(days=1)
    for since, until, queries in [
        (now - 30 * day, now - 29 * day, 1),
        (now - 30 * day, now - 10 * day, 1),
        (now - day, now + day, 0),
        (now - 30 * day, None, 0),
        (None, now - 30 * day, 1),
        (None, now + day, 0),
    ]:
        with django_assert_num_queries(queries):
            between_ids(Capture.objects.all(), "captured_at", since, until)
