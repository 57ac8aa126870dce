"""Which processes live, which went silent lately, and which are missing altogether."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from events.asking import is_wanted
from telemetry.models import HEARTBEAT_DEAD_AFTER, Heartbeat

WORK = {
    "ftp": "receives what cameras send by FTP",
    "watcher": "takes in new files",
    "detect": "looks at pictures",
    "default": "puts pictures into visits",
    "analyze": "judges visits by the language model",
    "deliver": "sends notices",
    "beat": "wakes the others",
}
# The FTP process lives also while it has nobody to listen to, and says so.
NEEDED_QUEUES = tuple(queue for queue in WORK if queue != "analyze")
SILENCE = f"no sign of life in the last {HEARTBEAT_DEAD_AFTER.seconds} s"


@dataclass(frozen=True)
class Worker:
    """One process as its heartbeats tell of it. One that ends in order takes its row with it."""

    name: str
    queue: str
    lives: bool
    started_at: datetime
    last_beat_at: datetime
    detail: dict[str, Any]

    @property
    def work(self) -> str:
        return WORK.get(self.queue, self.queue)

    @property
    def last_beat_for(self) -> timedelta:
        return timezone.now() - self.last_beat_at


def workers() -> list[Worker]:
    """Everybody who was heard of within the last hour: in the order of a picture's way, the last heard of first."""
    order = {queue: place for place, queue in enumerate(WORK)}
    beats = sorted(Heartbeat.objects.with_life().order_by("-at"), key=lambda beat: order.get(beat.queue, len(order)))
    return [Worker(beat.worker, beat.queue, beat.lives, beat.started_at, beat.at, beat.detail) for beat in beats]


def needed_queues() -> list[str]:
    """Queues that somebody has to work on here."""
    return [queue for queue in WORK if queue in NEEDED_QUEUES or (queue == "analyze" and is_wanted())]


def missing_queues(present: Sequence[Worker]) -> list[str]:
    """Queues that nobody works on."""
    worked_on = {worker.queue for worker in present if worker.lives}
    return [queue for queue in needed_queues() if queue not in worked_on]
