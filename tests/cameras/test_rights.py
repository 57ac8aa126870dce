"""What this program may not read is told with advice, and mending the rights is enough: without a restart.

The real watcher runs as somebody who is not root.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from cameras.intake import Outcome, take_in
from cameras.models import Camera, Capture, IgnoredFile
from cameras.scan import Scanner
from cameras.watcher import Watcher
from telemetry.models import Heartbeat, Pause
from tests.cameras.conftest import NOBODY, not_as_root
from tests.files import drop, picture_bytes
from tests.stack import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def own_root(open_root: Path, settings: Settings) -> Iterator[Path]:
    """A camera root of somebody who is not root, as whom everything runs until the test ends."""
    settings.DATA_DIR = open_root
    if os.geteuid() == 0:
        os.chown(open_root, NOBODY, NOBODY)
    with not_as_root():
        yield open_root


@contextmanager
def as_before() -> Iterator[None]:
    """Who the test was started as, for a while: the database lets only them in."""
    here = os.geteuid()
    os.seteuid(os.getuid())
    try:
        yield
    finally:
        os.seteuid(here)


@pytest.fixture
def watching(own_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    """The watcher, which scans changed folders every second instead of every minute."""
    monkeypatch.setattr("cameras.watcher.CHANGED_SCAN_S", 1.0)
    for told in ("wake", "broadcast"):  # Redis lets in only whoever started it
        monkeypatch.setattr(f"cameras.intake.{told}", lambda *_: None)
    watcher = Watcher(own_root)
    is_connected, is_somebody_else = threading.Event(), threading.Event()

    def run() -> None:
        connection.ensure_connection()
        is_connected.set()
        is_somebody_else.wait()
        try:
            watcher.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with as_before():
        thread.start()
        is_connected.wait()
    is_somebody_else.set()
    eventually(lambda: Heartbeat.objects.filter(queue="watcher").exists())
    yield watcher
    watcher.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.mark.usefixtures("watching")
def test_an_unreadable_file_is_explained_and_taken_in_after_chmod(own_root: Path) -> None:
    path = drop(own_root / "Front Door", "a.jpg", picture_bytes(1))
    path.chmod(0o000)
    other = drop(own_root / "Front Door", "b.jpg", picture_bytes(2))
    other.chmod(0o200)
    os.utime(path)
    assert eventually(lambda: IgnoredFile.objects.filter(kind="unreadable").count() == 2)
    told = IgnoredFile.objects.get(file_path="Front Door/a.jpg")
    assert f"owned by {path.owner()}, mode 000: this program may not read it; run chmod a+r" in told.reason
    path.chmod(0o644)
    other.chmod(0o644)
    assert eventually(lambda: Capture.objects.filter(state="queued").count() == 2)
    assert not IgnoredFile.objects.exists()


def test_a_folder_that_may_not_be_listed_is_told_and_its_files_come_after_chmod(
    own_root: Path, watching: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = own_root / "Front Door" / "2025-12-31"
    drop(day, "early.jpg", picture_bytes(1))
    eventually(lambda: Capture.objects.count() == 1)
    late = own_root / "Side"
    late.mkdir(mode=0o000)
    eventually(lambda: IgnoredFile.objects.filter(file_path="Side").exists())
    told = IgnoredFile.objects.get(file_path="Side")
    assert (told.camera_id, told.kind) == ("side", "unreadable")
    assert "mode 000: this program may not list it, so its files are not seen; run chmod a+rx" in told.reason
    late.chmod(0o755)
    drop(late / "deep", "a.jpg", picture_bytes(2))
    eventually(lambda: Capture.objects.filter(camera_id="side").exists())
    eventually(lambda: not IgnoredFile.objects.exists())

    # From now on the kernel tells of it, which could not be asked to before.
    monkeypatch.setattr("cameras.watcher.NEW_FOLDER_SCANS_S", (0.0, 0.0))
    monkeypatch.setattr("cameras.watcher.CHANGED_SCAN_S", 3600.0)
    eventually(lambda: watching._next_changed_scan > time.monotonic() + 60)
    drop(late, "b.jpg", picture_bytes(3))
    eventually(lambda: Capture.objects.filter(camera_id="side").count() == 2)


@pytest.mark.parametrize("mode", [0o000, 0o644, 0o300], ids=["nothing", "not entered", "not listed"])
def test_a_closed_folder_is_a_row_of_its_camera_until_it_is_opened_or_goes(own_root: Path, mode: int) -> None:
    closed = own_root / "front" / "2025-12-31"
    drop(closed, "a.jpg", picture_bytes(1))
    closed.chmod(mode)
    scanner = Scanner(own_root)
    assert list(scanner.full()) == [closed]
    assert [take_in(closed), take_in(closed)] == [Outcome.UNREADABLE, Outcome.UNREADABLE]
    row = IgnoredFile.objects.get()
    assert (row.camera_id, row.file_path) == ("front", "front/2025-12-31")
    closed.chmod(0o755)
    assert closed in list(scanner.changed())
    assert [take_in(closed), take_in(closed)] == [Outcome.OPENED, Outcome.GONE]
    assert not IgnoredFile.objects.exists()
    assert closed / "a.jpg" in list(scanner.below(closed))


def test_a_file_in_a_folder_that_may_not_be_entered_tells_of_the_folder(own_root: Path) -> None:
    path = drop(own_root / "front", "a.jpg", picture_bytes(1))
    path.parent.chmod(0o644)
    assert take_in(path) is Outcome.UNREADABLE
    assert IgnoredFile.objects.get().file_path == "front"
    path.parent.chmod(0o755)


def test_a_closed_folder_that_went_is_forgotten(own_root: Path) -> None:
    closed = own_root / "front"
    closed.mkdir(mode=0o000)
    take_in(closed)
    closed.rmdir()
    assert list(Scanner(own_root).full()) == [closed, closed]  # as one to try again, and as one that went
    assert take_in(closed) is Outcome.GONE
    assert not IgnoredFile.objects.exists()
    assert Camera.objects.filter(pk="front").exists()


def test_a_root_that_may_not_be_listed_pauses_intake_and_says_so(own_root: Path) -> None:
    watcher = Watcher(own_root)
    own_root.chmod(0o300)
    watcher._may_take_in()
    assert f"may not list {own_root}" in Pause.objects.get(stage="intake").reason
    own_root.chmod(0o755)
    watcher._disk_checked_at = -1e9
    assert watcher._may_take_in()
    assert not Pause.objects.exists()


def test_a_root_that_is_opened_is_watched_without_a_restart(
    own_root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("cameras.watcher.DISK_CHECK_S", 0.2)
    own_root.chmod(0o300)
    watcher = request.getfixturevalue("watching")
    eventually(lambda: Pause.objects.filter(stage="intake").exists())
    monkeypatch.setattr("cameras.watcher.CHANGED_SCAN_S", 3600.0)
    own_root.chmod(0o755)
    eventually(lambda: watcher._next_changed_scan > time.monotonic() + 60)
    (own_root / "a.jpg").write_bytes(picture_bytes(1))
    eventually(lambda: Capture.objects.filter(state="queued").exists())
    assert not Pause.objects.exists()


def test_what_is_no_file_is_ignored_with_the_reason_and_never_opened(own_root: Path) -> None:
    front = own_root / "front"
    front.mkdir()
    os.mkfifo(front / "snap.jpg")
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(front / "clip.mp4"))
        paths = list(Scanner(own_root).full())
        assert [take_in(path) for path in paths] == [Outcome.IGNORED, Outcome.IGNORED]
    reasons = dict(IgnoredFile.objects.values_list("file_path", "reason"))
    assert reasons == {"front/snap.jpg": "a named pipe, not a file", "front/clip.mp4": "a socket, not a file"}


def test_a_device_is_ignored_with_the_reason(open_root: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    (open_root / "front").mkdir()
    try:
        os.mknod(open_root / "front" / "null.jpg", 0o600 | 0o020000, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices may be made here")
    assert take_in(open_root / "front" / "null.jpg") is Outcome.IGNORED
    assert IgnoredFile.objects.get().reason == "a device, not a file"


@pytest.mark.parametrize("kind", ["auto", "always"])
def test_the_heartbeat_says_how_the_folders_are_watched(
    kind: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"WATCH_POLL": kind})
    request.getfixturevalue("watching")
    how = Heartbeat.objects.get(queue="watcher").detail["how"]
    assert how == ("polling every 2 s: WATCH_POLL=always" if kind == "always" else "told by the kernel")


def test_a_polled_root_takes_files_in_and_says_so_on_a_network_mount(
    own_root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("cameras.watcher.file_system_of", lambda path: "nfs4")
    request.getfixturevalue("watching")
    how = Heartbeat.objects.get(queue="watcher").detail["how"]
    assert how == "polling every 2 s: it lies on nfs4, which does not tell of files written elsewhere"
    drop(own_root / "front", "a.jpg", picture_bytes(1))
    eventually(lambda: Capture.objects.filter(state="queued").exists())
