"""Data connections: from the first byte of an upload to the moment it has its name, or has broken off.

A client that is done closes the data connection, and so does one that was killed: only the latter's control connection
is gone as well. So the end counts once that one was still there a moment later.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from pyftpdlib.exceptions import _RetryError
from pyftpdlib.handlers.ftp.data import DTPHandler
from pyftpdlib.handlers.ftp.dispatchers import ActiveDTP, PassiveDTP
from pyftpdlib.handlers.ftps.data import TLS_DTPHandler

from cameras.ftp.channels import Pausable
from cameras.ftp.filesystem import Arriving
from cameras.ftp.limits import TOO_MANY_BYTES
from cameras.models import FTPLogEntry
from cameras.words import size_words

if TYPE_CHECKING:
    from cameras.ftp.session import Session

logger = logging.getLogger(__name__)
Step = FTPLogEntry.Step

GONE_WITHIN_S = 0.05
STALLED_AFTER_S = 30
OUTLIVES_S = 10
LONGEST_PAUSE_S = 1.0
MOST_BYTES_DRAINED = 16 * 1024**2


class NoPortFree(Exception):
    """Every passive port is waiting for somebody."""


class PassivePort(PassiveDTP):
    """Waits on one of the fixed ports for the client's data connection."""

    timeout = 10

    def handle_accepted(self, sock: Any, addr: tuple[Any, ...]) -> None:
        """As above; but a stranger who knocks does not get a word into what the client and we say to each other."""
        if addr[0] == self.cmd_channel.remote_ip:
            super().handle_accepted(sock, addr)
        else:
            sock.close()

    def bind(self, address: tuple[Any, ...]) -> None:
        if address[1] == 0 and len(address) == 2:
            # pyftpdlib would take any port now, which no firewall lets through.
            self.close()
            raise NoPortFree
        super().bind(address)


class ActivePort(ActiveDTP):
    """Connects to the port that the client waits on."""

    def handle_connect(self) -> None:
        """As above, and let go of what is the transfer's from now on.

        pyftpdlib closes this once more before the next transfer, and would take another connection, which has the same
        number by then, out of the loop.
        """
        super().handle_connect()
        self.socket = self._fileno = None

    def handle_write(self) -> None:
        """Nothing: once it is connected, the connection is the transfer's, which may be paused."""


class Receiving(Pausable, DTPHandler):
    """One data connection, whether encrypted or not."""

    timeout = STALLED_AFTER_S
    file_obj: Arriving | None
    _resp: tuple[Any, ...]

    def __init__(self, sock: Any, session: Session) -> None:
        self.session = session
        self.has_ended = False
        self.is_settled = False
        self.was_reset = False
        self.was_aborted = False
        super().__init__(sock, session)

    @property
    def has_begun(self) -> bool:
        """Whether a command has said what it is for."""
        return bool(self._initialized)

    def readable(self) -> bool:
        return bool(self.receive)

    def wait_for_command(self) -> None:
        """Before STOR nothing is read: what the client sends early must not look like its end."""
        if self.connected and not self._closed:
            self.pause()

    def enable_receiving(self, type: str, cmd: str) -> None:  # noqa: A002  (as the base class has it)
        self.is_paused = False
        super().enable_receiving("i", cmd)  # a camera that forgets TYPE I must not have its pictures changed

    def push(self, data: bytes) -> None:
        self.is_paused = False
        super().push(data)

    def push_with_producer(self, producer: object) -> None:
        self.is_paused = False
        super().push_with_producer(producer)

    def recv(self, buffer_size: int) -> bytes:
        """As above; but a connection that was reset has not come to its end."""
        try:
            data: bytes = self.socket.recv(buffer_size)
        except BlockingIOError as error:
            raise _RetryError from error
        except OSError:
            self.was_reset = True
            data = b""
        if not data:
            self.handle_close()
        return data

    def handle_read(self) -> None:
        try:
            chunk = self.recv(self.ac_in_buffer_size)
        except _RetryError:
            return
        if chunk and self.file_obj is not None and not self.is_settled:
            self._take(chunk)

    handle_read_event = handle_read

    def _take(self, chunk: bytes) -> None:
        assert self.file_obj is not None
        self.tot_bytes_received += len(chunk)
        if self.file_obj.size + len(chunk) > self.session.max_bytes:
            self._refuse_as_too_large()
            return
        try:
            self.file_obj.write(chunk)
        except OSError as error:
            self._fail(error)
            return
        wait = self.session.limits.bytes.spend(len(chunk), time.monotonic())
        if wait and not self.has_ended:
            self.session.note_slowed(TOO_MANY_BYTES)
            self.pause()
            self.call_later(min(wait, LONGEST_PAUSE_S), self.resume)

    def handle_close(self) -> None:
        """The client has sent all, or is gone: which of both shows in a moment."""
        if self._closed or self.has_ended:
            return
        if not self.receive:
            super().handle_close()
            return
        self.has_ended = True
        self.pause()
        self.call_later(GONE_WITHIN_S, self._end)

    def outlives_its_session(self) -> bool:
        """Whether it goes on without a control connection: a client that hangs up at once has sent all the same."""
        goes_on = self.receive and self.file_obj is not None and not (self.is_settled or self.has_ended)
        if goes_on and not self._closed:
            self.call_later(OUTLIVES_S, self.close)
        return bool(goes_on and not self._closed)

    def abort(self) -> None:
        """The client takes back what it has sent."""
        self.was_aborted = True

    def _end(self) -> None:
        if not self._settle():
            self.close()

    def _settle(self) -> bool:
        """Complete the upload, or note that it broke off. True where an answer follows, which closes the connection."""
        if self.is_settled or not self.receive or self.file_obj is None:
            return False
        if self.has_ended and not (self.was_reset or self.was_aborted) and self.session.is_there():
            self.session.finish(self._handed_over(), self._answer)
            return True
        self._drain()
        if not self.is_settled:
            self.is_settled = True
            self.session.note_lost(self.file_obj)
            if not (self._resp or self.was_aborted) and self.session.is_there():
                self._resp = ("426 The connection was lost.", logger.debug)
        return False

    def _handed_over(self) -> Arriving:
        """The upload, which somebody else sees to from here."""
        assert self.file_obj is not None
        arriving, self.file_obj, self.is_settled = self.file_obj, None, True
        return arriving

    def _drain(self) -> None:
        """Take what had arrived when the client went: it may be all."""
        self.has_ended = True
        until = self.tot_bytes_received + MOST_BYTES_DRAINED
        try:
            while not self.is_settled and self.tot_bytes_received < until:
                chunk = self.recv(self.ac_in_buffer_size)
                if not chunk:
                    return
                self._take(chunk)
        except (_RetryError, OSError, SSL.Error):
            return

    def _refuse_as_too_large(self) -> None:
        self.session.refuse_as_too_large(self._handed_over())
        self._answer(f"552 Files of more than {size_words(self.session.max_bytes)} are not taken.")

    def _fail(self, error: OSError) -> None:
        """The disk does not take it: what has arrived stays, and intake tells of it."""
        assert self.file_obj is not None
        self.is_settled = True
        self.session.note_failed(self.file_obj, error)
        self._answer(f"452 {error.strerror}.")

    def _answer(self, reply: str) -> None:
        if self._closed:
            self.session.reply(reply)
        else:
            self._resp = (reply, logger.debug)
            self.close()

    def _try_to_settle(self) -> None:
        try:
            self._settle()
        except Exception:  # whatever it is, the connection and its file are closed
            logger.exception("an upload could not be ended in order")

    def close(self) -> None:
        self._try_to_settle()
        if not self._closed:
            super().close()


class Transfer(TLS_DTPHandler, Receiving):
    """The same, encrypted where the client asked for it."""

    def __init__(self, sock: Any, session: Session) -> None:
        super().__init__(sock, session)
        if not self._ssl_accepting:
            self.wait_for_command()

    def handle_ssl_established(self) -> None:
        if not self.has_begun:
            self.wait_for_command()

    def close(self) -> None:
        self._try_to_settle()  # the end of the encryption would discard what is still to be read
        if not self._closed:
            self.resume()  # that end may want to hear of the other side
            super().close()
