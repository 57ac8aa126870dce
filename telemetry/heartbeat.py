"""Saying "I am alive" every two seconds, from a thread of the living process itself."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from telemetry.models import HEARTBEAT_INTERVAL_S, Heartbeat

logger = logging.getLogger(__name__)

FORGOTTEN_AFTER = timedelta(hours=1)


def beat(worker: str, queue: str, detail: dict[str, object]) -> None:
    """Write one heartbeat, with the database's clock."""
    values = {"queue": queue, "at": Now(), "detail": detail}
    if not Heartbeat.objects.filter(pk=worker).update(**values):
        Heartbeat.objects.update_or_create(worker=worker, defaults=values)


def forget_long_dead() -> None:
    """Drop the heartbeats of processes that have been gone for an hour."""
    Heartbeat.objects.filter(at__lt=Now() - FORGOTTEN_AFTER).delete()


class Beating:
    """Heartbeats for as long as the block lasts. `detail` may be changed meanwhile: the next beat carries it."""

    def __init__(self, worker: str, queue: str, detail: dict[str, object] | None = None) -> None:
        self.worker = worker
        self.queue = queue
        self.detail = detail or {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Beat at once, so that nothing is claimed by somebody unknown, and from then on in a thread."""
        self._try_to_beat()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=HEARTBEAT_INTERVAL_S)
        try:
            Heartbeat.objects.filter(pk=self.worker).delete()  # what it held is free at once
        except (DatabaseError, InterfaceError) as error:
            logger.info("%s could not say that it ends: %s", self.worker, error)

    def _run(self) -> None:
        while not self._stop.wait(HEARTBEAT_INTERVAL_S):
            self._try_to_beat()
        connection.close()

    def _try_to_beat(self) -> None:
        """A database that is away now may be back for the next beat."""
        try:
            beat(self.worker, self.queue, self.detail)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("%s could not beat: %s", self.worker, str(error).partition("\n")[0])
            connection.close()
