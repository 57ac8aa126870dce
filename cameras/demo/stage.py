"""Who plays the demo: one at a time, in a process of its own where a page asks for it. Draws nothing itself."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


class AlreadyPlaying(Exception):
    """The demo is being played here by another process."""


def start_in_background() -> bool:
    """Play the demo in a process of its own; False where one is playing already."""
    try:
        with stage() as lock:
            _start_player(lock)
    except AlreadyPlaying:
        return False
    return True


@contextmanager
def stage(inherited: int | None = None) -> Iterator[int]:
    """Hold the stage, for there is one show at a time; gives the lock's descriptor for a child to inherit.

    Raises AlreadyPlaying where another process holds it.
    """
    if inherited is not None:
        yield inherited
        return
    folder = Path(settings.DATA_DIR) / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyPlaying from error
        yield file.fileno()


def _start_player(lock: int) -> None:
    """The child keeps the lock by inheriting it, so nobody can slip in between."""
    places = {"DATA_DIR": str(settings.DATA_DIR), "CAMERA_ROOT": str(settings.CAMERA_ROOT)}
    with (Path(settings.DATA_DIR) / "run" / "demo.log").open("wb") as log:
        player = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo", "--lock", str(lock)],
            env=os.environ | places,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[lock],
            start_new_session=True,
        )
    threading.Thread(target=player.wait, name="reap the demo", daemon=True).start()
