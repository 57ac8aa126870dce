"""How far the connection of a camera is: the steps from the listening server to the first visit, and the log below.

For the page on which a camera is connected, whose reader sits before the camera's own settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import TextChoices
from django.utils import timezone

from cameras.connection_steps import Step, folder_steps, ftp_steps, picture_steps
from cameras.models import Camera, FTPAccount, FTPLogEntry

LINES = 12
UNKNOWN_CALLERS_FOR = timedelta(hours=24)


class StepState(TextChoices):
    """How a step is shown: its sign and its word."""

    DONE = "done"
    NEXT = "next"
    LATER = "later"
    FAILED = "failed"


@dataclass(frozen=True)
class LiveLog:
    """The steps in their order, each with its state, and the lines of the FTP log, newest first."""

    steps: list[tuple[StepState, Step]]
    lines: Sequence[FTPLogEntry]
    unknown_callers: Sequence[FTPLogEntry]

    @property
    def is_complete(self) -> bool:
        return all(state == StepState.DONE for state, _ in self.steps)


def log_of(camera: Camera, account: FTPAccount | None) -> LiveLog:
    """Twelve queries at most, whatever has arrived."""
    # That it connected is told by what it did then.
    lines = list(account.log.exclude(step=FTPLogEntry.Step.CONNECTED).order_by("-id")[:LINES]) if account else []
    strangers = _unknown_callers() if account else []
    steps = ftp_steps(account, strangers) if account else folder_steps(camera)
    return LiveLog(_with_states([*steps, *picture_steps(camera, account)]), lines, strangers)


def _with_states(steps: list[Step]) -> list[tuple[StepState, Step]]:
    """The first is about now; of the others, one that a later one proves has been taken. The first open one is next."""
    last_done = max((place for place, step in enumerate(steps) if step.is_done), default=-1)
    states: list[StepState] = []
    for place, step in enumerate(steps):
        if step.has_failed:
            states.append(StepState.FAILED)
        elif step.is_done or 0 < place < last_done:
            states.append(StepState.DONE)
        else:
            is_next = all(state == StepState.DONE for state in states)
            states.append(StepState.NEXT if is_next else StepState.LATER)
    return list(zip(states, steps, strict=True))


def _unknown_callers() -> list[FTPLogEntry]:
    """The newest of each sentence: somebody who knocks fifty times must not push out who was refused."""
    since = timezone.now() - UNKNOWN_CALLERS_FOR
    entries = FTPLogEntry.objects.filter(account=None, at__gte=since).order_by("sentence", "-id").distinct("sentence")
    return sorted(entries, key=lambda entry: entry.pk, reverse=True)[:LINES]
