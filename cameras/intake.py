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
from telemetry.broadcast import broadcast
from telemetry.wake import wake

logger = logging.getLogger(__name__)

# Longer ones do not fit into an entry of an index.
LONGEST_PATH_BYTES = 2000
UNFINISHED_SUFFIXES = frozenset({".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".upload"})


class Outcome(Enum):
    """What became of a path. Every one but WAITING is final until the file changes."""

    TAKEN = "taken"
    KNOWN = "known"
    WAITING = "waiting"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
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
        return camera_folder_of(self.relative)

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
    found = _look(path)
    if found is None:
        _forget_ignored(path)
        return Outcome.GONE
    if len(found.stored_path.encode()) > LONGEST_PATH_BYTES:
        _record_ignored(found, IgnoredFile.Kind.IGNORED, f"its path is longer than {LONGEST_PATH_BYTES} bytes")
        return Outcome.IGNORED
    if stat.S_ISLNK(found.stat.st_mode):
        return _take_link(found)
    if not media.is_readable_kind(found.path.name) or found.path.name.startswith("."):
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
    if found is None:
        return Outcome.GONE
    return _reject(found, reason) if found.is_settled() else Outcome.WAITING


def camera_for(folder: str) -> Camera:
    """The camera of a folder name (empty: the root itself), created on its first file."""
    camera_id = normalize_camera_id(folder)
    camera, created = Camera.objects.get_or_create(
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
    """The file behind a path without following links; None where it is gone or not a file below the root."""
    root = Path(settings.CAMERA_ROOT)
    try:
        relative = path.relative_to(root)
        if ".." in relative.parts or any(parent.is_symlink() for parent in _folders_between(root, path)):
            return None
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
        return None
    return Found(path, str(relative), status)


def _folders_between(root: Path, path: Path) -> list[Path]:
    return [parent for parent in path.parents if parent != root and root in parent.parents]


def _take_link(found: Found) -> Outcome:
    if not media.is_readable_kind(found.path.name):
        return _ignore(found)
    return _reject_unread(found, "a symbolic link; copy the file itself into the camera's folder")


def _ignore(found: Found) -> Outcome:
    name = PurePath(found.relative).name
    suffix = PurePath(name).suffix.lower()
    if name.startswith(".") or suffix in UNFINISHED_SUFFIXES:
        if not found.is_settled():
            return Outcome.WAITING
        reason = "still named as an unfinished upload; it is taken in once it is renamed"
    elif stat.S_ISLNK(found.stat.st_mode):
        reason = "a symbolic link, which is not followed; mount the folder here, or set CAMERA_ROOT to it"
    else:
        what = f"{suffix} files are" if suffix else "files without an ending are"
        reason = f"{what} not read ({media.KINDS_IN_WORDS} are)"
    _record_ignored(found, IgnoredFile.Kind.IGNORED, reason)
    return Outcome.IGNORED


def _record_ignored(found: Found, kind: IgnoredFile.Kind, reason: str) -> None:
    camera = camera_for(found.camera_folder)
    with transaction.atomic():
        ignored, created = IgnoredFile.objects.update_or_create(
            camera=camera,
            file_path=found.ignored_path,
            defaults={"kind": kind, "reason": reason, "size": found.stat.st_size},
        )
        if created:
            broadcast("capture", {"ignored_id": ignored.pk, "camera_id": camera.pk, "state": kind})


def _forget_ignored(path: Path) -> None:
    """A file that is gone is ignored no longer."""
    root = Path(settings.CAMERA_ROOT)
    if root in path.parents:
        relative = str(path.relative_to(root))
        camera_id = normalize_camera_id(camera_folder_of(relative))
        IgnoredFile.objects.filter(camera_id=camera_id, file_path=encode_path(relative)).delete()


def _is_recorded(found: Found) -> bool:
    """Whether this very state of the file is in the ledger, so that it need not be read again."""
    same = Capture.objects.recorded().filter(
        camera_id=normalize_camera_id(found.camera_folder),
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
        _record_ignored(found, IgnoredFile.Kind.UNREADABLE, _why_unreadable(found))
        return Outcome.UNREADABLE
    except Unacceptable as reason:
        return _reject(found, str(reason))
    except Incomplete as reason:
        return _reject(found, str(reason)) if found.is_settled() else Outcome.WAITING
    if _changed_since(found):
        return Outcome.WAITING
    return _record(found, facts)


def _why_unreadable(found: Found) -> str:
    mode = stat.S_IMODE(found.stat.st_mode)
    try:
        owner = pwd.getpwuid(found.stat.st_uid).pw_name
    except KeyError:
        owner = str(found.stat.st_uid)
    return f"owned by {owner}, mode {mode:o}: this program may not read it; run chmod a+r on it or share a group"


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
        camera = Camera.objects.locked(camera_id).get()
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
            media_type=_media_type(found.path.name),
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
        found.relative.partition("/")[2] or found.relative,
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
