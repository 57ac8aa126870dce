"""What is kept how long: finds what is past its time and lets it go, or only tells what would go.

Called by the daily task, `manage.py cleanup` and the API. A dry run and a real one go through the same steps, so that
one names the numbers of the other. Each step is a short transaction, and files go after the rows that name them are
gone: whatever ends it in between, the next run goes on from there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Session
from alerts.models import Alert
from cameras.models import MISSED, Camera, Capture
from cameras.stored_files import Gone, NotThere, remove_below
from detections.models import Detection
from events.models import Batch, Event, EventDetection
from system.daily import refuse_if_clock_is_doubted
from system.originals import Originals
from system.stray_pictures import PREVIEWS, THUMBNAILS, remove_empty_folders, remove_stray, stray_pictures
from telemetry.jobs import Tell, run_job, stamp, tell_nobody
from telemetry.models import Job

logger = logging.getLogger(__name__)

# What a transaction holds the camera's lock for; a single visit may have more detections, and goes whole.
EVENTS_AT_ONCE = 200
DETECTIONS_AT_ONCE = 2000
CAPTURES_AT_ONCE = 1000
NEEDED_OF_CAPTURES = ("camera", "file_path", "size", "mtime", "captured_at", "preview_path")
# Failed ones stay: a person decides on those.
FINAL_STATES = (Capture.State.DETECTED, Capture.State.DUPLICATE, Capture.State.REJECTED)
_MISSED = Q(state=Capture.State.REJECTED, error__in=MISSED)
LOGIN_LOGS: tuple[type[models.Model], ...] = (AccessAttempt, AccessFailureLog, AccessLog)


@dataclass
class Report:
    """What went, or would go. The API and the command show it under these names."""

    events_deleted: int = 0
    detections_deleted: int = 0
    gpu_stats_deleted: int = 0
    """None are kept yet."""
    logs_deleted: int = 0
    thumbnails_deleted: int = 0
    images_deleted: int = 0
    space_reclaimed: int = 0
    retention_days: int = 0
    dry_run: bool = False
    timestamp: str = ""

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def clean_up(tell: Tell = tell_nobody, *, report: Report | None = None, unattended: bool = False) -> Report:
    """Let everything go that is past its time. Raises telemetry.jobs.AlreadyRunning.

    A `report` of the caller's counts what went also where this fails half-way. Nobody looks on where it is
    `unattended`: then it raises system.daily.ClockDoubted where the clock may be wrong.
    """
    report = report or Report()
    with run_job(Job.Kind.CLEANUP) as job:
        if unattended:
            refuse_if_clock_is_doubted(timezone.now())

        def note(share: float) -> None:
            job.result = report.as_dict()
            job.advance(share)
            tell(share)

        try:
            _Cleanup(report, dry_run=False, tell=note).run()
        finally:
            job.result = report.as_dict()
    logger.info(
        "cleaned up: %d events, %d detections, %d files of the cameras; %d MB of room made",
        report.events_deleted,
        report.detections_deleted,
        report.images_deleted,
        report.space_reclaimed // 10**6,
    )
    return report


def what_would_go(tell: Tell = tell_nobody) -> Report:
    """The report `clean_up` would give now. Changes nothing."""
    report = Report()
    _Cleanup(report, dry_run=True, tell=tell).run()
    return report


@dataclass(frozen=True)
class _Haul:
    """Events that go together with all that belongs to them."""

    events: list[Event]
    detections: list[tuple[int, str]]
    """Id and thumbnail of each."""
    captures: list[Capture]


class _Cleanup:
    """One run, dry or real."""

    def __init__(self, report: Report, *, dry_run: bool, tell: Tell) -> None:
        now = timezone.now()
        days = settings.CONFIG.RETENTION_DAYS
        self.now, self.dry_run, self.tell = now, dry_run, tell
        self.cutoff = now - timedelta(days=days) if days else None
        self.report = report
        report.retention_days, report.dry_run, report.timestamp = days, dry_run, stamp(now)
        self._steps_done = self._steps = 0
        self._refused: list[str] = []

    def run(self) -> Report:
        if self.cutoff is not None:
            self._clean_archive(self.cutoff)
        self._clean_logs()
        if self._refused:
            logger.warning("could not be deleted: %d, such as %s", len(self._refused), self._refused[0])
        return self.report

    def _clean_archive(self, cutoff: datetime) -> None:
        originals = Originals(cutoff, settings.CONFIG.DELETE_ORIGINALS, self.dry_run, self._count_original)
        cameras = list(Camera.objects.order_by("pk").values_list("pk", flat=True))
        self._steps = expired_captures().count() + sum(
            old_events(camera_id, cutoff).count() + old_captures(camera_id, cutoff).count() for camera_id in cameras
        )
        for captures in _chunks_of_expired():
            originals.settle(captures)
            self._advance(len(captures))
        for camera_id in cameras:
            self._clean_events(camera_id, cutoff, originals)
            self._clean_captures(camera_id, cutoff, originals)
        self._clean_stray_pictures(cutoff)
        originals.remove_emptied_folders()
        self._refused += originals.refused

    def _count_original(self, size: int) -> None:
        self.report.images_deleted += 1
        self.report.space_reclaimed += size

    def _clean_events(self, camera_id: str, cutoff: datetime, originals: Originals) -> None:
        after: Event | None = None
        while events := _next_events(camera_id, cutoff, after):
            with transaction.atomic():
                if not self.dry_run:
                    Camera.objects.locked(camera_id).first()
                haul = _haul_of(old_events(camera_id, cutoff).filter(pk__in=[event.pk for event in events]))
                if not self.dry_run:
                    _delete(haul)
            self.report.events_deleted += len(haul.events)
            self.report.detections_deleted += len(haul.detections)
            self._remove_pictures(haul)
            originals.settle(haul.captures)
            self._advance(len(events))
            after = events[-1]

    def _clean_captures(self, camera_id: str, cutoff: datetime, originals: Originals) -> None:
        """Those of no event: nothing was found in them, they were sent twice, or could not be used."""
        if not self.dry_run:
            _forget_missed(camera_id, cutoff)
        after: Capture | None = None
        while captures := _next_captures(camera_id, cutoff, after):
            after = captures[-1]
            if not self.dry_run:
                captures = _expire_still_old(camera_id, cutoff, captures)
            originals.settle(captures)
            self._advance(len(captures))

    def _remove_pictures(self, haul: _Haul) -> None:
        for _, thumbnail in haul.detections:
            self.report.thumbnails_deleted += self._remove(thumbnail, _remove_picture)
        for capture in haul.captures:
            if capture.preview_path:
                self._remove(capture.preview_path, _remove_picture)

    def _remove(self, path: str, remove: Callable[..., int]) -> bool:
        """Whether one of our pictures went, or would."""
        try:
            self.report.space_reclaimed += remove(path, dry_run=self.dry_run)
        except (Gone, NotThere):
            return False
        except OSError as error:
            self._refused.append(f"{path}: {error.strerror}")
            return False
        return True

    def _clean_stray_pictures(self, cutoff: datetime) -> None:
        """Pictures of cleaned days that no row names any more: a run before this one may have died before they went."""
        day = cutoff.astimezone(UTC).date()  # as the folders are named
        for path in stray_pictures(THUMBNAILS, before=day):
            self.report.thumbnails_deleted += self._remove(path, remove_stray)
        for path in stray_pictures(PREVIEWS, before=day):
            self._remove(path, remove_stray)
        if not self.dry_run:
            for kind in (THUMBNAILS, PREVIEWS):
                remove_empty_folders(kind, before=day)

    def _clean_logs(self) -> None:
        if days := settings.CONFIG.LOG_RETENTION_DAYS:
            for log in LOGIN_LOGS:
                old = log._default_manager.filter(attempt_time__lt=self.now - timedelta(days=days))
                self.report.logs_deleted += old.count() if self.dry_run else old.delete()[1].get(log._meta.label, 0)
        if not self.dry_run:
            Session.objects.filter(expire_date__lt=self.now).delete()

    def _advance(self, steps: int) -> None:
        self._steps_done += steps
        self.tell(min(self._steps_done / max(self._steps, 1), 1.0))


def old_events(camera_id: str, cutoff: datetime) -> QuerySet[Event]:
    """Visits of a camera that were over, had arrived and got their last picture before the cutoff."""
    batches = Batch.objects.filter(event=OuterRef("pk"))
    # A parked car goes on joining the visit it arrived in, and does not stretch it.
    members = EventDetection.objects.filter(event=OuterRef("pk"))
    joined_since = Q(detection__detected_at__gte=cutoff) | Q(detection__capture__arrived_at__gte=cutoff)
    return (
        Event.objects.filter(camera_id=camera_id, state=Event.State.CLOSED, ended_at__lt=cutoff, created_at__lt=cutoff)
        .exclude(Exists(batches.filter(Q(state=Batch.State.OPEN) | Q(last_placed_at__gte=cutoff))))
        .exclude(Exists(members.filter(joined_since)))
    )


def old_captures(camera_id: str, cutoff: datetime) -> QuerySet[Capture]:
    """Captures of a camera in a final state and in no event, taken and arrived before the cutoff."""
    return (
        Capture.objects.filter(
            camera_id=camera_id, state__in=FINAL_STATES, captured_at__lt=cutoff, arrived_at__lt=cutoff
        )
        .exclude(state=Capture.State.DETECTED, placed_at=None)
        .exclude(_MISSED)
        .exclude(Exists(Detection.objects.filter(capture=OuterRef("pk"))))
    )


def missed_captures(camera_id: str, cutoff: datetime) -> QuerySet[Capture]:
    """Old receipts of content that went before anybody read it. Should it come back, it shall be read after all."""
    return Capture.objects.filter(_MISSED, camera_id=camera_id, captured_at__lt=cutoff, arrived_at__lt=cutoff)


def expired_captures() -> QuerySet[Capture]:
    return Capture.objects.filter(state=Capture.State.EXPIRED)


def _next_events(camera_id: str, cutoff: datetime, after: Event | None) -> list[Event]:
    """The next old events after that one, by their end. Read before the lock is taken: it may take a while."""
    due = old_events(camera_id, cutoff)
    if after is not None:
        later = Q(ended_at__gt=after.ended_at) | Q(ended_at=after.ended_at, pk__gt=after.pk)
        due = due.filter(later, ended_at__gte=after.ended_at)  # the second is what an index can do
    events = list(due.only("pk", "ended_at").order_by("ended_at", "pk")[:EVENTS_AT_ONCE])
    sizes = EventDetection.objects.filter(event__in=events).values_list("event").annotate(size=Count("pk"))
    size_of = dict(sizes)
    totals = accumulate(size_of.get(event.pk, 0) for event in events)
    return events[: max(sum(total <= DETECTIONS_AT_ONCE for total in totals), 1)]


def _haul_of(due: QuerySet[Event]) -> _Haul:
    events = list(due.only("pk"))
    detections = Detection.objects.filter(membership__event__in=events)
    staying = Detection.objects.filter(capture=OuterRef("pk")).exclude(membership__event__in=events)
    captures = Capture.objects.filter(pk__in=detections.values("capture_id")).exclude(Exists(staying))
    captures = captures.only(*NEEDED_OF_CAPTURES)
    return _Haul(events, list(detections.values_list("pk", "thumbnail_path")), list(captures))


def _delete(haul: _Haul) -> None:
    # As evaluation does it: visits, then their alerts, then what hangs on those; each in order of id. Along with them
    # those that go on from them, which lose their beginning.
    ids = [event.pk for event in haul.events]
    changed = Q(pk__in=ids) | Q(chain__in=ids) | Q(continues__in=ids)
    list(Event.objects.select_for_update().filter(changed).order_by("pk").values_list("pk"))
    list(Alert.objects.select_for_update().filter(event_id__in=ids).order_by("pk").values_list("pk"))
    Event.objects.filter(pk__in=ids).delete()
    Detection.objects.filter(pk__in=[pk for pk, _ in haul.detections]).delete()
    _expire(haul.captures)


def _next_captures(camera_id: str, cutoff: datetime, after: Capture | None) -> list[Capture]:
    """The next old captures after that one, by capture time."""
    due = old_captures(camera_id, cutoff)
    if after is not None:
        later = Q(captured_at__gt=after.captured_at) | Q(captured_at=after.captured_at, pk__gt=after.pk)
        due = due.filter(later, captured_at__gte=after.captured_at)
    return list(due.only(*NEEDED_OF_CAPTURES).order_by("captured_at", "pk")[:CAPTURES_AT_ONCE])


@transaction.atomic
def _expire_still_old(camera_id: str, cutoff: datetime, captures: list[Capture]) -> list[Capture]:
    """Of these captures, those that expired: one may have been requeued or placed since it was read."""
    Camera.objects.locked(camera_id).first()
    old = old_captures(camera_id, cutoff).filter(pk__in=[capture.pk for capture in captures])
    still_old = list(old.only(*NEEDED_OF_CAPTURES))
    _expire(still_old)
    return still_old


def _forget_missed(camera_id: str, cutoff: datetime) -> None:
    missed = missed_captures(camera_id, cutoff)
    while ids := list(missed.values_list("pk", flat=True)[:CAPTURES_AT_ONCE]):
        with transaction.atomic():
            Camera.objects.locked(camera_id).first()
            missed.filter(pk__in=ids).delete()


def _expire(captures: list[Capture]) -> None:
    """Keep the rows, so that their files are not imported again."""
    rows = Capture.objects.filter(pk__in=[capture.pk for capture in captures], state__in=FINAL_STATES)
    rows.update(state=Capture.State.EXPIRED, preview_path="")


def _remove_picture(path: str, *, dry_run: bool) -> int:
    return remove_below(Path(settings.DATA_DIR), path, dry_run=dry_run)


def _chunks_of_expired() -> Iterator[list[Capture]]:
    """Captures that had expired before, newest first."""
    expired = expired_captures().only(*NEEDED_OF_CAPTURES).order_by("-pk")
    captures = list(expired[:CAPTURES_AT_ONCE])
    while captures:
        yield captures
        captures = list(expired.filter(pk__lt=captures[-1].pk)[:CAPTURES_AT_ONCE])
