"""`manage.py up`: starts every process of the program, keeps each of them running, and ends them all in order.

The private servers first, then the Procfile from top to bottom; the end is in the opposite order. It runs
without Django, so that what stays for months is small, and without threads, as the kernel ends the children
when the thread that started them ends.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from urllib.parse import urljoin

from inference.registry import choose_analyst
from security_site import embedded
from security_site.addresses import answers, lan_url, own_url, refuse_taken_port
from security_site.children import Child
from security_site.config import BASE_DIR, Config, load_config_or_exit
from security_site.console import Console
from security_site.orphans import Record, clear_orphans, record_of, write_records
from security_site.procfile import Task, read_procfile, task
from security_site.programs import in_words
from security_site.runtime import UP_LOCK, StartError, run_folder, setup_path, try_lock

TICK_S = 0.2
SLOW_WEB_S = 60
MANAGE = [sys.executable, str(BASE_DIR / "manage.py")]


class AlreadyRuns(StartError):
    """Another `up` serves this DATA_DIR."""


class AskedToStop(Exception):
    """Somebody wants everything to end."""


@dataclass
class ClockWatch:
    """Notices that the wall clock was set: it then moves against the monotonic one."""

    JUMP_S = 5
    ahead: float

    def jumped(self, wall: float, monotonic: float) -> float:
        """By how many seconds the clock was set since the last look; 0 for a drift."""
        moved = wall - monotonic - self.ahead
        self.ahead = wall - monotonic
        return moved if abs(moved) > self.JUMP_S else 0


class Supervisor:
    def __init__(self, config: Config, console: Console) -> None:
        self.config = config
        self.console = console
        self.env = environment_of_children(config)
        self.folder = run_folder(config.DATA_DIR)
        self.children: list[Child] = []
        self.errand: Child | None = None
        self.recorded: dict[str, Record] = {}
        self.clock = ClockWatch(time.time() - time.monotonic())
        self.asked_to_stop = False

    def run(self, procfile: Path, *, demo: bool) -> None:
        """Bring everything up and keep it so until a signal ends it. Raises StartError."""
        tasks = [each for each in read_procfile(procfile, self.env) if self.is_needed(each)]
        self.console.width = max((len(each.name) for each in tasks), default=0)
        if ended := clear_orphans(self.folder):
            self.console.write(f"Ended what a killed start had left behind: {', '.join(ended)}.")
        if any(each.name == "web" for each in tasks):
            refuse_taken_port(self.config.HOST, self.config.PORT)
        outlives_its_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as `nohup` asks
        for number in (signal.SIGINT, signal.SIGTERM, *([] if outlives_its_terminal else [signal.SIGHUP])):
            signal.signal(number, self._note_signal)
        try:
            self._bring_up(tasks)
            if demo:
                self._run_to_its_end(task("demo", [*MANAGE, "demo"], self.env))
            while True:
                self._tick()
        except AskedToStop:
            self.console.write("Stopping…")
        finally:
            self._bring_down()

    def is_needed(self, each: Task) -> bool:
        """A worker for language models only where one is chosen: it would hold memory and wait for ever."""
        return each.name != "analyze" or choose_analyst(self.config).name == "llm"

    def _bring_up(self, tasks: list[Task]) -> None:
        for server in embedded.servers_of(self.config):
            self._add(Child(server, self.console))
        while not all(child.service.is_ready() for child in self.children):
            self._tick()
        for release in (each for each in tasks if each.name == "release"):
            if (status := self._run_to_its_end(release)) != 0:
                raise StartError(f"`release` {in_words(status)}, so nothing more was started; its lines above say why.")
        for each in tasks:
            if each.name != "release":
                self._add(Child(each, self.console))
        if any(each.name == "web" for each in tasks):
            self._wait_for_web()
            self._announce()

    def _wait_for_web(self) -> None:
        slow_at = time.monotonic() + SLOW_WEB_S
        while not answers(self.config.HOST, self.config.PORT):
            self._tick()
            if time.monotonic() > slow_at:
                self.console.write(f"The web server has not answered for {SLOW_WEB_S} s; still waiting for it.")
                slow_at = float("inf")

    def _announce(self) -> None:
        here, lan = own_url(self.config.HOST, self.config.PORT), lan_url(self.config.HOST, self.config.PORT)
        self.console.write(f"\nHome Security Intelligence is running: {here}")
        if lan:
            self.console.write(f"On other devices of your network: {lan}")
        if path := setup_path(self.config.DATA_DIR):
            for url in filter(None, (lan, here)):
                self.console.write(f"Make the owner's account, once: {urljoin(url, path)}")

    def _run_to_its_end(self, what: Task) -> int | None:
        """Run something that ends by itself while everything else is kept running; its exit status."""
        self.errand = Child(what, self.console)
        self.errand.start()
        while not self.errand.has_ended():
            self._tick()
        errand, self.errand = self.errand, None
        return errand.collect()

    def _add(self, child: Child) -> None:
        child.start()
        self.children.append(child)
        self._record()

    def _tick(self) -> None:
        self.console.relay(TICK_S)
        if self.asked_to_stop:
            raise AskedToStop
        jump = self.clock.jumped(time.time(), time.monotonic())
        for child in self.children:
            if jump and child.name == "beat":  # it would sleep until the clock is where it was
                child.restart(f"the clock was set by {jump:+.0f} s")
            child.keep_running()
        self._record()

    def _record(self) -> None:
        """Keep the list of what runs on disk, for the case that we are killed.

        The private servers are not in it: they are found by themselves, and ending them in haste would harm them.
        """
        pids = {each.name: each.pid for each in self._everything() if each.pid and isinstance(each.service, Task)}
        if pids != {name: record["pid"] for name, record in self.recorded.items()}:
            self.recorded = {name: record for name, pid in pids.items() if (record := record_of(pid))}
            with suppress(OSError):  # a full disk must not end what is supervised
                write_records(self.folder, self.recorded)

    def _bring_down(self) -> None:
        for child in reversed(self._everything()):
            child.stop()
        self._record()

    def _everything(self) -> list[Child]:
        return [*self.children, self.errand] if self.errand else self.children

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True


def environment_of_children(config: Config) -> dict[str, str]:
    """What children see: our environment, with the addresses of everything settled, so that none starts servers."""
    venv = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{venv}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        "CELERY_SKIP_CHECKS": "1",  # `release` has made them; they import every page
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",  # check hsi.W005 has said it once
        "DATA_DIR": str(config.DATA_DIR),
        "HOST": config.HOST,
        "PORT": str(config.PORT),
        "DATABASE_URL": embedded.database_url(config),
        "REDIS_URL": embedded.redis_url(config),
    }


@contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Refuse a second start on the same DATA_DIR. Raises AlreadyRuns."""
    with (run_folder(config.DATA_DIR) / UP_LOCK).open("a+") as lock:
        lock.seek(0)
        if not try_lock(lock):
            other = json.loads(lock.read() or "{}")
            raise AlreadyRuns(
                f"It already runs on {config.DATA_DIR}: {other.get('address')} (process {other.get('pid')}).\n"
                "Stop that one first, or give this one a folder and a port of its own: DATA_DIR=… PORT=… make run"
            )
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "address": own_url(config.HOST, config.PORT), "port": config.PORT}))
        lock.flush()
        yield


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--procfile", type=Path, default=BASE_DIR / "Procfile", help="which processes to run")
    parser.add_argument("--demo", action="store_true", help="play the demo's footage once everything runs")
    options = parser.parse_args()
    config = load_config_or_exit()
    assert isinstance(sys.stdout, TextIOWrapper)
    sys.stdout.reconfigure(errors="replace")  # no character that a camera's name holds may end us
    try:
        with only_one(config), embedded.in_use(config.DATA_DIR):
            Supervisor(config, Console(sys.stdout)).run(options.procfile, demo=options.demo)
    except AlreadyRuns as error:
        if not options.demo:
            sys.exit(str(error))
        os.execv(sys.executable, [*MANAGE, "demo"])  # noqa: S606  (no shell is wanted)
    except (StartError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
