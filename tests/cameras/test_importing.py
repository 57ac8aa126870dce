"""The import of older files: what it lets in, and how far it is said to be."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import AuditLog
from cameras.importing import ImportProgress, import_older, progress_of
from cameras.models import Camera
from cameras.watcher import Watcher
from telemetry.heartbeat import beat
from tests.factories import CameraFactory, CaptureFactory, IgnoredFileFactory

pytestmark = pytest.mark.django_db

LONG_AGO = timedelta(days=100)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def camera(now: datetime) -> Camera:
    """It had a file before, and ten older ones wait."""
    camera = CameraFactory.create(older_files=10, skip_before=now - timedelta(days=1), first_scanned_at=now)
    CaptureFactory.create(camera=camera, mtime=now - LONG_AGO)
    return camera


def progress(camera: Camera) -> ImportProgress:
    camera.refresh_from_db()
    found = progress_of(camera)
    assert found is not None
    return found


def watcher_says(**detail: object) -> None:
    beat("watcher@1", "watcher", {"waiting": 0, "waiting_since": None, **detail})


def test_they_wait_no_longer_and_it_is_written_down(camera: Camera) -> None:
    assert import_older(camera, None) == 10
    camera.refresh_from_db()
    assert (camera.older_files, camera.skip_before) == (0, None)
    assert AuditLog.objects.get().details == {"imported_older_files": 10}
    assert import_older(camera, None) == 0
    assert AuditLog.objects.count() == 1


def test_those_of_one_that_was_just_merged_are_the_others(camera: Camera) -> None:
    front = CameraFactory.create(older_files=10)
    Camera.objects.filter(pk=camera.pk).update(merged_into=front, older_files=0)
    assert import_older(camera, None) == 10
    front.refresh_from_db()
    assert (front.older_files, front.import_files) == (0, 10)


def test_a_camera_that_never_imported_has_no_progress(camera: Camera) -> None:
    assert progress_of(camera) is None


def test_it_counts_what_was_there_and_nothing_else(camera: Camera, now: datetime) -> None:
    import_older(camera, None)
    assert (progress(camera).done, progress(camera).percent) == (0, 0)
    for number in range(3):
        CaptureFactory.create(camera=camera, mtime=now - LONG_AGO, state=["queued", "rejected", "detected"][number])
    IgnoredFileFactory.create(camera=camera)
    CaptureFactory.create(camera=camera, mtime=now)
    CaptureFactory.create(mtime=now - LONG_AGO)
    IgnoredFileFactory.create()
    assert progress(camera) == ImportProgress(4, 10, camera.import_started_at or now, finished=False)
    assert progress(camera).percent == 40


def test_it_is_done_when_all_came(camera: Camera, now: datetime) -> None:
    import_older(camera, None)
    for _ in range(12):
        CaptureFactory.create(camera=camera, mtime=now - LONG_AGO)
    assert (progress(camera).done, progress(camera).finished, progress(camera).percent) == (10, True, 100)


@pytest.mark.parametrize(
    ("began", "ended", "waiting_since", "finished"),
    [
        (-30, -29, None, False),  # before anybody asked
        (5, 6, None, True),  # read since, nothing waits
        (5, 6, 5, False),  # of what was found then, some wait
        (5, 6, 8, True),  # only newer ones wait
    ],
)
def test_it_is_done_when_the_watcher_is_through_though_some_were_deleted(
    camera: Camera, began: int, ended: int, waiting_since: int | None, finished: bool
) -> None:
    import_older(camera, None)
    camera.refresh_from_db()
    started_at = camera.import_started_at
    assert started_at is not None
    assert not progress(camera).finished

    def at(seconds: int) -> str:
        return (started_at + timedelta(seconds=seconds)).isoformat()

    watcher_says(
        scan_began=at(began), scan_ended=at(ended), waiting_since=None if waiting_since is None else at(waiting_since)
    )
    assert progress(camera).finished == finished
    assert progress(camera).percent == (100 if finished else 0)


def test_a_watcher_that_has_not_scanned_yet_says_nothing(camera: Camera) -> None:
    import_older(camera, None)
    watcher_says()
    assert not progress(camera).finished


def test_it_is_told_of_for_a_day(camera: Camera, now: datetime) -> None:
    import_older(camera, None)
    Camera.objects.update(import_started_at=now - timedelta(hours=25))
    camera.refresh_from_db()
    assert progress_of(camera) is None


def test_it_costs_three_queries(camera: Camera, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    import_older(camera, None)
    camera.refresh_from_db()
    with django_assert_num_queries(3):  # captures, ignored files, the watcher's beat
        progress_of(camera)


def test_the_watcher_tells_when_it_read_the_folders(data_dir: Path) -> None:
    before = timezone.now()
    watcher = Watcher(data_dir / "cameras")
    watcher._scan_if_due()
    told = watcher._backlog()
    began, ended = (datetime.fromisoformat(str(told[name])) for name in ("scan_began", "scan_ended"))
    assert before <= began <= ended <= timezone.now()
    watcher._scan_if_due()
    assert watcher._backlog() == told, "no scan was due"
