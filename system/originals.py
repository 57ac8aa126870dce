"""What is left of captures whose time is over: the cameras' own files, and the row that keeps each from being imported
again. Called by retention, for the same captures in a dry run and in a real one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path, PurePosixPath

from django.conf import settings

from cameras.intake import camera_folder_of, mtime_of
from cameras.models import Capture
from cameras.names import decode_path
from cameras.stored_files import Gone, NotThere, folder_below, look_below, remove_below

UNKNOWN_DISK_ERRORS = (NotThere, OSError)


@dataclass
class Originals:
    """The files of expired captures: removed where that is wanted, and their rows with them once they are gone.

    Nothing is concluded from a camera folder that is missing or empty: its disk may be unplugged.
    """

    cutoff: datetime
    delete: bool
    dry_run: bool
    files_removed: int = 0
    bytes_removed: int = 0
    refused: list[str] = field(default_factory=list)
    """What could not be removed, and why."""
    _folder_times: dict[str, datetime] = field(default_factory=dict)
    """When each folder that lost a file had last changed before that."""

    def settle(self, captures: Iterable[Capture]) -> None:
        """Look at the file of each of these captures, of which the real run has committed that they are expired."""
        gone: list[int] = []
        located = sorted(((decode_path(capture.file_path), capture) for capture in captures), key=lambda pair: pair[0])
        for name, group in groupby(located, key=lambda pair: camera_folder_of(pair[0])):
            with suppress(*UNKNOWN_DISK_ERRORS), folder_below(Path(settings.CAMERA_ROOT), name) as folder:
                if _holds_anything(folder):
                    gone += [capture.pk for path, capture in group if self._is_gone(folder, name, path, capture)]
        if gone and not self.dry_run:
            Capture.objects.filter(pk__in=gone, state=Capture.State.EXPIRED).delete()

    def _is_gone(self, folder: int, camera_folder: str, path: str, capture: Capture) -> bool:
        """Whether the capture's content lies there no longer, perhaps since this very moment."""
        inner = path.removeprefix(f"{camera_folder}/")
        try:
            status = look_below(folder, inner)
            if not _is_file_of(capture, status):
                return _is_file_of_another(capture, status)
            # A file that changed hands lately, its content unchanged, is as good as new.
            return self.delete and mtime_of(status) < self.cutoff and self._remove(folder, inner, path, capture)
        except Gone:
            return True
        except UNKNOWN_DISK_ERRORS:
            return False

    def _remove(self, folder: int, inner: str, path: str, capture: Capture) -> bool:
        self._note_time(folder, inner, path)
        try:
            size = remove_below(folder, inner, fits=lambda status: _is_file_of(capture, status), dry_run=self.dry_run)
        except OSError as error:
            self.refused.append(f"{capture.file_path}: {error.strerror}")
            return False
        self.files_removed += 1
        self.bytes_removed += size
        return True

    def _note_time(self, folder: int, inner: str, path: str) -> None:
        holder = str(PurePosixPath(path).parent)
        if holder not in self._folder_times:
            with folder_below(folder, str(PurePosixPath(inner).parent)) as descriptor:
                self._folder_times[holder] = mtime_of(os.fstat(descriptor))

    def remove_emptied_folders(self) -> None:
        """Remove folders that lost their last file to us and had not changed since the cutoff; never a camera's own."""
        if self.dry_run:
            return
        root = Path(settings.CAMERA_ROOT)
        while self._folder_times:
            path = max(self._folder_times, key=lambda one: one.count("/"))
            parent, _, name = path.rpartition("/")
            if self._folder_times.pop(path) < self.cutoff and parent:
                with suppress(*UNKNOWN_DISK_ERRORS), folder_below(root, parent) as descriptor:
                    before = mtime_of(os.fstat(descriptor))
                    os.rmdir(name, dir_fd=descriptor)  # refused where anything is in it
                    self._folder_times.setdefault(parent, before)


def _holds_anything(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is not None


def _is_file_of(capture: Capture, status: os.stat_result) -> bool:
    return (status.st_size, mtime_of(status)) == (capture.size, capture.mtime)


def _is_file_of_another(capture: Capture, status: os.stat_result) -> bool:
    """Whether what lies there has been taken in as other content: then this capture's is gone."""
    others = Capture.objects.filter(
        camera_id=capture.camera_id, file_path=capture.file_path, size=status.st_size, mtime=mtime_of(status)
    )
    return others.exclude(pk=capture.pk).exists()
