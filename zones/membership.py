"""Which detection was in which zone: stored once, for scores, rules, search and the API. Called by placing and judging.

The rows say how it is by the zones as they are drawn now: where one changes, `zones.locating` works them out anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from cameras.models import Camera, Capture
from detections.models import Detection
from zones.models import DetectionZone, Zone

ROWS_AT_ONCE = 5000


def store_zones(camera: Camera, detections: Sequence[Detection]) -> None:
    """Store which zones of their camera these detections are in. The caller holds the camera's row.

    Those that `zones.locating` was faster with are there already.
    """
    links = links_of(list(camera.zones.filter(enabled=True)), detections)
    DetectionZone.objects.bulk_create(links, ROWS_AT_ONCE, ignore_conflicts=True)


def links_of(zones: Sequence[Zone], detections: Sequence[Detection]) -> list[DetectionZone]:
    """The rows that say which of these detections are in which of these zones. Each has its capture loaded."""
    if not zones or not detections:
        return []
    from zones.geometry import Area, zones_of_boxes

    boxes = [(one.bbox_x, one.bbox_y, one.bbox_width, one.bbox_height) for one in detections]
    sizes = [_size_of(one.capture) for one in detections]
    inside = zones_of_boxes([Area.of(zone) for zone in zones], boxes, sizes)
    return [
        DetectionZone(detection_id=detection.pk, zone_id=zone.pk)
        for detection, row in zip(detections, inside.tolist(), strict=True)
        for zone, is_in in zip(zones, row, strict=True)
        if is_in
    ]


def _size_of(capture: Capture) -> tuple[int, int]:
    assert capture.width and capture.height  # something was found in it
    return capture.width, capture.height


def zones_of(detection_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Ids of the zones that each of these detections was in, the most telling first; those in none are left out."""
    links = DetectionZone.objects.filter(detection_id__in=detection_ids, zone__enabled=True)
    in_order = links.order_by("-zone__priority", "zone__name", "zone_id").values_list("detection_id", "zone_id")
    zones: dict[int, list[str]] = defaultdict(list)
    for detection_id, zone_id in in_order:
        zones[detection_id].append(zone_id)
    return {detection_id: tuple(ids) for detection_id, ids in zones.items()}
