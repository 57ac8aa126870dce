"""Dead letters: captures whose every attempt failed. A person has them tried again, or lets them go."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.functions import Concat, Now
from django.http import HttpRequest

from accounts.models import AuditAction, audit
from cameras.models import Capture
from telemetry.broadcast import broadcast
from telemetry.wake import wake


@transaction.atomic
def requeue(captures: QuerySet[Capture], request: HttpRequest) -> int:
    """Have the failed ones of `captures` tried again from scratch; how many."""
    failed = _locked_failures(captures)
    for capture in failed:
        audit(AuditAction.CAPTURE_REQUEUED, "capture", capture.pk, request=request, details={"error": capture.error})
    requeued = _rows(failed).update(
        state=Capture.State.QUEUED, attempts=0, claim_alone=False, next_attempt_at=None, error="", processed_at=None
    )
    wake("detections.detect_queued")
    _tell(failed, Capture.State.QUEUED)
    return requeued


@transaction.atomic
def dismiss(captures: QuerySet[Capture], request: HttpRequest) -> int:
    """Let the failed ones of `captures` go, with the name of who did; how many."""
    failed = _locked_failures(captures)
    for capture in failed:
        audit(AuditAction.CAPTURE_DISMISSED, "capture", capture.pk, request=request, details={"error": capture.error})
    who = Value(f"dismissed by {request.user}: ")
    dismissed = _rows(failed).update(state=Capture.State.REJECTED, error=Concat(who, F("error")), processed_at=Now())
    _tell(failed, Capture.State.REJECTED)
    return dismissed


def _tell(captures: list[Capture], state: Capture.State) -> None:
    for capture in captures:
        broadcast("capture", {"id": capture.pk, "camera_id": capture.camera_id, "state": state})


def _locked_failures(captures: QuerySet[Capture]) -> list[Capture]:
    """Rows that are failed now and stay so until we commit: two people may press at once."""
    return list(captures.filter(state=Capture.State.FAILED).select_for_update(of=("self",), no_key=True))


def _rows(captures: list[Capture]) -> QuerySet[Capture]:
    return Capture.objects.filter(pk__in=[capture.pk for capture in captures])
