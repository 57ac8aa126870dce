"""One client on its control connection: signing in, its commands line by line, and what the live log tells of it.

A camera writes. It does not read, delete, or change what is finished; every command that is not listed here is refused.
"""

from __future__ import annotations

import hmac
import logging
import select
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from pyftpdlib.handlers.ftp.control import FTPHandler
from pyftpdlib.handlers.ftps.control import TLS_FTPHandler

from accounts.models import hash_key
from cameras.ftp.channels import Pausable
from cameras.ftp.desk import Account, Once, Question, living_accounts
from cameras.ftp.filesystem import Arriving, Home
from cameras.ftp.limits import CameraLimits
from cameras.ftp.transfer import ActivePort, NoPortFree, PassivePort, Transfer
from cameras.models import FTPLogEntry
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
ACCOUNTS_READ_WITHIN_S = 1
LONGEST_USER_SHOWN = 40
MOST_REPLIES_UNREAD = 200
MOST_LINES_HELD = 20
MOST_REFUSALS_NOTED = 20


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


class Caller(Pausable, TLS_FTPHandler):
    """Somebody on a control connection, from the first byte to the end of it."""

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

    def note_refused(self, sentence: str) -> None:
        """Once in a session, however often the client tries, and not without end."""
        if sentence not in self._told and len(self._told) < MOST_REFUSALS_NOTED:
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
        if self._closed:
            return
        channel = self.data_channel
        self.respond(reply)  # which closes the connection where nobody is there any more
        if channel is not None:
            channel.close()
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
        if self._closed:
            self._in_buffer, self._in_buffer_len = [], 0  # sent together with what closed the connection
            return
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
        if "\0" in line:
            self.respond("501 No name can have a zero byte.")
            return
        deed = REFUSED.get(cmd)
        if deed is None or not self.authenticated:
            super().pre_process_command(line, cmd, arg)
            return
        self.respond(f"550 {deed.capitalize()}: {ONLY_WRITES}.")
        self.note_refused(f"{deed}: {ONLY_WRITES}")

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
        decide = Once(partial(self._decide, given))
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
        unknown = f"tried to sign in as {bounded(self.username)}: there is no such user"
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
            self.note_refused(f"asked to send its files to another address ({bounded(ip)}): refused")
        super()._make_eport(ip, port)

    def ftp_QUIT(self, line: str) -> None:  # noqa: N802
        if self.data_channel is not None and not self.data_channel.has_begun:
            self.data_channel.close()  # nothing will come over it that would have to be waited for
        super().ftp_QUIT(line)

    def ftp_ABOR(self, line: str) -> None:  # noqa: N802
        if self.data_channel is not None:
            self.data_channel.abort()
        super().ftp_ABOR(line)


def plain_address(address: str) -> str:
    """As people and the database know it: an IPv4 address on an IPv6 socket as such, and without the interface."""
    return address.removeprefix("::ffff:").partition("%")[0]


def bounded(text: str) -> str:
    """What a stranger typed, as data in a sentence."""
    return text if len(text) <= LONGEST_USER_SHOWN else f"{text[:LONGEST_USER_SHOWN]}…"
