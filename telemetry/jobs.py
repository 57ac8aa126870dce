"""Running a long piece of housekeeping: one of its kind at a time, with a row that tells how far it is and what it did.

Called by `system.retention`, `system.verification` and their doors.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from telemetry.models import Job

logger = logging.getLogger(__name__)

# The first half of each advisory lock of ours; the second is the kind's place in `Job.Kind`.
LOCK_SPACE = 7_305_532
ENDED_EARLY = "ended before it was done"
TOLD_EVERY_S = 1.0

Tell = Callable[[float], None]
"""Is told how much of a job is done, as a share."""


def tell_nobody(share: float) -> None:
    """For runs that nobody watches."""


def stamp(moment: datetime) -> str:
    """A moment as the results of jobs have it, and the API with them: to the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


class AlreadyRunning(Exception):
    """Another process does the same just now. The message says so to a person."""


class JobRun:
    """A job while it runs: `advance` tells how far it is, `result` is kept with its row, however it ends."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.result: dict[str, object] = {}
        self._told_at = time.monotonic()

    def advance(self, share: float) -> None:
        """Note progress and result, at most once a second: a job of many small steps must not write a row for each."""
        if time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            Job.objects.filter(pk=self.job.pk).update(progress=min(max(share, 0.0), 1.0), result=self.result)


@contextmanager
def run_job(kind: Job.Kind) -> Iterator[JobRun]:
    """The block is one run of `kind`. Raises AlreadyRunning; an error of the block is kept with the row and goes on.

    The lock is the database connection's: it ends with this process, however that ends.
    """
    with only_one(kind):
        Job.objects.filter(kind=kind, state=Job.State.RUNNING).update(
            state=Job.State.FAILED, error=ENDED_EARLY, finished_at=Now()
        )
        run = JobRun(Job.objects.create(kind=kind))
        try:
            yield run
        except BaseException as error:
            _end(run, Job.State.FAILED, str(error) or type(error).__name__)
            raise
        _end(run, Job.State.DONE)


def _end(run: JobRun, state: Job.State, error: str = "") -> None:
    """Close the row. A database that is away leaves it to the next run, which finds it still running."""
    values: dict[str, object] = {"state": state, "finished_at": Now(), "result": run.result, "error": error}
    if state == Job.State.DONE:
        values["progress"] = 1.0
    try:
        Job.objects.filter(pk=run.job.pk).update(**values)
    except (DatabaseError, InterfaceError) as away:
        logger.warning("the end of job %s could not be noted: %s", run.job.pk, away)


@contextmanager
def only_one(kind: Job.Kind) -> Iterator[None]:
    """Nobody else does anything of this kind during the block. Raises AlreadyRunning."""
    key = [LOCK_SPACE, list(Job.Kind).index(kind)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        locked = cursor.fetchone()
    if locked != (True,):
        raise AlreadyRunning(f"Another {kind.label.lower()} is running; wait until it is done.")
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
        except (DatabaseError, InterfaceError):
            connection.close()  # the lock goes with it
