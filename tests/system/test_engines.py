"""Which engines run, why those, what they loaded, and how fast they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from cameras.models import Camera
from system.engines import Engine, engines
from system.workers import workers
from telemetry.heartbeat import beat
from tests.api.callers import caller
from tests.factories import AssessmentFactory, CaptureFactory, EventFactory
from tests.system.programs import ago, first_line, signed_in, words

pytestmark = pytest.mark.django_db
DETECTOR = {
    "engine": "ultralytics",
    "why": "installed",
    "model": "rtdetr-l.pt",
    "sha256": "ab" * 32,
    "device": "NVIDIA RTX A5500",
    "note": "Its memory holds 4 pictures at once, not 8.",
}


@pytest.fixture
def page() -> Client:
    return signed_in()


def use_a_model(settings: Settings) -> None:
    update = {"ANALYST": "llm", "LLM_URL": "http://127.0.0.1:9/v1", "DETECTOR": "ultralytics"}
    settings.CONFIG = settings.CONFIG.model_copy(update=update)


def engine(name: str) -> Engine:
    return next(one for one in engines(workers()) if one.name == name)


def test_what_a_worker_loaded_is_told_with_its_checksum(page: Client, settings: Settings) -> None:
    use_a_model(settings)
    beat("detect@home:1", "detect", dict(DETECTOR))
    beat("detect@home:2", "detect", dict(DETECTOR))
    said = words(page)
    assert f"ultralytics : DETECTOR=ultralytics rtdetr-l.pt on NVIDIA RTX A5500 SHA-256 {'ab' * 32}" in said
    assert said.count("Its memory holds 4 pictures at once, not 8.") == 1


def test_a_worker_whose_engine_cannot_run_says_why(page: Client, settings: Settings) -> None:
    use_a_model(settings)
    beat("detect@home:1", "detect", {"engine": "ultralytics", "note": "It cannot run: rtdetr-l.pt is broken"})
    assert "It cannot run: rtdetr-l.pt is broken" in words(page)
    assert " on CPU" not in words(page)


def test_how_long_pictures_and_videos_took_in_the_last_hour(page: Client, front: Camera) -> None:
    for detect_ms in (100, 300):
        CaptureFactory.create(camera=front, detect_ms=detect_ms, processed_at=ago(minutes=2))
    CaptureFactory.create(camera=front, detect_ms=9000, processed_at=ago(hours=2))
    CaptureFactory.create(camera=front, detect_ms=None, processed_at=ago(minutes=1))
    CaptureFactory.create(camera=front, detect_ms=2600, processed_at=ago(minutes=1), media_type="video", duration=20)
    picture, video = sorted(engine("builtin").speeds, key=lambda speed: speed.what)
    assert (picture.what, picture.count, picture.mean_ms) == ("picture", 2, 200)
    assert video.words == "2.6 s a video in the last hour (1)"
    assert "200 ms a picture in the last hour (2)" in words(page)


def test_how_fast_a_language_model_was_and_how_much_of_its_prompts_it_knew(
    page: Client, front: Camera, settings: Settings
) -> None:
    use_a_model(settings)
    event = EventFactory.create(camera=front)
    answer = {"event": event, "source": "llm", "model": "nemotron", "latency_ms": 2000}
    AssessmentFactory.create(**answer, prompt_tokens=1000, cached_tokens=500, completion_tokens=100)
    AssessmentFactory.create(**answer, prompt_tokens=1000, cached_tokens=900, completion_tokens=60)
    AssessmentFactory.create(**answer, prompt_tokens=1000, cached_tokens=0, completion_tokens=900, is_replay=True)
    AssessmentFactory.create(**answer, score=None, error="no JSON", completion_tokens=900)
    [speed] = engine("llm").speeds
    assert (speed.count, speed.mean_ms, speed.tokens_per_s, speed.cached_share) == (2, 2000, 40, 0.7)
    assert "2.0 s a visit in the last hour (2), 40 tokens/s, 70 % of the prompts known from before" in words(page)


def test_a_server_that_tells_no_tokens_has_a_speed_all_the_same(front: Camera, settings: Settings) -> None:
    use_a_model(settings)
    AssessmentFactory.create(event=EventFactory.create(camera=front), source="llm", latency_ms=1500)
    [speed] = engine("llm").speeds
    assert (speed.count, speed.tokens_per_s, speed.cached_share) == (1, None, None)


def test_the_rules_are_always_told_of_and_need_no_worker(page: Client, settings: Settings) -> None:
    use_a_model(settings)
    assert "rules : always there: a score the moment there is a visit" in words(page)
    assert not engine("rules").needs_worker
    assert words(page).count("No process runs it now.") == 2


@pytest.mark.usefixtures("running")
def test_a_model_that_came_after_the_start_of_the_program_is_told_to_wait_for_the_next(
    page: Client, settings: Settings, tmp_path: Path
) -> None:
    weights = tmp_path / "late.gguf"
    settings.CONFIG = settings.CONFIG.model_copy(update={"LLM_MODEL": str(weights)})
    assert first_line(page) == "Everything runs."
    weights.touch()
    assert first_line(page) == "1 thing needs you: a language model was added."
    assert "(LLM_MODEL names its file), and is not used yet. Start the program again." in words(page)


def test_monitors_and_the_api_are_told_the_same(settings: Settings, front: Camera) -> None:
    use_a_model(settings)
    beat("detect@home:1", "detect", dict(DETECTOR))
    CaptureFactory.create(camera=front, detect_ms=120, processed_at=ago(minutes=2))
    by_api = caller("read key").get("/api/v1/system/").json()["engines"][0]
    ready = caller("read key").get("/readyz").json()["engines"][0]
    for told in (by_api, ready):
        assert told["loaded"] == [{key: DETECTOR[key] for key in ("model", "sha256", "device", "note")}]
        assert told["speeds"][0] == {
            "what": "picture",
            "count": 1,
            "mean_ms": 120.0,
            "tokens_per_s": None,
            "cached_share": None,
        }
    assert "engines" not in caller("stranger").get("/readyz").json()
