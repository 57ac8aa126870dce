"""Waking the next stage: a message that something is due. The rows hold the work, so a lost one is only a delay."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
STALE_AFTER_S = 30


def wake(task: str, *args: int | str) -> None:
    """Send the task named `task` once the present transaction commits; ids only.

    A broker that does not answer is logged and never fails the committed work: the sweep wakes it.
    """
    transaction.on_commit(lambda: _send(task, args), robust=True)


def _send(task: str, args: tuple[int | str, ...]) -> None:
    try:
        current_app.send_task(task, args=args, expires=STALE_AFTER_S)
    except (OperationalError, OSError) as error:
        logger.warning("could not wake %s now, the sweep will: %s", task, error)
