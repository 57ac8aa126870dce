"""Doors of the default queue to housekeeping."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from system.daily import ClockDoubted, is_due
from system.retention import clean_up
from telemetry.jobs import AlreadyRunning

logger = logging.getLogger(__name__)


@shared_task(name="system.clean_up_if_due", throws=(OperationalError, InterfaceError))
def clean_up_if_due() -> None:
    """Beat asks every few minutes, so that a machine that slept at the hour catches up when it wakes."""
    if is_due(timezone.now()):
        try:
            clean_up(unattended=True)
        except (AlreadyRunning, ClockDoubted) as reason:
            logger.warning("the daily cleanup waits: %s", reason)
