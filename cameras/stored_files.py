"""Opening a stored file by a path from the database, without ever leaving its root. Called by the media views."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO


class NotThere(Exception):
    """No regular file lies there, or the way to it leads through a link or out of the root."""


def open_below(root: Path, relative: str) -> BinaryIO:
    """Open `root`/`relative` for reading.

    Each step is opened from the one before without following links, so that nothing swapped in between
    can lead elsewhere. Raises NotThere.
    """
    steps = PurePosixPath(relative).parts
    if not steps or ".." in steps or steps[0] == "/" or "\0" in relative:
        raise NotThere(relative)
    folder = -1
    try:
        folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        for step in steps[:-1]:
            parent, folder = folder, os.open(step, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(parent)
        return _open_regular(steps[-1], folder)
    except OSError as error:
        raise NotThere(relative) from error
    finally:
        if folder >= 0:
            os.close(folder)


def _open_regular(name: str, folder: int) -> BinaryIO:
    # Not blocking: opening a named pipe would otherwise wait for its other end.
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotThere(name)
    return os.fdopen(descriptor, "rb")
