"""The private PostgreSQL and Redis: where they are, and having them run for as long as somebody uses them.

`manage.py up` supervises them. A command without `up`, and the tests, use `running()`: what runs already is
used, what does not is started, and whoever is the last to leave stops it. Settings only ask for the URLs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from security_site.config import Config
from security_site.postgres_server import PostgresServer, wheel_binaries
from security_site.programs import end, in_words, spawn
from security_site.redis_server import RedisServer
from security_site.runtime import StartError, one_at_a_time, run_folder, share_lock, try_lock

Server = PostgresServer | RedisServer
READY_WITHIN_S = 120  # long enough for a recovery after a power cut
STARTING = "servers.starting"
USERS = "servers.users"


def database_url(config: Config) -> str:
    """The database that is given, else the private one."""
    return config.DATABASE_URL or PostgresServer(config.DATA_DIR).url


def redis_url(config: Config) -> str:
    """The broker that is given, else the private one."""
    return config.REDIS_URL or RedisServer(config.DATA_DIR).url


def servers_of(config: Config) -> list[Server]:
    """The private servers this installation needs: one for each URL that is not given."""
    servers: list[Server] = []
    if not config.DATABASE_URL:
        servers.append(PostgresServer(config.DATA_DIR))
    if not config.REDIS_URL:
        servers.append(RedisServer(config.DATA_DIR))
    return servers


@contextmanager
def running(config: Config) -> Iterator[bool]:
    """The private servers that `config` needs answer within; the last user stops them. Raises StartError.

    Gives whether any had to be started: then nobody may have brought the database's tables up to date.
    """
    servers = servers_of(config)
    if not servers:
        yield False
        return
    os.environ["PATH"] += os.pathsep + str(wheel_binaries())  # `manage.py dbshell` looks for psql
    folder = run_folder(config.DATA_DIR)
    with _leaving_on_signals(), in_use(config.DATA_DIR):
        with one_at_a_time(folder, STARTING):
            started = [_start(server, folder / f"{server.name}.log") for server in servers]
        yield any(started)
    for process in started:
        if process:
            process.poll()


@contextmanager
def in_use(data_dir: Path) -> Iterator[None]:
    """Count as a user of the private servers; the last one to leave stops whichever of them run."""
    folder = run_folder(data_dir)
    with (folder / USERS).open("a") as users:
        with one_at_a_time(folder, STARTING):
            share_lock(users)
        try:
            yield
        finally:
            with one_at_a_time(folder, STARTING):
                if try_lock(users):
                    _stop(RedisServer(data_dir))
                    _stop(PostgresServer(data_dir))


def _start(server: Server, log: Path) -> subprocess.Popen[bytes] | None:
    """Have `server` answer: wait for one that starts, recovers or is about to end, start one where none is."""
    process: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + READY_WITHIN_S
    while not server.is_ready():
        if time.monotonic() > deadline:
            raise StartError(f"{server.name} does not answer after {READY_WITHIN_S} s; {log} may say why.")
        if process is None and server.running_pid() is None:
            program = server.prepare()
            with log.open("wb") as output:
                process = spawn(program, output)
        elif process and process.poll() is not None and server.running_pid() is None:
            said = log.read_text(errors="replace")
            raise StartError(f"{server.name} {in_words(process.returncode)}:\n{said}")
        time.sleep(0.02)
    return process


def _stop(server: Server) -> None:
    if pid := server.running_pid():
        end(pid, server.stop_signal, server.stop_within_s)


@contextmanager
def _leaving_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command by an exception, so that it leaves in order, unless it handles them itself."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mine = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in mine:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
