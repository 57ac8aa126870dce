"""What an `up` that was killed left running: recorded while it runs, cleared at the next start."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import psutil

from security_site.programs import signal_session

FILE = "processes.json"
SAME_START_S = 2  # the kernel counts from boot, so a clock that is set moves all starts a little
WAIT_S = 5


class Record(TypedDict):
    """A pid, and when its process began: by both together a process is known, as pids are used again."""

    pid: int
    started: float


def record_of(pid: int) -> Record | None:
    try:
        return {"pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return None


def write_records(folder: Path, records: Mapping[str, Record]) -> None:
    new = folder / f"{FILE}.new"
    new.write_text(json.dumps(records, indent=2))
    new.replace(folder / FILE)


def clear_orphans(folder: Path) -> list[str]:
    """End what the records name and still runs, each with all it started; the names of what was ended."""
    try:
        records: dict[str, Record] = json.loads((folder / FILE).read_text())
    except (FileNotFoundError, ValueError):
        return []
    alive = {name: process for name, record in records.items() if (process := _still_running(record))}
    sessions = [process for process in psutil.process_iter() if _session_of(process) in {p.pid for p in alive.values()}]
    for process in alive.values():
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(sessions, timeout=WAIT_S)
    for process in alive.values():
        signal_session(process.pid, signal.SIGKILL)
    psutil.wait_procs(sessions, timeout=WAIT_S)
    (folder / FILE).unlink()
    return sorted(alive)


def _still_running(record: Record) -> psutil.Process | None:
    try:
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) <= SAME_START_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError):
        return None


def _session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None
