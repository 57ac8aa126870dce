"""Rows as the detect stage leaves them, for tests of placing: a capture that was seen, with its detections."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from cameras.models import Camera, Capture
from detections.models import Detection

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """One thing in a picture. The box is in pixels of 1280×720."""

    label: str = "person"
    confidence: float = 0.8
    box: tuple[int, int, int, int] = (500, 200, 100, 260)
    offset_s: float | None = None


def make_camera(camera_id: str = "front_door", place: str = "front") -> Camera:
    camera, _ = Camera.objects.get_or_create(
        pk=camera_id,
        defaults={"name": camera_id.replace("_", " ").capitalize(), "folder_path": camera_id, "place": place},
    )
    return camera


def detected(
    camera: Camera, at: datetime | float, seen: Sequence[Seen] = (Seen(),), *, duration_s: float | None = None
) -> Capture:
    """A capture in state detected, not yet placed. `at` may be seconds after noon."""
    moment = at if isinstance(at, datetime) else NOON + timedelta(seconds=at)
    number = next(_numbers)
    capture = Capture.objects.create(
        camera=camera,
        file_path=f"{camera.pk}/{number}.jpg",
        file_type="image/jpeg" if duration_s is None else "video/mp4",
        media_type="image" if duration_s is None else "video",
        sha256=f"{number:064x}",
        size=1000,
        mtime=moment,
        captured_at=moment,
        captured_at_source="name",
        arrived_at=timezone.now(),
        processed_at=timezone.now(),
        width=1280,
        height=720,
        duration=duration_s,
        state="detected",
    )
    Detection.objects.bulk_create(
        Detection(
            capture=capture,
            camera=camera,
            detected_at=moment + timedelta(seconds=thing.offset_s or 0),
            frame_offset=thing.offset_s,
            object_type=thing.label,
            confidence=thing.confidence,
            bbox_x=thing.box[0],
            bbox_y=thing.box[1],
            bbox_width=thing.box[2],
            bbox_height=thing.box[3],
            thumbnail_path=f"thumbnails/{number}.jpg",
        )
        for thing in seen
    )
    return capture
