"""Doors of the default queue for alerts: holding visits against the rules, and the sweep."""

from __future__ import annotations

from celery import shared_task

from alerts import deliver
from alerts.evaluate import evaluate_changed, to_evaluate
from telemetry.queues import OUTAGES
from telemetry.wake import wake

EVALUATE = "alerts.evaluate_changed"


@shared_task(name=EVALUATE, throws=OUTAGES)
def evaluate_changed_task() -> None:
    evaluate_changed()


@shared_task(name="alerts.sweep", throws=OUTAGES)
def sweep() -> None:
    """Wake whatever is due, free what dead senders held."""
    if to_evaluate().exists():
        wake(EVALUATE)
    deliver.free_lost()
    deliver.wake_if_needed()
