"""What a camera does once it has signed in: it sends files, makes folders, and renames what is not finished yet."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from pyftpdlib.exceptions import FilesystemError

from cameras import media
from cameras.ftp import parts
from cameras.ftp.caller import ONLY_WRITES, Caller
from cameras.ftp.channels import Pausable
from cameras.ftp.desk import Once, Question, may_be_replaced
from cameras.ftp.filesystem import Arriving
from cameras.ftp.limits import TOO_MANY_FILES
from cameras.models import FTPLogEntry
from cameras.stored_files import mtime_of
from cameras.words import size_words

Step = FTPLogEntry.Step

LEDGER_ANSWERS_WITHIN_S = 2
IN_USE_AGAIN_AFTER_S, IN_USE_TRIES = 0.1, 50


class Session(Caller):
    def ftp_STOR(self, path: str, mode: str = "w") -> None:  # noqa: N802
        start = None if mode == "a" else self._restart_position
        self._restart_position = 0
        self._in_turn(partial(self._receive, path, start))

    def ftp_MKD(self, path: str) -> None:  # noqa: N802
        self._in_turn(partial(super().ftp_MKD, path))

    def _in_turn(self, deed: Callable[[], object]) -> None:
        """Do it now, or a little later where this camera does too much of it."""
        wait = self.limits.files.spend(1, time.monotonic())
        if not wait:
            deed()
            return
        self.note_slowed(TOO_MANY_FILES)
        self.pause()
        self.call_later(wait, self._go_on, deed)

    def _go_on(self, deed: Callable[[], object]) -> None:
        """Do what had to wait, before what the client has sent since; it may have to wait again."""
        Pausable.resume(self)
        deed()
        if not self.is_paused:
            self.resume()

    def _receive(self, path: str, start: int | None, tries: int = IN_USE_TRIES) -> None:
        if self.reception.is_ending:
            self._refuse_upload("421 The server is stopping, try again in a moment.")
            return
        if self.reception.disk_is_full():
            self._refuse_upload("452 The disk is full.")
            self.note_refused("sends files, but the disk is full")
            return
        try:
            arriving = self._arriving(path, start)
        except parts.InUse:
            if tries:  # intake looks at what arrived before, which takes it a moment
                self.pause()
                self.call_later(IN_USE_AGAIN_AFTER_S, self._go_on, partial(self._receive, path, start, tries - 1))
            else:
                self._refuse_upload("450 This file is just being looked at, try again.")
        except (OSError, FilesystemError) as error:
            self._refuse_upload(f"{_code(error)} {_why(error)}.")
            # The reason first: a very long name would push it out of the line.
            self.note_refused(f"a file could not be stored: {_why(error)} ({PurePosixPath(path).name})")
        else:
            self._expect(arriving, "APPE" if start is None else "STOR")

    def _refuse_upload(self, reply: str) -> None:
        self._shutdown_connecting_dtp()
        if self.data_channel is not None:
            self.data_channel.close()
        self.respond(reply)

    def _arriving(self, path: str, start: int | None) -> Arriving:
        """The upload, taken over from a connection that this client has lost before the server noticed."""
        assert self.fs is not None
        try:
            return self.fs.receive(path, start)
        except parts.InUse:
            self.reception.end_transfers(path, of=self)
            return self.fs.receive(path, start)

    def _expect(self, arriving: Arriving, command: str) -> None:
        if self.data_channel is not None:
            self.respond("125 Data connection already open. Transfer starting.")
            self.data_channel.file_obj = arriving
            self.data_channel.enable_receiving(self._current_type, command)
        else:
            self.respond("150 File status okay. About to open data connection.")
            if self._in_dtp_queue is not None:
                self._in_dtp_queue[0].close()
            self._in_dtp_queue = (arriving, command)

    def finish(self, arriving: Arriving, answer: Callable[[str], None]) -> None:
        """Give a complete upload its name; the client hears of it once that is done."""

        def place(replace: bool) -> None:
            try:
                name = arriving.place(replace=replace)
            except OSError as error:
                self.note_failed(arriving, error)
                answer(f"451 {error.strerror}.")
                return
            finally:
                arriving.close()
            self.note(Step.RECEIVED, f"{name} received ({size_words(arriving.size)})")
            answer("226 Transfer complete.")

        self._whether_to_replace(arriving.folder, arriving.name, arriving.relative, place)

    def _whether_to_replace(self, folder: int, name: str, relative: str, then: Callable[[bool], None]) -> None:
        """Whether an upload may take the place of what has its name: only of a picture in which nothing was found."""
        there = _status(name, folder)
        if there is None or not stat.S_ISREG(there.st_mode):
            then(False)
            return
        if not media.is_readable_kind(name):
            then(True)
            return

        def unless_changed(answer: object) -> None:
            now = _status(name, folder)
            is_same = now is not None and (now.st_ino, now.st_mtime_ns) == (there.st_ino, there.st_mtime_ns)
            then(bool(answer) and is_same)

        first = Once(unless_changed)
        self.ioloop.call_later(LEDGER_ANSWERS_WITHIN_S, first, False)
        asked = partial(may_be_replaced, relative, there.st_size, mtime_of(there))
        self.reception.desk.ask(Question(asked, first, otherwise=False))

    def refuse_as_too_large(self, arriving: Arriving) -> None:
        limit = size_words(self.max_bytes)
        self.note_refused(f"{arriving.name} is larger than {limit}, which is the limit")
        reason = f"more than {limit}; the limit is {limit}"
        self.reception.desk.reject(arriving, reason)

    def ftp_RNFR(self, path: str) -> None:  # noqa: N802
        assert self.fs is not None
        if self.fs.may_be_renamed(path):
            self._rnfr = path
            self.respond("350 Ready for destination name.")
        else:
            self.respond("550 Only unfinished files can be renamed.")
            self.note_refused(f"may not rename finished files: {ONLY_WRITES}")

    def ftp_RNTO(self, path: str) -> None:  # noqa: N802
        source, self._rnfr = self._rnfr, None
        if not source:
            self.respond("503 Send RNFR first.")
            return
        self._in_turn(partial(self._rename, source, path))

    def _rename(self, source: str, path: str) -> None:
        assert self.fs is not None
        name = PurePosixPath(path).name
        if not name or parts.real_name(name) or self.fs.isdir(path):
            self.respond("553 No file can have this name.")
            return
        try:
            with self.fs.opened(_folder(source)) as old, self.fs.made(_folder(path)) as new:
                folders = os.dup(old), os.dup(new)
        except (OSError, FilesystemError) as error:
            self.respond(f"550 {_why(error)}.")
            return

        def place(replace: bool) -> None:
            try:
                placed = parts.place(PurePosixPath(source).name, folders[0], name, folders[1], replace=replace)
            except OSError as error:
                self.reply(f"550 {error.strerror}.")
                return
            finally:
                os.close(folders[0])
                os.close(folders[1])
            self.note(Step.RECEIVED, f"{PurePosixPath(source).name} renamed to {placed}")
            self.reply("250 Renaming ok.")

        self._whether_to_replace(folders[1], name, self.fs.relative(path), place)


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def _code(error: Exception) -> int:
    """Whether it is worth trying again later (4xx): a camera may drop a file that it may not send (550)."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return 452
    return 451 if number in (errno.EIO, errno.EMFILE, errno.ENFILE) else 550


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
