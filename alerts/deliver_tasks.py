"""Door of the deliver queue: a process of its own, where nothing but public addresses and permitted ones is reached.

A service that hangs holds one of its threads, and none of the pipeline's.
"""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings

from alerts import guard
from alerts.deliver import TASK, deliver_next
from alerts.models import NotificationChannel
from security_site.embedded import redis_url
from telemetry.heartbeat import Beating
from telemetry.queues import OUTAGES, own_name, works_on
from telemetry.wake import wake

QUEUE = "deliver"
_ends = threading.Event()


@lru_cache(maxsize=1)
def _beating() -> Beating:
    return Beating(own_name(QUEUE), QUEUE)


@worker_ready.connect
def start_delivering(**_: Any) -> None:
    if not works_on(QUEUE):
        return
    os.environ["NETRC"] = os.devnull  # no password that this machine keeps for other programs goes along
    guard.close_process(redis_url(settings.CONFIG))
    _beating().start()
    wake(TASK)
    if NotificationChannel.objects.exists():  # else the memory is not taken before there is one
        load_kinds()


def load_kinds() -> None:
    """Know every kind of service now, so that the first notice need not wait for it."""
    from alerts import sending

    sending.load_kinds()


@worker_shutting_down.connect
def take_no_more(**_: Any) -> None:
    _ends.set()


@worker_shutdown.connect
def stop_delivering(**_: Any) -> None:
    """Once what is being sent was stored: somebody silent would have it taken from them, and sent twice."""
    if works_on(QUEUE):
        _beating().stop()


@shared_task(name=TASK, throws=OUTAGES)
def deliver_due_task() -> None:
    """Send what is due, one after the other; other threads take what is due as well."""
    while not _ends.is_set() and deliver_next(own_name(QUEUE)):
        pass
