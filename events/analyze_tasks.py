"""Door of the analyze queue: one process, one language model, loaded once in the child. It runs where one is chosen."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings

from events.asking import STAGE, TASK
from inference.protocols import EngineLost
from inference.registry import choose_analyst, load_analyst, what_runs
from telemetry.heartbeat import Beating
from telemetry.queues import OUTAGES, own_name, works_on
from telemetry.stages import is_paused
from telemetry.wake import wake

logger = logging.getLogger(__name__)

QUEUE = "analyze"
# More work wakes another task, so that no task comes near its time limit.
MOST_AT_ONCE = 16


@lru_cache(maxsize=1)
def _beating() -> Beating:
    return Beating(own_name(QUEUE), QUEUE)


def _tell_what_runs() -> None:
    """Let the heartbeats carry the engine, why that one, its model, and what is to be known of it."""
    config = settings.CONFIG
    _beating().detail = what_runs(choose_analyst(config), lambda: load_analyst("llm", config))


@worker_process_init.connect
def start_analyzing(**_: Any) -> None:
    """Load the model in the child, after the fork, before it takes work; then say that it lives."""
    if not works_on(QUEUE):
        return
    if settings.CONFIG.ANALYZE_GPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.CONFIG.ANALYZE_GPU  # before the library is imported
    _tell_what_runs()
    _beating().start()
    wake(TASK)  # which also pauses the stage, with the reason, where the model cannot run


@worker_process_shutdown.connect
def stop_analyzing(**_: Any) -> None:
    if works_on(QUEUE):
        _beating().stop()


@shared_task(name=TASK, throws=OUTAGES)
def analyze_pending_task() -> None:
    """Work off what is due; wake again while there is more. Ends its process where only a new one can go on."""
    from events.analysis import analyze_pending  # with all that it needs of the model, and no other worker does

    try:
        answered = analyze_pending(_beating().worker, MOST_AT_ONCE)
    except EngineLost as lost:
        logger.error("this worker ends, and another one takes its place: %s", lost)
        raise SystemExit(1) from lost
    if not is_paused(STAGE):
        _tell_what_runs()  # what could not run may run by now, a server may have been given another model
    if answered >= MOST_AT_ONCE:
        wake(TASK)
