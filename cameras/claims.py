"""Taking queued captures for a while, and back from workers that died. Called by detection and the sweep.

Claim and store are short transactions with the work between them. Whoever stores must still hold the claim: a
row whose claim went to somebody else is left alone. Only errors of the input count as attempts.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Case, IntegerField, Q, QuerySet, When, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from cameras.models import Camera, Capture, CaptureQuerySet
from telemetry.broadcast import broadcast
from telemetry.leases import LEASE, is_lost
from telemetry.wake import wake

logger = logging.getLogger(__name__)

LIVE = timedelta(minutes=2)
MAX_ATTEMPTS = 3
# Of so many that claim at the same moment, none goes away without a live capture.
MOST_WORKERS = 4


@dataclass(frozen=True)
class Claim:
    """Captures one worker holds under one id."""

    id: uuid.UUID
    captures: tuple[Capture, ...]


def claim_captures(worker: str, limit: int) -> Claim | None:
    """Take up to `limit` due captures: live ones first, camera by camera, then the oldest. None where nothing is due.

    A video is taken alone, since it is a batch in itself; so is a capture a worker has died with.
    """
    with transaction.atomic():
        captures = _next_in_line(limit)
        if not captures:
            return None
        claim = Claim(uuid.uuid4(), tuple(captures))
        Capture.objects.filter(pk__in=[capture.pk for capture in captures]).update(
            state=Capture.State.DETECTING,
            claim_id=claim.id,
            claimed_by=worker,
            lease_until=Now() + LEASE,
            detecting_at=Now(),
        )
    return claim


def _next_in_line(limit: int) -> list[Capture]:
    due = Capture.objects.due()
    is_live = Q(captured_at__gt=timezone.now() - LIVE)
    in_order = _locked_in_order(_in_turns(due.filter(is_live)), limit)
    if len(in_order) < limit:
        backlog = _locked(due.exclude(is_live)).order_by("captured_at", "id")
        in_order += backlog[: limit - len(in_order)]
    if not in_order:
        return []
    if _goes_alone(in_order[0]):
        return in_order[:1]
    return [capture for capture in in_order if not _goes_alone(capture)]


def _in_turns(captures: CaptureQuerySet) -> QuerySet[Any]:
    """The oldest of each camera, then the second of each: no camera that sends in masses keeps the others waiting."""
    turn = Window(RowNumber(), partition_by="camera_id", order_by=("captured_at", "id"))
    return captures.annotate(turn=turn).order_by("turn", "captured_at", "id")


def _locked_in_order(captures: QuerySet[Any], limit: int) -> list[Capture]:
    """The first that no other worker is claiming. A query that counts turns cannot lock rows: a second one does."""
    ids = list(captures.values_list("pk", flat=True)[: limit * MOST_WORKERS])
    if not ids:
        return []
    place = Case(*(When(pk=pk, then=place) for place, pk in enumerate(ids)), output_field=IntegerField())
    return list(_locked(Capture.objects.due().filter(pk__in=ids)).order_by(place)[:limit])


def _locked(captures: CaptureQuerySet) -> CaptureQuerySet:
    return captures.select_for_update(skip_locked=True, of=("self",)).select_related("camera")


def _goes_alone(capture: Capture) -> bool:
    return capture.claim_alone or capture.media_type == Capture.MediaType.VIDEO


def held(claim: Claim) -> Q:
    """Condition on captures that this claim still holds."""
    return Q(claim_id=claim.id, state=Capture.State.DETECTING)


def extend_lease(claim: Claim) -> None:
    """Say that the work goes on."""
    Capture.objects.filter(held(claim)).update(lease_until=Now() + LEASE)


def give_back(claim: Claim) -> int:
    """Queue again what the claim still holds, for no fault of the input's."""
    return Capture.objects.filter(held(claim)).update(**_unclaimed(Capture.State.QUEUED))


def count_input_error(claim: Claim, capture: Capture, error: str) -> None:
    """One more failed try of this capture: queued again after a pause, failed after the third."""
    attempts = capture.attempts + 1
    failed = attempts >= MAX_ATTEMPTS
    changed = Capture.objects.filter(held(claim), pk=capture.pk).update(
        **_unclaimed(Capture.State.FAILED if failed else Capture.State.QUEUED),
        attempts=attempts,
        error=error,
        next_attempt_at=None if failed else Now() + _pause_before(attempts),
        processed_at=Now() if failed else None,
    )
    if changed and failed:
        logger.warning("capture %s failed for good: %s", capture.pk, error)
        broadcast("capture", {"id": capture.pk, "camera_id": capture.camera_id, "state": Capture.State.FAILED})


def reject_claimed(claim: Claim, capture: Capture, reason: str) -> bool:
    """End a claimed capture as rejected. False where the claim no longer holds it."""
    with transaction.atomic():
        # The lock of intake: no duplicate of this capture can be added meanwhile.
        Camera.objects.held(capture.camera_id)
        changed = Capture.objects.filter(held(claim), pk=capture.pk).update(
            **_unclaimed(Capture.State.REJECTED), error=reason, processed_at=Now()
        )
        if changed:
            _let_a_duplicate_take_its_place(capture)
            broadcast("capture", {"id": capture.pk, "camera_id": capture.camera_id, "state": Capture.State.REJECTED})
    return bool(changed)


def _let_a_duplicate_take_its_place(capture: Capture) -> None:
    """The same content may lie there under another name, as after a rename: then that is read instead."""
    duplicates = Capture.objects.filter(duplicate_of=capture, state=Capture.State.DUPLICATE)
    heir = duplicates.order_by("id").first()
    if heir is None:
        return
    duplicates.exclude(pk=heir.pk).update(duplicate_of=heir)
    duplicates.filter(pk=heir.pk).update(state=Capture.State.QUEUED, duplicate_of=None, processed_at=None)
    wake("detections.detect_queued")


def free_lost_claims() -> int:
    """Queue again what dead or stalled workers hold; returns how many captures.

    A batch is retried one by one, since any of its captures may have ended the worker: only dying with one
    alone counts against it.
    """
    freed = 0
    for claim_id in list(_lost().exclude(claim_id=None).values_list("claim_id", flat=True).distinct()):
        freed += _free(claim_id)
    return freed


def _lost() -> QuerySet[Capture]:
    return Capture.objects.filter(is_lost(), state=Capture.State.DETECTING)


def _free(claim_id: uuid.UUID | None) -> int:
    assert claim_id is not None
    with transaction.atomic():
        captures = list(_lost().select_for_update(skip_locked=True).filter(claim_id=claim_id))
        claim = Claim(claim_id, tuple(captures))
        if _died_alone(captures):
            count_input_error(claim, captures[0], "The detector died or stalled while it looked at this file alone.")
        else:
            Capture.objects.filter(held(claim)).update(**_unclaimed(Capture.State.QUEUED), claim_alone=True)
    for capture in captures:
        logger.warning("capture %s was left behind by %s; it is queued again", capture.pk, capture.claimed_by)
    return len(captures)


def _died_alone(captures: Sequence[Capture]) -> bool:
    return len(captures) == 1 and captures[0].claim_alone


def _pause_before(attempts: int) -> timedelta:
    """1 s × 2ⁿ with up to half again of jitter."""
    return timedelta(seconds=2 ** (attempts - 1) * random.uniform(1, 1.5))  # noqa: S311  (no secret)


def _unclaimed(state: Capture.State) -> dict[str, object]:
    return {"state": state, "claim_id": None, "claimed_by": "", "lease_until": None}
