"""What all connections share: who may sign in, who is there, how much each has sent. For the loop's thread."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from cameras.ftp.desk import Account, Desk, Happening
from cameras.ftp.limits import CameraLimits, Patience
from cameras.models import FTPLogEntry
from telemetry.disk import disk_of

if TYPE_CHECKING:
    from cameras.ftp.session import Session

MOST_PER_CAMERA = 10
MOST_NOT_SIGNED_IN = 64
DISK_LOOKED_AT_EVERY_S = 1.0


class Reception:
    def __init__(self, desk: Desk, max_bytes: int) -> None:
        self.desk = desk
        self.max_bytes = max_bytes
        self.accounts: dict[str, Account] = {}
        self.sessions: list[Session] = []
        """In the order in which they came."""
        self.patience = Patience()
        self.slowed_at: dict[str, float] = {}
        self.is_ending = False
        self._limits: dict[str, CameraLimits] = {}
        self._disk_looked_at = -DISK_LOOKED_AT_EVERY_S
        self._disk_is_full = False

    def learn(self, accounts: dict[str, Account]) -> None:
        """These may sign in from now on. Whoever has with what counts no longer is sent away."""
        self.accounts = accounts
        for session in list(self.sessions):
            known = session.account
            if known is not None and accounts.get(known.user) != known:
                session.end("421 This account has ended, or has a new password.")

    def limits_of(self, account: Account) -> CameraLimits:
        return self._limits.setdefault(account.camera_id, CameraLimits())

    def make_room(self) -> None:
        """Before somebody is let in: of those who have not signed in, the one who has waited longest goes."""
        waiting = [session for session in self.sessions if session.account is None]
        if len(waiting) >= MOST_NOT_SIGNED_IN:
            waiting[0].end("421 Too many connections.")

    def has_room_for(self, account: Account) -> bool:
        """Whether one more of this camera may be there. What one that was cut off left behind goes first."""
        own = [session for session in self.sessions if session.account and session.account.user == account.user]
        if len(own) < MOST_PER_CAMERA:
            return True
        idle = [session for session in own if not session.is_busy]
        if idle:
            min(idle, key=lambda session: session.last_heard).end("421 Too many connections of this camera.")
        return bool(idle)

    def end_transfers(self, path: str, *, of: Session) -> None:
        """End other connections of this camera that still send what it now sends anew."""
        for session in list(self.sessions):
            is_own = session is not of and session.account == of.account
            if is_own and session.sends(path):
                session.end("421 This file is being sent over another connection.")

    def note(self, step: FTPLogEntry.Step, sentence: str, address: str, account: Account | None = None) -> None:
        self.desk.note(Happening(step, sentence, address, account.camera_id if account else None))

    def disk_is_full(self) -> bool:
        if time.monotonic() - self._disk_looked_at >= DISK_LOOKED_AT_EVERY_S:
            self._disk_looked_at = time.monotonic()
            try:
                self._disk_is_full = disk_of(Path(settings.CAMERA_ROOT)).is_full
            except OSError:
                self._disk_is_full = False  # then the upload says better what is wrong
        return self._disk_is_full
