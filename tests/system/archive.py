"""An archive of a given age for the tests of housekeeping: rows with all their files on the disk."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from cameras.models import Camera, Capture
from cameras.names import decode_path
from cameras.stored_files import mtime_of
from detections.models import Detection
from detections.pictures import preview_path, thumbnail_path
from events.models import Batch, Event, EventDetection
from tests.factories import CaptureFactory, DetectionFactory, EventFactory, write_preview, write_thumbnail

_numbers = itertools.count(1)


def configure(settings: Settings, **values: object) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update=values)


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def capture_with_file(camera: Camera, at: datetime, *, name: str = "", **fields: Any) -> Capture:
    """A capture of `camera` with its original, last changed when it was taken."""
    path = f"{camera.pk}/{name or f'{next(_numbers)}.jpg'}"
    capture = CaptureFactory.create(camera=camera, captured_at=at, file_path=path, **fields)
    write_file_of(capture)
    return capture


def write_file_of(capture: Capture, content: bytes = b"a picture") -> Path:
    """The original of a capture as its row has it, but for the size, which the row takes from it."""
    path = Path(settings.CAMERA_ROOT) / decode_path(capture.file_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (capture.mtime.timestamp(),) * 2)
    Capture.objects.filter(pk=capture.pk).update(size=len(content), mtime=mtime_of(path.stat()))
    return path


def detection_with_files(camera: Camera, at: datetime, *, pictures: bool = True, **fields: Any) -> Detection:
    """A person in a capture of its own, with original, preview and thumbnail."""
    capture = capture_with_file(camera, at, nothing_found="", **fields)
    capture.preview_path = preview_path(capture)
    capture.save(update_fields=["preview_path"])
    detection = DetectionFactory.create(capture=capture, thumbnail_path=thumbnail_path(capture, 0))
    if pictures:
        write_preview(capture)
        write_thumbnail(detection)
    return detection


def visit(camera: Camera, at: datetime, *, pictures: int = 2, **fields: Any) -> Event:
    """A closed visit with a picture a second, all of which lie on the disk."""
    detections = [detection_with_files(camera, at + timedelta(seconds=second)) for second in range(pictures)]
    times = {"started_at": at, "ended_at": at + timedelta(seconds=pictures - 1), "created_at": at}
    return EventFactory.create(camera=camera, detections=detections, **times | fields)


def many_visits(camera: Camera, count: int, at: datetime) -> None:
    """`count` closed visits of one picture each, a second apart, with all their files; quickly."""
    moments = [at + timedelta(seconds=number) for number in range(count)]
    captures = Capture.objects.bulk_create(_built_capture(camera, moment) for moment in moments)
    for capture in captures:
        capture.preview_path = preview_path(capture)
        write_file_of(capture)
        _write(capture.preview_path)
    Capture.objects.bulk_update(captures, ["preview_path"])
    detections = Detection.objects.bulk_create(
        DetectionFactory.build(capture=capture, camera=camera, thumbnail_path=thumbnail_path(capture, 0))
        for capture in captures
    )
    for detection in detections:
        _write(detection.thumbnail_path)
    events = Event.objects.bulk_create(_built_event(camera, detection) for detection in detections)
    batches = Batch.objects.bulk_create(_built_batch(event) for event in events)
    EventDetection.objects.bulk_create(
        EventDetection(detection=detection, event=event, batch=batch)
        for detection, event, batch in zip(detections, events, batches, strict=True)
    )


def _built_capture(camera: Camera, at: datetime) -> Capture:
    return CaptureFactory.build(camera=camera, captured_at=at, file_path=f"{camera.pk}/{next(_numbers)}.jpg")


def _built_event(camera: Camera, detection: Detection) -> Event:
    at = detection.detected_at
    return Event(
        batch_id=uuid.uuid4(),
        camera=camera,
        state=Event.State.CLOSED,
        started_at=at,
        ended_at=at,
        created_at=at,
        changed_at=at,
        risk_score=22,
        summary="A person walked past.",
        object_types="person",
        key_detection=detection,
    )


def _built_batch(event: Event) -> Batch:
    at = event.started_at
    return Batch(
        id=event.batch_id,
        camera=event.camera,
        event=event,
        state=Batch.State.CLOSED,
        started_at=at,
        last_activity_at=at,
        opened_at=at,
        last_placed_at=at,
        closed_at=at,
        close_reason=Batch.CloseReason.IDLE,
        detection_count=1,
    )


def _write(relative: str) -> None:
    path = Path(settings.DATA_DIR) / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a picture")


@contextmanager
def fails_at_the_logins() -> Iterator[None]:
    """The last step of a cleanup meets a table that is away. For tests without a transaction around them."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE axes_accessattempt RENAME TO away")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE away RENAME TO axes_accessattempt")


def files_below(folder: str) -> set[str]:
    """Every file below a folder of DATA_DIR, relative to that folder."""
    root = Path(settings.DATA_DIR) / folder
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
