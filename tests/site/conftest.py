"""A home for real processes: a short folder that an unprivileged user reaches too, and a port nobody else has."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.site.processes import Up, those_alive


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A DATA_DIR. pytest's own temporary folders are root's alone where root runs the tests."""
    monkeypatch.setenv("PATH", os.environ["PATH"])  # starting servers adds to it
    folder = Path(tempfile.mkdtemp(prefix="hsi-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    cluster = (folder / "postgres").resolve()
    left = [p for p in psutil.process_iter() if _works_in(p, folder) or _works_in(p, cluster)]
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=5)
    shutil.rmtree(folder, ignore_errors=True)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return Path(process.cwd()).is_relative_to(folder) or str(folder) in " ".join(process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def up(home: Path, port: int) -> Iterator[Callable[..., Up]]:
    """Start a supervisor with a Procfile, private servers where asked for; what it still runs is ended."""
    started: list[Up] = []

    def start(procfile: str, *, servers: bool = False) -> Up:
        started.append(Up(home, port, procfile, servers=servers))
        return started[-1]

    yield start
    for one in started:
        if one.popen.poll() is None:
            family = one.family()
            one.ends(signal.SIGTERM)
            assert not those_alive(family)
        assert one.popen.stdout
        one.popen.stdout.close()
