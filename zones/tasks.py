"""Door of the default queue: zones that were drawn or changed are held against what was seen before."""

from __future__ import annotations

import threading

from celery import shared_task

from telemetry.queues import OUTAGES
from zones.locating import locate_all

# One thread of a worker at a time: others would only wait for the same camera, and the queue has more to do.
_locating = threading.Lock()


@shared_task(name="zones.locate", throws=OUTAGES)
def locate_task() -> None:
    if _locating.acquire(blocking=False):
        try:
            locate_all()
        finally:
            _locating.release()
