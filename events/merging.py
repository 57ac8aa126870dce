"""Making two cameras one: a wrong folder's into the right one. Called by the camera's page.

It lies up here because visits and batches move, too. Visits stay as they were: none are joined, none judged anew.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditAction, Role, User, audit
from cameras.models import Camera, Capture, IgnoredFile
from detections.models import Detection
from events.feed import shown_somewhere
from events.models import Batch, Event, as_rules_saw_it
from events.placing import close_open_batch
from telemetry.broadcast import broadcast
from telemetry.wake import wake
from zones.changing import take_zones


class MergeRefused(Exception):
    """These two cannot be merged; the message is for the person who asked."""


def merge_camera(source: Camera, target: Camera, request: HttpRequest | None) -> int:
    """Give everything of `source` to `target`, once and for good; gives how many files. Raises MergeRefused.

    `source` stays as another name of `target`: what arrives in its folder, by its FTP account too, is `target`'s.
    """
    now = timezone.now()
    with transaction.atomic():
        source, target = _lock_both(source.pk, target.pk)
        close_open_batch(source)
        files, visits = _move_rows(source, target, now)
        take_zones(source, target, request)
        _make_alias(source, target, now)
        details: dict[str, object] = {"into": target.pk, "captures": files, "events": visits}
        audit(AuditAction.CAMERA_MERGED, "camera", source.pk, request=request, details=details)
        wake("events.place_detected", target.pk)
        broadcast("camera", {"camera_id": source.pk})
        broadcast("camera", {"camera_id": target.pk})
    return files


def _lock_both(source_id: str, target_id: str) -> tuple[Camera, Camera]:
    """Both rows, held until the transaction ends, as intake, placing and retention hold them."""
    if source_id == target_id:
        raise MergeRefused("A camera cannot be merged into itself.")
    # Before the two, as those do who find their camera merged and go on to the one it belongs to.
    aliases = Camera.objects.filter(merged_into=source_id).order_by("pk").values_list("pk", flat=True)
    going_along = list(aliases.select_for_update(no_key=True))
    # In one order, whoever asks for which direction.
    rows = {camera_id: Camera.objects.locked(camera_id).get() for camera_id in sorted([source_id, target_id])}
    source, target = rows[source_id], rows[target_id]
    for camera in (source, target):
        if camera.merged_into is not None:
            raise MergeRefused(f"{camera.name} was merged into {camera.merged_into.name} already.")
    if target.deleted_at is not None:
        raise MergeRefused(f"{target.name} was put away. Bring it back first.")
    if list(aliases.all()) != going_along:
        raise MergeRefused(f"Another camera was merged into {source.name} at this very moment. Try it again.")
    return source, target


def _move_rows(source: Camera, target: Camera, now: datetime) -> tuple[int, int]:
    """Every row that names the camera names the other; gives how many captures and visits.

    Captures before detections: a worker stores both at once, so whoever was faster, the detections are found here, or
    the worker finds the capture moved.
    """
    _lock_in_order(source)
    files = Capture.objects.filter(camera=source).update(camera=target)
    for model in (Detection, IgnoredFile, Batch):
        model._default_manager.filter(camera=source).update(camera=target)
    # Pages ask for what changed since: they need not be told of visits of long ago, which no open page shows.
    Event.objects.filter(shown_somewhere(source.pk, now)).update(changed_at=now)
    visits = Event.objects.filter(camera=source).update(camera=target, **as_rules_saw_it())
    return files, visits


def _lock_in_order(source: Camera) -> None:
    """Rows that others lock some at a time without the camera, in the order of those who try failed files again."""
    states = [Capture.State.DETECTING, Capture.State.FAILED]
    unfinished = Capture.objects.filter(camera=source, state__in=states).order_by("pk")
    list(unfinished.select_for_update().values_list("pk", flat=True))


def _make_alias(source: Camera, target: Camera, now: datetime) -> None:
    """From now on the files of its folder, and of those that were merged into it before, are the target's."""
    Camera.objects.filter(merged_into=source).update(merged_into=target)
    Camera.objects.filter(pk=source.pk).update(merged_into=target, deleted_at=source.deleted_at or now, older_files=0)
    livelier = _livelier(source, target)
    Camera.objects.filter(pk=target.pk).update(
        older_files=target.older_files + source.older_files,
        last_seen_at=livelier.last_seen_at,
        status=livelier.status,
    )


def _livelier(one: Camera, other: Camera) -> Camera:
    """The one of the two that sent something last."""
    return max(one, other, key=lambda camera: (camera.last_seen_at is not None, camera.last_seen_at))


def viewers_left_out(source: Camera, target: Camera) -> QuerySet[User]:
    """Those who could see the one camera and may not see the other: nobody is let in there without being asked."""
    of_source = User.objects.filter(role=Role.VIEWER, is_active=True, camera_ids__contains=[source.pk])
    return of_source.exclude(camera_ids__contains=[target.pk]).order_by("username")
