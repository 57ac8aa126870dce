"""Pausing and resuming a stage of the pipeline, with the reason a person reads. Called by the stages.

A stage that asks somebody else's server takes a turn before each try. While the server fails, turns are rare, and one
worker's at a time: all of them learn of it by the row of the pause, on whichever machine they run.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.db.models.functions import Now

from telemetry.broadcast import broadcast
from telemetry.leases import is_time
from telemetry.models import Pause

logger = logging.getLogger(__name__)

FIRST_WAIT_S, LONGEST_WAIT_S = 5, 300
# Whoever tries has so long until others may: a try that came to nothing is not waited for.
LONGEST_TRY = timedelta(seconds=150)


def pause(stage: str, reason: str) -> None:
    """Record that `stage` waits, and for what; a new reason replaces the old one, the time stays."""
    _, created = Pause.objects.update_or_create(
        stage=stage, defaults={"reason": reason}, create_defaults={"stage": stage, "reason": reason}
    )
    if created:
        _tell_pause(stage, reason)


def resume(stage: str) -> bool:
    """End the pause of `stage`. False where there is none."""
    deleted, _ = Pause.objects.filter(stage=stage).delete()
    if deleted:
        logger.info("%s goes on", stage)
        broadcast("stage", {"stage": stage, "paused": False})
    return bool(deleted)


def is_paused(stage: str) -> bool:
    return Pause.objects.filter(stage=stage).exists()


@dataclass(frozen=True)
class Turn:
    """Leave to try, once. `failures` are the tries in a row that failed before."""

    stage: str
    failures: int


def take_turn(stage: str) -> Turn | None:
    """Leave to try now; None while the stage waits for its next try, or somebody else has that."""
    pause = Pause.objects.filter(stage=stage).first()
    if pause is None:
        return Turn(stage, 0)
    if pause.retry_at is None:
        return Turn(stage, pause.attempts)
    due = Pause.objects.filter(is_time("retry_at"), stage=stage, attempts=pause.attempts)
    return Turn(stage, pause.attempts) if due.update(retry_at=Now() + LONGEST_TRY) else None


def try_soon(stage: str) -> None:
    """Let the next who asks have a turn: one was not needed, or there is reason to hope."""
    Pause.objects.filter(stage=stage, retry_at__isnull=False).update(retry_at=Now())


def hold_off(turn: Turn, reason: str) -> timedelta:
    """The try failed: pause the stage until the next, each time for longer; returns how long.

    Tries that failed side by side are one: only the first of them makes the pause longer.
    """
    wait = _wait_after(turn.failures + 1)
    values = {"reason": reason, "attempts": F("attempts") + 1, "retry_at": Now() + wait}
    if not Pause.objects.filter(stage=turn.stage, attempts=turn.failures).update(**values):
        first = {"reason": reason, "attempts": 1, "retry_at": Now() + wait}
        _, created = Pause.objects.get_or_create(stage=turn.stage, defaults=first)
        if created:
            _tell_pause(turn.stage, reason)
    return wait


def _wait_after(failures: int) -> timedelta:
    """5 s × 2ⁿ up to five minutes, with up to a fifth less of jitter."""
    longest = min(FIRST_WAIT_S * 2 ** min(failures - 1, 10), LONGEST_WAIT_S)
    return timedelta(seconds=longest * random.uniform(0.8, 1))  # noqa: S311  (no secret)


def _tell_pause(stage: str, reason: str) -> None:
    logger.warning("%s is paused: %s", stage, reason)
    broadcast("stage", {"stage": stage, "paused": True})
