"""One program to run: how it is started in a session of its own, and ended with everything it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, TypedDict

import psutil

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """A user of the machine that a program runs as instead of root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path = Path("/")
    account: Account | None = None
    quiet: bool = False
    """What it prints is kept for the report of a crash, and not shown."""


class Service(Protocol):
    """Something to keep running, which somebody else may have started already."""

    @property
    def name(self) -> str: ...

    @property
    def stop_signal(self) -> signal.Signals: ...

    @property
    def stop_within_s(self) -> float: ...

    def prepare(self) -> Program:
        """Put everything in place for a start and say what to run. Raises StartError."""
        ...

    def running_pid(self) -> int | None:
        """The process that does this work now, if there is one."""
        ...

    def is_ready(self) -> bool: ...


class RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def run_as(account: Account | None) -> RunAs:
    """The arguments of `subprocess` that make a program run as `account`, with none of root's groups."""
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}


def spawn(
    program: Program, output: int | IO[bytes], *, dies_with_us: signal.Signals | None = None
) -> subprocess.Popen[bytes]:
    """Start `program` in a session of its own; `dies_with_us` is what the kernel sends it when this process dies."""
    return subprocess.Popen(
        program.command,
        env=dict(program.env),
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_death_signal(dies_with_us) if dies_with_us else None,  # noqa: PLW1509  (no threads here)
        **run_as(program.account),
    )


def _death_signal(number: signal.Signals) -> Callable[[], None] | None:
    """What a new process runs to be sent `number` when its parent dies."""
    parent = os.getpid()

    def ask_for_it() -> None:
        libc.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # the parent died before we asked
            os._exit(1)

    return ask_for_it if sys.platform == "linux" else None


def signal_session(leader: int, number: signal.Signals) -> None:
    """Send a signal to a session's leader and all it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def end(pid: int, stop_signal: signal.Signals, within_s: float) -> None:
    """Ask a process to end and wait; where it does not, kill it and all it started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.send_signal(stop_signal)
        deadline = time.monotonic() + within_s
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                signal_session(pid, signal.SIGKILL)
            time.sleep(0.02)


def in_words(status: int | None) -> str:
    """How a process ended, as a person reads it."""
    if status is None:
        return "ended"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
