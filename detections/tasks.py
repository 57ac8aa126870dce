"""Door of the detect queue: one process, one detector, loaded once in the child."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings
from django.db import InterfaceError, OperationalError

from inference.protocols import EngineLost
from inference.registry import choose_detector, load_detector, what_runs
from telemetry.heartbeat import Beating
from telemetry.queues import own_name, works_on
from telemetry.stages import is_paused
from telemetry.wake import wake

logger = logging.getLogger(__name__)

QUEUE = "detect"
# More work wakes another task, so that no task comes near its time limit.
MOST_AT_ONCE = 32


@lru_cache(maxsize=1)
def _beating() -> Beating:
    return Beating(own_name(QUEUE), QUEUE)


def _tell_what_runs() -> None:
    """Let the heartbeats carry the engine, why that one, its weights and device, and what is to be known of it."""
    config = settings.CONFIG
    _beating().detail = what_runs(choose_detector(config), lambda: load_detector(config))


@worker_process_init.connect
def start_detecting(**_: Any) -> None:
    """Load the detector in the child, after the fork, before it takes work; then say that it lives."""
    if not works_on(QUEUE):
        return
    if settings.CONFIG.DETECT_GPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.CONFIG.DETECT_GPU  # before torch is imported
    settings.CONFIG.models.mkdir(parents=True, exist_ok=True)  # weights can be put there at any time
    _tell_what_runs()
    _beating().start()
    wake("detections.detect_queued")  # which also pauses the stage, with the reason, where the detector cannot run


@worker_process_shutdown.connect
def stop_detecting(**_: Any) -> None:
    if works_on(QUEUE):
        _beating().stop()


@shared_task(name="detections.detect_queued", throws=(OperationalError, InterfaceError))
def detect_queued_task() -> None:
    """Work off what is due; wake again while there is more. Ends its process where only a new one can go on."""
    from detections.detect import STAGE, detect_queued  # with all of OpenCV, which no other worker needs

    try:
        done = detect_queued(_beating().worker, MOST_AT_ONCE)
    except EngineLost as lost:
        logger.error("this worker ends, and another one takes its place: %s", lost)
        raise SystemExit(1) from lost
    if not is_paused(STAGE):
        _tell_what_runs()
    if done >= MOST_AT_ONCE:
        wake("detections.detect_queued")
