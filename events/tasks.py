"""Doors of the default queue: placing, closing, and the sweep that makes every lost message harmless."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from cameras.claims import free_lost_claims
from cameras.models import Capture
from cameras.silence import mark_offline
from events import asking
from events.placing import close_due_batches, place_detected
from telemetry.heartbeat import Beating, beat, forget_long_dead
from telemetry.queues import OUTAGES, own_name, works_on
from telemetry.stages import is_paused
from telemetry.wake import wake
from zones.locating import to_locate

QUEUE = "default"
_beating: list[Beating] = []


@worker_ready.connect
def start_working(**_: Any) -> None:
    """Say that this worker lives; the children of the model queues say so themselves."""
    if works_on(QUEUE):
        _beating.append(Beating(own_name(QUEUE), QUEUE))
        _beating[0].start()


@worker_shutting_down.connect
def stop_working(**_: Any) -> None:
    for beating in _beating:
        beating.stop()


@shared_task(name="events.place_detected", throws=OUTAGES)
def place_detected_task(camera_id: str) -> None:
    place_detected(camera_id)


@shared_task(name="events.close_due_batches", throws=OUTAGES)
def close_due_batches_task() -> None:
    """Beat sends it every second, so its coming is beat's sign of life."""
    beat("beat", "beat", {})
    close_due_batches()


@shared_task(name="events.sweep", throws=OUTAGES)
def sweep() -> None:
    """Wake whatever is due, free what dead workers held, notice who has gone silent."""
    forget_long_dead()
    free_lost_claims()
    asking.free_lost_claims()
    asking.let_go_if_unwanted()
    mark_offline()
    if Capture.objects.due().exists() or is_paused("detect"):
        wake("detections.detect_queued")
    asking.wake_if_needed()
    if to_locate().exists():
        wake("zones.locate")
    waiting = Capture.objects.unplaced().values_list("camera_id", flat=True)
    for camera_id in waiting.distinct():
        wake("events.place_detected", camera_id)
