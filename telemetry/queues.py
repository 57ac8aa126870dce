"""What a worker process is there for, the name under which it beats and claims, and what its tasks may meet."""

from __future__ import annotations

import os
import socket

from celery import current_app
from django.db import InterfaceError, OperationalError

# A database that is away is told by the heartbeats; the sweep wakes what was missed once it is back.
OUTAGES = (OperationalError, InterfaceError)


def works_on(queue: str) -> bool:
    """Whether this process belongs to a worker of `queue`: every worker hears the signals of all."""
    return queue in current_app.amqp.queues.consume_from


def own_name(queue: str) -> str:
    """Its own among all processes of all machines: "detect@attic:812"."""
    return f"{queue}@{socket.gethostname()}:{os.getpid()}"
