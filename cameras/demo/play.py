"""Plays the demo: draws its pictures and drops them into the camera folders, the way cameras and good FTP servers do.

Called by the command `demo`, which the button on the empty live page starts (`stage.py`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

from cameras.demo.scenes import encode_jpeg, walk, write_mp4
from cameras.demo.script import Shot, show

LIVE_PACE_S = 2.2
FAST_INTERVAL = timedelta(seconds=2)
"""Between live pictures of a show that is dropped all at once; the last is taken now."""
VIDEO_S = 6


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
