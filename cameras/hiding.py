"""Putting a camera away and bringing it back. For the pages, the API and the admin.

One that was put away is seen nowhere and may not send by FTP any more; its files are still taken in and all it has is
kept, so that nothing is missing when it is brought back.
"""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditAction, audit
from cameras.adding import who_is_called
from cameras.models import Camera
from telemetry.broadcast import broadcast


class CannotComeBack(Exception):
    """It was merged into another, or another has its name now; the message says so to a person."""


def put_away(camera: Camera, request: HttpRequest | None) -> bool:
    """Hide a camera. False where it was put away already."""
    now = timezone.now()
    with transaction.atomic():
        if not Camera.objects.filter(pk=camera.pk, deleted_at=None).update(deleted_at=now):
            return False
        audit(AuditAction.CAMERA_DELETED, "camera", camera.pk, request=request)
        broadcast("camera", {"camera_id": camera.pk})
    camera.deleted_at = now
    return True


def bring_back(camera: Camera, request: HttpRequest | None) -> bool:
    """Show a camera again. False where it was not put away. Raises CannotComeBack."""
    with transaction.atomic():
        now = Camera.objects.locked(camera.pk).get()
        if now.merged_into is not None:
            raise CannotComeBack(f"{now.name} was merged into {now.merged_into.name}: its files belong there now.")
        if now.deleted_at is None:
            return False
        if who_is_called(now.name, besides=now) is not None:
            raise CannotComeBack(f"Another camera is called {now.name} now. Give that one another name first.")
        Camera.objects.filter(pk=camera.pk).update(deleted_at=None)
        audit(AuditAction.CAMERA_RESTORED, "camera", camera.pk, request=request)
        broadcast("camera", {"camera_id": camera.pk})
    camera.deleted_at = None
    return True
