"""Drawing, changing and deleting zones. Called by the editor on the camera's page, the API and the admin.

Each takes the camera's row, as placing and `zones.locating` do: whatever is placed afterwards goes by the new outline,
and what was placed before is looked at again.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from django.db.models import Max, ProtectedError
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import AuditAction, AuditLog, audit
from cameras.models import Camera, normalize_camera_id
from cameras.names import is_plain
from telemetry.broadcast import broadcast
from telemetry.wake import wake
from zones.locating import begin_again
from zones.models import Zone

LONGEST_NAME = 100
"""What a list and a sentence have room for."""
MOST_ZONES = 20
"""On a camera. Each costs time with every picture, and nobody tells more apart on one."""
FARTHEST_PRIORITY = 1000
COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
PLACED_BY = {"coordinates", "min_overlap", "enabled"}
"""What decides which detections are in it."""


class ZoneFields(TypedDict, total=False):
    """What a person says of a zone; what is left out stays, or is as the model has it."""

    name: str
    zone_type: str
    coordinates: list[list[float]]
    shape: str
    min_overlap: float | None
    color: str
    enabled: bool
    priority: int


class ZoneRefused(Exception):
    """A zone cannot be so; the message is for the person who asked. Without a field it is about none alone."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@transaction.atomic
def create_zone(camera: Camera, fields: ZoneFields, request: HttpRequest | None) -> Zone:
    """Draw a zone; `name` and `coordinates` are needed. Raises ZoneRefused."""
    camera = _living(camera)
    for needed in ("name", "coordinates"):
        if needed not in fields:
            raise ZoneRefused(needed, "It is needed.")
    if camera.zones.count() >= MOST_ZONES:
        raise ZoneRefused("", f"{camera.name} has {MOST_ZONES} zones already, which is the most. Delete one first.")
    values = check_fields(fields, camera, None)
    zone = _stored(camera, values)
    audit(AuditAction.ZONE_CREATED, "zone", zone.pk, request=request, details={"camera_id": camera.pk, **values})
    _tell(zone, needs_locating=True)
    return zone


@transaction.atomic
def change_zone(zone: Zone, fields: ZoneFields, request: HttpRequest | None) -> list[str]:
    """Change these fields of a zone; gives the names of those that differed. Raises ZoneRefused."""
    now = _held(zone)
    values = check_fields(fields, now.camera, now)
    changed = {name: value for name, value in values.items() if getattr(now, name) != value}
    if changed:
        needs_locating = not PLACED_BY.isdisjoint(changed)
        ledger = {"is_located": False, "located_from": None} if needs_locating else {}
        Zone.objects.filter(pk=now.pk).update(**changed, **ledger, updated_at=Now())
        details: dict[str, object] = {"camera_id": now.camera_id, **changed}
        audit(AuditAction.ZONE_UPDATED, "zone", now.pk, request=request, details=details)
        _tell(now, needs_locating=needs_locating)
    zone.refresh_from_db()
    return list(changed)


@transaction.atomic
def delete_zone(zone: Zone, request: HttpRequest | None) -> None:
    """Delete a zone, and what is known of who was in it. Raises ZoneRefused where alert rules name it."""
    now = _held(zone)
    # Held against a rule that is about to name it, too: it is seen below, or finds the zone gone.
    Zone.objects.select_for_update().get(pk=now.pk)
    try:
        now.delete()
    except ProtectedError as error:
        raise ZoneRefused("", _why_kept(len(error.protected_objects))) from error
    details: dict[str, object] = {"camera_id": zone.camera_id, "name": zone.name}
    audit(AuditAction.ZONE_DELETED, "zone", zone.pk, request=request, details=details)
    _tell(zone, needs_locating=False)


def take_zones(source: Camera, target: Camera, request: HttpRequest | None) -> None:
    """Make the zones of one camera another's, which it is merged into. The caller holds both rows.

    They keep their ids; those that would be called as one that is there get a number. They may be more than a person
    could draw.
    """
    taken = {name.casefold() for name in target.zones.values_list("name", flat=True)}
    moving = list(source.zones.all())
    for zone in moving:
        name = next(name for name in _numbered(zone.name) if name.casefold() not in taken)
        taken.add(name.casefold())
        Zone.objects.filter(pk=zone.pk).update(camera=target, name=name, updated_at=Now())
        details: dict[str, object] = {"camera_id": target.pk, "name": name}
        audit(AuditAction.ZONE_UPDATED, "zone", zone.pk, request=request, details=details)
    if taken:
        begin_again(list(target.zones.all()))
        broadcast("zone", {"camera_id": target.pk})
        wake("zones.locate")


def last_changed_at(camera: Camera) -> datetime | None:
    """When a zone of this camera was drawn, changed or deleted last."""
    deeds = AuditLog.objects.filter(resource_type="zone", details__camera_id=camera.pk)
    last: datetime | None = deeds.aggregate(last=Max("timestamp"))["last"]
    return last


def _numbered(name: str) -> Iterator[str]:
    """The name itself, then "… 2", "… 3"."""
    yield name
    for number in itertools.count(2):
        yield f"{name} {number}"


def _why_kept(rules: int) -> str:
    if rules == 1:
        return "1 rule names it. Take it out of that rule, or delete the rule, first."
    return f"{rules} rules name it. Take it out of them, or delete them, first."


def _living(camera: Camera) -> Camera:
    """The camera, its row held; the one it was merged into meanwhile. Raises ZoneRefused where it was put away."""
    try:
        camera = Camera.objects.held(camera.pk)
    except Camera.DoesNotExist:
        raise ZoneRefused("camera_id", "This camera is gone.") from None
    if camera.deleted_at is not None:
        raise ZoneRefused("camera_id", f"{camera.name} was put away. Bring it back first.")
    return camera


def _held(zone: Zone) -> Zone:
    try:
        return Zone.objects.held(zone.pk)
    except Zone.DoesNotExist:
        raise ZoneRefused("", "Somebody deleted this zone meanwhile.") from None


def _tell(zone: Zone, *, needs_locating: bool) -> None:
    broadcast("zone", {"camera_id": zone.camera_id})
    if needs_locating:
        wake("zones.locate")


def _stored(camera: Camera, values: dict[str, Any]) -> Zone:
    """The new row, under an id that no other has."""
    base = normalize_camera_id(f"{camera.pk} {values['name']}")
    for number in itertools.count(1):
        zone = Zone(id=base if number == 1 else f"{base}_{number}", camera=camera, **values)
        try:
            with transaction.atomic():
                zone.save(force_insert=True)
            break
        except IntegrityError:
            if not Zone.objects.filter(pk=zone.pk).exists():
                raise
    zone.refresh_from_db()
    return zone


def check_fields(fields: ZoneFields, camera: Camera, zone: Zone | None) -> dict[str, Any]:
    """The fields as they are stored; `zone` is the one they change. Raises ZoneRefused."""
    values: dict[str, Any] = dict(fields)
    if "name" in fields:
        values["name"] = _usable_name(fields["name"], camera, zone)
    if "zone_type" in fields and fields["zone_type"] not in Zone.ZoneType.values:
        raise ZoneRefused("zone_type", f"There is no such type; there are {', '.join(Zone.ZoneType.values)}.")
    if "coordinates" in fields or "shape" in fields:
        values |= _usable_outline(fields, zone)
    if "min_overlap" in fields:
        values["min_overlap"] = _usable_share(fields["min_overlap"])
    if "color" in fields and not COLOR.fullmatch(fields["color"]):
        raise ZoneRefused("color", "A colour is # and six digits, such as #3B82F6.")
    if "priority" in fields and abs(fields["priority"]) > FARTHEST_PRIORITY:
        raise ZoneRefused("priority", f"It goes from -{FARTHEST_PRIORITY} to {FARTHEST_PRIORITY}.")
    return values


def _usable_name(name: str, camera: Camera, zone: Zone | None) -> str:
    name = " ".join(name.split())
    if not any(character.isalnum() for character in name):
        raise ZoneRefused("name", "A zone needs a name with at least one letter or digit.")
    if not is_plain(name):
        raise ZoneRefused("name", "A name cannot hold control characters.")
    if len(name) > LONGEST_NAME:
        raise ZoneRefused("name", f"A name has {LONGEST_NAME} characters at most.")
    others = camera.zones.exclude(pk=zone.pk) if zone else camera.zones.all()
    if any(other.casefold() == name.casefold() for other in others.values_list("name", flat=True)):
        raise ZoneRefused("name", f"{camera.name} has a zone called {name} already. Choose another name.")
    return name


def _usable_outline(fields: ZoneFields, zone: Zone | None) -> dict[str, Any]:
    """Shape and corners that fit each other. Without a shape, a new zone has the one that its corners have."""
    from zones.geometry import OutlineRefused, corners_of, is_rectangle, outline

    coordinates = fields["coordinates"] if "coordinates" in fields or zone is None else zone.coordinates
    try:
        polygon = outline(coordinates)
    except OutlineRefused as refusal:
        raise ZoneRefused("coordinates", str(refusal)) from refusal
    found = Zone.Shape.RECTANGLE if is_rectangle(polygon) else Zone.Shape.POLYGON
    shape = fields.get("shape") or (zone.shape if zone else found)
    if shape not in Zone.Shape.values:
        raise ZoneRefused("shape", "There is no such shape; there are rectangle and polygon.")
    if shape == Zone.Shape.RECTANGLE and found != shape:
        why = "A rectangle has four corners, its sides straight across and straight down. Make it a polygon instead."
        raise ZoneRefused("coordinates" if "coordinates" in fields else "shape", why)
    return {"shape": shape, "coordinates": corners_of(polygon)}


def _usable_share(share: float | None) -> float | None:
    if share is not None and not 0 < share <= 1:
        raise ZoneRefused("min_overlap", "It is a share above 0, up to 1; left empty, the foot of the box decides.")
    return share
