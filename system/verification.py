"""Whether rows, pictures and the cameras' files agree, both ways; and mending what does not.

Called by `manage.py verify`. It may run beside everything else: what is just being written is left alone, and each
repair looks again under the lock that its stage uses. Tables are read some hundred rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import AuditAction, audit
from cameras.claims import free_lost_claims
from cameras.intake import Found, Outcome, look_at
from cameras.models import UNSORTED_CAMERA_ID, Camera, Capture, IgnoredFile
from cameras.names import decode_path, encode_path
from cameras.scan import Scanner
from cameras.stored_files import Gone, NotThere, look_below
from detections.models import Detection
from events.models import Batch, Event, EventDetection
from events.placing import LONGEST_WAIT_FOR_CAPTURES, close_due_batches
from system.camera_folders import EMPTIED, why_not_believed
from system.redrawing import redraw
from system.stray_pictures import PREVIEWS, THUMBNAILS, remove_stray, stray_pictures
from telemetry.jobs import Tell, run_job, stamp, tell_nobody
from telemetry.models import Job
from telemetry.wake import wake
from zones.locating import begin_again, locate, wrongly_known
from zones.models import Zone

ROWS_AT_ONCE = 500
NAMES_KEPT = 5
FEW_KEPT = "the camera may keep but its newest; or another disk is mounted there"
# The sweeps come every few seconds; what they have not done after this long they do not do.
SWEPT_WITHIN = timedelta(minutes=1)

Row = TypeVar("Row", bound=models.Model)


@dataclass
class Finding:
    """One kind of disagreement: how often it was met, how often mended, and the first few names."""

    kind: str
    title: str
    mended_by: str
    """What a repair does, in a word or two; empty where it is no error, or nothing can be done."""
    excuse: str = ""
    """Why it is no error, in a few words."""
    count: int = 0
    repaired: int = 0
    names: list[str] = field(default_factory=list)

    def met(self, name: str, *, repaired: bool = False) -> None:
        self.count += 1
        self.repaired += repaired
        if len(self.names) < NAMES_KEPT:
            self.names.append(name)

    @property
    def left(self) -> int:
        return self.count - self.repaired

    @property
    def is_wrong(self) -> bool:
        return not self.excuse

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "is_wrong": self.is_wrong}


@dataclass(frozen=True)
class Verdict:
    """What `verify` found."""

    findings: list[Finding]
    repair: bool
    timestamp: str

    @property
    def is_sound(self) -> bool:
        return not any(finding.is_wrong and finding.left for finding in self.findings)

    @property
    def met_nothing(self) -> bool:
        return not any(finding.count for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        return {
            "timestamp": self.timestamp,
            "repair": self.repair,
            "is_sound": self.is_sound,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def verify(*, repair: bool, tell: Tell = tell_nobody) -> Verdict:
    """Look at everything, and mend what can be where `repair` is set. Raises telemetry.jobs.AlreadyRunning."""
    with run_job(Job.Kind.VERIFY) as job:
        findings = []
        checks = _checks()
        for look, finding in checks:
            look(finding, repair)
            findings.append(finding)
            share = len(findings) / len(checks)
            job.advance(share)
            tell(share)
        verdict = Verdict(findings, repair, stamp(timezone.now()))
        job.result = verdict.as_dict()
    return verdict


Check = Callable[[Finding, bool], None]
DoubtedFolder = tuple[str, str]
"""Name of a camera's folder, and what is doubtful about it."""


def _checks() -> list[tuple[Check, Finding]]:
    doubted = list(_doubted_folders())
    return [
        (partial(_absent_folders, doubted), Finding("absent_folders", "camera folders that are missing or empty", "")),
        (
            partial(_emptied_folders, doubted),
            Finding("emptied_folders", "camera folders with none of their older files", "", FEW_KEPT),
        ),
        (_stray_pictures, Finding("stray_pictures", "thumbnails and previews that no row names", "removed")),
        (_missing_pictures, Finding("missing_pictures", "thumbnails and previews that are missing", "drawn again")),
        (_unknown_files, Finding("unknown_files", "files of the cameras that the ledger does not know", "taken in")),
        (_lost_originals, Finding("lost_originals", "captures whose file is gone", "", "somebody deleted them")),
        (_homeless_detections, Finding("homeless_detections", "detections in no event", "placed")),
        (_wrong_zones, Finding("wrong_zones", "detections that are not in the zones they lie in", "looked at again")),
        (_empty_events, Finding("empty_events", "events without a detection", "deleted")),
        (_overdue_batches, Finding("overdue_batches", "batches that are open past their time", "closed")),
        (_lost_claims, Finding("lost_claims", "captures held by nobody who lives", "queued again")),
    ]


def _absent_folders(doubted: list[DoubtedFolder], finding: Finding, repair: bool) -> None:
    """Nothing to mend: somebody must connect the disk."""
    for name, doubt in doubted:
        if doubt != EMPTIED:
            finding.met(f"camera folder {name} {doubt}: is its disk connected?")


def _emptied_folders(doubted: list[DoubtedFolder], finding: Finding, repair: bool) -> None:
    for name, doubt in doubted:
        if doubt == EMPTIED:
            finding.met(name)


def _doubted_folders() -> Iterator[DoubtedFolder]:
    """Those that files of a camera were taken in from; also the folders of what was merged into it."""
    for camera in Camera.objects.in_use():
        name = "" if camera.pk == UNSORTED_CAMERA_ID else camera.folder.name
        if _were_taken_from(camera, name) and (doubt := why_not_believed(name)):
            yield encode_path(name), doubt


def _were_taken_from(camera: Camera, name: str) -> bool:
    """Whether any captures of the camera, or of what it was merged into, lie in this folder; in the root without."""
    captures = Capture.objects.filter(camera_id=camera.merged_into_id or camera.pk)
    return captures.filter(file_path__startswith=f"{encode_path(name)}/" if name else "").exists()


def _stray_pictures(finding: Finding, repair: bool) -> None:
    for kind in (THUMBNAILS, PREVIEWS):
        for path in stray_pictures(kind):
            finding.met(path, repaired=repair and _remove(path))


def _remove(path: str) -> bool:
    try:
        remove_stray(path)
    except Gone:
        return True
    except (NotThere, OSError):
        return False
    return True


def _missing_pictures(finding: Finding, repair: bool) -> None:
    shown = Capture.objects.exclude(preview_path="").prefetch_related("detections")
    for capture in _by_id(shown):
        paths = [capture.preview_path, *(detection.thumbnail_path for detection in capture.detections.all())]
        missing = {path for path in paths if not _lies_below(Path(settings.DATA_DIR), path)}
        # Retention may have been faster: rows first, then files.
        if missing and Capture.objects.filter(pk=capture.pk, preview_path=capture.preview_path).exists():
            drawn = redraw(capture, missing) if repair else set()
            for path in sorted(missing):
                finding.met(path, repaired=path in drawn)


def _lies_below(root: Path, path: str) -> bool:
    """False only where it is sure that nothing lies there."""
    try:
        look_below(root, path)
    except Gone:
        return False
    except (NotThere, OSError):
        return True
    return True


def _unknown_files(finding: Finding, repair: bool) -> None:
    """Files that neither the ledger nor the list of ignored ones has, but for those still arriving.

    Old ones that wait for a person to import them are left out by the scanner.
    """
    root = Path(settings.CAMERA_ROOT)
    scanner = Scanner(root)
    paths = scanner.full() if repair else scanner.unknown()
    while some := list(islice(paths, ROWS_AT_ONCE)):
        arrived = [found for path in some if (found := _settled(root, path))]
        ignored = set(
            IgnoredFile.objects.filter(file_path__in=[found.ignored_path for found in arrived]).values_list(
                "file_path", flat=True
            )
        )
        for found in arrived:
            if found.ignored_path not in ignored:
                finding.met(found.stored_path, repaired=repair and look_at(found.path) is not Outcome.WAITING)


def _settled(root: Path, path: Path) -> Found | None:
    try:
        found = Found(path, str(path.relative_to(root)), path.lstat())
    except OSError:
        return None
    return found if found.is_settled() else None


def _lost_originals(finding: Finding, repair: bool) -> None:
    """Of captures that are still kept: told, since whoever deletes a file may have meant it."""
    kept = Capture.objects.exclude(state__in=[Capture.State.EXPIRED, Capture.State.REJECTED])
    for capture in _by_id(kept.only("pk", "file_path")):
        if not _lies_below(Path(settings.CAMERA_ROOT), decode_path(capture.file_path)):
            finding.met(capture.file_path)


def _homeless_detections(finding: Finding, repair: bool) -> None:
    """Placing gives every detection of a capture its event in the transaction that marks the capture as placed."""
    placed = Detection.objects.filter(capture__state=Capture.State.DETECTED, capture__placed_at__isnull=False)
    for detection in _by_id(placed.filter(membership=None)):
        finding.met(f"detection {detection.pk}", repaired=repair and _place(detection))


@transaction.atomic
def _place(detection: Detection) -> bool:
    """Have its capture placed anew: that gives all its detections their event at once, or none."""
    Camera.objects.locked(detection.camera_id).first()
    if EventDetection.objects.filter(detection=detection).exists():
        return True
    wake("events.place_detected", detection.camera_id)
    unplaced = Capture.objects.filter(pk=detection.capture_id, state=Capture.State.DETECTED)
    return bool(unplaced.update(placed_at=None))


def _wrong_zones(finding: Finding, repair: bool) -> None:
    """Of zones that are held against what was seen; of others it is not known yet, and the sweeps see to it."""
    for zone in _by_id(Zone.objects.filter(is_located=True)):
        wrong = list(wrongly_known(zone.pk))
        if wrong and repair:
            begin_again([zone])
            for _ in locate(zone.pk):
                pass
        for detection_id in wrong:
            finding.met(f"detection {detection_id}, zone {zone.pk}", repaired=repair)


def _empty_events(finding: Finding, repair: bool) -> None:
    for event in _by_id(_without_detections().defer("search_vector")):
        finding.met(f"event {event.pk}: {event.summary}", repaired=repair and _delete_empty(event))


def _without_detections() -> QuerySet[Event]:
    return Event.objects.exclude(Exists(EventDetection.objects.filter(event=OuterRef("pk"))))


@transaction.atomic
def _delete_empty(event: Event) -> bool:
    Camera.objects.locked(event.camera_id).first()
    deleted, _ = _without_detections().filter(pk=event.pk).delete()
    if deleted:
        details: dict[str, object] = {
            "why": "no detection",
            "started_at": event.started_at.isoformat(),
            "summary": event.summary,
        }
        audit(AuditAction.EVENT_DELETED, "event", event.pk, details=details)
    return True


def _overdue_batches(finding: Finding, repair: bool) -> None:
    window = timedelta(seconds=settings.CONFIG.BATCH_WINDOW_SECONDS)
    due_since = timezone.now() - max(window, LONGEST_WAIT_FOR_CAPTURES) - SWEPT_WITHIN
    overdue = list(Batch.objects.filter(state=Batch.State.OPEN, opened_at__lt=due_since))
    if repair and overdue:
        close_due_batches()
    for batch in overdue:
        finding.met(str(batch), repaired=not Batch.objects.filter(pk=batch.pk, state=batch.state).exists())


def _lost_claims(finding: Finding, repair: bool) -> None:
    lost = list(Capture.objects.filter(state=Capture.State.DETECTING, lease_until__lt=Now() - SWEPT_WITHIN))
    if repair and lost:
        free_lost_claims()
    for capture in lost:
        held = Capture.objects.filter(pk=capture.pk, claim_id=capture.claim_id, state=capture.state)
        finding.met(capture.file_path, repaired=not held.exists())


def _by_id(rows: QuerySet[Row]) -> Iterator[Row]:
    """These rows, some hundred at a time: tables may be larger than memory, and may change meanwhile."""
    some = list(rows.order_by("pk")[:ROWS_AT_ONCE])
    while some:
        yield from some
        some = list(rows.filter(pk__gt=some[-1].pk).order_by("pk")[:ROWS_AT_ONCE])
