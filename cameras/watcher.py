"""`manage.py watch`: sees every file below the camera root, and hands it to intake when it is complete.

Three sources feed one list of paths to look at: the kernel's events, a scan of changed folders every minute, and a
full one at start and every hour. Losing this process loses nothing: the next start scans.
"""

from __future__ import annotations

import logging
import os
import queue
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from cameras.intake import Outcome, look_at, may_be_listed
from cameras.scan import Scanner
from cameras.settling import Settling
from telemetry.disk import disk_of
from telemetry.heartbeat import Beating
from telemetry.stages import pause, resume

logger = logging.getLogger(__name__)

STAGE = "intake"
CHANGED_SCAN_S = 60.0
FULL_SCAN_S = 3600.0
# After a folder appeared: its first files may have come before the kernel was asked to tell of them.
NEW_FOLDER_SCANS_S = (1.0, 4.0)
IMPORT_CHECK_S = 1.5
POLL_S = 2.0
LONGEST_WAIT_S = 0.5
MOST_EVENTS_A_TURN = 1000
RETRY_AFTER_ERROR_S = 1.0
DISK_CHECK_S = 5.0
NETWORK_FILE_SYSTEMS = ("nfs", "cifs", "smb", "fuse", "9p", "virtiofs", "sshfs", "ceph", "glusterfs")


@dataclass(frozen=True)
class Look:
    """Something to look at, and how soon."""

    path: Path
    is_folder: bool = False
    may_be_unfinished: bool = False


class EventQueue(FileSystemEventHandler):
    """Turns the kernel's events into looks. Runs in the observer's thread, so it only queues."""

    def __init__(self) -> None:
        self.looks: queue.SimpleQueue[Look] = queue.SimpleQueue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        moved = isinstance(event, FileMovedEvent | DirMovedEvent)
        path = Path(os.fsdecode(event.dest_path if moved and event.dest_path else event.src_path))
        if isinstance(event, DirCreatedEvent | DirMovedEvent):
            self.looks.put(Look(path, is_folder=True))
        elif isinstance(event, FileClosedEvent | FileMovedEvent):
            self.looks.put(Look(path))
        elif isinstance(event, FileCreatedEvent | FileModifiedEvent):
            self.looks.put(Look(path, may_be_unfinished=True))


class RescanOnWarning(logging.Handler):
    """watchdog tells of lost events only in its log: any warning of it asks for a full scan."""

    def __init__(self, looks: queue.SimpleQueue[Look], root: Path) -> None:
        super().__init__(level=logging.WARNING)
        self.looks, self.root = looks, root

    def emit(self, record: logging.LogRecord) -> None:
        self.looks.put(Look(self.root, is_folder=True))


class Watcher:
    """One camera root, watched until `stop()`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events = EventQueue()
        self.scanner = Scanner(root)
        self.settling = Settling()
        self._observer: BaseObserver | None = None
        self._stopping = False
        self._next_full_scan = 0.0
        self._next_changed_scan = 0.0
        self._scan_again_at = 0.0
        self._import_checked_at = 0.0
        self._disk_checked_at = -DISK_CHECK_S
        self._disk_is_full = False
        self._root_is_closed = False
        self._last_scan: dict[str, object] = {}

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        """Watch until stopped. Events are heard before the first scan starts, so nothing falls between the two."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._observer, how = start_observer(self.root, self.events)
        rescan = RescanOnWarning(self.events.looks, self.root)
        logging.getLogger("watchdog").addHandler(rescan)
        try:
            told: dict[str, object] = {"watching": str(self.root), "how": how, "waiting": 0, "waiting_since": None}
            with Beating(f"watcher@{os.getpid()}", "watcher", told):
                while not self._stopping:
                    self._turn()
                    told |= self._backlog()
        finally:
            logging.getLogger("watchdog").removeHandler(rescan)
            self._observer.stop()
            self._observer.join(timeout=5)

    def _backlog(self) -> dict[str, object]:
        """How many files are seen and not taken in, since when the first of them is, and when folders were last read.

        For the System page and `cameras.importing`.
        """
        seen_at = self.settling.waits_since()
        since = None if seen_at is None else timezone.now() - timedelta(seconds=time.monotonic() - seen_at)
        return {
            "waiting": len(self.settling),
            "waiting_since": since and since.isoformat(timespec="seconds"),
            **self._last_scan,
        }

    def _turn(self) -> None:
        try:
            self._hear()
            if self._stopping or not self._may_take_in():
                return
            self._scan_if_due()
            self._look_at_due()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer, files wait: %s", error)
            connection.close()
            self._start_over()
        except OSError as error:
            logger.warning("the camera folders do not answer, files wait: %s", error)
            self._start_over()

    def _start_over(self) -> None:
        """What was half done is found again by the next scan."""
        self._next_full_scan = 0.0
        time.sleep(RETRY_AFTER_ERROR_S)

    def _hear(self) -> None:
        """Take what the observer queued, waiting until then or until the next look is due."""
        due = self.settling.next_due()
        wait = LONGEST_WAIT_S if due is None else min(max(due - time.monotonic(), 0), LONGEST_WAIT_S)
        try:
            look = self.events.looks.get(timeout=wait) if wait else self.events.looks.get_nowait()
            for _ in range(MOST_EVENTS_A_TURN):
                self._plan(look)
                look = self.events.looks.get_nowait()
            self._plan(look)
        except queue.Empty:
            return

    def _plan(self, look: Look) -> None:
        now = time.monotonic()
        if look.is_folder and look.path == self.root:
            self._next_full_scan = 0.0
        elif look.is_folder:
            # Read by hand: of files dropped right after their folder the kernel tells of half at best.
            self._plan_all(self.scanner.below(look.path))
            self._next_changed_scan = min(self._next_changed_scan, now + NEW_FOLDER_SCANS_S[0])
            self._scan_again_at = now + NEW_FOLDER_SCANS_S[1]
        elif look.may_be_unfinished:
            self.settling.look_when_quiet(look.path, now)
        else:
            self.settling.look_now(look.path, now)

    def _plan_all(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self.settling.look_now(path, time.monotonic())

    def _scan_if_due(self) -> None:
        self._hurry_for_an_import()
        now, began = time.monotonic(), timezone.now()
        if now >= self._next_full_scan:
            self._plan_all(self.scanner.full())
            self._next_full_scan, self._next_changed_scan = now + FULL_SCAN_S, now + CHANGED_SCAN_S
        elif now >= self._next_changed_scan:
            self._plan_all(self.scanner.changed())
            self._next_changed_scan = self._scan_again_at if self._scan_again_at > now else now + CHANGED_SCAN_S
        else:
            return
        self._last_scan = {"scan_began": began.isoformat(), "scan_ended": timezone.now().isoformat()}

    def _hurry_for_an_import(self) -> None:
        """Somebody sits before its progress: the next scan may be a minute away."""
        now = time.monotonic()
        if now - self._import_checked_at < IMPORT_CHECK_S:
            return
        self._import_checked_at = now
        if self.scanner.an_import_began():
            self._next_changed_scan = now

    def _look_at_due(self) -> None:
        """Take in what is due, for half a second at most, so that events and a stop are heard in between."""
        until = time.monotonic() + LONGEST_WAIT_S
        while not self._stopping and time.monotonic() < until:
            path = self.settling.take_due(time.monotonic())
            if path is None:
                return
            self._look_at(path)

    def _look_at(self, path: Path) -> None:
        if self.scanner.waits_for_import(path):
            self.settling.done(path)
            return
        outcome = look_at(path)
        if outcome is Outcome.WAITING:
            self.settling.look_again(path, time.monotonic())
            return
        self.settling.done(path)
        if outcome is Outcome.OPENED:
            self._observe(path)
            self._plan(Look(path, is_folder=True))

    def _observe(self, folder: Path) -> None:
        """The kernel was asked to tell of the root when it could not yet tell of this folder."""
        if self._observer is None or isinstance(self._observer, PollingObserver):
            return
        try:
            if folder == self.root:
                self._observer.unschedule_all()  # or nothing would be asked anew
            self._observer.schedule(self.events, str(folder), recursive=True)
        except OSError as error:
            logger.warning("%s is scanned every %.0f s only: %s", folder, CHANGED_SCAN_S, error)

    def _may_take_in(self) -> bool:
        """False while the disk is all but full: files wait where they are. A root that hides them is told of, too."""
        if time.monotonic() - self._disk_checked_at < DISK_CHECK_S:
            return not self._disk_is_full
        self._disk_checked_at = time.monotonic()
        disk = disk_of(Path(settings.DATA_DIR))
        was_full, self._disk_is_full = self._disk_is_full, disk.is_full
        was_closed, self._root_is_closed = self._root_is_closed, not may_be_listed(self.root)
        try:
            if self._disk_is_full:
                pause(
                    STAGE,
                    f"the disk of {settings.DATA_DIR} is full: {disk.free_bytes // 1024**2} MB are free. Make room.",
                )
            elif self._root_is_closed:
                pause(STAGE, f"this program may not list {self.root}, so no file is seen. Run chmod a+rx on it.")
            else:
                resume(STAGE)  # always: another watcher may have noted the pause
            if was_closed and not self._root_is_closed:
                self._observe(self.root)
                self._next_full_scan = 0.0
            if was_full and not self._disk_is_full:
                self._next_full_scan = 0.0
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the pause of intake could not be noted: %s", error)
            connection.close()
        return not self._disk_is_full


# watchdog tells of every folder it watches twice, in lines of kilobytes, and means nothing by it.
warnings.filterwarnings("ignore", category=RuntimeWarning, module="watchdog")


def start_observer(root: Path, handler: FileSystemEventHandler) -> tuple[BaseObserver, str]:
    """A running observer of the root, and how it sees, in words."""
    why = why_polling(root)
    if not why:
        try:
            return _started(Observer(), root, handler), "told by the kernel"
        except OSError as error:
            why = f"the kernel refuses more watches ({error.strerror}); raise fs.inotify.max_user_watches"
            logger.warning("%s: polling instead", why)
    return _started(PollingObserver(timeout=POLL_S), root, handler), f"polling every {POLL_S:.0f} s: {why}"


def _started(observer: BaseObserver, root: Path, handler: FileSystemEventHandler) -> BaseObserver:
    observer.schedule(handler, str(root), recursive=True)
    observer.start()
    return observer


def why_polling(root: Path) -> str:
    """Why this root must be polled; empty where the kernel tells."""
    if settings.CONFIG.WATCH_POLL != "auto":
        return "WATCH_POLL=always" if settings.CONFIG.WATCH_POLL == "always" else ""
    mount_type = file_system_of(root)
    if mount_type.startswith(NETWORK_FILE_SYSTEMS):
        return f"it lies on {mount_type}, which does not tell of files written elsewhere"
    return ""


def file_system_of(path: Path) -> str:
    """Type of the file system a path lies on, from /proc/mounts; empty where there is none."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    best, kind = "", ""
    resolved = str(path.resolve())
    for line in mounts.read_text(errors="surrogateescape").splitlines():
        _, where, mount_type, *_ = line.split(" ")
        where = where.replace("\\040", " ").replace("\\011", "\t")
        inside = resolved == where or resolved.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, kind = where, mount_type
    return kind
