"""What a camera sees of the disk: its own folder as the root, without links, and without unfinished uploads.

Paths are those of the client, absolute and without `..`. Every step from the camera root is opened without following
links, so nothing that lies in the folder leads out of it.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from django.conf import settings
from pyftpdlib.exceptions import FilesystemError
from pyftpdlib.filesystems import AbstractedFS

from cameras import media
from cameras.ftp import parts
from cameras.intake import is_unfinished_name
from cameras.stored_files import NotThere, folder_below

RESUMABLE_FOR_S = 3600
# A finished file is copied before something is added to it, while nobody else is served.
MOST_BYTES_COPIED = 64 * 1024**2
MOST_FOLDERS_DEEP = 16


@dataclass
class Arriving:
    """An upload on its way: its part, held and open, and the open folder it lies in. pyftpdlib writes and closes it."""

    path: str
    """The client's word for it."""
    relative: str
    """Where it lies below the camera root, once it is complete."""
    folder: int
    part: str
    file: int
    size: int = 0
    closed: bool = False

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def write(self, chunk: bytes) -> None:
        left = memoryview(chunk)
        while left:
            written = os.write(self.file, left)
            left = left[written:]
            self.size += written

    def place(self, *, replace: bool) -> str:
        """Give it its name, or a numbered one; gives the name."""
        return parts.place(self.part, self.folder, self.name, self.folder, replace=replace)

    def remove(self) -> None:
        os.unlink(self.part, dir_fd=self.folder)

    def close(self) -> None:
        """Let go of it. What has not one byte is no file."""
        if self.closed:
            return
        self.closed = True
        try:
            if not self.size and parts.exists(self.part, self.folder):
                self.remove()
        finally:
            os.close(self.file)
            os.close(self.folder)


Begun = Callable[[str, int], Arriving]
"""Makes an upload of the name of its part and the open file."""


class Home(AbstractedFS):
    """The folder of one camera."""

    def __init__(self, root: str, session: object) -> None:
        """`root` is the name of the camera's folder below the camera root."""
        super().__init__(root, session)

    def ftp2fs(self, ftppath: str) -> str:
        return str(self.ftpnorm(ftppath))

    def fs2ftp(self, fspath: str) -> str:
        return fspath

    def validpath(self, path: str) -> bool:
        return True

    def realpath(self, path: str) -> str:
        return path

    def get_user_by_uid(self, uid: int) -> str:
        return "camera"

    def get_group_by_gid(self, gid: int) -> str:
        return "camera"

    def relative(self, path: str) -> str:
        """Where it lies below the camera root."""
        return f"{self.root}{path}"

    @contextmanager
    def opened(self, path: str) -> Iterator[int]:
        """A folder of the camera, open."""
        try:
            with folder_below(Path(settings.CAMERA_ROOT), self.relative(path)) as folder:
                yield folder
        except NotThere as error:
            raise FilesystemError("No such file or directory") from error

    @contextmanager
    def made(self, path: str) -> Iterator[int]:
        """The same, made with all above it where it is missing."""
        steps = PurePosixPath(path).parts[1:]
        if len(steps) > MOST_FOLDERS_DEEP:
            raise FilesystemError(f"Folders may be {MOST_FOLDERS_DEEP} deep at most")
        if not self.isdir(path):
            with folder_below(Path(settings.CAMERA_ROOT), "") as root:
                _make(self.root, root)
            for depth, step in enumerate(steps):
                with self.opened("/" + "/".join(steps[:depth])) as parent:
                    _make(step, parent)
        with self.opened(path) as folder:
            yield folder

    def chdir(self, path: str) -> None:
        with self.opened(path):
            self.cwd = path

    def mkdir(self, path: str) -> None:
        if self.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        with self.made(path):
            pass

    def listdir(self, path: str) -> list[str]:
        with self.opened(path) as folder, os.scandir(folder) as entries:
            return [entry.name for entry in entries if _is_shown(entry)]

    def stat(self, path: str) -> os.stat_result:
        return self.lstat(path)

    def lstat(self, path: str) -> os.stat_result:
        """What is shown under this name: links and unfinished uploads are not."""
        folder, name = os.path.split(path)
        with self.opened(folder) as descriptor:
            status = os.stat(name or ".", dir_fd=descriptor, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode) or parts.real_name(name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return status

    def isdir(self, path: str) -> bool:
        try:
            with self.opened(path):
                return True
        except (OSError, FilesystemError):
            return False

    def lexists(self, path: str) -> bool:
        try:
            self.lstat(path)
        except (OSError, FilesystemError):
            return False
        return True

    def isfile(self, path: str) -> bool:
        try:
            return stat.S_ISREG(self._newest(path).st_mode)
        except (OSError, FilesystemError):
            return False

    def getsize(self, path: str) -> int:
        return self._newest(path).st_size

    def getmtime(self, path: str) -> float:
        return self._newest(path).st_mtime

    def _newest(self, path: str) -> os.stat_result:
        """What a name means to a client that asks how far it came: the unfinished upload, where that is newer."""
        folder, name = os.path.split(path)
        with self.opened(folder) as descriptor:
            part = _newest_part(name, descriptor)
            try:
                finished = os.stat(name or ".", dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                if part is None:
                    raise
                return part[1]
        return part[1] if part and part[1].st_mtime_ns >= finished.st_mtime_ns else finished

    def receive(self, path: str, start: int | None) -> Arriving:
        """Begin an upload to `path`, or go on with one at `start`, or at its end (None).

        Raises FilesystemError with a sentence for the client, parts.InUse, and OSError.
        """
        folder, name = os.path.split(path)
        if not name or parts.real_name(name):
            raise FilesystemError("No file can have this name")
        if len(os.fsencode(name)) > parts.LONGEST_NAME_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        with self.made(folder) as descriptor:
            if _is_folder(name, descriptor):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            kept = os.dup(descriptor)
            try:
                begun = partial(Arriving, path, self.relative(path), kept)
                return _resumed(begun, name, kept, start) if start != 0 else _begun(begun, name, kept)
            except BaseException:
                os.close(kept)
                raise

    def may_be_renamed(self, path: str) -> bool:
        """Only what intake would not take as it is: a finished picture keeps its name."""
        name = PurePosixPath(path).name
        try:
            is_file = stat.S_ISREG(self.lstat(path).st_mode)
        except (OSError, FilesystemError):
            return False
        is_taken_in = media.is_readable_kind(name) and not is_unfinished_name(name)
        return is_file and not is_taken_in


def _make(name: str, parent: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
    except FileExistsError:
        return


def _is_folder(name: str, folder: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _is_shown(entry: os.DirEntry[str]) -> bool:
    try:
        is_own = entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
    except OSError:
        return False
    return is_own and parts.real_name(entry.name) is None


def _newest_part(name: str, folder: int) -> tuple[str, os.stat_result] | None:
    """The unfinished upload of `name` that a client may go on with."""
    found = []
    for part in os.listdir(folder):
        if parts.is_part_of(part, name):
            try:
                found.append((part, os.stat(part, dir_fd=folder, follow_symlinks=False)))
            except FileNotFoundError:
                continue
    files = [pair for pair in found if stat.S_ISREG(pair[1].st_mode)]  # to open a pipe would hold everybody up
    recent = [pair for pair in files if time.time() - pair[1].st_mtime < RESUMABLE_FOR_S]
    return max(recent, key=lambda pair: pair[1].st_mtime_ns, default=None)


def _begun(begun: Begun, name: str, folder: int) -> Arriving:
    part = parts.new_part_name(name)
    file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o644, dir_fd=folder)
    try:
        parts.lock(file)
    except parts.InUse:  # intake looks at it already; it is begun again under another name
        os.unlink(part, dir_fd=folder)
        os.close(file)
        raise
    return begun(part, file)


def _resumed(begun: Begun, name: str, folder: int, start: int | None) -> Arriving:
    newest = _newest_part(name, folder)
    if newest is not None:
        file = os.open(newest[0], os.O_WRONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            parts.lock_under(newest[0], folder, file)
            return _at(begun(newest[0], file), start)
        except BaseException:
            os.close(file)
            raise
    if parts.exists(name, folder):
        return _continued(begun, name, folder, start)
    if start is None:
        return _begun(begun, name, folder)
    raise FilesystemError("Nothing of this file has arrived: send it from its beginning")


def _at(arriving: Arriving, start: int | None) -> Arriving:
    """The upload cut at `start`: what came after it is sent again."""
    size = os.fstat(arriving.file).st_size
    if start is not None and start > size:
        raise FilesystemError(f"Only {size} bytes of this file have arrived")
    arriving.size = size if start is None else start
    os.ftruncate(arriving.file, arriving.size)
    os.lseek(arriving.file, arriving.size, os.SEEK_SET)
    return arriving


def _continued(begun: Begun, name: str, folder: int, start: int | None) -> Arriving:
    """A new upload that begins with what a finished file holds: that one stays as it is."""
    finished = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        status = os.fstat(finished)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES_COPIED:
            raise FilesystemError("This file is finished: send it anew from its beginning")
        arriving = _begun(begun, name, folder)
        try:
            arriving.write(os.pread(finished, status.st_size, 0))
            return _at(arriving, start)
        except BaseException:
            os.unlink(arriving.part, dir_fd=folder)
            os.close(arriving.file)
            raise
    finally:
        os.close(finished)
