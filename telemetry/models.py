"""Facts about the program itself: who is alive, and which stage waits for what.

Other apps write here; nothing here knows them: ids are plain values.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

HEARTBEAT_INTERVAL_S = 2
HEARTBEAT_DEAD_AFTER = timedelta(seconds=10)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def alive(self) -> HeartbeatQuerySet:
        """Beats young enough to trust. The database's clock decides: it also wrote them."""
        return self.filter(at__gt=Now() - HEARTBEAT_DEAD_AFTER, at__lt=Now() + HEARTBEAT_DEAD_AFTER)


class Heartbeat(models.Model):
    """One living process (a worker child, the watcher, beat). Written every two seconds by itself."""

    worker = models.CharField(max_length=200, primary_key=True)
    queue = models.CharField(max_length=40)
    at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(db_default=Now())
    detail = models.JSONField(default=dict, help_text="What it runs: engine, why that one.")

    objects = HeartbeatQuerySet.as_manager()

    class Meta:
        db_table = "heartbeats"
        indexes = [models.Index(fields=["queue", "at"], name="idx_heartbeats_queue_at")]  # /readyz

    def __str__(self) -> str:
        return f"{self.worker} ({self.queue})"

    def is_alive(self) -> bool:
        return abs(timezone.now() - self.at) < HEARTBEAT_DEAD_AFTER


class Pause(models.Model):
    """A stage that waits for something that is missing (a disk, a model), and what.

    The row exists while the stage waits; its rows stay queued meanwhile.
    """

    stage = models.CharField(max_length=40, primary_key=True)
    reason = models.TextField()
    since = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "pauses"

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"
