"""Thumbnails and previews that a cleanup removes, or leaves to those who are just making them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from cameras.models import Camera, Capture
from cameras.stored_files import NotThere
from detections.models import Detection
from system.retention import clean_up, what_would_go
from system.stray_pictures import remove_stray, stray_pictures
from tests.files import drop
from tests.system.archive import (
    capture_with_file,
    days_ago,
    files_below,
    visit,
)

pytestmark = pytest.mark.django_db
OLD = 31


class TestPictures:
    def test_a_missing_or_closed_folder_stops_nothing(self, reporting: Camera, data_dir: Path) -> None:
        visit(reporting, days_ago(OLD))
        (data_dir / "thumbnails").rename(data_dir / "gone")
        (data_dir / "previews").rename(data_dir / "closed")
        (data_dir / "previews").write_text("not a folder")
        report = clean_up()
        assert (report.events_deleted, report.thumbnails_deleted, report.space_reclaimed) == (1, 0, 0)

    def test_those_whose_rows_are_gone_are_found_again(self, reporting: Camera) -> None:
        event = visit(reporting, days_ago(OLD))
        Detection.objects.all().delete()
        event.delete()
        Capture.objects.update(state="expired", preview_path="")
        _age(Path(django_settings.DATA_DIR))
        assert what_would_go().thumbnails_deleted == 2
        assert clean_up().thumbnails_deleted == 2
        assert files_below("thumbnails") == files_below("previews") == set()

    def test_a_day_s_empty_folder_goes_once_nothing_was_written_there_for_a_day(self, data_dir: Path) -> None:
        folder = data_dir / "previews" / "2026-01-01"
        folder.mkdir(parents=True)
        clean_up()
        assert folder.exists()
        os.utime(folder, (days_ago(2).timestamp(),) * 2)
        what_would_go()
        assert folder.exists()
        clean_up()
        assert not folder.exists()

    def test_one_that_was_written_anew_since_it_was_found_stays(self, data_dir: Path) -> None:
        picture = drop(data_dir / "thumbnails" / "2026-01-01", "999999999-0.jpg", b"left behind")
        _age(picture)
        found = list(stray_pictures("thumbnails"))
        picture.write_bytes(b"the capture was requeued")
        for path in found:
            with pytest.raises(NotThere):
                remove_stray(path)
        assert len(found) == 1 and picture.exists()

    def test_those_being_made_just_now_are_left_alone(self, reporting: Camera, data_dir: Path) -> None:
        capture = capture_with_file(reporting, days_ago(OLD), arrived_at=timezone.now(), state="detecting")
        folder = data_dir / "thumbnails" / f"{capture.captured_at.astimezone(UTC):%Y-%m-%d}"
        being_made = drop(folder, f"{capture.pk}-0.jpg", b"first frame")
        fresh = drop(folder, "999999999-0.jpg", b"not yet named")
        foreign = drop(folder, "holiday.jpg", b"not ours")
        _age(being_made, foreign)
        clean_up()
        assert being_made.exists() and fresh.exists() and foreign.exists()


def _age(*paths: Path) -> None:
    """Make files look an hour old, so that no task can still be about to name them."""
    for path in paths:
        for file in (path, *path.rglob("*")):
            os.utime(file, (datetime.now(UTC).timestamp() - 3600,) * 2)
