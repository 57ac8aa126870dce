"""Walking the camera folders: what the kernel did not tell is found here. Called by the watcher and the commands."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from cameras.intake import FOREIGN_FOLDERS, camera_folder_of, camera_of_name, may_be_listed
from cameras.models import Camera, Capture, IgnoredFile
from cameras.names import decode_path, encode_path
from cameras.stored_files import mtime_of

logger = logging.getLogger(__name__)

OLD_AT_FIRST_SCAN = timedelta(hours=24)
MANY_OLD_FILES = 50
FILES_PER_QUERY = 500
# A file that is added within a tick of the clock leaves its folder's time as it was: a time this young proves nothing.
SAME_MOMENT_NS = 2_000_000_000

Entry = os.DirEntry[str]
ImportLimit = tuple[datetime, datetime]
"""Files last changed before the first moment, and there before the second, wait for somebody to import them."""


def entries_of(folder: Path) -> list[Entry]:
    """What lies in a folder, by name. Empty where it vanished meanwhile or may not be listed: intake tells of that."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    except OSError as error:
        logger.warning("%s cannot be listed, its files are not seen: %s", folder, error)
        return []


def folders_below(folder: Path) -> Iterator[Path]:
    """The folder and every folder below it; links are not followed."""
    yield folder
    for entry in entries_of(folder):
        if is_folder(entry) and not is_foreign(entry):
            yield from folders_below(Path(entry.path))


def files_in(folder: Path) -> Iterator[Entry]:
    """Files and links directly in a folder."""
    return (entry for entry in entries_of(folder) if not is_folder(entry))


def is_folder(entry: Entry) -> bool:
    """Whether it is a folder and no link. What may not be looked at is taken for a file, which intake then reports."""
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def is_foreign(entry: Entry) -> bool:
    """Whether it is a folder that intake only counts."""
    return entry.name in FOREIGN_FOLDERS and is_folder(entry)


class Scanner:
    """Finds files to look at. Remembers folders' times between scans; forgets nothing it could not find again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folder_times: dict[Path, int] = {}
        self._met: set[str] = set()
        self._limits: dict[str, ImportLimit] = {}

    def full(self) -> Iterator[Path]:
        """Every file below the root, but for the older ones that wait for somebody to import them."""
        self._folder_times.clear()
        yield from self.changed()
        yield from vanished_paths()

    def changed(self) -> Iterator[Path]:
        """Files in folders that changed since they were last scanned, and those that could not be read then."""
        for entry in entries_of(self.root):
            if is_folder(entry) and not is_foreign(entry):
                self._meet(Path(entry.path))
        self._learn_limits()
        for folder in folders_below(self.root):
            if self._has_changed(folder):
                yield from self._due_in(folder)
        yield from unreadable_paths()

    def unknown(self) -> Iterator[Path]:
        """The same files as `full`, noting nothing of what is met: for somebody who only looks."""
        self._learn_limits()
        for folder in folders_below(self.root):
            yield from self._due_in(folder)

    def below(self, folder: Path) -> Iterator[Path]:
        """Every file below one folder that has just appeared."""
        if folder == self.root or self.root not in folder.parents:
            return
        if not FOREIGN_FOLDERS.isdisjoint(folder.relative_to(self.root).parts):
            return
        self._meet(self.root / folder.relative_to(self.root).parts[0])
        self._learn_limits()
        for inner in folders_below(folder):
            yield from self._due_in(inner)

    def waits_for_import(self, path: Path) -> bool:
        """Whether a path is one of the files that were offered, which nobody takes in before they are asked for.

        The kernel tells of files that came with their folder, too, and before that folder was first scanned.
        """
        limit = self._limits.get(camera_folder_of(os.path.relpath(path, self.root)))
        return limit is not None and _waits_for_import(path, limit)

    def an_import_began(self) -> bool:
        """Whether files that the last scan left waiting are asked for now. No query while none wait."""
        return bool(self._limits) and not self._limits.keys() <= _limits_now().keys()

    def _has_changed(self, folder: Path) -> bool:
        try:
            changed_at = folder.stat().st_mtime_ns
        except OSError:
            return False
        before = self._folder_times.pop(folder, None)
        if time.time_ns() - changed_at > SAME_MOMENT_NS:
            self._folder_times[folder] = changed_at
        return before != changed_at

    def _due_in(self, folder: Path) -> Iterator[Path]:
        """Files of a folder to look at; the folder itself where it may not be listed, which intake then tells."""
        if not may_be_listed(folder):
            yield folder
            return
        parts = folder.relative_to(self.root).parts
        limit = self._limits.get(parts[0]) if parts else None
        entries = entries_of(folder)
        files = (entry for entry in entries if not is_folder(entry))
        due = (entry for entry in files if limit is None or not _waits_for_import(entry, limit))
        yield from self._not_recorded(parts[0] if parts else "", due)
        if parts:
            yield from (Path(entry.path) for entry in entries if is_foreign(entry))

    def _not_recorded(self, camera_folder: str, entries: Iterable[Entry]) -> Iterator[Path]:
        """Those of a camera folder's files that the ledger does not know as they are now: one query for many."""
        entries = iter(entries)
        while some := list(islice(entries, FILES_PER_QUERY)):
            yield from self._not_recorded_of(camera_folder, some)

    def _not_recorded_of(self, camera_folder: str, entries: list[Entry]) -> Iterator[Path]:
        stored = {entry.path: encode_path(os.path.relpath(entry.path, self.root)) for entry in entries}
        recorded = Capture.objects.recorded().filter(file_path__in=stored.values())
        of_camera = recorded.filter(camera_id=Camera.objects.of_folder(camera_folder))
        known = set(of_camera.values_list("file_path", "mtime"))
        for entry in entries:
            if (stored[entry.path], _mtime(entry)) not in known:
                yield Path(entry.path)

    def _meet(self, folder: Path) -> None:
        """Scan a camera's folder for the first time: many old files are counted and offered, not queued."""
        if folder.name in self._met or folder.is_symlink() or not _holds_files(folder):
            return
        camera = camera_of_name(folder.name)
        # In a folder that is only spelt like the camera's own nothing waits: limits are those of its own.
        if camera.first_scanned_at is None and folder.name == camera.folder.name:
            self._count_older(camera, folder)
        self._met.add(folder.name)

    def _count_older(self, camera: Camera, folder: Path) -> None:
        now = timezone.now()
        limit = now - OLD_AT_FIRST_SCAN
        older = self._waiting_below(folder, (limit, now))
        wait = older > MANY_OLD_FILES
        with transaction.atomic():
            unmet = Camera.objects.filter(pk=camera.pk, first_scanned_at=None)
            if unmet.update(first_scanned_at=now, skip_before=limit if wait else None) and wait:
                # Offered where they belong, which may be another camera than the one named like the folder.
                owner = Camera.objects.filter(pk=Camera.objects.of_folder(folder.name))
                owner.update(older_files=F("older_files") + older)
        if wait:
            logger.info("%s holds %d files older than a day; they can be imported on its page", camera, older)

    def _waiting_below(self, folder: Path, limit: ImportLimit) -> int:
        """How many files of a camera's folder would wait: none that was looked at while the folder was being filled."""
        camera = Camera.objects.of_folder(folder.name)
        ignored = set(IgnoredFile.objects.filter(camera_id=camera).values_list("file_path", flat=True))
        files = (entry for inner in folders_below(folder) for entry in files_in(inner))
        waiting = self._not_recorded(folder.name, (entry for entry in files if _waits_for_import(entry, limit)))
        return sum(encode_path(os.path.relpath(path, self.root)) not in ignored for path in waiting)

    def _learn_limits(self) -> None:
        limits = _limits_now()
        for released in self._limits.keys() - limits.keys():
            camera_folder = self.root / released
            self._folder_times = {
                folder: changed_at
                for folder, changed_at in self._folder_times.items()
                if folder != camera_folder and camera_folder not in folder.parents
            }
        self._limits = limits


def _limits_now() -> dict[str, ImportLimit]:
    """By camera folder: what waits there for an import."""
    waiting = Camera.objects.exclude(skip_before=None).exclude(first_scanned_at=None)
    return {
        camera.folder.name: (camera.skip_before, camera.first_scanned_at)
        for camera in waiting
        if camera.skip_before and camera.first_scanned_at
    }


def _holds_files(folder: Path) -> bool:
    return any(True for inner in folders_below(folder) for _ in files_in(inner))


def _mtime(entry: Entry) -> datetime:
    try:
        return mtime_of(entry.stat(follow_symlinks=False))
    except OSError:
        return timezone.now()


def _waits_for_import(file: Entry | Path, limit: ImportLimit) -> bool:
    """Whether a file was there, and old, at its camera's first scan. One moved in later has a newer ctime."""
    older_than, there_at = limit
    try:
        status = file.stat(follow_symlinks=False)
    except OSError:
        return False
    if stat.S_ISDIR(status.st_mode):
        return False
    return mtime_of(status) < older_than and status.st_ctime < there_at.timestamp()


def unreadable_paths() -> Iterator[Path]:
    """Files and folders that could not be read last time: somebody may have mended their rights since."""
    root = Path(settings.CAMERA_ROOT)
    unreadable = IgnoredFile.objects.filter(kind=IgnoredFile.Kind.UNREADABLE)
    for stored in list(unreadable.values_list("file_path", flat=True)):
        yield root / decode_path(stored)


def vanished_paths() -> Iterator[Path]:
    """Ignored files that lie there no more: intake then forgets them."""
    root = Path(settings.CAMERA_ROOT)
    for stored in list(IgnoredFile.objects.values_list("file_path", flat=True)):
        path = root / decode_path(stored)
        if not os.path.lexists(path):
            yield path
