"""Which visits a language model is to look at, and who is looking: the ledger of the analyze stage.

    none → pending → running → done · failed

Placing asks, a worker claims, answers or gives back, the sweep frees what dead workers held. A visit that is asked
about while somebody looks at it is pending and claimed at once: one more look follows, and never two wait. Claim and
store are short transactions with the work between them. Whoever stores must still hold the claim, and holds the
camera's row meanwhile, as placing does.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from events.assessment import hold, keep_failed
from events.feed import event_hint
from events.models import Assessment, Event, EventDetection, as_rules_saw_it
from inference.registry import choose_analyst
from security_site.config import Config
from telemetry.broadcast import broadcast
from telemetry.leases import LEASE, is_lost, is_time
from telemetry.stages import is_paused, resume
from telemetry.wake import wake

logger = logging.getLogger(__name__)

STAGE = "analyze"
TASK = "events.analyze_pending"
MAX_ATTEMPTS = 3
# A visit whose try failed lets others go first: the sweep has the stage tried again before.
BEHIND_THE_NEXT_TRY = timedelta(seconds=7)
# One whose look ended the process as well; four times as long after the second.
AGAIN_AFTER_A_DEATH = timedelta(seconds=5)
PENDING, RUNNING, DONE, FAILED = (
    Event.AnalysisState.PENDING,
    Event.AnalysisState.RUNNING,
    Event.AnalysisState.DONE,
    Event.AnalysisState.FAILED,
)
UNCLAIMED: dict[str, Any] = {"analysis_claim_id": None, "analysis_claimed_by": "", "analysis_lease_until": None}


@dataclass(frozen=True)
class Claim:
    """A visit that one worker looks at."""

    id: uuid.UUID
    event_id: int


def is_wanted() -> bool:
    """Whether a language model is chosen, by the settings of this process."""
    return _chooses_a_model(settings.CONFIG)


@lru_cache(maxsize=2)
def _chooses_a_model(config: Config) -> bool:
    """Asked with every picture that is placed; the answer may look for a file, and is that of the start."""
    return choose_analyst(config).name == "llm"


def ask(event_id: int, *, after: timedelta = timedelta()) -> None:
    """Have a model look at the visit, in the transaction of the caller, who raises its revision.

    Nothing happens where none is chosen, where it is asked already, and where a model has seen all there is.
    """
    if not is_wanted() or not _has_news(event_id):
        return
    asked = Event.objects.filter(pk=event_id).exclude(analysis_state=PENDING)
    asked.update(analysis_state=PENDING, analysis_asked_at=Now(), analysis_next_at=Now() + after, analysis_attempts=0)
    wake(TASK)


def _has_news(event_id: int) -> bool:
    looked = Assessment.objects.filter(event=event_id, source=Assessment.Source.LLM, is_replay=False)
    seen = looked.aggregate(most=Max("detection_count"))["most"]
    return seen is None or EventDetection.objects.filter(event=event_id).count() > seen


def pending() -> QuerySet[Event]:
    """Visits that wait for a model and are in nobody's hands."""
    return Event.objects.filter(analysis_state=PENDING, analysis_claim_id=None)


def due() -> QuerySet[Event]:
    """Those of them that somebody may take now, first in line first."""
    return pending().filter(is_time("analysis_next_at")).order_by("-is_fast_path", "-risk_score", "-pk")


def wake_if_needed() -> None:
    """Wake a worker for what is due, and where the stage is paused: somebody has to try whether it still must be."""
    if is_wanted() and (due().exists() or is_paused(STAGE)):
        wake(TASK)


def claim_next(worker: str) -> Claim | None:
    """Take the next visit; None where none is due."""
    with transaction.atomic():
        event_id = due().select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True).first()
        if event_id is None:
            return None
        claim = Claim(uuid.uuid4(), event_id)
        Event.objects.filter(pk=event_id).update(
            analysis_state=RUNNING,
            analysis_claim_id=claim.id,
            analysis_claimed_by=worker,
            analysis_lease_until=Now() + LEASE,
        )
    return claim


def renew(claim: Claim) -> None:
    """Say that the work goes on."""
    _of(claim).update(analysis_lease_until=Now() + LEASE)


def _of(claim: Claim) -> QuerySet[Event]:
    return Event.objects.filter(pk=claim.event_id, analysis_claim_id=claim.id)


def held_event(claim: Claim) -> Event | None:
    """The claimed visit, held to the end of the transaction; None where the claim is lost, or the visit gone."""
    return hold(_of(claim))


def give_back(claim: Claim, wait: timedelta) -> None:
    """Let the visit wait again, for no fault of its own, behind those that have not been tried since."""
    _of(claim).update(**UNCLAIMED, analysis_state=PENDING, analysis_next_at=Now() + wait + BEHIND_THE_NEXT_TRY)


def count_try(claim: Claim, why: str, wait: timedelta) -> None:
    """One more failed try of this visit: it waits again, and fails with the third."""
    with transaction.atomic():
        event = held_event(claim)
        if event is not None:
            _count(event, why, wait + BEHIND_THE_NEXT_TRY)


def _count(event: Event, why: str, wait: timedelta) -> None:
    """The caller holds its camera's row."""
    attempts = event.analysis_attempts + 1
    if attempts < MAX_ATTEMPTS:
        changes = {"analysis_state": PENDING, "analysis_attempts": attempts, "analysis_next_at": Now() + wait}
        Event.objects.filter(pk=event.pk).update(**UNCLAIMED, **changes)
        return
    error = f"Given up after {MAX_ATTEMPTS} tries. The last one: {why}"
    seen = event.memberships.count()
    fail(event, keep_failed(event, error, model=_model_name(settings.CONFIG), detection_count=seen, latency_ms=0))


def _model_name(config: Config) -> str:
    """As its answers name it, as far as the settings tell: whoever asked may be gone."""
    if config.LLM_URL:
        return config.LLM_MODEL or "the server’s model"
    return Path(config.LLM_MODEL).stem


def fail(event: Event, failed: Assessment) -> None:
    """No answer came of this look: what the visit says stays as it is. The caller holds its camera's row."""
    logger.warning("event %s: no answer of the language model can be kept: %s", event.pk, failed.error)
    ended = ended_as(FAILED, event, failed.detection_count or 0)
    Event.objects.filter(pk=event.pk).update(**ended, **as_rules_saw_it(), changed_at=timezone.now())
    tell(event)


def ended_as(state: Event.AnalysisState, event: Event, seen: int) -> dict[str, Any]:
    """What the visit becomes after a look that saw so many detections; it waits for one more if that was asked for."""
    if event.analysis_state == PENDING and event.memberships.count() > seen:
        wake(TASK)
        return UNCLAIMED
    return UNCLAIMED | {"analysis_state": state, "analysis_attempts": 0, "analysis_next_at": None}


def tell(event: Event) -> None:
    """Tell the open pages of the visit as it is now."""
    event.refresh_from_db()
    broadcast("event", event_hint(event))


def free_lost_claims() -> int:
    """Let those visits wait again whose worker died or stalled; returns how many. It counts against the visit."""
    lost = Event.objects.filter(is_lost("analysis_"), analysis_claim_id__isnull=False)
    freed = 0
    for event_id, claim_id, worker in lost.values_list("pk", "analysis_claim_id", "analysis_claimed_by"):
        assert claim_id is not None
        with transaction.atomic():
            event = held_event(Claim(claim_id, event_id))
            if event is not None and lost.filter(pk=event_id).exists():
                logger.warning("event %s was left behind by %s", event_id, worker)
                wait = AGAIN_AFTER_A_DEATH * 4**event.analysis_attempts
                _count(event, "the analyze process ended or stalled meanwhile.", wait)
                freed += 1
    return freed


def let_go_if_unwanted() -> None:
    """Let no visit wait for a model that is chosen no more."""
    if not is_wanted():
        none = Event.AnalysisState.NONE
        pending().update(analysis_state=none, **as_rules_saw_it(), changed_at=timezone.now())
        resume(STAGE)
