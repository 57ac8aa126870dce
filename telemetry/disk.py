"""How much room is left on the disks the program fills. Asked by intake, the pages and `manage.py check`."""

from __future__ import annotations

import os
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.conf import settings

LOW_SHARE = 0.10
FULL_SHARE = 0.02
# A network disk that is away does not answer at all; a page must not wait for it.
ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True)
class Disk:
    """The disk a folder lies on, and what of it this user may still fill."""

    path: Path
    free_bytes: int
    total_bytes: int

    @property
    def free_share(self) -> float:
        # Some virtual file systems have no size; they do not fill up either.
        return self.free_bytes / self.total_bytes if self.total_bytes else 1.0

    @property
    def is_low(self) -> bool:
        return self.free_share < LOW_SHARE

    @property
    def is_full(self) -> bool:
        return self.free_share < FULL_SHARE

    @property
    def stops_intake(self) -> bool:
        """Whether no more files are taken in once it is full: rows and pictures are written there."""
        return self.path == Path(settings.DATA_DIR)


def disk_of(path: Path) -> Disk:
    """The disk `path` lies on. Raises OSError where it is not there."""
    usage = shutil.disk_usage(path)
    return Disk(path, usage.free, usage.total)


def disks() -> list[Disk]:
    """The disk of DATA_DIR, and that of the camera folders where it is another one and answers."""
    cameras = _camera_disk()
    return [disk_of(Path(settings.DATA_DIR)), *([cameras] if cameras else [])]


def cameras_answer() -> bool:
    """Whether every folder below the camera root can be looked at just now, if only to hear that it is not there."""
    return not _ask(_RollCall).is_alive()


class _Question(threading.Thread):
    """What a disk that does not answer would keep waiting for ever."""

    def __init__(self) -> None:
        super().__init__(name="camera-disk", daemon=True)
        self.root, self.data_dir = Path(settings.CAMERA_ROOT), Path(settings.DATA_DIR)
        self.answer_due = time.monotonic() + ANSWERS_WITHIN_S


class _Measurement(_Question):
    """Looks at the disk of the camera folders. `found` stays None where it is not there or that of DATA_DIR."""

    found: Disk | None = None

    def run(self) -> None:
        with suppress(OSError):
            if self.root.stat().st_dev != self.data_dir.stat().st_dev:
                self.found = disk_of(self.root)


class _RollCall(_Question):
    """Looks at each camera's folder: any of them may be a disk of its own."""

    def run(self) -> None:
        with suppress(OSError), os.scandir(self.root) as entries:
            for entry in entries:
                with suppress(OSError):
                    Path(entry.path).stat()


Q = TypeVar("Q", bound=_Question)
_lock = threading.Lock()
_asked: dict[type[_Question], _Question] = {}


def _ask(kind: type[Q]) -> Q:
    """The question, answered or not. Asked again only once it was answered, so that threads do not pile up."""
    with _lock:
        question = _asked.get(kind)
        if not isinstance(question, kind) or not question.is_alive():
            question = _asked[kind] = kind()
            question.start()
    question.join(timeout=max(question.answer_due - time.monotonic(), 0))
    return question


def _camera_disk() -> Disk | None:
    return _ask(_Measurement).found
