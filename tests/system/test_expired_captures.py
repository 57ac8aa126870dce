"""Which captures expire, and when the row of an expired one goes."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from cameras.intake import Outcome, take_in
from cameras.models import OVERWRITTEN, REMOVED, Camera, Capture
from cameras.scan import Scanner
from system import retention
from system.retention import clean_up
from tests.cameras.conftest import not_as_root
from tests.factories import CameraFactory
from tests.files import drop, picture_bytes
from tests.system.archive import (
    capture_with_file,
    configure,
    days_ago,
)

pytestmark = pytest.mark.django_db
OLD = 31


class TestCaptures:
    @pytest.mark.parametrize("state", ["detected", "duplicate", "rejected"])
    def test_old_ones_in_a_final_state_expire_and_keep_their_row(self, reporting: Camera, state: str) -> None:
        capture_with_file(reporting, days_ago(OLD), state=state)
        clean_up()
        assert Capture.objects.get().state == "expired"

    @pytest.mark.parametrize("state", ["queued", "detecting", "failed"])
    def test_those_somebody_will_still_look_at_do_not(self, reporting: Camera, state: str) -> None:
        capture_with_file(reporting, days_ago(OLD), state=state)
        clean_up()
        assert Capture.objects.get().state == state

    def test_unplaced_ones_wait_for_their_visit(self, reporting: Camera) -> None:
        capture = capture_with_file(reporting, days_ago(OLD), placed_at=None)
        clean_up()
        capture.refresh_from_db()
        assert capture.state == "detected"

    def test_an_old_picture_that_arrived_lately_counts_from_its_arrival(self, reporting: Camera) -> None:
        capture_with_file(reporting, days_ago(400), arrived_at=days_ago(1))
        clean_up()
        assert Capture.objects.get().state == "detected"

    def test_an_old_file_is_not_imported_again(self, reporting: Camera, data_dir: Path) -> None:
        path = drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1))
        os.utime(path, (days_ago(OLD).timestamp(),) * 2)
        assert take_in(path) is Outcome.TAKEN
        Capture.objects.update(state="rejected", error="anything", captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        for _ in range(2):
            clean_up()
            assert take_in(path) is Outcome.KNOWN
            assert path not in list(Scanner(data_dir / "cameras").full())
        path.touch()
        assert take_in(path) is Outcome.KNOWN
        assert Capture.objects.get().state == "expired"

    def test_the_row_goes_once_the_file_is_gone(self, reporting: Camera) -> None:
        capture, kept = capture_with_file(reporting, days_ago(OLD)), capture_with_file(reporting, days_ago(4))
        clean_up()
        capture.path.unlink()
        clean_up()
        assert Capture.objects.get() == kept

    def test_rows_of_a_camera_that_deletes_its_own_old_files_go(self, reporting: Camera) -> None:
        for days in range(40):
            capture = capture_with_file(reporting, days_ago(days + 0.5))
            if days > 4:
                capture.path.unlink()
        clean_up()
        assert Capture.objects.count() == 30 and not Capture.objects.filter(state="expired").exists()

    def test_rows_of_a_folder_that_was_cleaned_in_part_go(self, reporting: Camera) -> None:
        captures = [capture_with_file(reporting, days_ago(40 - number), state="expired") for number in range(5)]
        for capture in captures[1:]:
            capture.path.unlink()
        clean_up()
        assert Capture.objects.get() == captures[0]

    def test_a_bare_folder_with_new_files_costs_no_row(
        self, reporting: Camera, caplog: pytest.LogCaptureFixture
    ) -> None:
        capture_with_file(reporting, days_ago(OLD), state="expired")
        capture_with_file(reporting, days_ago(10))
        away = reporting.folder.rename(reporting.folder.with_name("elsewhere"))
        capture_with_file(reporting, days_ago(0.1))  # makes the folder anew, as a camera does
        clean_up()
        assert Capture.objects.count() == 3
        assert (
            "camera folder front holds none of the files that were taken in from it more than 3 days ago" in caplog.text
        )
        shutil.rmtree(reporting.folder)
        away.rename(reporting.folder)
        clean_up()
        assert Capture.objects.count() == 3

    def test_another_file_under_an_old_name_is_no_sign_of_the_old_folder(self, reporting: Camera) -> None:
        capture_with_file(reporting, days_ago(OLD), state="expired").path.unlink()
        witness = capture_with_file(reporting, days_ago(10))
        witness.path.write_bytes(b"written anew")
        clean_up()
        assert Capture.objects.count() == 2

    def test_one_that_is_requeued_while_it_would_expire_does_not(
        self, reporting: Camera, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(settings, DELETE_ORIGINALS=True)
        capture = capture_with_file(reporting, days_ago(OLD))
        expire = retention._expire_still_old

        def requeue_first(camera_id: str, cutoff: datetime, captures: list[Capture]) -> list[Capture]:
            Capture.objects.update(state="queued")
            return expire(camera_id, cutoff, captures)

        monkeypatch.setattr(retention, "_expire_still_old", requeue_first)
        clean_up()
        assert Capture.objects.get().state == "queued" and capture.path.exists()

    def test_a_disk_that_is_away_costs_no_row(self, reporting: Camera) -> None:
        capture = capture_with_file(reporting, days_ago(OLD), state="expired")
        away = reporting.folder.rename(reporting.folder.with_name("elsewhere"))
        clean_up()  # no folder
        reporting.folder.mkdir()
        clean_up()  # a mount point with nothing mounted
        assert Capture.objects.exists()
        reporting.folder.rmdir()
        away.rename(reporting.folder)
        clean_up()
        assert capture.path.exists() and Capture.objects.exists()

    def test_a_folder_that_may_not_be_entered_costs_no_row(self, open_root: Path) -> None:
        camera = CameraFactory.create(id="front")
        capture_with_file(camera, days_ago(OLD), name="inner/a.jpg", state="expired")
        (open_root / "front" / "inner").chmod(0o700)
        (open_root / "front").chmod(0o755)
        with not_as_root():
            clean_up()
        assert Capture.objects.exists()

    def test_content_that_was_overwritten_keeps_no_row(self, reporting: Camera) -> None:
        for number in range(3):
            capture = capture_with_file(
                reporting, days_ago(40 - number), name="snapshot.jpg", sha256=f"{number:064}", state="expired"
            )
        clean_up()
        assert Capture.objects.get() == capture

    @pytest.mark.parametrize("error", [REMOVED, OVERWRITTEN])
    def test_content_nobody_has_read_is_read_when_it_comes_back(
        self, reporting: Camera, data_dir: Path, settings: Settings, error: str
    ) -> None:
        configure(settings, DELETE_ORIGINALS=True)
        path = drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1))
        os.utime(path, (days_ago(OLD).timestamp(),) * 2)
        take_in(path)
        Capture.objects.update(state="rejected", error=error, captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        assert clean_up().images_deleted == 0
        assert path.exists() and not Capture.objects.exists()
        assert take_in(path) is Outcome.TAKEN

    def test_names_that_are_no_utf8_are_found(self, reporting: Camera) -> None:
        capture_with_file(reporting, days_ago(OLD), name="caf\\xe9\\\\.jpg")
        clean_up()
        clean_up()
        assert Capture.objects.get().state == "expired"
