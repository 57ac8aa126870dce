"""What the FTP server needs the database for, done by one thread: the loop of the connections never waits for it.

The accounts are read every second and stay known while the database is away; what happened is written in batches
for the live log; and the ledger is asked whether a finished file may be replaced.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, DataError, InterfaceError, connection
from django.utils import timezone

from cameras.ftp.filesystem import Arriving
from cameras.intake import camera_folder_of, reject_upload
from cameras.models import Camera, Capture, FTPAccount, FTPLogEntry
from cameras.names import encode_path
from telemetry.broadcast import broadcast

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
WRITE_AFTER_S = 0.2
KEPT_ENTRIES = 200
MOST_WAITING_ENTRIES = 2000
LONGEST_SENTENCE = 300

Step = FTPLogEntry.Step
# Content that nobody has looked at yet: a person may have a failed one tried again.
NOT_LOOKED_AT = (Capture.State.QUEUED, Capture.State.DETECTING, Capture.State.FAILED)


@dataclass(frozen=True)
class Account:
    """With what one camera signs in, and the name of its folder below the camera root."""

    camera_id: str
    user: str
    password_hash: str = field(repr=False)
    folder: str


@dataclass(frozen=True)
class Happening:
    """One line of the live log, before it is written."""

    step: FTPLogEntry.Step
    sentence: str
    address: str
    account_id: str | None = None
    at: datetime = field(default_factory=timezone.now)

    def entry(self) -> FTPLogEntry:
        sentence = self.sentence.encode("utf-8", "replace").decode()
        printable = "".join(character if character.isprintable() else "�" for character in sentence)
        return FTPLogEntry(
            at=self.at,
            account_id=self.account_id,
            address=self.address,
            step=self.step,
            sentence=printable[:LONGEST_SENTENCE],
        )


@dataclass(frozen=True)
class Question:
    """Something for the thread to find out; `then` is called in the loop with the answer."""

    ask: Callable[[], Any]
    then: Callable[[Any], None]
    otherwise: object
    """The answer where the database does not give one."""


class Once:
    """The first call counts: the database's answer, or that it took too long."""

    def __init__(self, then: Callable[[Any], None]) -> None:
        self._then: Callable[[Any], None] | None = then

    def __call__(self, answer: Any) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(answer)


class Desk:
    def __init__(self, call_in_loop: Callable[[Callable[[], None]], None], learn: Callable[[dict[str, Account]], None]):
        """`learn` is called in the loop with the accounts, by user name, whenever they were read."""
        self._call_in_loop = call_in_loop
        self._learn = learn
        self._questions: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        self._happenings: deque[Happening] = deque(maxlen=MOST_WAITING_ENTRIES)
        self._rejections: deque[tuple[Arriving, str]] = deque()
        self._look_at = 0.0
        self._write_at = float("inf")
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ftp-desk", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self._stopping = True
        self._questions.put(None)
        self._thread.join(timeout=5)

    def ask(self, question: Question) -> None:
        self._questions.put(question)

    def note(self, happening: Happening) -> None:
        self._happenings.append(happening)
        self._questions.put(None)

    def reject(self, arriving: Arriving, reason: str) -> None:
        """Record an upload that is refused for good, under the name it would have got; then remove what came of it.

        It stays held until then, so that intake leaves it alone.
        """
        self._rejections.append((arriving, reason))
        self._questions.put(None)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._answer()
                self._write_if_due()
                self._reject_waiting()
                self._look_if_due()
            except Exception:  # without this thread nobody could sign in with a new password
                logger.exception("something went wrong at the desk of the FTP server, it goes on")
                time.sleep(1)
        self._write_at = 0.0
        self._write_if_due()
        connection.close()

    def _answer(self) -> None:
        """The next question, if one comes before something else is due."""
        if self._happenings and self._write_at == float("inf"):
            self._write_at = time.monotonic() + WRITE_AFTER_S
        due = min(self._look_at, self._write_at) - time.monotonic()
        try:
            question = self._questions.get(timeout=max(due, 0))
        except queue.Empty:
            return
        if question is None:
            return
        answer = question.otherwise
        try:
            answer = question.ask()
        except (DatabaseError, InterfaceError, OSError) as error:
            _note_trouble("the ledger could not be asked", error)
        self._call_in_loop(lambda: question.then(answer))

    def _look_if_due(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_EVERY_S
        try:
            accounts = living_accounts()
        except (DatabaseError, InterfaceError) as error:
            _note_trouble("the accounts could not be read, those known go on", error)
            return
        self._call_in_loop(lambda: self._learn(accounts))

    def _write_if_due(self) -> None:
        if time.monotonic() < self._write_at:
            return
        self._write_at = float("inf")
        batch = [self._happenings.popleft() for _ in range(len(self._happenings))]
        try:
            write_log(batch)
        except (DatabaseError, InterfaceError) as error:
            _note_trouble(f"{len(batch)} lines of the live log are lost", error)

    def _reject_waiting(self) -> None:
        while self._rejections:
            arriving, reason = self._rejections[0]
            try:
                reject_upload(Path(settings.CAMERA_ROOT) / arriving.relative, os.fstat(arriving.file), reason)
                arriving.remove()
            except DataError as error:
                logger.warning("%r stays as it is, intake sees to it: %s", arriving.relative, error)
            except (DatabaseError, InterfaceError) as error:
                _note_trouble(f"{arriving.relative!r} could not be recorded as rejected, trying again", error)
                return
            except OSError as error:
                logger.warning("%r could not be removed: %s", arriving.relative, error)
            self._rejections.popleft()
            arriving.close()


def living_accounts() -> dict[str, Account]:
    """The accounts that may sign in, by user name: of cameras that are there, or were merged into one that is."""
    accounts = FTPAccount.objects.filter(camera__in=Camera.objects.in_use()).select_related("camera")
    return {
        account.user: Account(account.camera_id, account.user, account.password_hash, account.camera.folder.name)
        for account in accounts
    }


def may_be_replaced(relative: str, size: int, mtime: datetime) -> bool:
    """Whether a finished file, as it is now, has been looked at and nothing was found in it: no visit rests on it."""
    known = Capture.objects.filter(
        camera_id=Camera.objects.of_folder(camera_folder_of(relative)),
        file_path=encode_path(relative),
        size=size,
        mtime=mtime,
    )
    return known.exclude(state__in=NOT_LOOKED_AT).filter(detections=None).exists()


def write_log(batch: Iterable[Happening]) -> None:
    """Add these lines to the live log, and drop what is too old to be shown."""
    entries = [happening.entry() for happening in batch]
    if not entries:
        return
    known = set(FTPAccount.objects.values_list("pk", flat=True))
    FTPLogEntry.objects.bulk_create(entry for entry in entries if entry.account_id is None or entry.account_id in known)
    for account_id in sorted({entry.account_id for entry in entries}, key=str):
        of_account = FTPLogEntry.objects.filter(account_id=account_id)
        too_old = of_account.order_by("-id").values_list("id", flat=True)[KEPT_ENTRIES : KEPT_ENTRIES + 1]
        of_account.filter(id__lte=too_old[:1]).delete()
        broadcast("ftp", {"camera_id": account_id})


def _note_trouble(what: str, error: Exception) -> None:
    logger.warning("%s: %s", what, str(error).partition("\n")[0])
    connection.close()
