"""Whole visits for tests, at fixed times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cameras.models import Camera
from events.models import Event
from tests.factories import DetectionFactory, EventFactory

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def make_visit(camera: Camera, *, at: datetime = NOON, seen: Sequence[str] = ("person",), **fields: Any) -> Event:
    """A closed visit with one picture a second, one thing of `seen` in each."""
    detections = [
        DetectionFactory.create(
            capture__camera=camera, capture__captured_at=at + timedelta(seconds=second), object_type=object_type
        )
        for second, object_type in enumerate(seen)
    ]
    times = {"started_at": at, "ended_at": at + timedelta(seconds=len(seen) - 1)}
    names = ", ".join(sorted(set(seen)))
    event = EventFactory.create(camera=camera, object_types=names, detections=detections, **times | fields)
    event.refresh_from_db()
    return event
