"""What the detect worker makes of its engine: how long it took, what is looked for, what runs, and when it is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from cameras.intake import take_in
from cameras.models import Capture
from detections import detect, tasks
from detections.detect import STAGE, detect_queued
from detections.models import Detection
from detections.pace import LONGEST_PASS_S, Pace
from inference.protocols import Box, EngineFacts, EngineLost, Image
from security_site.config import BASE_DIR, Config
from telemetry.heartbeat import Beating, beat
from telemetry.models import Heartbeat, Pause
from telemetry.stages import take_turn, try_soon
from tests.detections.conftest import ScriptedDetector
from tests.files import drop, picture_bytes, video_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def worker() -> None:
    beat("worker", "detect", {})


@pytest.fixture(autouse=True)
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    fresh = Pace()
    monkeypatch.setattr(detect, "_pace", fresh)
    return fresh


@pytest.fixture
def two_seconds_each(monkeypatch: pytest.MonkeyPatch, detector: ScriptedDetector) -> None:
    """The detector takes so long for a picture, by the clock that detection looks at."""
    now, answer = [0.0], detector.answer

    def slowly(image: Image) -> list[Box]:
        now[0] += 2
        return answer(image)

    detector.answer = slowly
    monkeypatch.setattr(detect, "time", SimpleNamespace(monotonic=lambda: now[0]))


@pytest.fixture
def front(data_dir: Path) -> Path:
    return data_dir / "cameras" / "front"


@pytest.mark.usefixtures("two_seconds_each")
def test_a_picture_knows_its_share_of_the_pass_and_a_video_the_sum_of_its_frames(
    front: Path, detector: ScriptedDetector
) -> None:
    for number in range(3):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    take_in(drop(front, "a.mp4", video_bytes(9, seconds=3)))
    detect_queued("worker", 100)
    took = {capture.media_type: capture.detect_ms for capture in Capture.objects.all()}
    frames = Detection.objects.filter(capture__media_type="video").count()
    assert frames >= 3
    assert took == {"image": 2000, "video": 2000 * frames}


@pytest.mark.usefixtures("two_seconds_each")
def test_a_slow_detector_looks_at_fewer_at_once_so_that_its_claim_stays_its_own(
    front: Path, detector: ScriptedDetector
) -> None:
    for number in range(20):
        take_in(drop(front, f"{number}.jpg", picture_bytes(number)))
    detect_queued("worker", 100)
    assert detector.passes == [8, 5, 3, 4]
    assert Capture.objects.filter(state="detected").count() == 20


@given(seconds=st.floats(0, 1000), count=st.integers(1, 64))
def test_a_pass_is_as_long_as_the_lease_allows_and_never_empty(seconds: float, count: int) -> None:
    pace = Pace()
    assert pace.at_once(count) == count
    pace.note(1, seconds)
    together = pace.at_once(count)
    assert 1 <= together <= count
    assert together == 1 or together * seconds <= LONGEST_PASS_S


def test_only_the_classes_of_the_settings_are_kept(front: Path, detector: ScriptedDetector, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"DETECT_CLASSES": ("dog",)})
    detector.answer = lambda image: [Box("person", 0.9, 0, 0, 9, 9), Box("dog", 0.9, 0, 0, 9, 9)]
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    detect_queued("worker", 100)
    assert list(Detection.objects.values_list("object_type", flat=True)) == ["dog"]


def test_a_lost_engine_costs_the_process_and_no_picture(
    front: Path, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(image: Image) -> list[Box]:
        raise EngineLost("the graphics card failed")

    working, detector.answer = detector.answer, lost
    monkeypatch.setattr(tasks, "load_detector", lambda config: detector)
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    with pytest.raises(SystemExit):
        tasks.detect_queued_task()
    assert Pause.objects.get().reason == "the graphics card failed"
    capture = Capture.objects.get()
    assert (capture.state, capture.attempts, capture.claim_id) == ("queued", 0, None)
    detector.answer = working
    assert detect_queued("worker", 100) == 0
    try_soon(STAGE)
    detect_queued("worker", 100)
    assert Capture.objects.get().state == "detected" and not Pause.objects.exists()


def test_each_process_that_is_lost_makes_the_wait_for_the_next_longer(
    front: Path, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_: Config) -> ScriptedDetector:
        raise EngineLost("the graphics card failed")

    monkeypatch.setattr(detect, "load_detector", lost)
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    waits = []
    for _ in range(3):
        with pytest.raises(EngineLost):
            detect_queued("worker", 100)
        retry_at = Pause.objects.get().retry_at
        assert retry_at is not None
        waits.append((retry_at - timezone.now()).total_seconds())
        Pause.objects.update(retry_at=Now())
    assert waits[0] < waits[1] < waits[2] and waits[2] > 10


class TestANewProcess:
    @pytest.fixture(autouse=True)
    def child(self, monkeypatch: pytest.MonkeyPatch, settings: Settings, data_dir: Path) -> None:
        """This process is a child of the detect worker; its heart beats once."""
        settings.CONFIG = Config(DATA_DIR=data_dir, DETECTOR="builtin", DETECT_GPU="1")
        beating = Beating("detect@here:1", "detect")
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        monkeypatch.setattr(tasks, "works_on", lambda queue: queue == "detect")
        monkeypatch.setattr(tasks, "_beating", lambda: beating)
        monkeypatch.setattr(Beating, "start", Beating._try_to_beat)
        monkeypatch.setattr(tasks, "wake", lambda task: None)
        later = timezone.now() + timedelta(minutes=4)
        Pause.objects.create(stage=STAGE, reason="the graphics card failed", attempts=7, retry_at=later)

    def test_loads_the_detector_on_its_own_card_and_waits_for_the_next_try(
        self, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cards = []

        def load(_: Config) -> ScriptedDetector:
            cards.append(os.environ["CUDA_VISIBLE_DEVICES"])
            return detector

        monkeypatch.setattr(tasks, "load_detector", load)
        tasks.start_detecting()
        assert cards == ["1"]
        assert Heartbeat.objects.get(worker="detect@here:1").detail["model"] == "script"
        assert take_turn(STAGE) is None

    def test_of_a_program_that_is_started_anew_does_not_wait(self) -> None:
        """Whatever was wrong with the card may be mended: that is why somebody started it."""
        call_command("release", skip_checks=True)
        assert take_turn(STAGE) is not None


def test_cards_are_counted_as_nvidia_smi_counts_them() -> None:
    """Else CUDA counts the fastest first, and DETECT_GPU=0 is another card than the one that was looked up."""
    ask = "import os, security_site.worker; print(os.environ['CUDA_DEVICE_ORDER'])"
    told = subprocess.run([sys.executable, "-c", ask], cwd=BASE_DIR, capture_output=True, text=True, check=True)
    assert told.stdout == "PCI_BUS_ID\n"


class TestWhatTheHeartbeatTells:
    @pytest.fixture(autouse=True)
    def beating(self, monkeypatch: pytest.MonkeyPatch, settings: Settings, data_dir: Path) -> Beating:
        fresh = Beating("detect@here:1", "detect")
        monkeypatch.setattr(tasks, "_beating", lambda: fresh)
        settings.CONFIG = Config(DATA_DIR=data_dir, DETECTOR="builtin")
        return fresh

    def test_the_engine_why_that_one_and_what_it_loaded(
        self, beating: Beating, detector: ScriptedDetector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        detector.facts = EngineFacts("weights.pt", "ab12", "a card", "Not enough memory for 8.")
        monkeypatch.setattr(tasks, "load_detector", lambda config: detector)
        tasks.detect_queued_task()
        assert beating.detail == {
            "engine": "builtin",
            "why": "DETECTOR=builtin",
            "model": "weights.pt",
            "sha256": "ab12",
            "device": "a card",
            "note": "Not enough memory for 8.",
        }

    def test_why_the_chosen_one_cannot_run_and_the_stage_waits(self, beating: Beating, settings: Settings) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update={"DETECTOR": "ultralytics"})
        tasks._tell_what_runs()
        tasks.detect_queued_task()
        assert beating.detail["engine"] == "ultralytics"
        assert "It cannot run: rtdetr-l.pt is not in" in str(beating.detail["note"])
        assert "rtdetr-l.pt is not in" in Pause.objects.get(stage="detect").reason

    def test_a_worker_of_another_queue_loads_no_detector(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tasks, "works_on", lambda queue: False)
        monkeypatch.setattr(tasks, "load_detector", pytest.fail)
        before = Heartbeat.objects.count()
        tasks.start_detecting()
        assert Heartbeat.objects.count() == before
