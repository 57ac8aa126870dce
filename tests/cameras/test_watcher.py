"""The watcher on a real folder, told by the real kernel: whatever way a file arrives, it is taken in once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from cameras import media
from cameras.importing import import_older
from cameras.intake import take_in
from cameras.models import Camera, Capture, IgnoredFile
from cameras.scan import Scanner
from cameras.watcher import IMPORT_CHECK_S, Watcher, file_system_of
from telemetry.models import Heartbeat, Pause
from telemetry.stages import pause
from tests.cameras.conftest import not_as_root
from tests.files import drop, picture_bytes

pytestmark = pytest.mark.django_db(transaction=True)


def eventually(is_so: Callable[[], bool], *, within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def queued(count: int) -> Callable[[], bool]:
    return lambda: Capture.objects.filter(state="queued").count() == count


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "cameras"


@pytest.fixture
def watching(root: Path) -> Iterator[Watcher]:
    watcher = Watcher(root)

    def run() -> None:
        try:
            watcher.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: Heartbeat.objects.filter(queue="watcher").exists())
    yield watcher
    watcher.stop()
    thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.mark.usefixtures("watching")
def test_a_file_renamed_from_part_is_taken_in_at_once(root: Path) -> None:
    folder = root / "front"
    folder.mkdir()
    (folder / "a.jpg.part").write_bytes(picture_bytes(1))
    (folder / "a.jpg.part").rename(folder / "a.jpg")
    eventually(queued(1), within_s=5)
    assert not IgnoredFile.objects.exists()


@pytest.mark.usefixtures("watching")
def test_files_dropped_right_after_their_new_nested_folder_are_all_seen(root: Path) -> None:
    for day in range(5):
        folder = root / "front" / "2026" / "01" / f"{day:02}"
        folder.mkdir(parents=True)
        for number in range(4):
            (folder / f"{number}.jpg").write_bytes(picture_bytes(day * 10 + number))
    eventually(queued(20))


@pytest.mark.usefixtures("watching")
def test_a_folder_moved_in_whole_is_seen(root: Path, tmp_path: Path) -> None:
    for number in range(3):
        drop(tmp_path / "elsewhere" / "deep", f"{number}.jpg", picture_bytes(number))
    (tmp_path / "elsewhere").rename(root / "front")
    eventually(queued(3))


@pytest.mark.usefixtures("watching")
def test_a_file_written_slowly_is_one_capture_of_its_whole_content(root: Path) -> None:
    content = picture_bytes(1, size=(1600, 1200))
    path = root / "front" / "slow.jpg"
    path.parent.mkdir()
    with path.open("wb") as file:
        for start in range(0, len(content), len(content) // 12):
            file.write(content[start : start + len(content) // 12])
            file.flush()
            time.sleep(0.15)  # the pace is the thing tested
    eventually(queued(1))
    assert Capture.objects.get().size == len(content)


@pytest.mark.usefixtures("watching")
def test_a_file_overwritten_in_place_gives_a_capture_for_each_content(root: Path) -> None:
    path = drop(root / "front", "snap.jpg", picture_bytes(1))
    eventually(queued(1))
    path.write_bytes(picture_bytes(2))
    eventually(queued(2))
    assert Capture.objects.count() == 2


@pytest.mark.usefixtures("watching")
def test_two_hundred_files_at_once_on_four_cameras_are_all_accounted_for(root: Path) -> None:
    for number in range(200):
        drop(root / f"camera {number % 4}", f"{number}.jpg", picture_bytes(number))
    eventually(queued(200), within_s=30)
    assert Camera.objects.count() == 4


@pytest.mark.usefixtures("watching")
def test_a_bad_file_does_not_hold_up_the_next_good_one(root: Path) -> None:
    drop(root / "front", "bad.jpg", picture_bytes(1)[:3000])
    drop(root / "front", "good.jpg", picture_bytes(2))
    eventually(queued(1), within_s=5)


def test_files_that_arrived_while_everything_was_stopped_are_found_at_start(
    root: Path, request: pytest.FixtureRequest
) -> None:
    for number in range(3):
        drop(root / "front" / "2026-01-01", f"{number}.jpg", picture_bytes(number))
    request.getfixturevalue("watching")
    eventually(queued(3))


def test_many_old_files_at_a_folder_s_first_scan_are_offered_not_queued(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cameras.scan.OLD_AT_FIRST_SCAN", timedelta(seconds=-5))  # all files count as old
    for number in range(51):
        drop(root / "front", f"{number}.jpg", picture_bytes(number))
    scanner = Scanner(root)
    assert list(scanner.full()) == []
    camera = Camera.objects.get()
    assert camera.older_files == 51
    time.sleep(0.02)  # ctime of the next file must be later than the first scan's moment
    drop(root / "front", "live.jpg", picture_bytes(99))
    assert [path.name for path in scanner.changed()] == ["live.jpg"]
    import_older(camera, None)
    assert len(list(scanner.changed())) == 52
    camera.refresh_from_db()
    assert (camera.older_files, camera.skip_before) == (0, None)


def old_pictures(folder: Path, count: int) -> list[Path]:
    two_days_ago = time.time() - 2 * 24 * 3600
    paths = [drop(folder, f"{number}.jpg", picture_bytes(number)) for number in range(count)]
    for path in paths:
        os.utime(path, (two_days_ago, two_days_ago))
    return paths


@pytest.mark.usefixtures("watching")
def test_older_files_that_are_moved_in_with_their_folder_are_offered_and_imported_at_once(
    root: Path, tmp_path: Path
) -> None:
    old_pictures(tmp_path / "stage" / "day", 60)
    (tmp_path / "stage").rename(root / "front")
    eventually(lambda: Camera.objects.filter(older_files=60).exists())
    drop(root / "front", "live.jpg", picture_bytes(99))
    eventually(queued(1))
    time.sleep(1.5)  # the kernel told of each file, and they were to be looked at after a quiet second
    assert Capture.objects.count() == 1
    assert import_older(Camera.objects.get(), None) == 60
    eventually(queued(61), within_s=10)


@pytest.mark.usefixtures("watching")
def test_of_older_files_that_are_copied_in_none_is_both_queued_and_offered(root: Path) -> None:
    (root / "front").mkdir()
    old_pictures(root / "front", 60)
    eventually(lambda: Camera.objects.exclude(first_scanned_at=None).exists())
    eventually(lambda: Capture.objects.count() + Camera.objects.get().older_files == 60)
    time.sleep(1.5)  # nor later
    assert Capture.objects.count() + Camera.objects.get().older_files == 60


def test_an_older_file_that_is_planned_when_it_is_counted_is_left_alone(root: Path) -> None:
    watcher = Watcher(root)
    watcher._plan_all(old_pictures(root / "front", 51))
    watcher._plan_all(watcher.scanner.changed())
    watcher._look_at_due()
    assert Camera.objects.get().older_files == 51
    assert not Capture.objects.exists()
    assert (len(watcher.settling), watcher.settling.waits_since()) == (0, None)


@pytest.mark.parametrize(("taken", "offered", "left"), [(0, 71, 0), (20, 51, 0), (21, 0, 50), (71, 0, 0)])
def test_what_was_taken_in_before_the_first_scan_is_not_offered(
    root: Path, taken: int, offered: int, left: int
) -> None:
    paths = old_pictures(root / "front", 71)
    (root / "front" / "notes.txt").write_text("not read")
    os.utime(root / "front" / "notes.txt", (1_700_000_000, 1_700_000_000))
    for path in [*paths[:taken], root / "front" / "notes.txt"]:
        take_in(path)
    found = [path for path in Scanner(root).full() if path.suffix == ".jpg"]
    assert (Camera.objects.get().older_files, len(found)) == (offered, left)


def test_a_folder_in_another_spelling_is_taken_in_and_not_offered(root: Path) -> None:
    take_in(drop(root / "front_door", "a.jpg", picture_bytes(99)))
    old_pictures(root / "Front Door", 51)
    assert len(list(Scanner(root).full())) == 51
    assert Camera.objects.get().older_files == 0


def test_a_database_that_is_away_at_the_first_scan_does_not_let_older_files_in(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_pictures(root / "front", 51)
    scanner = Scanner(root)

    def away(folder: str) -> Camera:
        raise OperationalError

    with monkeypatch.context() as patched:
        patched.setattr("cameras.scan.camera_of_name", away)
        with pytest.raises(OperationalError):
            list(scanner.full())
    assert list(scanner.full()) == []
    assert Camera.objects.get().older_files == 51


def test_only_the_files_of_a_camera_wait_for_an_import(root: Path, tmp_path: Path) -> None:
    old = old_pictures(root / "front" / "closed", 51)
    beside = old_pictures(root, 1)
    for folder in (root / "front" / "closed", root / "front"):
        os.utime(folder, (1_700_000_000, 1_700_000_000))
    time.sleep(0.02)  # the folders' ctime must be earlier than the first scan's moment
    scanner = Scanner(root)
    assert list(scanner.full()) == beside
    assert all(scanner.waits_for_import(path) for path in old)
    others = [root / "front" / "closed", root / "front", root, beside[0], root / "front" / "gone.jpg", tmp_path / "a"]
    assert not any(scanner.waits_for_import(path) for path in others)


def test_an_import_is_scanned_for_at_once(root: Path) -> None:
    old_pictures(root / "front", 51)
    watcher = Watcher(root)
    watcher._scan_if_due()
    assert len(watcher.settling) == 0
    import_older(Camera.objects.get(), None)
    watcher._scan_if_due()
    assert len(watcher.settling) == 0, "it is not asked for at every turn"
    watcher._import_checked_at -= IMPORT_CHECK_S
    watcher._scan_if_due()
    assert len(watcher.settling) == 51
    started_at = Camera.objects.get().import_started_at
    assert started_at is not None
    assert datetime.fromisoformat(str(watcher._backlog()["scan_began"])) > started_at


def test_nobody_asks_for_imports_while_nothing_waits(
    root: Path, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    drop(root / "front", "a.jpg", picture_bytes(1))
    watcher = Watcher(root)
    watcher._scan_if_due()
    watcher._import_checked_at -= IMPORT_CHECK_S
    with django_assert_num_queries(0):
        watcher._scan_if_due()


def test_fifty_old_files_are_simply_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cameras.scan.OLD_AT_FIRST_SCAN", timedelta(seconds=-5))
    for number in range(50):
        drop(root / "front", f"{number}.jpg", picture_bytes(number))
    assert len(list(Scanner(root).full())) == 50


def test_an_unchanged_folder_is_not_read_again(root: Path) -> None:
    drop(root / "front", "a.jpg", picture_bytes(1))
    os.utime(root / "front", (1_700_000_000, 1_700_000_000))
    scanner = Scanner(root)
    assert len(list(scanner.full())) == 1
    assert list(scanner.changed()) == []
    assert len(list(scanner.full())) == 1


def test_links_to_folders_are_not_walked(root: Path, tmp_path: Path) -> None:
    drop(tmp_path / "elsewhere", "a.jpg", picture_bytes(1))
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert [path.name for path in Scanner(root).full()] == ["link"]


def test_an_unreadable_file_is_looked_at_in_every_scan(root: Path) -> None:
    drop(root / "front", "a.jpg", picture_bytes(1))
    os.utime(root / "front", (1_700_000_000, 1_700_000_000))
    scanner = Scanner(root)
    list(scanner.full())
    IgnoredFile.objects.create(
        camera=Camera.objects.get(), file_path="front/a.jpg", kind="unreadable", reason="mode 600", size=1
    )
    assert [path.name for path in scanner.changed()] == ["a.jpg"]


@pytest.mark.usefixtures("watching")
def test_the_watcher_says_that_it_lives_and_how_it_sees() -> None:
    heartbeat = Heartbeat.objects.get(queue="watcher")
    assert heartbeat.is_alive()
    assert heartbeat.detail["how"] == "told by the kernel"
    assert heartbeat.at <= timezone.now()


@pytest.mark.usefixtures("watching")
def test_the_watcher_says_since_when_the_first_of_the_files_waits(root: Path) -> None:
    began = timezone.now().replace(microsecond=0)
    drop(root / "front", "half.jpg", picture_bytes(1)[:-200])
    eventually(lambda: Heartbeat.objects.get(queue="watcher").detail["waiting"] == 1)
    since = Heartbeat.objects.get(queue="watcher").detail["waiting_since"]
    assert began <= datetime.fromisoformat(since) <= timezone.now()


def test_a_disk_with_room_again_ends_the_pause_of_a_watcher_before(root: Path) -> None:
    pause("intake", "the disk is full")
    assert Watcher(root)._may_take_in()
    assert not Pause.objects.exists()


def test_a_full_disk_pauses_intake_and_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher = Watcher(root)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(total=1000, free=10))
    assert not watcher._may_take_in()
    assert "is full" in Pause.objects.get(stage="intake").reason
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(total=1000, free=100))
    watcher._disk_checked_at = -1e9
    assert watcher._may_take_in()
    assert not Pause.objects.exists()


def test_the_file_system_of_a_path_is_known() -> None:
    assert file_system_of(Path("/proc/self")) == "proc"
    assert file_system_of(Path("/nonexistent/deep")) == file_system_of(Path("/"))


@pytest.mark.usefixtures("watching")
def test_a_file_that_no_reader_survives_does_not_end_the_watcher(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = media.inspect

    def fragile(path: Path) -> media.MediaFacts:
        if path.name == "poison.jpg":
            raise ZeroDivisionError
        return real(path)

    monkeypatch.setattr("cameras.media.inspect", fragile)
    drop(root / "front", "poison.jpg", picture_bytes(1))
    drop(root / "front", "sound.jpg", picture_bytes(2))
    eventually(queued(1))


def test_a_folder_that_may_not_be_entered_does_not_end_the_scan_of_the_others(open_root: Path) -> None:
    drop(open_root / "closed" / "deep", "a.jpg", picture_bytes(1))
    drop(open_root / "open", "b.jpg", picture_bytes(2))
    (open_root / "closed").chmod(0o644)
    with not_as_root():
        assert [path.name for path in Scanner(open_root).full() if path.suffix] == ["b.jpg"]
    (open_root / "closed").chmod(0o755)


def test_what_is_recorded_is_not_looked_at_again_and_costs_one_query(
    root: Path, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    for number in range(30):
        take_in(drop(root / "front", f"{number}.jpg", picture_bytes(number)))
    scanner = Scanner(root)
    assert list(scanner.full()) == []
    (root / "front" / "5.jpg").write_bytes(picture_bytes(99))
    with django_assert_num_queries(4):  # import limits, what is recorded, unreadable files, vanished ones
        assert [path.name for path in scanner.full()] == ["5.jpg"]


def test_a_file_added_within_the_same_tick_of_the_clock_is_found(root: Path) -> None:
    drop(root / "front", "a.jpg", picture_bytes(1))
    now = time.time()
    os.utime(root / "front", (now, now))
    scanner = Scanner(root)
    assert len(list(scanner.full())) == 1
    drop(root / "front", "b.jpg", picture_bytes(2))
    os.utime(root / "front", (now, now))
    assert [path.name for path in scanner.changed()] == ["a.jpg", "b.jpg"]
