"""Which of the cameras' own files a cleanup deletes where that is wanted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from cameras.intake import take_in
from cameras.models import Camera, Capture
from events.models import Event
from system.retention import clean_up, what_would_go
from tests.cameras.conftest import not_as_root
from tests.factories import CameraFactory
from tests.files import drop, picture_bytes
from tests.system.archive import (
    capture_with_file,
    configure,
    days_ago,
    files_below,
    visit,
)

pytestmark = pytest.mark.django_db
OLD = 31


class TestOriginals:
    @pytest.fixture(autouse=True)
    def delete_them(self, settings: Settings) -> None:
        configure(settings, DELETE_ORIGINALS=True)

    def test_they_go_with_their_rows_and_count(self, reporting: Camera) -> None:
        event = visit(reporting, days_ago(OLD))
        alone = capture_with_file(reporting, days_ago(OLD))
        report = clean_up()
        assert report.images_deleted == 3
        assert files_below("cameras/front") == {"notes.txt"}
        assert not Capture.objects.exists() and not Event.objects.filter(pk=event.pk).exists()
        assert not alone.path.exists()

    def test_those_that_expired_before_the_setting_was_made_go_too(self, reporting: Camera) -> None:
        capture_with_file(reporting, days_ago(OLD), state="expired")
        assert clean_up().images_deleted == 1

    def test_one_that_is_another_content_now_stays(self, reporting: Camera) -> None:
        capture = capture_with_file(reporting, days_ago(OLD))
        capture.path.write_bytes(b"somebody else's")
        assert clean_up().images_deleted == 0
        assert capture.path.read_bytes() == b"somebody else's"

    def test_one_that_was_written_again_lately_stays(self, reporting: Camera) -> None:
        capture_with_file(reporting, days_ago(OLD), mtime=days_ago(1))
        assert clean_up().images_deleted == 0

    def test_a_link_in_its_place_stays_and_so_does_what_it_leads_to(self, reporting: Camera, tmp_path: Path) -> None:
        capture = capture_with_file(reporting, days_ago(OLD))
        target = capture.path.rename(tmp_path / "target.jpg")
        capture.path.symlink_to(target)
        assert clean_up().images_deleted == 0
        assert target.exists() and capture.path.is_symlink()

    def test_a_link_that_was_rejected_as_one_stays(self, reporting: Camera, tmp_path: Path) -> None:
        link = reporting.folder / "link.jpg"
        link.symlink_to(drop(tmp_path, "target.jpg", picture_bytes(1)))
        os.utime(link, (days_ago(OLD).timestamp(),) * 2, follow_symlinks=False)
        take_in(link)
        Capture.objects.update(captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        assert clean_up().images_deleted == 0
        assert link.is_symlink() and Capture.objects.get().state == "expired"

    def test_a_link_on_the_way_is_not_followed(self, reporting: Camera, tmp_path: Path) -> None:
        capture = capture_with_file(reporting, days_ago(OLD), name="inner/a.jpg")
        capture.path.parent.rename(tmp_path / "elsewhere")
        capture.path.parent.symlink_to(tmp_path / "elsewhere")
        assert clean_up().images_deleted == 0
        assert (tmp_path / "elsewhere" / "a.jpg").exists()

    def test_folders_that_were_emptied_go_if_they_are_old_but_not_the_cameras_own(self, reporting: Camera) -> None:
        (reporting.folder / "notes.txt").unlink()
        old = capture_with_file(reporting, days_ago(OLD), name="2026/10/01/a.jpg").path.parent
        fresh = capture_with_file(reporting, days_ago(OLD), name="incoming/a.jpg").path.parent
        for folder in (old, old.parent, old.parent.parent):
            os.utime(folder, (days_ago(OLD).timestamp(),) * 2)
        clean_up()
        assert not (reporting.folder / "2026").exists()
        assert fresh.exists() and reporting.folder.exists()

    def test_what_may_not_be_deleted_is_told_the_same_by_both_runs(
        self, open_root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        camera = CameraFactory.create(id="front")
        capture_with_file(camera, days_ago(OLD))
        (open_root / "front").chmod(0o755)
        with not_as_root():
            assert what_would_go().images_deleted == clean_up().images_deleted == 0
        assert "could not be deleted: 1, such as front/" in caplog.text
        assert Capture.objects.get().state == "expired"
        assert clean_up().images_deleted == 1
