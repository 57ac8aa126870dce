"""A dry run tells what the real one does, whatever is there."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from cameras.models import Camera, Capture
from detections.models import Detection
from events.models import Event, EventDetection
from system.retention import clean_up, what_would_go
from tests.factories import CameraFactory
from tests.system.archive import (
    capture_with_file,
    configure,
    days_ago,
    visit,
)

pytestmark = pytest.mark.django_db


AGES = st.sampled_from([29.5, 30.5, 45])
SHAPES = st.fixed_dictionaries(
    {
        "age": AGES,
        "pictures": st.integers(0, 3),
        "arrived": st.sampled_from([0, 20]),
        "is_open": st.booleans(),
        "thumbnails_there": st.booleans(),
        "originals_there": st.booleans(),
        "state": st.sampled_from(["detected", "duplicate", "rejected", "failed", "queued", "expired"]),
    }
)


@given(shapes=st.lists(SHAPES, min_size=1, max_size=5), delete_originals=st.booleans())
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_dry_run_tells_what_the_real_one_does(
    data_dir: Path, settings: Settings, shapes: list[dict[str, Any]], delete_originals: bool
) -> None:
    configure(settings, DELETE_ORIGINALS=delete_originals)
    for rows in (Event, Detection, Capture):
        rows.objects.all().delete()
    shutil.rmtree(data_dir)
    for number, shape in enumerate(shapes):
        _make(CameraFactory.create(id=f"camera_{number}"), number, shape)
    before = _everything(data_dir)
    dry = what_would_go()
    assert _everything(data_dir) == before
    real = clean_up()
    assert dry.as_dict() | {"dry_run": False, "timestamp": real.timestamp} == real.as_dict()
    gone = {path: size for path, size in before[1].items() if path not in _everything(data_dir)[1]}
    assert real.space_reclaimed == sum(gone.values())
    assert real.thumbnails_deleted == sum(path.startswith("thumbnails/") for path in gone)
    assert real.images_deleted == sum(path.startswith("cameras/") for path in gone)
    assert before[0][0] - Event.objects.count() == real.events_deleted
    assert before[0][1] - Detection.objects.count() == real.detections_deleted
    again = clean_up()
    assert (again.events_deleted, again.space_reclaimed) == (0, 0)
    assert not EventDetection.objects.filter(detection__capture__state="expired").exists()


def _make(camera: Camera, number: int, shape: dict[str, Any]) -> None:
    at = days_ago(shape["age"]) + timedelta(minutes=number)
    if shape["pictures"]:
        event = visit(camera, at, pictures=shape["pictures"], state="open" if shape["is_open"] else "closed")
        event.batches.update(state=event.state)
        Event.objects.filter(pk=event.pk).update(created_at=at + timedelta(days=shape["arrived"]))
        paths = [Path(django_settings.DATA_DIR) / d.thumbnail_path for d in event.detections.all()]
        if not shape["thumbnails_there"]:
            paths[0].unlink()
    else:
        arrived = at + timedelta(days=shape["arrived"])
        capture = capture_with_file(camera, at, state=shape["state"], arrived_at=arrived)
        if not shape["originals_there"]:
            capture.path.unlink()


def _everything(data_dir: Path) -> tuple[tuple[int, ...], dict[str, int]]:
    files = {str(path.relative_to(data_dir)): path.stat().st_size for path in data_dir.rglob("*") if path.is_file()}
    return (Event.objects.count(), Detection.objects.count(), Capture.objects.count()), files
