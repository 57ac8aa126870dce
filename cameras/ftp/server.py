"""`manage.py ftp`: receives what cameras send, as soon as one of them has an account.

One loop serves all connections. It never waits for the database or for one client, and what goes wrong with one ends
that one. Losing this process loses nothing: what was being sent lies there as a part, and intake sees to it.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from cameras import media
from cameras.ftp.addresses import host_for_cameras, passive_ports, port_for_cameras
from cameras.ftp.caller import plain_address
from cameras.ftp.certificate import certificate_in, encryption_with
from cameras.ftp.desk import Account, Desk
from cameras.ftp.reception import Reception
from cameras.ftp.session import Session
from cameras.models import FTPLogEntry
from security_site.addresses import by_whom, is_private
from telemetry.heartbeat import Beating

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 400
MOST_PER_ADDRESS = 40
LISTEN_AGAIN_AFTER_S = 5.0
LONGEST_WAIT_S = 1.0
TURN_AFTER_ERROR_S = 0.1
ACCEPT_AGAIN_AFTER_S = 1.0
# The supervisor waits ten seconds for an end in order.
END_WITHIN_S = 5.0
STRANGERS_NOTED_EVERY_S = 60.0
NOBODY_YET = "no camera has an account yet"


class Bell:
    """Wakes the loop from another thread, or from a signal. In the loop it is one more connection."""

    def __init__(self, ioloop: IOLoop) -> None:
        self._heard, self._rung = socket.socketpair()
        self._heard.setblocking(False)
        self._rung.setblocking(False)
        self._fileno = self._heard.fileno()
        ioloop.register(self._fileno, self, ioloop.READ)

    def ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            self._rung.send(b"!")

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        with suppress(BlockingIOError):
            self._heard.recv(4096)

    def close(self) -> None:
        self._heard.close()
        self._rung.close()


class Listener(FTPServer):
    """The open port."""

    max_cons = MOST_CONNECTIONS
    max_cons_per_ip = MOST_PER_ADDRESS

    def __init__(self, bound: socket.socket, ioloop: IOLoop, reception: Reception) -> None:
        self.reception = reception
        self._stranger_noted_at = -STRANGERS_NOTED_EVERY_S
        super().__init__(bound, Session, ioloop)

    def handle_accept(self) -> None:
        """As above; but while there are too many open files, callers wait a moment, and the loop does not spin."""
        try:
            super().handle_accept()
        except OSError as error:
            logger.warning("a connection could not be accepted, trying again: %s", error)
            self.del_channel()
            self.call_later(ACCEPT_AGAIN_AFTER_S, self.add_channel)

    def handle_error(self) -> None:
        """Whatever one caller did, the port stays open for the others: pyftpdlib would close it for good."""
        logger.exception("something went wrong with somebody who called, the port stays open")

    def handle_accepted(self, sock: socket.socket, addr: tuple[str, int]) -> None:
        """Let in whoever calls from a private network, and nobody else."""
        address = plain_address(addr[0])
        if is_private(address):
            self.reception.make_room()
            super().handle_accepted(sock, addr)
            return
        sock.close()
        if time.monotonic() - self._stranger_noted_at >= STRANGERS_NOTED_EVERY_S:
            self._stranger_noted_at = time.monotonic()
            sentence = f"{address} was turned away: it is no address of a home's network"
            self.reception.note(FTPLogEntry.Step.REFUSED, sentence, address)


class Server:
    """The process, until `stop()`. `told` is what its heartbeat says: where it listens, or why it does not."""

    def __init__(self, max_bytes: int = media.MAX_BYTES) -> None:
        self.told: dict[str, object] = {"listening": "", "since": "", "why_not": NOBODY_YET, "is_wanted": False}
        self._calls: deque[Callable[[], None]] = deque()
        self._ioloop = IOLoop()
        self._bell = Bell(self._ioloop)
        self._desk = Desk(self._call, self._learn)
        self.reception = Reception(self._desk, max_bytes)
        self._listener: Listener | None = None
        self._listen_at = 0.0
        self._end_at: float | None = None
        self._stopping = False

    def stop(self) -> None:
        """End in order, from any thread or a signal: what is being sent has some seconds to come to its end."""
        self._stopping = True
        self._bell.ring()

    def run(self) -> None:
        with Beating(f"ftp@{os.getpid()}", "ftp", self.told):
            connection.close()  # the others of this process are those of the threads that ask
            self._desk.start()
            try:
                while not self._is_over():
                    self._turn()
            finally:
                self._close()

    def _turn(self) -> None:
        try:
            soonest = self._ioloop.sched.poll()
            self._ioloop.poll(LONGEST_WAIT_S if soonest is None else min(soonest, LONGEST_WAIT_S))
            while self._calls:
                self._calls.popleft()()
        except Exception:  # of one connection, whose handler has closed it or will
            logger.exception("something went wrong in the FTP server, it goes on")
            time.sleep(TURN_AFTER_ERROR_S)

    def _is_over(self) -> bool:
        """Whether a stop was asked for, and nothing is being sent any more or its time is up."""
        if not self._stopping:
            return False
        if self._end_at is None:
            self._end_at = time.monotonic() + END_WITHIN_S
            self.reception.is_ending = True
            self._stop_listening()
        return time.monotonic() >= self._end_at or not any(session.is_busy for session in self.reception.sessions)

    def _close(self) -> None:
        for session in list(self.reception.sessions):
            session.end("421 The server is stopping.")
        self._desk.stop()
        self._stop_listening()
        self._ioloop.close()

    def _call(self, deed: Callable[[], None]) -> None:
        self._calls.append(deed)
        self._bell.ring()

    def _learn(self, accounts: dict[str, Account]) -> None:
        self.reception.learn(accounts)
        self.told["is_wanted"] = bool(accounts)
        if not accounts:
            self._stop_listening()
            self._tell(why_not=NOBODY_YET)
        elif self._listener is None and not self._stopping and time.monotonic() >= self._listen_at:
            self._listen()

    def _listen(self) -> None:
        host, port = settings.CONFIG.FTP_HOST, port_for_cameras()
        try:
            Session.ssl_context = encryption_with(certificate_in(Path(settings.DATA_DIR) / "ftp"))
            Session.passive_ports = passive_ports()
            self._listener = Listener(_bound(host, port), self._ioloop, self.reception)
        except OSError as error:
            self._listen_at = time.monotonic() + LISTEN_AGAIN_AFTER_S
            self._tell(why_not=_why_not(error, host, port))
        else:
            self._tell(listening=f"{host_for_cameras()}:{port}")

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _tell(self, *, listening: str = "", why_not: str = "") -> None:
        if (listening, why_not) == (self.told["listening"], self.told["why_not"]):
            return
        since = timezone.now().isoformat(timespec="seconds") if listening else ""
        self.told |= {"listening": listening, "since": since, "why_not": why_not}
        if listening:
            logger.info("cameras can send to %s", listening)
        elif self.told["is_wanted"]:
            logger.warning("cameras cannot send by FTP: %s", why_not)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()
    except OSError:
        bound.close()
        raise
    return bound


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is already in use{by_whom(port)}. End that program, or set another FTP_PORT."
    if error.errno == errno.EACCES and not error.filename:
        return f"port {port} may only be opened by root. Set another FTP_PORT."
    if error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"FTP_HOST={host} is not an address of this machine ({error.strerror})."
