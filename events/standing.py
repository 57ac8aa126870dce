"""Which vehicles have merely been standing there: a parked car is no visitor. Called by placing.

A vehicle stands as long as each look at the camera finds the same class at the same spot; a look or two in which the
detector missed it does not count as leaving.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cameras.models import Capture
from detections.models import Detection
from events.models import EventDetection

VEHICLES = frozenset({"bicycle", "car", "motorcycle", "bus", "truck"})
SAME_SPOT_IOU = 0.7
PARKED_AFTER = timedelta(minutes=10)
LOOKS_BACK = 3


@dataclass(frozen=True)
class Standing:
    """Since when a vehicle has been at its spot, and the membership of the detection it was last seen in."""

    since: datetime
    parked: bool
    membership: EventDetection | None


def standing_of(capture: Capture, detections: list[Detection]) -> dict[int, Standing]:
    """Standing of each vehicle among a capture's detections, by detection id."""
    vehicles = [detection for detection in detections if detection.object_type in VEHICLES]
    if not vehicles:
        return {}
    earlier = _seen_just_before(capture)
    return {detection.pk: _standing(detection, earlier) for detection in vehicles}


def _standing(detection: Detection, earlier: list[EventDetection]) -> Standing:
    before = next((seen for seen in earlier if _same_spot(detection, seen.detection)), None)
    if before is None:
        return Standing(detection.detected_at, parked=False, membership=None)
    since = before.standing_since or before.detection.detected_at
    return Standing(since, parked=detection.detected_at - since >= PARKED_AFTER, membership=before)


def _seen_just_before(capture: Capture) -> list[EventDetection]:
    """Vehicles of the last few looks at this camera, latest first."""
    looks = (
        Capture.objects.filter(
            camera_id=capture.camera_id, state=Capture.State.DETECTED, captured_at__lt=capture.captured_at
        )
        .order_by("-captured_at")
        .values_list("pk", flat=True)[:LOOKS_BACK]
    )
    return list(
        EventDetection.objects.filter(detection__capture_id__in=list(looks), detection__object_type__in=VEHICLES)
        .select_related("detection", "batch")
        .order_by("-detection__detected_at")
    )


def _same_spot(one: Detection, other: Detection) -> bool:
    return one.object_type == other.object_type and overlap(one, other) >= SAME_SPOT_IOU


def overlap(one: Detection, other: Detection) -> float:
    """Intersection over union of two boxes, 0–1."""
    left, top = max(one.bbox_x, other.bbox_x), max(one.bbox_y, other.bbox_y)
    right = min(one.bbox_x + one.bbox_width, other.bbox_x + other.bbox_width)
    bottom = min(one.bbox_y + one.bbox_height, other.bbox_y + other.bbox_height)
    shared = max(right - left, 0) * max(bottom - top, 0)
    total = one.bbox_width * one.bbox_height + other.bbox_width * other.bbox_height - shared
    return shared / total
