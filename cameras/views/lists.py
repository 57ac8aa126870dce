"""The page of all cameras."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import AuditLog
from cameras.access import signed_in
from cameras.ftp_state import slowed_cameras
from cameras.models import Camera, Place
from cameras.receipts import last_receipts
from cameras.tiles import tiles_of

MOST_RECEIPTS = 15
NEW_FOR = timedelta(days=7)


@require_safe
@never_cache
def camera_list(request: HttpRequest) -> HttpResponse:
    """Every camera this person may see; for the owner also those that were put away."""
    user = signed_in(request)
    cameras = Camera.objects.for_user(user)
    tiles = tiles_of(cameras)
    visible = user.visible_camera_ids()
    context = {
        "tiles": tiles,
        "cameras": [tile.camera for tile in tiles],
        "put_away": Camera.objects.exclude(deleted_at=None).select_related("merged_into") if user.is_owner else [],
        "newcomers": _newcomers([tile.camera for tile in tiles]) if user.may_change() else set(),
        "slowed": slowed_cameras() if user.may_change() else set(),
        "next": "cameras",
        "places": Place.choices,
        "receipts": last_receipts(user, MOST_RECEIPTS),
        "hidden_cameras": 0 if visible is None else Camera.objects.filter(deleted_at=None).count() - len(tiles),
        "camera_root": settings.CAMERA_ROOT,
    }
    return render(request, "cameras/list.html", context)


def _newcomers(cameras: list[Camera]) -> set[str]:
    """Ids of those that appeared by themselves within the last week, and that nobody has named or placed since."""
    young = {camera.pk for camera in cameras if camera.created_at > timezone.now() - NEW_FOR}
    touched = AuditLog.objects.filter(resource_type="camera", resource_id__in=young)
    return young - set(touched.values_list("resource_id", flat=True))
