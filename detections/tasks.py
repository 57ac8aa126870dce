"""Door of the detect queue: one process, one detector, loaded once in the child."""

from __future__ import annotations

import logging
import os
import socket
from functools import lru_cache
from typing import Any

from celery import shared_task
from celery.signals import worker_process_init, worker_process_shutdown
from django.conf import settings
from django.db import InterfaceError, OperationalError

from inference.protocols import EngineUnavailable
from inference.registry import choose_detector, load_detector
from telemetry.heartbeat import Beating
from telemetry.wake import wake

logger = logging.getLogger(__name__)

QUEUE = "detect"
# More work wakes another task, so that no task comes near its time limit.
MOST_AT_ONCE = 32


@lru_cache(maxsize=1)
def _beating() -> Beating:
    choice = choose_detector(settings.CONFIG.DETECTOR)
    return Beating(f"{QUEUE}@{socket.gethostname()}:{os.getpid()}", QUEUE, {"engine": choice.name, "why": choice.why})


@worker_process_init.connect
def start_detecting(**_: Any) -> None:
    """Load the detector in the child, after the fork, before it takes work; then say that it lives."""
    if settings.CONFIG.DETECT_GPU:
        os.environ["CUDA_VISIBLE_DEVICES"] = settings.CONFIG.DETECT_GPU
    try:
        load_detector(choose_detector(settings.CONFIG.DETECTOR).name)
    except EngineUnavailable as missing:
        logger.error("the detector cannot run: %s", missing)  # each task meets it too, and pauses the stage
    _beating().start()
    wake("detections.detect_queued")


@worker_process_shutdown.connect
def stop_detecting(**_: Any) -> None:
    _beating().stop()


@shared_task(name="detections.detect_queued", throws=(OperationalError, InterfaceError))
def detect_queued_task() -> None:
    """Work off what is due; wake again while there is more."""
    from detections.detect import detect_queued  # with all of OpenCV, which no other worker needs

    if detect_queued(_beating().worker, MOST_AT_ONCE) >= MOST_AT_ONCE:
        wake("detections.detect_queued")
