"""Finding out which earlier detections were in a zone, once it is drawn or changed. Called by its task and command.

`Zone.is_located` is the ledger, `located_from` the place in it: detections are looked at a thousand at a time, the
newest first, each time in a short transaction that holds the camera's row. So placing, a change of the zone and another
process that does the same may come in between, and whatever ends it, it goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db import transaction
from django.db.models import QuerySet

from cameras.models import Camera
from detections.models import Detection
from zones.membership import links_of
from zones.models import DetectionZone, Zone

DETECTIONS_AT_ONCE = 1000
NEEDED = ("bbox_x", "bbox_y", "bbox_width", "bbox_height", "capture__width", "capture__height", "capture__placed_at")


def to_locate() -> QuerySet[Zone]:
    """Zones of which it is not known yet who was in them."""
    return Zone.objects.filter(is_located=False).order_by("pk")


def locate_all() -> int:
    """Locate every zone that waits for it, also those that come to wait meanwhile; gives how many."""
    done = 0
    while (zone := to_locate().first()) is not None:
        for _ in locate(zone.pk):
            pass
        done += 1
    return done


@transaction.atomic
def begin_again(zones: Collection[Zone]) -> None:
    """Have them located from the start, whatever is known of them."""
    for camera_id in sorted({zone.camera_id for zone in zones}):
        Camera.objects.locked(camera_id).first()
    Zone.objects.filter(pk__in=[zone.pk for zone in zones]).update(is_located=False, located_from=None)


def left_to_look_at(zone: Zone) -> int:
    """How many detections there are that were not looked at yet."""
    return 0 if zone.is_located else _older(zone, zone.located_from).count()


def locate(zone_id: str) -> Iterator[int]:
    """Locate a zone step by step; yields how many detections each step looked at."""
    while (looked_at := _locate_some(zone_id)) is not None:
        yield looked_at


@transaction.atomic
def _locate_some(zone_id: str) -> int | None:
    """The next step; None where nothing is left to do, or the zone is gone."""
    try:
        zone = Zone.objects.held(zone_id)
    except Zone.DoesNotExist:
        return None
    if zone.is_located:
        return None
    detections = _next_detections(zone, zone.located_from) if zone.enabled else []
    is_last = len(detections) < DETECTIONS_AT_ONCE
    known = zone.detection_links.all()
    if zone.located_from is not None:
        known = known.filter(detection_id__lt=zone.located_from)
    if not is_last:
        known = known.filter(detection_id__gte=detections[-1].pk)
    known.delete()
    DetectionZone.objects.bulk_create(links_of([zone], detections))
    place = {"is_located": True, "located_from": None} if is_last else {"located_from": detections[-1].pk}
    Zone.objects.filter(pk=zone.pk).update(**place)
    return len(detections)


def wrongly_known(zone_id: str) -> Iterator[int]:
    """Ids of detections that are in the zone and of which that is not stored, or the other way round. For verifying."""
    below: int | None = None
    while (looked_at := _compare_some(zone_id, below)) is not None:
        below, wrong = looked_at
        yield from wrong


@transaction.atomic
def _compare_some(zone_id: str, below: int | None) -> tuple[int, list[int]] | None:
    """The last of the next detections below that one, and the wrong ones of them; None where there are none left."""
    try:
        zone = Zone.objects.held(zone_id)
    except Zone.DoesNotExist:
        return None
    detections = _next_detections(zone, below) if zone.is_located else []
    if not detections:
        return None
    last = detections[-1].pk
    in_reach = zone.detection_links.filter(detection_id__gte=last, detection_id__lte=detections[0].pk)
    known = set(in_reach.values_list("detection_id", flat=True))
    inside = {link.detection_id for link in links_of([zone] if zone.enabled else [], detections)}
    # Those that wait to be placed get theirs then.
    placed = {detection.pk for detection in detections if detection.capture.placed_at is not None}
    return last, sorted(known - inside | (inside & placed) - known)


def _next_detections(zone: Zone, below: int | None) -> list[Detection]:
    newest_first = _older(zone, below).order_by("-pk").select_related("capture").only(*NEEDED)
    return list(newest_first[:DETECTIONS_AT_ONCE])


def _older(zone: Zone, below: int | None) -> QuerySet[Detection]:
    detections = Detection.objects.filter(camera=zone.camera_id)
    return detections if below is None else detections.filter(pk__lt=below)
