"""Dead letters: captures whose every attempt failed. A person has them tried again, or lets them go.

Called by the System page, the API and the admin. Ten thousand files may have failed for one reason, so each deed goes
through them in short transactions: what one of them did stays done, and each is noted in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, F, Max, QuerySet, Value, Window
from django.db.models.functions import MD5, Concat, Now, RowNumber
from django.http import HttpRequest

from accounts.models import AuditAction, audit
from cameras.models import Capture
from telemetry.broadcast import broadcast
from telemetry.wake import wake

if TYPE_CHECKING:
    from accounts.models import User

FILES_A_TRANSACTION = 500
FILES_SHOWN = 3


@dataclass(frozen=True)
class Kind:
    """Files that failed for the same reason: how many, and the last few of them."""

    error: str
    key: str
    """Stands for `error` in a form, where a browser would change its line ends."""
    count: int
    last_failed_at: datetime | None
    files: tuple[Capture, ...]


def kinds_of_failure(user: User, most: int) -> list[Kind]:
    """Dead letters this person may see by their error, the most frequent first; `most` kinds. Two queries."""
    failed = Capture.objects.for_user(user).failed()
    kinds = failed.values("error").annotate(count=Count("pk"), last=Max("processed_at"), key=MD5("error"))
    shown = list(kinds.order_by("-count", "error")[:most])
    rank = Window(RowNumber(), partition_by="error", order_by="-id")
    last_files = failed.filter(error__in=[kind["error"] for kind in shown]).annotate(rank=rank)
    files: dict[str, list[Capture]] = {kind["error"]: [] for kind in shown}
    for capture in last_files.filter(rank__lte=FILES_SHOWN).select_related("camera").order_by("-id"):
        files[capture.error].append(capture)
    return [
        Kind(kind["error"], kind["key"], kind["count"], kind["last"], tuple(files[kind["error"]])) for kind in shown
    ]


def of_kind(captures: QuerySet[Capture], key: str) -> QuerySet[Capture]:
    """Those of `captures` whose error has this key."""
    return captures.alias(error_key=MD5("error")).filter(error_key=key)


def requeue(captures: QuerySet[Capture], request: HttpRequest) -> int:
    """Have the failed ones of `captures` tried again from scratch; how many."""

    def change(failed: list[Capture]) -> None:
        _note(AuditAction.CAPTURE_REQUEUED, failed, request)
        _rows(failed).update(
            state=Capture.State.QUEUED, attempts=0, claim_alone=False, next_attempt_at=None, error="", processed_at=None
        )
        wake("detections.detect_queued")
        _tell(failed, Capture.State.QUEUED)

    return _in_short_transactions(captures, change)


def dismiss(captures: QuerySet[Capture], request: HttpRequest) -> int:
    """Let the failed ones of `captures` go, with the name of who did; how many."""
    who = Value(f"dismissed by {request.user}: ")

    def change(failed: list[Capture]) -> None:
        _note(AuditAction.CAPTURE_DISMISSED, failed, request)
        _rows(failed).update(state=Capture.State.REJECTED, error=Concat(who, F("error")), processed_at=Now())
        _tell(failed, Capture.State.REJECTED)

    return _in_short_transactions(captures, change)


def _in_short_transactions(captures: QuerySet[Capture], change: Callable[[list[Capture]], None]) -> int:
    """Do `change` to all that are failed, some at a time. Each is met once, though it may fail again meanwhile."""
    done, last_id = 0, 0
    while True:
        with transaction.atomic():
            failed = _locked_failures(captures.filter(pk__gt=last_id))
            if failed:
                change(failed)
        done += len(failed)
        if len(failed) < FILES_A_TRANSACTION:
            return done
        last_id = failed[-1].pk


def _locked_failures(captures: QuerySet[Capture]) -> list[Capture]:
    """Rows that are failed now and stay so until we commit: two people may press at once.

    In the order of their ids, so that the two do not wait for each other.
    """
    failed = captures.filter(state=Capture.State.FAILED).order_by("pk")
    return list(failed.select_for_update(of=("self",), no_key=True)[:FILES_A_TRANSACTION])


def _note(action: AuditAction, failed: list[Capture], request: HttpRequest) -> None:
    """One line of the audit trail for each error, with the ids of its files: letting a thousand go is one deed."""

    def error_of(capture: Capture) -> str:
        return capture.error

    for error, captures in groupby(sorted(failed, key=error_of), error_of):
        ids = [capture.pk for capture in captures]
        if len(ids) == 1:
            audit(action, "capture", ids[0], request=request, details={"error": error})
        else:
            details = {"error": error, "count": len(ids), "capture_ids": ids}
            audit(action, "capture", request=request, details=details)


def _tell(captures: list[Capture], state: Capture.State) -> None:
    for camera_id in sorted({capture.camera_id for capture in captures}):
        broadcast("capture", {"camera_id": camera_id, "state": state})


def _rows(captures: list[Capture]) -> QuerySet[Capture]:
    return Capture.objects.filter(pk__in=[capture.pk for capture in captures])
