"""Taking in the files that were there before a camera's first scan, and how far that is. For the camera's page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditAction, audit
from cameras.models import Camera, Capture, IgnoredFile
from telemetry.broadcast import broadcast
from telemetry.models import Heartbeat

SHOWN_FOR = timedelta(days=1)


@dataclass(frozen=True)
class ImportProgress:
    """How far the import of a camera's older files is. `done` never exceeds `total`, however many files there were."""

    done: int
    total: int
    started_at: datetime
    finished: bool

    @property
    def percent(self) -> int:
        return 100 if self.finished else min(100 * self.done // max(self.total, 1), 99)


def import_older(camera: Camera, request: HttpRequest | None) -> int:
    """Let the watcher take in, within seconds, what has waited since its first scan; gives how many files."""
    with transaction.atomic():
        camera = Camera.objects.held(camera.pk)
        waiting = camera.older_files
        folders = Camera.objects.filter(Q(pk=camera.pk) | Q(merged_into=camera.pk)).exclude(skip_before=None)
        before = folders.aggregate(before=Max("skip_before"))["before"]
        if before is None:
            return 0
        folders.update(skip_before=None)
        last = Capture.objects.filter(camera=camera.pk).order_by("-id").values_list("id", flat=True).first()
        Camera.objects.filter(pk=camera.pk).update(
            older_files=0,
            import_started_at=timezone.now(),
            import_files=waiting,
            import_before=before,
            import_after_id=last or 0,
        )
        details: dict[str, object] = {"imported_older_files": waiting}
        audit(AuditAction.CAMERA_UPDATED, "camera", camera.pk, request=request, details=details)
        broadcast("camera", {"camera_id": camera.pk})
    return waiting


def progress_of(camera: Camera) -> ImportProgress | None:
    """How far the last import is; None where there was none within the last day. Three short queries at most."""
    started_at, before = camera.import_started_at, camera.import_before
    if started_at is None or before is None or timezone.now() - started_at > SHOWN_FOR:
        return None
    taken_in = Capture.objects.filter(camera=camera, pk__gt=camera.import_after_id, mtime__lt=before)
    ignored = IgnoredFile.objects.filter(camera=camera, arrived_at__gte=started_at)
    done = min(taken_in.count() + ignored.count(), camera.import_files)
    # Some may have been deleted meanwhile: they never come.
    finished = done == camera.import_files or _all_was_looked_at(started_at)
    return ImportProgress(done, camera.import_files, started_at, finished)


def _all_was_looked_at(since: datetime) -> bool:
    """Whether the watcher has read the folders after that moment, and nothing it found there waits any more."""
    watchers = Heartbeat.objects.alive().filter(queue="watcher").values_list("detail", flat=True)
    return any(_is_through(detail, since) for detail in watchers)


def _is_through(detail: dict[str, str], since: datetime) -> bool:
    if "scan_began" not in detail or datetime.fromisoformat(detail["scan_began"]) < since:
        return False
    if not detail["waiting_since"]:
        return True
    return datetime.fromisoformat(detail["waiting_since"]) > datetime.fromisoformat(detail["scan_ended"])
