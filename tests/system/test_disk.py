"""How full the disks are: what is measured, and that the page says so before anything stops."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Role
from telemetry import disk
from telemetry.disk import Disk, disk_of, disks
from telemetry.models import Pause
from tests.people import make_user

GB = 1024**3
ANOTHER_DISK = Path("/dev/shm")  # noqa: S108  (in memory, so never the disk of the test's folder)


@pytest.mark.parametrize(
    ("free", "low", "full"), [(100, False, False), (99, True, False), (20, True, False), (19, True, True)]
)
def test_low_is_below_a_tenth_and_full_below_a_fiftieth(free: int, low: bool, full: bool) -> None:
    found = Disk(Path("/"), free, 1000)
    assert (found.is_low, found.is_full, found.free_share) == (low, full, free / 1000)


def test_a_file_system_without_a_size_is_not_full() -> None:
    assert not Disk(Path("/proc"), 0, 0).is_low


def test_what_is_measured_is_what_this_user_may_fill(tmp_path: Path) -> None:
    found, facts = disk_of(tmp_path), os.statvfs(tmp_path)
    assert found.total_bytes == facts.f_blocks * facts.f_frsize
    assert found.free_bytes == pytest.approx(facts.f_bavail * facts.f_frsize, rel=0.05)


def test_one_disk_is_told_once(data_dir: Path) -> None:
    assert [found.path for found in disks()] == [data_dir]
    assert disks()[0].stops_intake


@pytest.mark.skipif(not ANOTHER_DISK.is_dir(), reason="no second file system to be found here")
def test_that_of_the_cameras_is_told_where_it_is_another(data_dir: Path, settings: Settings) -> None:
    settings.CAMERA_ROOT = ANOTHER_DISK
    assert [(found.path, found.stops_intake) for found in disks()] == [(data_dir, True), (ANOTHER_DISK, False)]


def test_cameras_whose_folder_is_missing_are_left_out(data_dir: Path, settings: Settings) -> None:
    settings.CAMERA_ROOT = data_dir / "unplugged"
    assert [found.path for found in disks()] == [data_dir]


def test_a_disk_that_does_not_answer_holds_up_nobody_and_no_threads_pile_up(
    data_dir: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CAMERA_ROOT = Path("/")
    monkeypatch.setattr(disk, "ANSWERS_WITHIN_S", 0.05)
    answer = threading.Event()

    def hangs(path: Path) -> SimpleNamespace:
        if path == Path("/"):
            answer.wait(30)
        return SimpleNamespace(free=5, total=10)

    monkeypatch.setattr(shutil, "disk_usage", hangs)
    monkeypatch.setattr(Path, "stat", lambda path: SimpleNamespace(st_dev=str(path)))
    before = threading.active_count()
    for _ in range(5):
        assert [found.path for found in disks()] == [data_dir]
    assert threading.active_count() == before + 1
    answer.set()
    for thread in threading.enumerate():
        if thread.name == "camera-disk":
            thread.join()
    monkeypatch.setattr(disk, "ANSWERS_WITHIN_S", 10.0)
    assert [found.path for found in disks()] == [data_dir, Path("/")]


@pytest.mark.django_db
class TestBanner:
    def page(self, role: Role = Role.OWNER) -> str:
        client = Client()
        client.force_login(make_user(role=role))
        return " ".join(client.get("/").content.decode().replace("\xa0", " ").split())

    def test_it_says_how_much_is_left_and_what_helps(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=int(8.2 * GB), total=120 * GB))
        page = self.page()
        assert f"<strong>Disk almost full:</strong> 8.2 GB of 120.0 GB are free on {data_dir}." in page
        assert "Below 2 % no more files are taken in." in page
        assert "RETENTION_DAYS" in page and "DELETE_ORIGINALS=true" in page

    def test_a_viewer_is_told_whom_to_tell_and_nothing_of_folders_or_settings(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=GB, total=120 * GB))
        Pause.objects.create(stage="intake", reason=f"the disk of {data_dir} is full")
        page = self.page(Role.VIEWER)
        assert "The disk is almost full. Tell the owner." in page
        assert "New files wait since" in page
        assert str(data_dir) not in page and "DELETE_ORIGINALS" not in page

    def test_it_is_silent_while_there_is_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=13 * GB, total=120 * GB))
        assert "Disk almost full" not in self.page()
