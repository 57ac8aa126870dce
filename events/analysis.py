"""Has a language model look at the visits that wait for it. Called by the analyze task.

The rules have judged each of them before; until an answer is stored, and where none comes, theirs stands. A model that
is out of reach pauses the stage and counts against nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from events.asking import (
    DONE,
    STAGE,
    TASK,
    Claim,
    claim_next,
    count_try,
    ended_as,
    fail,
    give_back,
    held_event,
    pending,
    renew,
    tell,
)
from events.assessment import event_context, keep, keep_refused, show
from events.models import Assessment, Event, PromptVersion
from events.prompts import active_prompt
from inference.protocols import AnswerRefused, EngineLost, EngineUnavailable, PromptedAnalyst, Verdict
from inference.registry import load_analyst
from telemetry.leases import RENEWED_EVERY_S
from telemetry.stages import Turn, hold_off, resume, take_turn, try_soon
from telemetry.wake import wake

logger = logging.getLogger(__name__)

LONGEST_TURN_S = 120.0


def analyze_pending(worker: str, most: int) -> int:
    """Work off due visits, at most `most`; returns how many were answered, usably or not.

    Where the model is out of reach the stage is paused, with its reason, and the visits go on waiting.
    Raises EngineLost, after that, where only a new process can go on.
    """
    answered = 0
    until = time.monotonic() + LONGEST_TURN_S
    while answered < most and time.monotonic() < until and (turn := take_turn(STAGE)):
        claim = None
        try:
            analyst = cast("PromptedAnalyst", load_analyst("llm", settings.CONFIG))
            claim = claim_next(worker)
            if claim is None:
                _nothing_to_do()
                break
            _look(claim, analyst)
            answered += 1
        except (EngineUnavailable, MemoryError) as missing:
            _stand_back(turn, claim, str(missing) or "not enough memory")
            if isinstance(missing, EngineLost):
                raise
            continue
        if resume(STAGE):
            wake(TASK)  # for the others
    return answered


def _nothing_to_do() -> None:
    """Nobody waits, so nothing is paused; those that are not due yet will need the turn."""
    if pending().exists():
        try_soon(STAGE)
    else:
        resume(STAGE)


def _stand_back(turn: Turn, claim: Claim | None, why: str) -> None:
    """Pause the stage. Where the model had answered others up to now, it may be this visit that it cannot answer."""
    wait = hold_off(turn, why)
    if claim is None:
        return
    if turn.failures == 0:
        count_try(claim, why, wait)
    else:
        give_back(claim, wait)


def _look(claim: Claim, analyst: PromptedAnalyst) -> None:
    """Ask about one visit, outside of any transaction, and store what comes of it. Raises EngineUnavailable."""
    event = Event.objects.select_related("camera").defer("search_vector").filter(pk=claim.event_id).first()
    if event is None:
        return
    context, prompt = event_context(event), active_prompt()
    seen = len(context.sightings)
    started = time.perf_counter()
    try:
        with _renewed(claim):
            verdict = analyst.with_instructions(prompt.text).assess(context)
    except AnswerRefused as refused:
        _store_refused(claim, refused, **_facts(seen, started, prompt))
    else:
        _store(claim, verdict, **_facts(seen, started, prompt))


def _facts(seen: int, started: float, prompt: PromptVersion) -> dict[str, Any]:
    """What is kept of every look, whatever came of it."""
    latency_ms = round(1000 * (time.perf_counter() - started))
    return {"detection_count": seen, "latency_ms": latency_ms, "prompt_version": prompt}


@transaction.atomic
def _store(claim: Claim, verdict: Verdict, **facts: Any) -> None:
    event = _still_held(claim)
    if event is not None:
        assessment = keep(event, Assessment.Source.LLM, verdict, **facts)
        show(event, assessment, verdict, **ended_as(DONE, event, facts["detection_count"]))
        tell(event)


@transaction.atomic
def _store_refused(claim: Claim, refused: AnswerRefused, **facts: Any) -> None:
    event = _still_held(claim)
    if event is not None:
        fail(event, keep_refused(event, refused, **facts))


def _still_held(claim: Claim) -> Event | None:
    event = held_event(claim)
    if event is None:
        logger.warning(
            "event %s was taken over by another worker, or is gone; this answer is discarded", claim.event_id
        )
    return event


@contextmanager
def _renewed(claim: Claim) -> Iterator[None]:
    """The claim is kept while the model thinks, however long that takes."""
    answered = threading.Event()

    def keep_renewing() -> None:
        while not answered.wait(RENEWED_EVERY_S):
            try:
                renew(claim)
            except (DatabaseError, InterfaceError) as error:
                logger.warning("the claim of event %s could not be renewed: %s", claim.event_id, error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=keep_renewing, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        answered.set()
        thread.join()
        if not connection.in_atomic_block:  # as in tests
            close_old_connections()  # the database may have been started anew meanwhile
