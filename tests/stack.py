"""The running program seen from outside: every process that `manage.py up` starts, on a folder and port of its own.

Used by the end-to-end tests, the fault harness and the benchmarks.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from security_site.config import BASE_DIR, FTP_PORTS, Config

T = TypeVar("T")
OWNER, PASSWORD = "olivia", "a long sentence for a test"


def eventually(look: Callable[[], T], *, within_s: float = 30.0) -> T:
    """The first true answer of `look`; fails after a while."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing came of it within {within_s} s"
        time.sleep(0.2)
    return found


def free_ftp_ports() -> tuple[int, socket.socket]:
    """The first of as many free ports in a row as the FTP server takes, and what keeps others from choosing them.

    That is the UDP port of the first's number: passive ports are opened late and shortly, so looking would not do.
    """
    for _ in range(1000):
        first = random.randrange(20_000, 32_000 - FTP_PORTS, FTP_PORTS)
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", first))
            if all(_is_free(port) for port in range(first, first + FTP_PORTS)):
                return first, claim
        except OSError:
            pass
        claim.close()
    raise AssertionError("no free ports in a row were found")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Stack:
    """A running `manage.py up`, seen from outside: its folders, its API, its processes."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        """`settings` are further environment variables of everything it runs."""
        self.data_dir = data_dir
        self.settings = settings
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.ftp_port, self._ftp_claim = free_ftp_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.with_suffix(".log")
        self.api = httpx.Client(base_url=f"{self.url}/api/v1/", timeout=20)

    @property
    def environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if name not in Config.model_fields}
        return {
            **mine,
            "DATA_DIR": str(self.data_dir),
            "PORT": str(self.port),
            "FTP_HOST": "127.0.0.1",
            "FTP_PORT": str(self.ftp_port),
            "ENV_FILE": os.devnull,
            "INCOMPLETE_SECONDS": "3",
            "TIME_ZONE": "Europe/Berlin",
            **self.settings,
        }

    def start(self) -> None:
        with self.log.open("a") as output:
            self.up = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            eventually(self.is_ready, within_s=60)
        except AssertionError:
            self.stop()  # whoever waits for it to start ends only what has started
            raise

    def stop(self) -> None:
        self.up.send_signal(signal.SIGTERM)
        self.up.wait(timeout=60)

    def is_ready(self) -> bool:
        assert self.up.poll() is None, self.log.read_text()[-3000:]
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run a management command beside the stack; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make_owner(self) -> None:
        self.command("create_user", "--username", OWNER, "--role", "owner", "--password-stdin", stdin=PASSWORD)
        self.make_key()

    def make_key(self) -> None:
        scopes = ("--scope", "read", "--scope", "write", "--scope", "ingest")
        self.api.headers["X-API-Key"] = self.command("create_api_key", "test", *scopes).split()[-1]

    def camera(self, name: str) -> Path:
        return self.data_dir / "cameras" / name

    def all(self, path: str, **query: str | int) -> list[dict[str, Any]]:
        """Every result of a list of the API, page after page."""
        results: list[dict[str, Any]] = []
        page = self.api.get(path, params={"page_size": 200, **query})
        while True:
            assert page.status_code == 200, page.text
            results += page.json()["results"]
            if not (following := page.json()["next"]):
                return results
            page = self.api.get(following)

    def captures(self, camera: str) -> list[dict[str, Any]]:
        return self.all("captures/", camera_id=camera)

    def settled(self, camera: str, count: int, *, within_s: float = 60) -> list[dict[str, Any]]:
        """The captures of a camera once there are `count` and none is on its way any more."""

        def look() -> list[dict[str, Any]]:
            captures = self.captures(camera)
            pending = [c for c in captures if c["state"] in ("queued", "detecting")]
            return captures if len(captures) == count and not pending else []

        return eventually(look, within_s=within_s)

    def events(self, camera: str) -> list[dict[str, Any]]:
        return self.all("events/", camera_id=camera)

    def processes(self, pattern: str) -> list[psutil.Process]:
        """Living descendants of `up` whose command line matches, parents before children."""
        family = psutil.Process(self.up.pid).children(recursive=True)
        found = []
        for process in family:
            try:
                if re.search(pattern, " ".join(process.cmdline())):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@contextmanager
def short_folder() -> Iterator[Path]:
    """One whose sockets have short paths, and that an unprivileged server can reach; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="hsi-stack-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Every process of the program, with an owner, until the block ends."""
    stack = Stack(folder / "data", **settings)
    stack.start()
    try:
        stack.make_owner()
        yield stack
    finally:
        stack.stop()
