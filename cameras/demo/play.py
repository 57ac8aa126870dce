"""Plays the demo: draws its pictures and drops them into the camera folders, the way cameras and good FTP servers do.

The command `demo` and the button on the empty live page both end in `play`.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from django.conf import settings

from cameras.demo.scenes import encode_jpeg, walk, write_mp4
from cameras.demo.script import Shot, show

LIVE_PACE_S = 2.2
FAST_INTERVAL = timedelta(seconds=2)
"""Between live pictures of a show that is dropped all at once; the last is taken now."""
VIDEO_S = 6


class AlreadyPlaying(Exception):
    """The demo is being played here by another process."""


def play(
    root: Path,
    *,
    pace_s: float,
    now: Callable[[], datetime],
    seed: int,
    progress: Callable[[int, int, str], None],
) -> list[Path]:
    """Drop every file of the show below `root`, one each `pace_s` seconds, and tell which they are.

    `now` gives the cameras' local time. `progress` hears how many of how many are done, and what comes next.
    """
    shots = show(seed)
    interval = timedelta(seconds=pace_s) or FAST_INTERVAL
    begin = now() if pace_s else now() - (len(shots) - 1) * interval
    dropped: list[Path] = []
    content = b""
    for index, shot in enumerate(shots):
        progress(index, len(shots), shot.caption)
        live = begin + index * interval
        if pace_s:
            time.sleep(max(0.0, (live - now()).total_seconds()))
        taken = shot.earlier.before(begin) if shot.earlier else live
        content = content if shot.repeats else _content(shot, taken, seed * 1000 + index)
        dropped.append(_drop(root, shot, taken, content))
    progress(len(shots), len(shots), "that was all")
    return dropped


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


def _content(shot: Shot, taken: datetime, seed: int) -> bytes:
    scene = shot.camera.scene
    if not shot.is_video:
        return encode_jpeg(scene.picture(taken, shot.subjects, seed=seed, rain=shot.rain))
    film = BytesIO()
    write_mp4(walk(scene, taken, VIDEO_S, seed=seed), film)
    return film.getvalue()


def _drop(root: Path, shot: Shot, taken: datetime, content: bytes) -> Path:
    """Write under an unfinished name, then rename: nobody can see half a file under its real name."""
    form = shot.camera.video_name if shot.is_video else shot.camera.picture_name
    path = root / shot.camera.folder / taken.strftime(form)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(content)
    finished_at = taken.timestamp() + (VIDEO_S if shot.is_video else 0)
    os.utime(unfinished, (finished_at, finished_at))
    unfinished.rename(path)
    return path
