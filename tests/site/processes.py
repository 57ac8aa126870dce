"""Helpers for tests that look at real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from security_site.config import BASE_DIR, Config

T = TypeVar("T")


def until(look: Callable[[], T], within_s: float = 20) -> T:
    """Wait until `look` finds something true; fail after a while."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing came of it within {within_s} s"
        time.sleep(0.02)
    return found


def private_config(home: Path, *, database_url: str = "", redis_url: str = "") -> Config:
    """Settings that start private servers unless told, whatever the environment of the test run gives."""
    return Config(DATA_DIR=home, DATABASE_URL=database_url, REDIS_URL=redis_url)


def environment(home: Path, port: int) -> dict[str, str]:
    """What a newcomer's shell has, with a data folder and a port of the test's own."""
    mine = {name: value for name, value in os.environ.items() if name not in Config.model_fields}
    return {**mine, "ENV_FILE": os.devnull, "DATA_DIR": str(home), "PORT": str(port), "PYTHONUNBUFFERED": "1"}


SUPERVISOR = ("-m", "security_site.supervisor")


class Up:
    """A running supervisor, with what it printed."""

    def __init__(
        self, home: Path, port: int, procfile: str, *, servers: bool, program: Sequence[str] = SUPERVISOR
    ) -> None:
        path = home / "Procfile"
        path.write_text(procfile)
        elsewhere = {} if servers else {"DATABASE_URL": "postgresql://elsewhere/hsi", "REDIS_URL": "redis://elsewhere"}
        self.popen = subprocess.Popen(
            [sys.executable, *program, "--procfile", str(path)],
            cwd=BASE_DIR,
            env=environment(home, port) | elsewhere,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        for line in self.popen.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self, text: str, times: int = 1) -> bool:
        return sum(text in line for line in self.lines) >= times

    def hears(self, text: str, times: int = 1, within_s: float = 20) -> None:
        """Wait until `text` was printed so many times."""
        deadline = time.monotonic() + within_s
        while not self.said(text, times):
            ended = self.popen.poll() is not None and not self.reader.is_alive() and not self.said(text, times)
            assert not ended and time.monotonic() < deadline, f"never said {text!r}, but:\n" + "\n".join(self.lines)
            time.sleep(0.02)

    def family(self) -> list[psutil.Process]:
        """Every process it has started, and what those have started."""
        return psutil.Process(self.popen.pid).children(recursive=True)

    def pid_of(self, marker: str) -> int:
        """The process whose command line holds `marker`."""
        return next(p.pid for p in self.family() if marker in " ".join(p.cmdline()))

    def ends(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30) -> int:
        self.popen.send_signal(number)
        status = self.popen.wait(within_s)
        self.reader.join(5)
        return status


def those_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
