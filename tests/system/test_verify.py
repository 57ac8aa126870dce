"""`manage.py verify`: what disagrees is found and named, and mended without losing anything."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AuditLog
from cameras import media
from cameras.intake import take_in
from cameras.models import Camera, Capture, IgnoredFile
from detections.detect import detect_queued
from detections.models import Detection
from events.models import Batch, Event
from events.placing import place_detected
from system.verification import Finding, verify
from telemetry.heartbeat import beat
from telemetry.models import Job
from tests.detections.conftest import ScriptedDetector
from tests.events.rows import detected, make_camera
from tests.factories import CameraFactory, EventFactory, ZoneFactory
from tests.files import drop, picture_bytes, video_bytes
from tests.system.archive import capture_with_file, days_ago, detection_with_files, visit
from zones.models import DetectionZone

pytestmark = pytest.mark.django_db
LONG_AGO = 3600


@pytest.fixture
def front(data_dir: Path) -> Camera:
    (data_dir / "cameras" / "front").mkdir()
    return CameraFactory.create(id="front")


def aged(path: Path, by_s: float = LONG_AGO) -> Path:
    moment = timezone.now().timestamp() - by_s
    os.utime(path, (moment, moment))
    return path


def found(*, repair: bool = False) -> dict[str, Finding]:
    """What there is to tell, by kind."""
    return {finding.kind: finding for finding in verify(repair=repair).findings if finding.count}


def mended(kind: str, count: int = 1) -> list[str]:
    """Finds `count` of just this kind, mends them, and finds nothing any more; gives the names."""
    before = found()
    assert {kind: finding.count for kind, finding in before.items()} == {kind: count}
    assert found()[kind].repaired == 0, "looking changes nothing"
    repaired = verify(repair=True)
    assert repaired.is_sound
    assert {f.kind: f.repaired for f in repaired.findings if f.count} == {kind: count}
    assert not found()
    return before[kind].names


def test_a_sound_archive_is_told_so(front: Camera) -> None:
    visit(front, days_ago(1))
    detection_with_files(front, days_ago(1), placed_at=None)
    capture_with_file(front, days_ago(10))
    capture_with_file(front, days_ago(40), state="expired").path.unlink()
    assert verify(repair=False).is_sound and not found()
    job = Job.objects.latest("id")
    assert (job.kind, job.state, job.result["is_sound"]) == ("verify", "done", True)


class TestPictures:
    @pytest.mark.parametrize(
        "path",
        [
            "thumbnails/2026-11-20/999999-0.jpg",
            "thumbnails/2026-11-20/.999999-0.jpg.part",
            "previews/2026-11-20/999999.jpg",
            "previews/2026-11-20/.999999.jpg.part",
        ],
    )
    def test_those_no_row_names_go(self, data_dir: Path, path: str) -> None:
        picture = aged(drop((data_dir / path).parent, Path(path).name, b"left behind"))
        assert mended("stray_pictures") == [path]
        assert not picture.exists()

    def test_those_that_may_still_be_named_are_no_error(self, front: Camera, data_dir: Path) -> None:
        drop(data_dir / "thumbnails" / "2026-11-20", "999999-0.jpg", b"just written")
        capture = capture_with_file(front, days_ago(1), state="detecting", lease_until=timezone.now())
        aged(drop(data_dir / "thumbnails" / "2026-11-20", f"{capture.pk}-0.jpg", b"of the claim before"))
        assert not found()

    @pytest.mark.parametrize("content", [picture_bytes(1), video_bytes(1, seconds=4)], ids=["picture", "video"])
    def test_missing_ones_are_drawn_again_as_they_were(
        self, data_dir: Path, detector: ScriptedDetector, content: bytes
    ) -> None:
        beat("worker", "detect", {})
        name = "a.jpg" if content.startswith(b"\xff\xd8") else "a.mp4"
        take_in(drop(data_dir / "cameras" / "front", name, content))
        detect_queued("worker", 1)
        place_detected("front")
        pictures = sorted(path for kind in ("thumbnails", "previews") for path in (data_dir / kind).rglob("*.jpg"))
        assert len(pictures) > 1
        before = [picture.read_bytes() for picture in pictures]
        for picture in pictures:
            picture.unlink()
        assert len(mended("missing_pictures", len(pictures))) == min(len(pictures), 5)
        assert [picture.read_bytes() for picture in pictures] == before

    @pytest.mark.parametrize("loss", ["gone", "overwritten", "no picture"])
    def test_without_their_original_they_stay_an_error(self, front: Camera, loss: str) -> None:
        detection = detection_with_files(front, days_ago(1), pictures=False, placed_at=None)
        path = detection.capture.path
        if loss == "gone":
            path.unlink()
        elif loss == "overwritten":
            path.write_bytes(picture_bytes(1))
        verdict = verify(repair=True)
        missing = next(finding for finding in verdict.findings if finding.kind == "missing_pictures")
        assert (missing.count, missing.repaired, verdict.is_sound) == (2, 0, False)


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> ScriptedDetector:
    scripted = ScriptedDetector()
    monkeypatch.setattr("detections.detect.load_detector", lambda config: scripted)
    return scripted


class TestFiles:
    @pytest.fixture(autouse=True)
    def nothing_settles(self, settings: Settings) -> None:
        """A file's ctime cannot be set back: whatever lies there has arrived."""
        settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 0})

    def test_what_the_ledger_does_not_know_is_taken_in(self, data_dir: Path) -> None:
        drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1))
        drop(data_dir / "cameras" / "front", "notes.txt", b"text")
        assert mended("unknown_files", 2) == ["front/a.jpg", "front/notes.txt"]
        assert Capture.objects.get().state == "queued"
        assert IgnoredFile.objects.count() == 1

    def test_what_is_still_arriving_is_no_error(self, data_dir: Path, settings: Settings) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 60})
        drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1)[:500])
        assert not found()

    def test_old_ones_that_wait_for_a_person_are_no_error(self, data_dir: Path) -> None:
        for number in range(51):
            aged(drop(data_dir / "cameras" / "front", f"{number}.jpg", b"old"), 2 * 86400)
        assert found()["unknown_files"].count == 51  # nobody has been asked yet
        assert not Camera.objects.exists()
        assert verify(repair=True).is_sound
        assert Camera.objects.get().older_files == 51
        assert not Capture.objects.exists() and not found()

    def test_a_name_too_long_for_the_ledger_is_known_all_the_same(self, data_dir: Path) -> None:
        folder = data_dir / "cameras" / "front"
        deep = folder.joinpath(*["x" * 250] * 8)
        take_in(drop(deep, "a.jpg", picture_bytes(1)))
        assert IgnoredFile.objects.count() == 1 and not found()

    def test_one_that_no_reader_survives_is_given_up_and_the_others_are_taken_in(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inspect = media.inspect

        def fragile(path: Path) -> Any:
            if path.name == "b.jpg":
                raise ZeroDivisionError
            return inspect(path)

        monkeypatch.setattr("cameras.media.inspect", fragile)
        for number, name in enumerate(["a.jpg", "b.jpg", "c.jpg"]):
            drop(data_dir / "cameras" / "front", name, picture_bytes(number))
        assert len(mended("unknown_files", 3)) == 3
        assert list(Capture.objects.order_by("file_path").values_list("state", flat=True)) == [
            "queued",
            "rejected",
            "queued",
        ]

    @pytest.mark.parametrize(
        ("loss", "words"),
        [("missing", "is missing or cannot be read"), ("empty", "is empty")],
    )
    def test_a_folder_whose_disk_is_away_is_an_error(self, front: Camera, loss: str, words: str) -> None:
        capture_with_file(front, days_ago(10))
        assert not found()
        shutil.rmtree(front.folder)
        if loss == "empty":
            front.folder.mkdir()
        verdict = verify(repair=True)
        folders = next(finding for finding in verdict.findings if finding.kind == "absent_folders")
        assert not verdict.is_sound
        assert folders.names == [f"camera folder front {words}: is its disk connected?"]

    def test_a_camera_that_keeps_only_its_newest_picture_is_told_of_and_no_error(self, front: Camera) -> None:
        """The same is seen of a bare folder whose disk dropped off, once the camera has written to it."""
        capture_with_file(front, days_ago(10)).path.unlink()
        capture_with_file(front, days_ago(0.1))
        verdict = verify(repair=True)
        assert verdict.is_sound
        assert {finding.kind for finding in verdict.findings if finding.count} == {"emptied_folders", "lost_originals"}

    def test_a_deleted_camera_needs_no_folder(self, front: Camera) -> None:
        capture_with_file(front, days_ago(10), state="expired")
        shutil.rmtree(front.folder)
        Camera.objects.update(deleted_at=timezone.now())
        assert not found()

    def test_an_original_that_is_gone_is_told_and_no_error(self, front: Camera) -> None:
        drop(front.folder, "thumbs.db", b"the camera's own")
        capture_with_file(front, days_ago(1)).path.unlink()
        take_in(front.folder / "thumbs.db")
        verdict = verify(repair=True)
        assert verdict.is_sound and not verdict.met_nothing
        assert [finding.names for finding in verdict.findings if finding.count] == [[Capture.objects.get().file_path]]


class TestEvents:
    def test_detections_in_no_event_are_placed_again(self) -> None:
        camera = make_camera()
        detected(camera, 0)
        Capture.objects.update(placed_at=timezone.now())
        report = found()
        assert report["homeless_detections"].names == [f"detection {Detection.objects.get().pk}"]
        verify(repair=True)
        assert place_detected(camera.pk) == 1
        assert Event.objects.get().detections.get() == Detection.objects.get()

    def test_detections_that_are_not_in_their_zones_are_looked_at_again(self, front: Camera) -> None:
        zone = ZoneFactory.create(camera=front)
        detection = detection_with_files(front, days_ago(1), placed_at=None)
        DetectionZone.objects.create(zone=zone, detection=detection)
        assert mended("wrong_zones") == [f"detection {detection.pk}, zone {zone.pk}"]
        assert not DetectionZone.objects.exists()

    def test_events_without_a_detection_go_and_leave_a_trace(self, front: Camera) -> None:
        event = EventFactory.create(camera=front, detections=[])
        assert mended("empty_events") == [f"event {event.pk}: {event.summary}"]
        trace = AuditLog.objects.get()
        assert (trace.action, trace.resource_id, trace.actor) == ("event_deleted", str(event.pk), "command line")
        assert trace.details and trace.details["summary"] == event.summary

    def test_a_batch_past_its_time_is_closed(self) -> None:
        camera = make_camera()
        detected(camera, 0)
        place_detected(camera.pk)
        assert "overdue_batches" not in found()
        Batch.objects.update(opened_at=timezone.now() - timedelta(minutes=12))
        assert found()["overdue_batches"].count == 1
        verify(repair=True)
        assert Batch.objects.get().state == Event.objects.get().state == "closed"

    def test_a_claim_nobody_holds_is_freed(self, front: Camera) -> None:
        capture_with_file(
            front,
            days_ago(1),
            state="detecting",
            claimed_by="dead",
            claim_id="12345678-1234-5678-1234-567812345678",
            lease_until=timezone.now() - timedelta(minutes=2),
        )
        mended("lost_claims")
        assert Capture.objects.get().state == "queued"


def test_tables_are_read_to_their_end(front: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("system.verification.ROWS_AT_ONCE", 2)
    for _ in range(5):
        EventFactory.create(camera=front, detections=[])
    assert found()["empty_events"].count == 5
    assert found(repair=True)["empty_events"].repaired == 5


class TestCommand:
    def run(self, *arguments: str) -> tuple[str, str]:
        """What it prints, and why it ends with status 1, if it does."""
        output = StringIO()
        try:
            call_command("verify", *arguments, stdout=output)
        except CommandError as error:
            return output.getvalue(), str(error)
        return output.getvalue(), ""

    def test_it_says_that_all_is_well(self) -> None:
        assert self.run() == ("Every row has its file, and every file its row.\n", "")

    def test_it_does_not_say_so_where_originals_are_gone(self, front: Camera) -> None:
        gone = capture_with_file(front, days_ago(10))
        capture_with_file(front, days_ago(10))
        gone.path.unlink()
        said, error = self.run()
        assert (
            said == (f"1 captures whose file is gone (no error: somebody deleted them)\n    {gone.file_path}\n")
            and not error
        )

    def test_it_names_the_first_few_and_ends_with_an_error(self, front: Camera) -> None:
        for number in range(7):
            EventFactory.create(camera=front, detections=[], summary=f"number {number}")
        said, error = self.run()
        assert said.startswith("7 events without a detection\n    event ")
        assert "number 4" in said and "number 5" not in said and said.endswith("    and 2 more\n")
        assert error == "--repair mends what can be mended."

    def test_it_mends_and_ends_well(self, front: Camera) -> None:
        EventFactory.create(camera=front, detections=[])
        said, error = self.run("--repair")
        assert said.startswith("1 events without a detection; deleted: 1\n") and not error

    def test_what_it_cannot_mend_is_an_error_still(self, front: Camera) -> None:
        detection_with_files(front, days_ago(1), pictures=False, placed_at=None)
        assert self.run("--repair")[1] == "Some of it could not be mended."

    def test_json(self, front: Camera) -> None:
        event = EventFactory.create(camera=front, detections=[])
        said: dict[str, Any] = json.loads(self.run("--json")[0])
        assert (said["is_sound"], said["repair"]) == (False, False)
        empty = next(finding for finding in said["findings"] if finding["kind"] == "empty_events")
        assert (empty["count"], empty["repaired"], empty["is_wrong"]) == (1, 0, True)
        assert empty["names"] == [f"event {event.pk}: {event.summary}"]
