"""What became of each of the last files, in one sentence each: the promise that none is silently ignored.

Shown on the live page and on the pages of the cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet, TextChoices

from cameras.ftp.parts import shown_name
from cameras.models import Camera, Capture, CaptureQuerySet, IgnoredFile
from cameras.words import list_words, span_words

if TYPE_CHECKING:
    from accounts.models import User


class Outcome(TextChoices):
    """How a receipt is shown: its sign."""

    PENDING = "pending"
    FOUND = "found"
    NOTHING = "nothing"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Receipt:
    """One file and its outcome. `event_id` is the visit it became part of; `changed_at` the last news of it."""

    file_path: str
    camera: Camera
    arrived_at: datetime
    changed_at: datetime
    outcome: Outcome
    sentence: str
    event_id: int | None = None

    @property
    def file_name(self) -> str:
        return shown_name(self.file_path)

    @property
    def path_in_folder(self) -> str:
        """The same below the folder of the camera."""
        folders = self.file_path.split("/")[1:-1]
        return "/".join([*folders, self.file_name])


def last_receipts(user: User, limit: int) -> list[Receipt]:
    """Receipts of the last files this person may know of, newest arrival first. Two queries."""
    ignored = IgnoredFile.objects.filter(camera__in=Camera.objects.for_user(user))
    return receipts_of(Capture.objects.for_user(user), ignored, limit)


def receipts_of(captures: CaptureQuerySet, ignored: QuerySet[IgnoredFile], limit: int) -> list[Receipt]:
    """The newest of these captures and ignored files together. Two queries."""
    captures = captures.with_event_id().select_related("camera", "duplicate_of")
    captures = captures.annotate(
        object_types=ArraySubquery(
            Capture.objects.filter(pk=OuterRef("pk"), detections__isnull=False)
            .order_by("detections__object_type")
            .values("detections__object_type")
            .distinct()
        )
    )
    receipts = [_receipt_of(capture) for capture in captures.order_by("-id")[:limit]]
    newest_ignored = ignored.select_related("camera").order_by("-arrived_at", "-id")[:limit]
    receipts += [_receipt_of_ignored(file) for file in newest_ignored]
    return sorted(receipts, key=lambda receipt: receipt.arrived_at, reverse=True)[:limit]


def _receipt_of(capture: Capture) -> Receipt:
    outcome, sentence = outcome_of(capture, getattr(capture, "object_types", []))
    moments = (capture.arrived_at, capture.detecting_at, capture.processed_at, capture.placed_at)
    return Receipt(
        file_path=capture.file_path,
        camera=capture.camera,
        arrived_at=capture.arrived_at,
        changed_at=max(moment for moment in moments if moment is not None),
        outcome=outcome,
        sentence=sentence,
        event_id=getattr(capture, "event_id", None),
    )


def _receipt_of_ignored(file: IgnoredFile) -> Receipt:
    is_ignored = file.kind == IgnoredFile.Kind.IGNORED
    return Receipt(
        file_path=file.file_path,
        camera=file.camera,
        arrived_at=file.arrived_at,
        changed_at=file.arrived_at,
        outcome=Outcome.IGNORED if is_ignored else Outcome.REFUSED,
        sentence=f"{'Ignored' if is_ignored else 'Cannot be read'}: {file.reason}",
    )


def outcome_of(capture: Capture, object_types: list[str]) -> tuple[Outcome, str]:
    """What became of a capture, as a sign and a sentence. `object_types` are those found in it."""
    match capture.state:
        case Capture.State.QUEUED if capture.error:
            return Outcome.PENDING, f"Will be tried again: {capture.error}"
        case Capture.State.QUEUED:
            return Outcome.PENDING, "Waits to be looked at…"
        case Capture.State.DETECTING:
            return Outcome.PENDING, "Being looked at…"
        case Capture.State.DETECTED if object_types:
            return Outcome.FOUND, f"Found: {list_words(object_types)}"
        case Capture.State.DETECTED:
            return Outcome.NOTHING, capture.nothing_found
        case Capture.State.DUPLICATE:
            return Outcome.DUPLICATE, _duplicate_sentence(capture)
        case Capture.State.FAILED:
            return Outcome.FAILED, f"Failed: {capture.error}"
        case Capture.State.EXPIRED:
            return Outcome.NOTHING, "Its time to be kept is over"
        case _:
            return Outcome.REFUSED, f"Rejected: {capture.error}"


def _duplicate_sentence(capture: Capture) -> str:
    if capture.duplicate_of is None:
        return "Same picture as an earlier one"
    apart = capture.captured_at - capture.duplicate_of.captured_at
    if apart.total_seconds() < 1:
        return "Same picture as another one"
    return f"Same picture as {span_words(apart)} ago"
