"""One client on its control connection: what it may do, and what is told of it in the live log.

A camera writes. It does not read, delete, or change what is finished; every command that is not listed here is refused.
"""

from __future__ import annotations

import hmac
import logging
import os
import select
import stat
import time
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pyftpdlib.exceptions import FilesystemError
from pyftpdlib.handlers.ftp.control import FTPHandler
from pyftpdlib.handlers.ftps.control import TLS_FTPHandler

from accounts.models import hash_key
from cameras import media
from cameras.ftp import parts
from cameras.ftp.channels import Pausable
from cameras.ftp.desk import Account, Question, living_accounts, was_looked_at
from cameras.ftp.filesystem import Arriving, Home
from cameras.ftp.limits import TOO_MANY_FILES, CameraLimits
from cameras.ftp.transfer import ActivePort, NoPortFree, PassivePort, Transfer
from cameras.models import FTPLogEntry
from cameras.stored_files import mtime_of
from cameras.words import size_words

if TYPE_CHECKING:
    from cameras.ftp.server import Listener

logger = logging.getLogger(__name__)
Step = FTPLogEntry.Step

ALLOWED = (
    *("ABOR", "ALLO", "APPE", "CDUP", "CWD", "EPRT", "EPSV", "FEAT", "HELP", "LIST", "MDTM", "MKD", "MLSD", "MLST"),
    *("MODE", "NLST", "NOOP", "OPTS", "PASS", "PASV", "PORT", "PWD", "QUIT", "REST", "RNFR", "RNTO", "SIZE", "STAT"),
    *("STOR", "STRU", "SYST", "TYPE", "USER", "XCUP", "XCWD", "XMKD", "XPWD", "AUTH", "PBSZ", "PROT"),
)
REFUSED = {
    "RETR": "may not read files",
    "DELE": "may not delete",
    "RMD": "may not delete",
    "XRMD": "may not delete",
    "SITE": "may not change rights or times",
    "MFMT": "may not change rights or times",
    "MFF": "may not change rights or times",
}
ONLY_WRITES = "this account only writes"
SIGN_IN_WITHIN_S = 30
NOTED_WITHIN_S = 2
SLOWED_AGAIN_AFTER_S = 60
LEDGER_ANSWERS_WITHIN_S = 2
ACCOUNTS_READ_WITHIN_S = 1
IN_USE_AGAIN_AFTER_S, IN_USE_TRIES = 0.1, 50
LONGEST_USER_SHOWN = 40
MOST_REPLIES_UNREAD = 200
MOST_LINES_HELD = 20


class WriteOnly:
    """What pyftpdlib asks of the rights of a user; which commands there are at all is settled before."""

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        return True

    def get_perms(self, username: str) -> str:
        return "elawmf"

    def get_msg_quit(self, username: str) -> str:
        return "Goodbye."

    def impersonate_user(self, username: str, password: str) -> None:
        """Nothing: one user of the system writes for all cameras."""

    def terminate_impersonation(self, username: str) -> None:
        """Nothing, as above."""


class Session(Pausable, TLS_FTPHandler):
    fs: Home | None
    banner = "Home Security Intelligence"
    authorizer = WriteOnly()
    dtp_handler = Transfer
    active_dtp = ActivePort
    passive_dtp = PassivePort
    abstracted_fs = Home
    proto_cmds = {name: TLS_FTPHandler.proto_cmds[name] for name in ALLOWED}
    unicode_errors = "surrogateescape"
    use_sendfile = False
    data_channel: Transfer | None
    _in_buffer: list[bytes]
    _in_dtp_queue: tuple[Arriving, str] | None
    _restart_position: int
    _rnfr: str | None

    def __init__(self, conn: Any, server: Listener, ioloop: Any = None) -> None:
        self.reception = server.reception
        self.account: Account | None = None
        self.limits = CameraLimits()
        self.max_bytes = server.reception.max_bytes
        self.last_heard = time.monotonic()
        self._connection_is_noted = False
        self._slowed_at = -float(SLOWED_AGAIN_AFTER_S)
        self._told: set[str] = set()
        self._held: list[bytes] = []
        super().__init__(conn, server, ioloop)

    @property
    def address(self) -> str:
        return plain_address(self.remote_ip)

    @property
    def is_busy(self) -> bool:
        """Whether something is being transferred just now."""
        channel = getattr(self, "data_channel", None)
        return channel is not None and channel.has_begun

    def sends(self, path: str) -> bool:
        """Whether it is sending this file just now."""
        channel, expected = self.data_channel, self._in_dtp_queue
        arriving = channel.file_obj if channel and channel.file_obj else expected and expected[0]
        return arriving is not None and arriving.path == path

    def is_there(self) -> bool:
        """Whether the client still holds its end of this connection, or has said goodbye."""
        if self._closed or not self.connected:
            return False
        if self._quit_pending:
            return True
        poller = select.poll()
        poller.register(self._fileno, getattr(select, "POLLRDHUP", 0))
        return not poller.poll(0)

    # --- the live log

    def note(self, step: FTPLogEntry.Step, sentence: str) -> None:
        self.reception.note(step, sentence, self.address, self.account)

    def note_lost(self, arriving: Arriving) -> None:
        size = size_words(arriving.size) if arriving.size else "the first byte"
        self.note(Step.LOST, f"the connection was lost at {size} of {arriving.name}")

    def note_failed(self, arriving: Arriving, error: OSError) -> None:
        self.note(Step.LOST, f"{arriving.name} could not be written: {error.strerror}")

    def note_slowed(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self.reception.slowed_at.get(self._user, 0.0) >= SLOWED_AGAIN_AFTER_S:
            self.reception.slowed_at[self._user] = now
            self.note(Step.SLOWED, sentence)

    def _note_refused(self, sentence: str) -> None:
        """Once in a session, however often the client tries."""
        if sentence not in self._told:
            self._told.add(sentence)
            self.note(Step.REFUSED, sentence)

    def _note_connection(self) -> None:
        """With the first thing that is known of the client, so that its camera's log has it."""
        if not self._connection_is_noted and self.remote_ip:
            self._connection_is_noted = True
            self.note(Step.CONNECTED, f"{self.address} connected")

    @property
    def _user(self) -> str:
        return self.account.user if self.account else ""

    # --- as pyftpdlib calls them

    def on_connect(self) -> None:
        self.reception.sessions.append(self)
        self.call_later(NOTED_WITHIN_S, self._note_connection)
        self.call_later(SIGN_IN_WITHIN_S, self._end_unless_signed_in)

    def _end_unless_signed_in(self) -> None:
        if not self.authenticated:
            self.end("421 Not signed in for too long.")

    def end(self, reply: str) -> None:
        """Close the connection and what is sent over it, saying why."""
        if not self._closed:
            self.respond(reply)
            if self.data_channel is not None:
                self.data_channel.close()
            self.close()

    def close(self) -> None:
        self._note_connection()
        channel = getattr(self, "data_channel", None)
        if channel is not None and channel.outlives_its_session():
            self.data_channel = None
        if self in self.reception.sessions:
            self.reception.sessions.remove(self)
        super().close()

    def _on_dtp_close(self) -> None:
        if self._closed:
            self.data_channel = None  # and no timer is set for what is over
        else:
            super()._on_dtp_close()

    def reply(self, text: str) -> None:
        """Answer, if anybody is there to hear it."""
        if not self._closed:
            self.respond(text)

    def log(self, msg: str, logfun: object = None) -> None:
        """Nothing: what matters is in the live log, and strangers must not fill the other."""

    def push(self, data: str) -> None:
        """As above, but for names that are not UTF-8, and for clients that never read the answers."""
        if len(self.producer_fifo) > MOST_REPLIES_UNREAD:
            self.close()
        else:
            super(FTPHandler, self).push(data.encode(self.encoding, self.unicode_errors))

    def collect_incoming_data(self, data: bytes) -> None:
        super().collect_incoming_data(data)
        if self._in_buffer_len == 0:  # it was too long, and is thrown away
            self.close()

    def found_terminator(self) -> None:
        """A line of the client; while it has to wait, its lines do."""
        self.last_heard = time.monotonic()
        if self.is_paused:
            self._held.append(b"".join(self._in_buffer))
            self._in_buffer, self._in_buffer_len = [], 0
            if len(self._held) > MOST_LINES_HELD:
                self.close()
            return
        super().found_terminator()

    def resume(self) -> None:
        super().resume()
        while self._held and not self.is_paused and not self._closed:
            self._in_buffer = [self._held.pop(0)]
            super().found_terminator()

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        deed = REFUSED.get(cmd)
        if deed is None or not self.authenticated:
            super().pre_process_command(line, cmd, arg)
            return
        self.respond(f"550 {deed.capitalize()}: {ONLY_WRITES}.")
        self._note_refused(f"{deed}: {ONLY_WRITES}")

    # --- signing in

    def ftp_USER(self, line: str) -> None:  # noqa: N802  (pyftpdlib's names, here and below)
        if self.authenticated:
            self.respond("503 Signed in already.")
        else:
            super().ftp_USER(line)

    def ftp_PASS(self, line: str) -> None:  # noqa: N802
        if self.authenticated or not self.username:
            self.respond("503 Signed in already." if self.authenticated else "503 Send USER first.")
            return
        given = hash_key(line.encode("utf-8", "replace").decode())
        account = self._known_account(given)
        if account is not None:
            self._sign_in(account)
            return
        self.pause()
        decide = _Once(partial(self._decide, given))
        self.call_later(ACCOUNTS_READ_WITHIN_S, decide, None)
        self.reception.desk.ask(Question(living_accounts, decide, otherwise=None))

    def _known_account(self, password_hash: str) -> Account | None:
        """The account that the client has named, if this is its password."""
        account = self.reception.accounts.get(self._given_user)
        return account if account and hmac.compare_digest(account.password_hash, password_hash) else None

    @property
    def _given_user(self) -> str:
        return str(self.username).strip().lower()

    def _decide(self, password_hash: str, accounts: dict[str, Account] | None) -> None:
        """Once more with the accounts as they are this moment: the password may be a second old."""
        if self._closed:
            return
        if accounts is not None:
            self.reception.learn(accounts)
        account = self._known_account(password_hash)
        if account is None:
            self._refuse(self.reception.accounts.get(self._given_user))
            return
        self._sign_in(account)
        self.resume()

    def _sign_in(self, account: Account) -> None:
        if not self.reception.has_room_for(account):
            self.end("421 This camera has too many connections.")
            return
        self.account, self.username, self.authenticated = account, account.user, True
        self.attempted_logins = 0
        self.limits = self.reception.limits_of(account)
        self.fs = Home(account.folder, self)
        self.respond("230 Signed in.")
        self._note_connection()
        encrypted = " (encrypted)" if self._ssl_established else ""
        self.note(Step.LOGGED_IN, f"{account.user} signed in from {self.address}{encrypted}")

    def _refuse(self, account: Account | None) -> None:
        self._note_connection()
        unknown = f"tried to sign in as {_bounded(self.username)}: there is no such user"
        why = f"sent a wrong password for {account.user}" if account else unknown
        self.reception.note(Step.REFUSED, f"{self.address} {why}", self.address, account)
        self.username = ""
        self.call_later(self.reception.patience.after_wrong(self.address, time.monotonic()), self._answer_refusal)

    def _answer_refusal(self) -> None:
        self.attempted_logins += 1
        self.respond("530 Wrong user or password.")
        if self.attempted_logins >= self.max_login_attempts:
            self.close()
        else:
            self.resume()

    # --- data connections

    def _make_epasv(self, extmode: bool = False) -> None:
        try:
            super()._make_epasv(extmode)
        except NoPortFree:
            self.respond("425 Every port for passive transfers is in use, try again.")

    def _make_eport(self, ip: str, port: int) -> None:
        if ip != self.address:
            self._note_refused(f"asked to send its files to another address ({_bounded(ip)}): refused")
        super()._make_eport(ip, port)

    def ftp_QUIT(self, line: str) -> None:  # noqa: N802
        if self.data_channel is not None and not self.data_channel.has_begun:
            self.data_channel.close()  # nothing will come over it that would have to be waited for
        super().ftp_QUIT(line)

    def ftp_ABOR(self, line: str) -> None:  # noqa: N802
        if self.data_channel is not None:
            self.data_channel.abort()
        super().ftp_ABOR(line)

    # --- files and folders

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
        super().resume()
        deed()
        if not self.is_paused:
            self.resume()

    def _receive(self, path: str, start: int | None, tries: int = IN_USE_TRIES) -> None:
        if self.reception.is_ending:
            self._refuse_upload("421 The server is stopping, try again in a moment.")
            return
        if self.reception.disk_is_full():
            self._refuse_upload("452 The disk is full.")
            self._note_refused("sends files, but the disk is full")
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
            self._refuse_upload(f"550 {_why(error)}.")
            self._note_refused(f"{PurePosixPath(path).name} could not be stored: {_why(error)}")
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
        """Whether an upload may take the place of what has its name: only of content that has been looked at."""
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

        first = _Once(unless_changed)
        self.ioloop.call_later(LEDGER_ANSWERS_WITHIN_S, first, False)
        asked = partial(was_looked_at, relative, there.st_size, mtime_of(there))
        self.reception.desk.ask(Question(asked, first, otherwise=False))

    def refuse_as_too_large(self, arriving: Arriving) -> None:
        limit = size_words(self.max_bytes)
        self._note_refused(f"{arriving.name} is larger than {limit}, which is the limit")
        reason = f"more than {limit}; the limit is {limit}"
        self.reception.desk.reject(arriving, reason)

    def ftp_RNFR(self, path: str) -> None:  # noqa: N802
        assert self.fs is not None
        if self.fs.may_be_renamed(path):
            self._rnfr = path
            self.respond("350 Ready for destination name.")
        else:
            self.respond("550 Only unfinished files can be renamed.")
            self._note_refused(f"may not rename finished files: {ONLY_WRITES}")

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


class _Once:
    """The first call counts: the database's answer, or that it took too long."""

    def __init__(self, then: Callable[[Any], None]) -> None:
        self._then: Callable[[Any], None] | None = then

    def __call__(self, answer: Any) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(answer)


def plain_address(address: str) -> str:
    """As people and the database know it: an IPv4 address on an IPv6 socket as such, and without the interface."""
    return address.removeprefix("::ffff:").partition("%")[0]


def _status(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _bounded(text: str) -> str:
    """What a stranger typed, as data in a sentence."""
    return text if len(text) <= LONGEST_USER_SHOWN else f"{text[:LONGEST_USER_SHOWN]}…"
