"""Files by paths from the database, opened, looked at or removed without ever leaving their root.

Each step of a path is opened from the one before without following links, so that nothing swapped in between can
lead elsewhere. Called by the media views, retention and `verify`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import BinaryIO

Fits = Callable[[os.stat_result], bool]


class NotThere(Exception):
    """No regular file lies there, or the way to it leads through a link or out of the root."""


class Gone(NotThere):
    """Nothing at all lies there."""


def mtime_of(status: os.stat_result) -> datetime:
    """Modification time to the microsecond, which is what the database keeps."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=status.st_mtime_ns // 1000)


def open_below(root: Path, relative: str) -> BinaryIO:
    """Open `root`/`relative` for reading. Raises NotThere."""
    folder, name = _split(relative)
    try:
        with folder_below(root, folder) as descriptor:
            return _open_regular(name, descriptor)
    except OSError as error:
        raise NotThere(relative) from error


def look_below(root: Path | int, relative: str) -> os.stat_result:
    """What lies at `root`/`relative`, a link itself included. Raises Gone, NotThere, or OSError where the disk does."""
    folder, name = _split(relative)
    try:
        with folder_below(root, folder) as descriptor:
            return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except FileNotFoundError as error:
        raise Gone(relative) from error
    except NotADirectoryError as error:
        raise NotThere(relative) from error


def remove_below(root: Path | int, relative: str, *, fits: Fits | None = None, dry_run: bool = False) -> int:
    """Remove the regular file at `root`/`relative`, if what lies there still `fits`; gives its bytes.

    A dry run fails where the real one would, and leaves the file. Raises Gone, NotThere, or OSError.
    """
    folder, name = _split(relative)
    try:
        with folder_below(root, folder) as descriptor:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode) or (fits and not fits(status)):
                raise NotThere(relative)
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), relative)
            if not dry_run:
                os.unlink(name, dir_fd=descriptor)
            return status.st_size
    except FileNotFoundError as error:
        raise Gone(relative) from error
    except NotADirectoryError as error:
        raise NotThere(relative) from error


@contextmanager
def folder_below(root: Path | int, relative: str) -> Iterator[int]:
    """The open folder `root`/`relative`; `root` may be one itself, and stays open. Raises NotThere or OSError.

    A link on the way is a NotADirectoryError.
    """
    steps = _steps(relative)
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY) if isinstance(root, Path) else os.dup(root)
    try:
        for step in steps:
            parent, folder = folder, os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(parent)
        yield folder
    finally:
        os.close(folder)


def _split(relative: str) -> tuple[str, str]:
    """The folder of a path, and the name in it."""
    steps = _steps(relative)
    if not steps:
        raise NotThere(relative)
    return "/".join(steps[:-1]), steps[-1]


def _steps(relative: str) -> tuple[str, ...]:
    steps = PurePosixPath(relative).parts
    if ".." in steps or steps[:1] == ("/",) or "\0" in relative:
        raise NotThere(relative)
    return steps


def _open_regular(name: str, folder: int) -> BinaryIO:
    # Not blocking: opening a named pipe would otherwise wait for its other end.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotThere(name)
    return os.fdopen(descriptor, "rb")
