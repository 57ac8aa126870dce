"""What a person changes of a camera: its name, place, time zone and clock. For its page, the API and the admin."""

from __future__ import annotations

from typing import TypedDict

from django.db import transaction
from django.http import HttpRequest

from accounts.models import AuditAction, audit
from cameras.adding import PlaceRefused, refuse_unknown_zone, usable_name
from cameras.models import Camera, Place
from telemetry.broadcast import broadcast


class CameraChanges(TypedDict, total=False):
    """What is to be changed; what is left out stays."""

    name: str
    place: str
    timezone: str
    clock_offset: int | None


def change_camera(camera: Camera, changes: CameraChanges, request: HttpRequest | None) -> list[str]:
    """Change these fields of a camera; gives the names of those that differed. Raises cameras.adding.FieldRefused."""
    if "name" in changes:
        changes = {**changes, "name": usable_name(changes["name"], camera)}
    if "place" in changes and changes["place"] not in Place.values:
        raise PlaceRefused("There is no such place.")
    refuse_unknown_zone(changes.get("timezone", ""))
    with transaction.atomic():
        now = Camera.objects.locked(camera.pk).get()
        changed: dict[str, object] = {name: value for name, value in changes.items() if getattr(now, name) != value}
        for name, value in changes.items():
            setattr(camera, name, value)
        if changed:
            Camera.objects.filter(pk=camera.pk).update(**changed)
            audit(AuditAction.CAMERA_UPDATED, "camera", camera.pk, request=request, details=changed)
            broadcast("camera", {"camera_id": camera.pk})
    return list(changed)
