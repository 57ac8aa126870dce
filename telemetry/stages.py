"""Pausing and resuming a stage of the pipeline, with the reason a person reads. Called by the stages."""

from __future__ import annotations

import logging

from telemetry.broadcast import broadcast
from telemetry.models import Pause

logger = logging.getLogger(__name__)


def pause(stage: str, reason: str) -> None:
    """Record that `stage` waits, and for what; a new reason replaces the old one, the time stays."""
    _, created = Pause.objects.update_or_create(
        stage=stage, defaults={"reason": reason}, create_defaults={"stage": stage, "reason": reason}
    )
    if created:
        logger.warning("%s is paused: %s", stage, reason)
        broadcast("stage", {"stage": stage, "paused": True})


def resume(stage: str) -> None:
    """End the pause of `stage`, if there is one."""
    deleted, _ = Pause.objects.filter(stage=stage).delete()
    if deleted:
        logger.info("%s goes on", stage)
        broadcast("stage", {"stage": stage, "paused": False})
