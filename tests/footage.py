"""Drawn pictures and videos for any test that needs somebody, or nobody, in front of a camera.

Every seed gives other bytes; the builtin detector finds each person drawn here, and nobody in an empty picture.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cameras.demo.scenes import FRONT_DOOR, encode_jpeg, walk, write_mp4

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def draw_person_jpeg(path: Path, *, seed: int = 1, at: datetime = NOON) -> Path:
    """Somebody on the lawn; `at` is the time written into the picture."""
    person = FRONT_DOOR.person(640 + 37 * (seed % 11), 0.6, seed)
    return _write(path, encode_jpeg(FRONT_DOOR.picture(at, [person], seed=seed)))


def draw_empty_jpeg(path: Path, *, seed: int = 1, at: datetime = NOON) -> Path:
    """The same garden with nobody in it."""
    return _write(path, encode_jpeg(FRONT_DOOR.picture(at, seed=seed)))


def draw_walker_mp4(path: Path, *, seconds: float = 2, seed: int = 1, at: datetime = NOON) -> Path:
    """A video of somebody who crosses the picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_mp4(walk(FRONT_DOOR, at, seconds, seed=seed), file)
    return path


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
