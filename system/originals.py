"""What is left of captures whose time is over: the cameras' own files, and the row that keeps each from being imported
again. Called by retention, for the same captures in a dry run and in a real one.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path, PurePosixPath

from django.conf import settings

from cameras.intake import camera_folder_of
from cameras.models import Capture
from cameras.names import decode_path
from cameras.stored_files import Gone, folder_below, look_below, mtime_of, remove_below
from system.camera_folders import UNKNOWN_DISK_ERRORS, why_open_folder_is_not_believed

logger = logging.getLogger(__name__)


@dataclass
class Originals:
    """The files of expired captures: removed where that is wanted, and their rows with them once they are gone.

    From what is missing nothing is concluded where the camera's folder is not believed: its disk may be unplugged.
    """

    cutoff: datetime
    delete: bool
    dry_run: bool
    went: Callable[[int], None]
    """Is told the bytes of each file that went, or would."""
    refused: list[str] = field(default_factory=list)
    """What could not be removed, and why."""
    _folder_times: dict[str, datetime] = field(default_factory=dict)
    """When each folder that lost a file had last changed before that."""
    _doubted: set[str] = field(default_factory=set)
    """Camera folders whose doubt was logged."""

    def settle(self, captures: Iterable[Capture]) -> None:
        """Look at the file of each of these captures, of which the real run has committed that they are expired."""
        gone: list[int] = []
        located = sorted(((decode_path(capture.file_path), capture) for capture in captures), key=lambda pair: pair[0])
        for name, group in groupby(located, key=lambda pair: camera_folder_of(pair[0])):
            with suppress(*UNKNOWN_DISK_ERRORS), folder_below(Path(settings.CAMERA_ROOT), name) as folder:
                missing: list[int] = []
                for path, capture in group:
                    try:
                        if self._is_past(folder, name, path, capture):
                            gone.append(capture.pk)
                    except Gone:
                        missing.append(capture.pk)
                if missing and self._is_believed(folder, name):
                    gone += missing
        if gone and not self.dry_run:
            Capture.objects.filter(pk__in=gone, state=Capture.State.EXPIRED).delete()

    def _is_believed(self, folder: int, name: str) -> bool:
        doubt = why_open_folder_is_not_believed(folder, name)
        if doubt and name not in self._doubted:
            self._doubted.add(name)
            logger.warning("the camera folder %s %s; is its disk connected? Rows of its files stay.", name, doubt)
        return not doubt

    def _is_past(self, folder: int, camera_folder: str, path: str, capture: Capture) -> bool:
        """Whether other content took its place, or it goes this very moment. Raises Gone where nothing lies there."""
        inner = path.removeprefix(f"{camera_folder}/")
        try:
            status = look_below(folder, inner)
            if not capture.is_as_taken_in(status):
                return _is_file_of_another(capture, status)
            # A file that changed hands lately, its content unchanged, is as good as new.
            return self.delete and mtime_of(status) < self.cutoff and self._remove(folder, inner, path, capture)
        except Gone:
            raise
        except UNKNOWN_DISK_ERRORS:
            return False

    def _remove(self, folder: int, inner: str, path: str, capture: Capture) -> bool:
        self._note_time(folder, inner, path)
        try:
            size = remove_below(folder, inner, fits=capture.is_as_taken_in, dry_run=self.dry_run)
        except OSError as error:
            self.refused.append(f"{capture.file_path}: {error.strerror}")
            return False
        self.went(size)
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


def _is_file_of_another(capture: Capture, status: os.stat_result) -> bool:
    """Whether what lies there has been taken in as other content: then this capture's is gone."""
    others = Capture.objects.filter(
        camera_id=capture.camera_id, file_path=capture.file_path, size=status.st_size, mtime=mtime_of(status)
    )
    return others.exclude(pk=capture.pk).exists()
