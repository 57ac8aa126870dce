"""Where a notice may go: watches every connection that Python opens, below all libraries.

What is connected to is an address, resolved already, so a name that leads into the home's network, a redirect or a
name that changes its mind gain nothing. `attempt()` surrounds each attempt to send; the deliver process also calls
`close_process()`, so that a thread which a library starts on its own is watched as well. PostgreSQL is reached by C
code and by the program's own threads, Redis by the latter: neither happens within an attempt.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psutil

CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
LONGEST_ATTEMPT_S = 15.0
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
DEFAULT_REDIS_PORT = 6379

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ConnectionRefusedHere(OSError):
    """We did not let it connect; the message says why. To libraries it is a connection that failed."""


@dataclass
class Attempt:
    """One attempt to send: what it may reach, until when, and what became of it."""

    may_reach_private: bool
    ends_at: float
    refusal: str = ""
    """Why a connection was not let through; empty where all were."""
    is_over: bool = False
    _sockets: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def remaining_s(self) -> float:
        return max(self.ends_at - time.monotonic(), 0.0)

    def let_connect(self, ours: socket.socket, address: object) -> None:
        """Raises ConnectionRefusedHere. What is let through is kept, to be cut off when the time is over."""
        if not self.may_reach_private and not is_public(address):
            self.refusal = (
                "It leads into the home's network, and this channel may not go there: set ALLOW_PRIVATE_TARGETS=1 "
                "in .env, start the program again, and let an owner enter its URL."
            )
            raise ConnectionRefusedHere(self.refusal)
        with self._lock:
            if self.is_over or not self.remaining_s:
                raise ConnectionRefusedHere("Its time is over.")
            # A library that encrypts takes the socket over; a duplicate stays ours.
            self._sockets.append(socket.socket(fileno=os.dup(ours.fileno())))

    def cut_off(self) -> None:
        """End it: whatever it is waiting for ends now, and it connects no more."""
        with self._lock:
            self.is_over = True
            for kept in self._sockets:
                with suppress(OSError):  # not connected yet, or not any more
                    kept.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with self._lock:
            for kept in self._sockets:
                kept.close()
            self._sockets.clear()


class _OfThisThread(threading.local):
    attempt: Attempt | None = None


_mine = _OfThisThread()
_installing = threading.Lock()
_is_installed = False
_own_server: tuple[str, int] | None = None
_is_closed = False


@contextmanager
def attempt(*, may_reach_private: bool, longest_s: float = LONGEST_ATTEMPT_S) -> Iterator[Attempt]:
    """Watches what this thread connects to, and ends it after `longest_s`."""
    _install()
    mine = Attempt(may_reach_private, time.monotonic() + longest_s)
    clock = threading.Timer(longest_s, mine.cut_off)
    clock.daemon = True
    clock.start()
    _mine.attempt = mine
    try:
        yield mine
    finally:
        _mine.attempt = None
        clock.cancel()
        mine.close()


def current() -> Attempt | None:
    """The attempt that this thread is in."""
    return _mine.attempt


def close_process(redis_url: str) -> None:
    """From now on no thread of this process reaches anything private but the program's own servers."""
    global _own_server, _is_closed  # noqa: PLW0603  (an audit hook is a process's, and so is this)
    parts = urlsplit(redis_url)
    _own_server = (parts.hostname, parts.port or DEFAULT_REDIS_PORT) if parts.hostname else None
    _is_closed = True
    _install()


def is_public(address: object) -> bool:
    """Whether it is an Internet address of somebody else's machine, resolved already."""
    ip = _ip_of(address)
    if ip is None or not ip.is_global or ip.is_multicast:
        return False
    # All else of IPv6 is of use at home only, or carries an IPv4 address in a way that some networks still route.
    return (ip.version == 4 or ip in GLOBAL_UNICAST) and not _is_beside_us(ip)


def is_address(host: str) -> bool:
    """Whether this is no name."""
    return _ip_of((host,)) is not None


def _ip_of(address: object) -> Address | None:
    """The address that is meant, out of what a socket is given; None for a name, a path, or nothing."""
    host = address[0] if isinstance(address, tuple) and address else None
    if not isinstance(host, str):
        return None
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return _carried(ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _carried(ip: ipaddress.IPv6Address) -> Address:
    """An IPv4 address that an IPv6 one stands for is the one that counts."""
    if ip in NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def _is_beside_us(ip: Address) -> bool:
    """Whether it lies in a network of this machine: with IPv6 whatever is at home has an address of the Internet."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    own = (one for found in psutil.net_if_addrs().values() for one in found if one.family == family and one.netmask)
    return any(ip in _network(one.address.partition("%")[0], one.netmask) for one in own)


def _network(address: str, netmask: str | None) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    length = int(ipaddress.ip_address(netmask or address)).bit_count()
    return ipaddress.ip_network((address, length), strict=False)


def _install() -> None:
    global _is_installed  # noqa: PLW0603
    with _installing:
        if not _is_installed:
            sys.addaudithook(_look)
            _is_installed = True


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    """Python asks before each connection; raising refuses it."""
    if event not in CONNECTS:
        return
    ours, address = arguments
    if event == "socket.sendmsg" and address is None:  # it is connected, so it was asked about then
        return
    if _mine.attempt is not None:
        _mine.attempt.let_connect(ours, address)
    elif _is_closed and not (_is_unix(ours) or is_public(address) or _is_own_server(address)):
        raise ConnectionRefusedHere("No thread but those that send for a channel reaches the home's network.")


def _is_unix(ours: socket.socket) -> bool:
    return ours.family == socket.AF_UNIX


def _is_own_server(address: object) -> bool:
    """Asked anew each time, since it may move; what leads to another port is none of ours."""
    if _own_server is None or not isinstance(address, tuple) or address[1] != _own_server[1]:
        return False
    try:
        known = socket.getaddrinfo(*_own_server, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return False
    return any(found[4][0] == address[0] for found in known)
