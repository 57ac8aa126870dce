"""From a path to a row of the ledger: every file below the camera root becomes exactly one fact.

`take_in` is safe to call any number of times, from any process, for any path: the watcher, the scans, `ingest` and
uploads all end here. Nothing is moved or deleted.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pwd
import stat
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path, PurePath

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, transaction
from django.db.models import Q
from django.utils import timezone

from cameras import media
from cameras.capture_time import CapturedAt, captured_at
from cameras.ftp import parts
from cameras.media import Incomplete, MediaFacts, Unacceptable
from cameras.models import (
    MISSED,
    Camera,
    Capture,
    IgnoredFile,
    guess_place,
    normalize_camera_id,
)
from cameras.names import encode_path
from cameras.stored_files import mtime_of
from cameras.words import size_words
from telemetry.broadcast import broadcast
from telemetry.wake import wake

logger = logging.getLogger(__name__)

# Longer ones do not fit into an entry of an index.
LONGEST_PATH_BYTES = 2000
UNFINISHED_SUFFIXES = frozenset({".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".upload"})
# What a NAS or a program that copies keeps for itself beside the files: thumbnails, waste, old versions.
FOREIGN_FOLDERS = frozenset(
    {"@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", ".@__thumb", ".stversions"}
)
SPECIAL_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


class Outcome(Enum):
    """What became of a path. Every one but WAITING is final until the file changes."""

    TAKEN = "taken"
    KNOWN = "known"
    WAITING = "waiting"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    OPENED = "opened"  # a folder that could not be listed can be now
    GONE = "gone"


@dataclass(frozen=True)
class Found:
    """A file as it was when we looked: its path relative to the camera root, and its stat."""

    path: Path
    relative: str
    stat: os.stat_result

    @property
    def camera_folder(self) -> str:
        """First path component; empty for a file in the root itself."""
        return camera_folder_of(f"{self.relative}/" if stat.S_ISDIR(self.stat.st_mode) else self.relative)

    @property
    def stored_path(self) -> str:
        return encode_path(self.relative)

    @property
    def ignored_path(self) -> str:
        """What an IgnoredFile has of the path: all of it, unless it is too long for an index."""
        path = self.stored_path
        if len(path.encode()) <= LONGEST_PATH_BYTES:
            return path
        return f"{path[:200]}…{hashlib.sha256(path.encode()).hexdigest()}"

    @property
    def name(self) -> str:
        """The file's name, or the one it was to get."""
        return parts.shown_name(self.path.name)

    @property
    def mtime(self) -> datetime:
        return mtime_of(self.stat)

    def is_settled(self) -> bool:
        """Unchanged long enough that nobody is writing any more. An FTP client may set mtime back; not ctime."""
        now, wait = time.time(), settings.CONFIG.INCOMPLETE_SECONDS
        # A camera's clock may be ahead: a time that is yet to come says nothing.
        return now - self.stat.st_ctime >= wait and not 0 <= now - self.stat.st_mtime < wait


def camera_folder_of(relative: str) -> str:
    """First component of a path relative to the camera root; empty for a file in the root itself."""
    first, slash, _ = relative.partition("/")
    return first if slash else ""


def take_in(path: Path) -> Outcome:
    """Look at one path and record what it is.

    Raises OSError where the disk, not the file, is at fault, and database errors as they come.
    """
    path = _foreign_folder_around(path) or path
    try:
        found = _look(path)
    except PermissionError:
        return take_in(path.parent)  # it is the folder that hides it
    if found is None:
        _forget_ignored(path)
        return Outcome.GONE
    if stat.S_ISDIR(found.stat.st_mode):
        return _look_into(found)
    if len(found.stored_path.encode()) > LONGEST_PATH_BYTES:
        _record_ignored(found, IgnoredFile.Kind.IGNORED, f"its path is longer than {LONGEST_PATH_BYTES} bytes")
        return Outcome.IGNORED
    if stat.S_ISLNK(found.stat.st_mode):
        return _take_link(found)
    is_file = stat.S_ISREG(found.stat.st_mode)
    if is_file and parts.real_name(found.path.name):
        return _take_part(found)
    if not is_file or not media.is_readable_kind(found.path.name) or found.path.name.startswith("."):
        return _ignore(found)
    if _is_recorded(found):
        return Outcome.KNOWN
    if found.stat.st_size > media.MAX_BYTES:
        return _reject_unread(found, f"{found.stat.st_size / 1024**3:.1f} GB; the limit is 2 GB")
    return _read(found)


def look_at(path: Path) -> Outcome:
    """`take_in` for those who go through many files: whatever one does to its reader, the others must not wait for it.

    Raises only what the database does where it does not answer. WAITING: look again later.
    """
    try:
        return _take_in_or_give_up(path)
    except (OSError, DataError, IntegrityError) as error:
        logger.warning("%r could not be taken in, trying again: %s", str(path), error)
        return Outcome.WAITING


def _take_in_or_give_up(path: Path) -> Outcome:
    try:
        return take_in(path)
    except (OSError, DatabaseError, InterfaceError):
        raise
    except Exception as error:  # a file no reader was made for
        logger.exception("%r could not be examined", str(path))
        return give_up_on(path, f"it could not be examined ({type(error).__name__})")


def give_up_on(path: Path, reason: str) -> Outcome:
    """Reject a file that could not even be examined, once nobody is writing it any more."""
    found = _look(path)
    if found is None or not stat.S_ISREG(found.stat.st_mode):
        return Outcome.GONE
    return _reject(found, reason) if found.is_settled() else Outcome.WAITING


def camera_for(folder: str) -> Camera:
    """The camera that the files of a folder belong to (empty: the root itself), created on its first file."""
    camera = camera_of_name(folder)
    return camera.merged_into or camera


def camera_of_name(folder: str) -> Camera:
    """The camera named like a folder, created where there is none; it may have been merged into another."""
    camera_id = normalize_camera_id(folder)
    camera, created = Camera.objects.select_related("merged_into").get_or_create(
        pk=camera_id,
        defaults={
            "name": _readable_name(folder) if folder else "Unsorted",
            "folder_path": encode_path(str(Path(settings.CAMERA_ROOT) / folder)),
            "place": guess_place(camera_id),
        },
    )
    if created:
        broadcast("camera", {"camera_id": camera.pk})
    return camera


def _readable_name(folder: str) -> str:
    words = encode_path(folder).replace("_", " ").replace("-", " ").split()
    name = " ".join(words) or folder
    return (name[:1].upper() + name[1:])[:200]


def _look(path: Path) -> Found | None:
    """What a path below the root is, without following links; None where it is gone, or no camera's."""
    root = Path(settings.CAMERA_ROOT)
    try:
        relative = path.relative_to(root)
        if path == root or ".." in relative.parts or relative.parts[0] in FOREIGN_FOLDERS:
            return None
        if any(parent.is_symlink() for parent in _folders_between(root, path)):
            return None
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return Found(path, str(relative), status)


def _foreign_folder_around(path: Path) -> Path | None:
    return next((folder for folder in reversed(path.parents) if folder.name in FOREIGN_FOLDERS), None)


def _folders_between(root: Path, path: Path) -> list[Path]:
    return [parent for parent in path.parents if parent != root and root in parent.parents]


def _take_link(found: Found) -> Outcome:
    if not media.is_readable_kind(found.path.name):
        return _ignore(found)
    return _reject_unread(found, "a symbolic link; copy the file itself into the camera's folder")


def _take_part(found: Found) -> Outcome:
    """An upload to the FTP server that has no name yet: still coming, whole all the same, or broken off."""
    if _is_recorded(found):
        return Outcome.KNOWN
    is_read = media.is_readable_kind(found.name)
    is_too_large = found.stat.st_size > media.MAX_BYTES
    try:
        if is_read and not is_too_large and (finished := parts.settle(found.path)):
            return take_in(finished)
    except parts.InUse:
        return Outcome.WAITING
    except FileNotFoundError:
        return Outcome.GONE
    if not found.is_settled():
        return Outcome.WAITING
    lost = f"connection lost at {size_words(found.stat.st_size)}"
    if not is_read:
        _record_ignored(found, IgnoredFile.Kind.IGNORED, f"{lost}; {_why_not_read(found.name)}")
        return Outcome.IGNORED
    return _reject_unread(found, lost) if is_too_large else _reject(found, lost)


def reject_upload(path: Path, status: os.stat_result, reason: str) -> None:
    """Record an upload that is not kept, under the name it was to get. Called by the FTP server."""
    found = Found(path, str(path.relative_to(settings.CAMERA_ROOT)), status)
    if media.is_readable_kind(found.name):
        _reject_unread(found, reason)
    else:
        _record_ignored(found, IgnoredFile.Kind.IGNORED, reason)


def _ignore(found: Found) -> Outcome:
    name = PurePath(found.relative).name
    if special := SPECIAL_FILES.get(stat.S_IFMT(found.stat.st_mode)):
        reason = f"{special}, not a file"
    elif is_unfinished_name(name):
        if not found.is_settled():
            return Outcome.WAITING
        reason = "still named as an unfinished upload; it is taken in once it is renamed"
    elif stat.S_ISLNK(found.stat.st_mode):
        reason = "a symbolic link, which is not followed; mount the folder here, or set CAMERA_ROOT to it"
    else:
        reason = _why_not_read(name)
    _record_ignored(found, IgnoredFile.Kind.IGNORED, reason)
    return Outcome.IGNORED


def _why_not_read(name: str) -> str:
    suffix = PurePath(name).suffix.lower()
    what = f"{suffix} files are" if suffix else "files without an ending are"
    return f"{what} not read ({media.KINDS_IN_WORDS} are)"


def is_unfinished_name(name: str) -> bool:
    """Whether an uploader still means to rename it. Some cameras put a mere `_` behind the ending: `clip.mp4_`."""
    is_marked = name.endswith("_") and media.is_readable_kind(name[:-1])
    return name.startswith(".") or is_marked or PurePath(name).suffix.lower() in UNFINISHED_SUFFIXES


def may_be_listed(folder: Path) -> bool:
    """Whether this program may see what lies in a folder, by trying: not every file system tells by its modes."""
    try:
        with os.scandir(folder):
            os.stat(f"{folder}/.")  # noqa: PTH116  (a Path drops the dot, which asks whether it may be entered)
    except PermissionError:
        return False
    except OSError:
        return True  # it has gone, or its disk fails: whoever lists it finds out
    return True


def _look_into(folder: Found) -> Outcome:
    """A folder takes in nothing by itself; one whose files this program does not see is told of."""
    if folder.path.name in FOREIGN_FOLDERS:
        reason = "a NAS or a program that copies keeps this folder for itself: what lies in it is not looked at"
        _record_ignored(folder, IgnoredFile.Kind.IGNORED, reason)
        return Outcome.IGNORED
    if not may_be_listed(folder.path):
        reason = _why_unreadable(
            folder, "this program may not list it, so its files are not seen; run chmod a+rx on it"
        )
        _record_ignored(folder, IgnoredFile.Kind.UNREADABLE, reason)
        return Outcome.UNREADABLE
    return Outcome.OPENED if _forget_ignored(folder.path) else Outcome.GONE


def _record_ignored(found: Found, kind: IgnoredFile.Kind, reason: str) -> None:
    camera_id = camera_for(found.camera_folder).pk
    with transaction.atomic():
        camera = Camera.objects.held(camera_id)
        ignored, created = IgnoredFile.objects.update_or_create(
            camera=camera,
            file_path=found.ignored_path,
            defaults={"kind": kind, "reason": reason, "size": found.stat.st_size},
        )
        if created:
            broadcast("capture", {"ignored_id": ignored.pk, "camera_id": camera.pk, "state": kind})


def _forget_ignored(path: Path) -> bool:
    """A file that is gone is ignored no longer, nor a folder that may be listed. False: it was not."""
    root = Path(settings.CAMERA_ROOT)
    if root not in path.parents:
        return False
    relative = str(path.relative_to(root))
    # What lies in the root is of no camera's folder, unless it was such a folder itself.
    of_camera = Q(camera_id=Camera.objects.of_folder(camera_folder_of(relative)))
    of_camera |= Q(camera_id=Camera.objects.of_folder(camera_folder_of(f"{relative}/")))
    deleted, _ = IgnoredFile.objects.filter(of_camera, file_path=encode_path(relative)).delete()
    return deleted > 0


def _is_recorded(found: Found) -> bool:
    """Whether this very state of the file is in the ledger, so that it need not be read again."""
    same = Capture.objects.recorded().filter(
        camera_id=Camera.objects.of_folder(found.camera_folder),
        file_path=found.stored_path,
        size=found.stat.st_size,
        mtime=found.mtime,
    )
    return same.exists()


def _read(found: Found) -> Outcome:
    try:
        facts = media.inspect(found.path)
    except FileNotFoundError:
        return Outcome.GONE
    except PermissionError:
        reason = _why_unreadable(found, "this program may not read it; run chmod a+r on it or share a group")
        _record_ignored(found, IgnoredFile.Kind.UNREADABLE, reason)
        return Outcome.UNREADABLE
    except Unacceptable as reason:
        return _reject(found, str(reason))
    except Incomplete as reason:
        return _reject(found, str(reason)) if found.is_settled() else Outcome.WAITING
    if _changed_since(found):
        return Outcome.WAITING
    return _record(found, facts)


def _why_unreadable(found: Found, consequence: str) -> str:
    mode = stat.S_IMODE(found.stat.st_mode)
    try:
        owner = pwd.getpwuid(found.stat.st_uid).pw_name
    except KeyError:
        owner = str(found.stat.st_uid)
    return f"owned by {owner}, mode {mode:03o}: {consequence}"


def _changed_since(found: Found) -> bool:
    try:
        now = found.path.lstat()
    except FileNotFoundError:
        return False
    return (now.st_size, now.st_mtime_ns) != (found.stat.st_size, found.stat.st_mtime_ns)


def _reject_unread(found: Found, reason: str) -> Outcome:
    if _is_recorded(found):
        return Outcome.KNOWN
    return _write(found, None, Capture.State.REJECTED, reason, sha256="")


def _reject(found: Found, reason: str) -> Outcome:
    with found.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return _write(found, None, Capture.State.REJECTED, reason, sha256=sha256)


def _record(found: Found, facts: MediaFacts) -> Outcome:
    return _write(found, facts, Capture.State.QUEUED, "", sha256=facts.sha256)


def _write(found: Found, facts: MediaFacts | None, state: Capture.State, error: str, *, sha256: str) -> Outcome:
    """Insert the capture, once. The camera's row is the lock: two lookers at one file meet there."""
    camera_id = camera_for(found.camera_folder).pk
    with transaction.atomic():
        camera = Camera.objects.held(camera_id)
        known = Capture.objects.filter(camera=camera, file_path=found.stored_path, sha256=sha256).first()
        if known is not None:
            return _recognise(known, found)
        arrived_at = timezone.now()
        taken = _captured_at(found, facts, camera, arrived_at)
        original = _original_of(camera, sha256, taken.at) if state == Capture.State.QUEUED else None
        capture = Capture.objects.create(
            camera=camera,
            file_path=found.stored_path,
            file_type=facts.mime_type if facts else "",
            media_type=_media_type(found.name),
            sha256=sha256,
            size=found.stat.st_size,
            mtime=found.mtime,
            captured_at=taken.at,
            captured_at_source=taken.source,
            clock_difference=taken.difference_s,
            arrived_at=arrived_at,
            processed_at=None if state == Capture.State.QUEUED and original is None else arrived_at,
            width=facts.width if facts else None,
            height=facts.height if facts else None,
            duration=facts.duration_s if facts else None,
            video_codec=facts.codec if facts else "",
            state=Capture.State.DUPLICATE if original else state,
            duplicate_of=original,
            error=error,
        )
        Camera.objects.filter(pk=camera.pk).update(last_seen_at=arrived_at, status=Camera.Status.ONLINE)
        IgnoredFile.objects.filter(camera=camera, file_path=found.stored_path).delete()
        if capture.state == Capture.State.QUEUED:
            wake("detections.detect_queued")
        broadcast("capture", {"id": capture.pk, "camera_id": camera.pk, "state": capture.state})
    return Outcome.TAKEN


def _media_type(name: str) -> Capture.MediaType:
    return Capture.MediaType.VIDEO if media.is_video_name(name) else Capture.MediaType.IMAGE


def _recognise(known: Capture, found: Found) -> Outcome:
    """The same content under the same name again: note its new time; read it after all if it had been missed."""
    Capture.objects.filter(pk=known.pk).update(size=found.stat.st_size, mtime=found.mtime)
    missed = Capture.objects.filter(pk=known.pk, state=Capture.State.REJECTED, error__in=MISSED)
    if missed.update(state=Capture.State.QUEUED, error="", processed_at=None, attempts=0):
        wake("detections.detect_queued")
        return Outcome.TAKEN
    return Outcome.KNOWN


def _captured_at(found: Found, facts: MediaFacts | None, camera: Camera, arrived_at: datetime) -> CapturedAt:
    return captured_at(
        str(PurePath(found.relative.partition("/")[2] or found.relative).with_name(found.name)),
        exif=facts.exif_at if facts else None,
        mtime=found.mtime,
        arrived_at=arrived_at,
        duration_s=facts.duration_s if facts else None,
        zone=camera.zone,
        clock_offset_s=camera.clock_offset,
    )


def _original_of(camera: Camera, sha256: str, at: datetime) -> Capture | None:
    """The capture of this camera that shows the same content at about the same time."""
    near = timedelta(seconds=settings.CONFIG.DEDUPE_SECONDS)
    same = Q(state__in=[Capture.State.QUEUED, Capture.State.DETECTING, Capture.State.DETECTED])
    return (
        Capture.objects.filter(same, camera=camera, sha256=sha256, captured_at__range=(at - near, at + near))
        .order_by("captured_at", "id")
        .first()
    )
