"""Outlines for tests. Whoever `tests.events.rows` sees stands at 43 % across, 64 % down."""

from __future__ import annotations

from typing import Any

from cameras.models import Camera
from events.models import Event
from zones.changing import ZoneFields, create_zone
from zones.models import DetectionZone, Zone

Corners = list[list[float]]


def rectangle(left: float, top: float, right: float, bottom: float) -> Corners:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


AROUND_THE_FEET = rectangle(0.3, 0.5, 0.6, 0.9)
ELSEWHERE = rectangle(0.7, 0.5, 1, 1)
TRIANGLE: Corners = [[0.3, 0.5], [0.6, 0.5], [0.45, 0.9]]


def draw(camera: Camera, name: str = "Front door", coordinates: Corners = AROUND_THE_FEET, **fields: Any) -> Zone:
    new: ZoneFields = {"name": name, "coordinates": coordinates, **fields}  # type: ignore[typeddict-item]
    return create_zone(camera, new, None)


def known(zone: Zone) -> set[int]:
    """Detections of which it is stored that they were in the zone."""
    return set(DetectionZone.objects.filter(zone=zone).values_list("detection_id", flat=True))


def seen(event: Event) -> set[int]:
    return set(event.detections.values_list("pk", flat=True))
