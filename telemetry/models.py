"""Facts about the program itself: who is alive, which stage waits for what, which long jobs ran.

Other apps write here; nothing here knows them: ids are plain values.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

HEARTBEAT_INTERVAL_S = 2
HEARTBEAT_DEAD_AFTER = timedelta(seconds=10)


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def alive(self) -> HeartbeatQuerySet:
        """Beats young enough to trust. The database's clock decides: it also wrote them."""
        return self.filter(_is_young())

    def with_life(self) -> models.QuerySet[Any]:
        """Adds `lives`: whether `alive()` would hold it."""
        return self.annotate(lives=models.ExpressionWrapper(_is_young(), models.BooleanField()))


def _is_young() -> models.Q:
    return models.Q(at__gt=Now() - HEARTBEAT_DEAD_AFTER, at__lt=Now() + HEARTBEAT_DEAD_AFTER)


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
    attempts = models.PositiveIntegerField(default=0, help_text="Tries to go on that failed, one after the other.")
    retry_at = models.DateTimeField(null=True, help_text="Not tried again before then; null where any time will do.")

    class Meta:
        db_table = "pauses"

    def __str__(self) -> str:
        return f"{self.stage}: {self.reason}"


class Job(models.Model):
    """One run of a long piece of housekeeping. Written by `telemetry.jobs.run_job`.

    running → done · failed; what died while running is marked failed by the next run of its kind.
    """

    class Kind(models.TextChoices):
        CLEANUP = "cleanup"
        VERIFY = "verify"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)
    progress = models.FloatField(default=0, help_text="A share, 0–1.")
    result = models.JSONField(default=dict, help_text="What it did, in the form its kind has.")
    error = models.TextField(blank=True)

    class Meta:
        db_table = "jobs"
        constraints = [
            models.CheckConstraint(condition=Q(progress__gte=0, progress__lte=1), name="job_progress_is_a_share")
        ]
        indexes = [models.Index(fields=["kind", "-id"], name="idx_jobs_kind_newest")]  # when it last ran, System page

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M} ({self.state})"
