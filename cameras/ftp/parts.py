"""Uploads that have not got their names yet: `.snap.jpg.1a2b3c4d.part` beside where `snap.jpg` will be.

The FTP server writes them and holds a lock on each while it does; intake looks at those that nobody holds any more.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path, PurePath

LONGEST_NAME_BYTES = 255
LONGEST_SUFFIX = 16
_PART = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.part", re.DOTALL)
_ADDED_BYTES = len(".") + len(".12345678.part")


class InUse(Exception):
    """Somebody is still writing it."""


def new_part_name(name: str) -> str:
    return f".{_fitting(name)}.{secrets.token_hex(4)}.part"


def real_name(name: str) -> str | None:
    """The name an unfinished upload will have; None where this is no name of one. Escaped names may be asked, too."""
    match = _PART.fullmatch(name)
    return match["name"] if match else None


def shown_name(path: str) -> str:
    """What a person calls the file at this path: its name, or the one that an upload which broke off was to get."""
    name = path.rpartition("/")[2]
    return real_name(name) or name


def is_part_of(part: str, name: str) -> bool:
    """Whether `part` is an unfinished upload of `name`."""
    return real_name(part) == _fitting(name)


def numbered(name: str, number: int) -> str:
    """`snap.jpg` → `snap-2.jpg`, within what a file name may have."""
    return _marked(name, f"-{number}", LONGEST_NAME_BYTES)


def shortened(name: str) -> str:
    """The name, cut before its suffix where it is longer than file names may be."""
    return _marked(name, "", LONGEST_NAME_BYTES)


def free_number(is_taken: Callable[[int], bool]) -> int:
    """A number from 2 that is not taken, in few questions however many are: the folder of a camera may hold 10,000."""
    low, high = 1, 2
    while is_taken(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_taken(middle) else (low, middle)
    return high


def place(source: str, source_folder: int, name: str, folder: int, *, replace: bool = False) -> str:
    """Move a file to `name`, or to a numbered name where that is taken and not to be replaced; gives the name."""
    target = name if replace else _take_free_name(name, folder)
    try:
        os.rename(source, target, src_dir_fd=source_folder, dst_dir_fd=folder)
    except OSError:
        if not replace:
            os.unlink(target, dir_fd=folder)  # the empty file that kept the name
        raise
    return target


def place_beside(path: Path, name: str) -> Path:
    """Give a file its name, or a numbered one, in the folder it lies in; gives where it lies then."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return path.with_name(place(path.name, folder, name, folder))
    finally:
        os.close(folder)


def exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def lock(descriptor: int) -> None:
    """Hold a part for as long as it is open; the kernel lets go of it when the process ends. Raises InUse."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InUse from error


def lock_under(name: str, folder: int, descriptor: int) -> None:
    """The same for one that was there before: whoever held it until now may have given it its name. Raises InUse."""
    lock(descriptor)
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError as error:
        raise InUse from error
    if not os.path.samestat(status, os.fstat(descriptor)):
        raise InUse


def settle(path: Path) -> Path | None:
    """Give an upload that broke off its name, if its content is whole all the same; None where it is not.

    Raises InUse, and OSError as the disk does.
    """
    from cameras import media  # knows this module's names by way of the models

    name = shown_name(path.name)
    with path.open("rb") as file:
        lock(file.fileno())
        try:
            media.inspect(path, name)
        except (media.Incomplete, media.Unacceptable):
            return None
        return place_beside(path, name)


def _take_free_name(name: str, folder: int) -> str:
    """The name or a numbered one, with an empty file under it: two at once must not overwrite each other."""
    while True:
        free = name
        if exists(name, folder):
            free = numbered(name, free_number(lambda number: exists(numbered(name, number), folder)))
        try:
            os.close(os.open(free, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=folder))
        except FileExistsError:
            continue
        return free


def _fitting(name: str) -> str:
    """The name as its parts carry it: a very long one is shortened, and stays distinct by a hash."""
    room = LONGEST_NAME_BYTES - _ADDED_BYTES
    raw = os.fsencode(name)
    if len(raw) <= room:
        return name
    return _marked(name, f"-{hashlib.sha256(raw).hexdigest()[:8]}", room)


def _marked(name: str, mark: str, room: int) -> str:
    """The name with a mark before its suffix; the stem is cut, between characters, where there is not room for all."""
    suffix = PurePath(name).suffix
    if len(suffix) > LONGEST_SUFFIX:
        suffix = ""
    stem = os.fsencode(name.removesuffix(suffix))
    left = room - len(os.fsencode(mark + suffix))
    if len(stem) > left:
        stem = stem[:left].decode(errors="ignore").encode()
    return os.fsdecode(stem) + mark + suffix
