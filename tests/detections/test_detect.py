"""From queued to detected: what is stored, what counts against a file, and what pauses the stage instead."""

from __future__ import annotations

import errno
import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import cv2
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from cameras.claims import claim_captures, free_lost_claims
from cameras.intake import take_in
from cameras.models import OVERWRITTEN, REMOVED, Capture
from detections.detect import detect_queued
from detections.models import Detection
from inference.protocols import Box, EngineUnavailable, Image
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Pause
from tests.detections.conftest import ScriptedDetector
from tests.files import drop, picture_bytes, video_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def front(data_dir: Path) -> Path:
    return data_dir / "cameras" / "front"


@pytest.fixture(autouse=True)
def worker() -> str:
    beat("worker", "detect", {})
    return "worker"


def only_capture() -> Capture:
    return Capture.objects.select_related("camera").get()


def test_what_is_found_is_stored_with_its_pictures(front: Path, detector: ScriptedDetector) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    assert detect_queued("worker", 100) == 1
    capture = only_capture()
    assert (capture.state, capture.detector, capture.placed_at, capture.claim_id) == (
        "detected",
        "scripted",
        None,
        None,
    )
    detection = Detection.objects.get()
    assert (detection.object_type, detection.confidence, detection.frame_offset) == ("person", 0.8, None)
    assert (detection.bbox_x, detection.bbox_y, detection.bbox_width, detection.bbox_height) == (10, 20, 30, 60)
    assert detection.detected_at == capture.captured_at
    thumbnail = cv2.imread(str(settings.DATA_DIR / detection.thumbnail_path))
    preview = cv2.imread(str(settings.DATA_DIR / capture.preview_path))
    assert thumbnail is not None and thumbnail.shape == (240, 320, 3)
    assert preview is not None and preview.shape == (240, 320, 3)
    assert not list(Path(settings.DATA_DIR).rglob("*.part"))


def test_nothing_found_is_a_receipt_and_needs_no_place(front: Path, detector: ScriptedDetector) -> None:
    detector.answer = lambda image: []
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    detect_queued("worker", 100)
    capture = only_capture()
    assert capture.state == "detected" and capture.placed_at is not None
    assert capture.nothing_found == detector.nothing_found
    assert not capture.preview_path


def test_weak_and_foreign_classes_are_not_kept(front: Path, detector: ScriptedDetector) -> None:
    detector.answer = lambda image: [
        Box("person", 0.49, 0, 0, 9, 9),
        Box("sofa", 0.99, 0, 0, 9, 9),
        Box("dog", 0.5, 0, 0, 9, 9),
    ]
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    detect_queued("worker", 100)
    assert list(Detection.objects.values_list("object_type", flat=True)) == ["dog"]


def test_pictures_go_through_the_detector_in_batches(front: Path, detector: ScriptedDetector) -> None:
    for number in range(11):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    assert detect_queued("worker", 100) == 11
    assert detector.passes == [8, 3]


def test_live_pictures_go_before_old_ones_and_old_ones_oldest_first(front: Path, detector: ScriptedDetector) -> None:
    now = timezone.now()
    for number, age_s in enumerate((3600, 7200, 30, 10)):
        path = drop(front, f"{number}.jpg", picture_bytes(number))
        moment = (now - timedelta(seconds=age_s)).timestamp()
        os.utime(path, (moment, moment))
        take_in(path)
    claim = claim_captures("worker", 8)
    assert claim is not None
    assert [capture.file_name for capture in claim.captures] == ["2.jpg", "3.jpg", "1.jpg", "0.jpg"]


def test_a_video_is_looked_at_once_a_second_and_keeps_the_second(front: Path, detector: ScriptedDetector) -> None:
    take_in(drop(front, "a.mp4", video_bytes(1, seconds=4)))
    detect_queued("worker", 100)
    offsets = list(Detection.objects.order_by("id").values_list("frame_offset", flat=True))
    assert offsets == pytest.approx([0, 1, 2, 3], abs=0.25)
    capture = only_capture()
    for detection in Detection.objects.all():
        assert detection.frame_offset is not None
        assert detection.detected_at == capture.captured_at + timedelta(seconds=detection.frame_offset)
    assert capture.preview_offset == pytest.approx(0, abs=0.1)


def test_a_long_video_is_looked_at_twenty_times_over_its_whole_length(front: Path, detector: ScriptedDetector) -> None:
    take_in(drop(front, "a.mp4", video_bytes(1, seconds=120, rate=2)))
    detect_queued("worker", 100)
    offsets = [o for o in Detection.objects.order_by("id").values_list("frame_offset", flat=True) if o is not None]
    assert len(offsets) == 20
    assert offsets == sorted(offsets) and offsets[-1] == pytest.approx(114, abs=1)


def test_a_file_overwritten_before_it_is_read_is_rejected_and_the_new_content_taken_in(
    front: Path, detector: ScriptedDetector
) -> None:
    take_in(drop(front, "snap.jpg", picture_bytes(1)))
    drop(front, "snap.jpg", picture_bytes(2))
    detect_queued("worker", 100)
    old, new = Capture.objects.order_by("id")
    assert (old.state, old.error) == ("rejected", OVERWRITTEN)
    assert (new.state, new.detections.count()) == ("detected", 1)


def test_a_file_touched_but_not_changed_is_read_after_all(front: Path, detector: ScriptedDetector) -> None:
    path = drop(front, "snap.jpg", picture_bytes(1))
    take_in(path)
    os.utime(path, (1_780_000_000, 1_780_000_000))
    detect_queued("worker", 100)
    assert only_capture().state == "detected"


def test_a_file_removed_before_it_is_read_says_so(front: Path, detector: ScriptedDetector) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    take_in(path)
    path.unlink()
    detect_queued("worker", 100)
    assert (only_capture().state, only_capture().error) == ("rejected", REMOVED)


def test_a_folder_that_may_not_be_entered_any_more_holds_up_nothing_else(
    front: Path, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.name == "closed.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, **options)

    take_in(drop(front, "closed.jpg", picture_bytes(1)))
    take_in(drop(front, "open.jpg", picture_bytes(2)))
    monkeypatch.setattr(Path, "stat", refuse)
    detect_queued("worker", 100)
    closed, opened = Capture.objects.order_by("id")
    assert (closed.state, closed.attempts, opened.state) == ("queued", 1, "detected")


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_a_file_that_may_not_be_opened_any_more_counts_against_it_alone(
    front: Path, detector: ScriptedDetector, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(capture: Capture) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    take_in(drop(front, name, picture_bytes(1) if name.endswith("jpg") else video_bytes(1)))
    for part in ("_picture", "_video_frames"):
        monkeypatch.setattr(f"detections.frames.{part}", refuse)
    detect_queued("worker", 1)
    assert (only_capture().attempts, only_capture().error) == (1, "the file could not be read: Permission denied")


def test_a_file_renamed_while_it_waits_is_read_under_its_new_name(front: Path, detector: ScriptedDetector) -> None:
    path = drop(front, "upload.jpg", picture_bytes(1))
    take_in(path)
    take_in(path.rename(front / "final.jpg"))
    take_in(drop(front, "copy.jpg", picture_bytes(1)))
    detect_queued("worker", 100)
    first, second, third = Capture.objects.order_by("id")
    assert (first.state, first.error) == ("rejected", REMOVED)
    assert (second.state, second.duplicate_of, second.detections.count()) == ("detected", None, 1)
    assert (third.state, third.duplicate_of) == ("duplicate", second)


def test_files_of_a_disk_that_was_unplugged_are_read_once_it_is_back(
    front: Path, detector: ScriptedDetector, data_dir: Path
) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    take_in(path)
    front.rename(data_dir / "unplugged")  # the mount point is still there, and empty
    detect_queued("worker", 100)
    assert only_capture().error == REMOVED
    (data_dir / "unplugged").rename(front)
    take_in(path)
    detect_queued("worker", 100)
    assert only_capture().state == "detected"


def make_due() -> None:
    Capture.objects.update(next_attempt_at=None)


def test_content_that_cannot_be_decoded_fails_after_three_tries_and_its_neighbours_do_not(
    front: Path, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    from detections import frames

    real = frames._picture

    def picture(capture: Capture) -> Image:
        if capture.file_name == "bad.jpg":
            raise frames.UnreadableInput("the picture could not be decoded")
        return real(capture)

    monkeypatch.setattr(frames, "_picture", picture)
    take_in(drop(front, "bad.jpg", picture_bytes(1)))
    take_in(drop(front, "good.jpg", picture_bytes(2)))
    for tries in range(1, 4):
        detect_queued("worker", 100)
        bad = Capture.objects.get(file_path="front/bad.jpg")
        assert bad.attempts == tries
        assert bad.state == ("failed" if tries == 3 else "queued")
        make_due()
    assert "could not be decoded" in bad.error
    assert Capture.objects.get(file_path="front/good.jpg").state == "detected"
    assert detect_queued("worker", 100) == 0


def test_a_failed_try_waits_before_the_next(front: Path, detector: ScriptedDetector) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    Capture.objects.update(next_attempt_at=timezone.now() + timedelta(seconds=2))
    assert detect_queued("worker", 100) == 0


def test_a_clock_that_was_set_back_does_not_hold_up_the_next_try(front: Path, detector: ScriptedDetector) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    Capture.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    assert detect_queued("worker", 100) == 1


def test_a_missing_engine_pauses_the_stage_and_fails_nothing(front: Path, detector: ScriptedDetector) -> None:
    def gone(image: Image) -> list[Box]:
        raise EngineUnavailable("the graphics card is away")

    take_in(drop(front, "a.jpg", picture_bytes(1)))
    working, detector.answer = detector.answer, gone
    detect_queued("worker", 100)
    assert (only_capture().state, only_capture().attempts) == ("queued", 0)
    assert Pause.objects.get(stage="detect").reason == "the graphics card is away"
    detector.answer = working
    detect_queued("worker", 100)
    assert only_capture().state == "detected"
    assert not Pause.objects.exists()


def test_a_full_disk_pauses_the_stage_and_fails_nothing(
    front: Path, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    take_in(drop(front, "a.jpg", picture_bytes(1)))
    with monkeypatch.context() as patch:
        patch.setattr("detections.detect.write_thumbnail", full)
        detect_queued("worker", 100)
    assert (only_capture().state, only_capture().attempts) == ("queued", 0)
    assert "No space left" in Pause.objects.get().reason
    detect_queued("worker", 100)
    assert Detection.objects.count() == 1


def test_a_camera_disk_that_is_away_pauses_the_stage(front: Path, detector: ScriptedDetector, data_dir: Path) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    (data_dir / "cameras").rename(data_dir / "away")
    detect_queued("worker", 100)
    assert only_capture().state == "queued"
    assert "is its disk connected" in Pause.objects.get().reason
    (data_dir / "away").rename(data_dir / "cameras")
    detect_queued("worker", 100)
    assert only_capture().state == "detected"


def test_a_result_that_comes_after_the_claim_was_lost_is_discarded(front: Path, detector: ScriptedDetector) -> None:
    def stall(image: Image) -> list[Box]:
        Capture.objects.update(claim_id=uuid.uuid4(), claimed_by="somebody else")
        return [Box("person", 0.8, 0, 0, 9, 9)]

    take_in(drop(front, "a.jpg", picture_bytes(1)))
    detector.answer = stall
    detect_queued("worker", 1)
    assert not Detection.objects.exists()
    assert (only_capture().state, only_capture().claimed_by) == ("detecting", "somebody else")


def test_a_camera_that_sends_in_masses_keeps_no_other_waiting(front: Path, data_dir: Path) -> None:
    for number in range(20):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    take_in(drop(data_dir / "cameras" / "back", "a.jpg", picture_bytes(99)))
    claim = claim_captures("worker", 4)
    assert claim is not None
    assert [capture.file_path for capture in claim.captures] == [
        "front/0.jpg",
        "back/a.jpg",
        "front/1.jpg",
        "front/2.jpg",
    ]


@pytest.mark.django_db(transaction=True)
def test_workers_that_claim_at_the_same_moment_each_get_live_captures(front: Path) -> None:
    for number in range(6):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    all_at_once = threading.Barrier(3)

    def claim(number: int) -> list[int]:
        all_at_once.wait()
        claim = claim_captures(f"worker {number}", 2)
        connection.close()
        return [capture.pk for capture in claim.captures] if claim else []

    with ThreadPoolExecutor(3) as workers:
        taken = list(workers.map(claim, range(3)))
    assert [len(each) for each in taken] == [2, 2, 2]
    assert len(set().union(*taken)) == 6


def test_the_batch_of_a_dead_worker_is_retried_one_by_one(front: Path, detector: ScriptedDetector) -> None:
    for number in range(3):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    claim_captures("dead worker", 8)
    Capture.objects.update(lease_until=Now() + timedelta(seconds=49))
    assert free_lost_claims() == 3
    assert set(Capture.objects.values_list("state", "claim_alone", "attempts")) == {("queued", True, 0)}
    detect_queued("worker", 100)
    assert detector.passes == [1, 1, 1]


def test_only_dying_while_alone_counts_and_the_third_time_is_the_last(front: Path) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    states = []
    for _ in range(4):
        make_due()
        assert claim_captures("dead worker", 8) is not None
        Capture.objects.update(lease_until=Now() + timedelta(seconds=49))
        free_lost_claims()
        states.append((only_capture().state, only_capture().attempts))
    assert states == [("queued", 0), ("queued", 1), ("queued", 2), ("failed", 3)]
    assert "alone" in only_capture().error


@pytest.mark.parametrize("lease", [timedelta(seconds=-1), timedelta(minutes=6)])
def test_a_lease_that_ran_out_or_lies_far_ahead_is_freed_though_its_worker_lives(front: Path, lease: timedelta) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    claim_captures("worker", 8)
    assert free_lost_claims() == 0
    Capture.objects.update(lease_until=Now() + lease)
    assert free_lost_claims() == 1


def test_a_worker_whose_last_beat_is_old_counts_as_dead(front: Path) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    claim_captures("worker", 8)
    Capture.objects.update(lease_until=Now() + timedelta(seconds=40))
    assert free_lost_claims() == 0
    Heartbeat.objects.update(at=Now() - timedelta(seconds=11))
    assert free_lost_claims() == 1
