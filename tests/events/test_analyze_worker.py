"""The analyze worker's process: which model it loads and when, what it tells of itself, and when it ends."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from events import analyze_tasks
from events.analyze_tasks import MOST_AT_ONCE, analyze_pending_task, start_analyzing, stop_analyzing
from inference.protocols import EngineFacts, EngineLost, EngineUnavailable
from telemetry.heartbeat import Beating
from telemetry.models import Heartbeat, Pause
from telemetry.stages import take_turn
from tests.events.model import ScriptedModel

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def worker(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    """This process as a child of the analyze worker; its heart beats once."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "ANALYZE_GPU": "1"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(analyze_tasks, "_beating", cache(lambda: Beating("analyze@home:1", "analyze")))
    monkeypatch.setattr(Beating, "start", Beating._try_to_beat)
    monkeypatch.setattr(analyze_tasks, "works_on", lambda queue: queue == "analyze")
    model = ScriptedModel(facts=EngineFacts("tiny", "ab" * 32, "GPU"))
    monkeypatch.setattr(analyze_tasks, "load_analyst", lambda name, config: model)
    return model


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(analyze_tasks, "wake", calls.append)
    return calls


def told() -> dict[str, object]:
    detail: dict[str, object] = Heartbeat.objects.get(queue="analyze").detail
    return detail


def test_it_loads_the_model_on_its_own_card_tells_what_it_runs_and_asks_for_work(
    monkeypatch: pytest.MonkeyPatch, woken: list[str], worker: ScriptedModel
) -> None:
    cards = []

    def load(*_: object) -> ScriptedModel:
        cards.append(os.environ.get("CUDA_VISIBLE_DEVICES"))
        return worker

    monkeypatch.setattr(analyze_tasks, "load_analyst", load)
    start_analyzing()
    assert cards == ["1"]
    assert told() == {
        "engine": "llm",
        "why": "ANALYST=llm",
        "model": "tiny",
        "sha256": "ab" * 32,
        "device": "GPU",
        "note": "",
    }
    assert woken == ["events.analyze_pending"]


def test_without_a_card_of_its_own_it_leaves_the_choice_alone(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYZE_GPU": ""})
    start_analyzing()
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_the_children_of_other_workers_load_nothing(monkeypatch: pytest.MonkeyPatch, woken: list[str]) -> None:
    monkeypatch.setattr(analyze_tasks, "works_on", lambda queue: queue == "detect")
    start_analyzing()
    stop_analyzing()
    assert not Heartbeat.objects.exists() and not woken and "CUDA_VISIBLE_DEVICES" not in os.environ


def test_one_whose_model_cannot_run_says_so(monkeypatch: pytest.MonkeyPatch, woken: list[str]) -> None:
    def broken(*_: object) -> object:
        raise EngineUnavailable("tiny.gguf is damaged")

    monkeypatch.setattr(analyze_tasks, "load_analyst", broken)
    start_analyzing()
    assert told() == {"engine": "llm", "why": "ANALYST=llm", "note": "It cannot run: tiny.gguf is damaged"}
    assert woken == ["events.analyze_pending"]


@pytest.fixture
def paused() -> None:
    later = timezone.now() + timedelta(minutes=4)
    Pause.objects.create(stage="analyze", reason="it computes what are no numbers", attempts=7, retry_at=later)


@pytest.mark.usefixtures("paused")
def test_a_process_that_takes_the_place_of_one_that_ended_waits_for_the_next_try() -> None:
    """Else a model that ends every process would be loaded over and over."""
    start_analyzing()
    assert take_turn("analyze") is None


@pytest.mark.usefixtures("paused")
def test_a_start_of_the_program_does_not_wait() -> None:
    """Whatever kept the model from answering may be mended: that is why somebody started it."""
    call_command("release", skip_checks=True)
    assert take_turn("analyze") is not None


@pytest.mark.parametrize(("answered", "again"), [(0, []), (1, []), (MOST_AT_ONCE, ["events.analyze_pending"])])
def test_it_goes_on_in_another_task_where_there_is_more(
    monkeypatch: pytest.MonkeyPatch, woken: list[str], answered: int, again: list[str]
) -> None:
    monkeypatch.setattr("events.analysis.analyze_pending", lambda worker, most: answered)
    analyze_pending_task()
    assert woken == again


def test_what_a_server_runs_by_now_is_told_after_an_answer(
    monkeypatch: pytest.MonkeyPatch, worker: ScriptedModel
) -> None:
    start_analyzing()
    worker.facts = EngineFacts("another")
    monkeypatch.setattr("events.analysis.analyze_pending", lambda worker, most: 1)
    analyze_pending_task()
    assert analyze_tasks._beating().detail["model"] == "another"


def test_what_could_not_run_at_the_start_is_told_once_it_runs(
    monkeypatch: pytest.MonkeyPatch, worker: ScriptedModel
) -> None:
    def broken(*_: object) -> object:
        raise EngineUnavailable("tiny.gguf is not there")

    monkeypatch.setattr("events.analysis.analyze_pending", lambda worker, most: 0)
    with monkeypatch.context() as without:
        without.setattr(analyze_tasks, "load_analyst", broken)
        start_analyzing()
    Pause.objects.create(stage="analyze", reason="tiny.gguf is not there")
    analyze_pending_task()
    assert "tiny.gguf is not there" in str(analyze_tasks._beating().detail["note"])
    Pause.objects.all().delete()
    analyze_pending_task()
    assert (analyze_tasks._beating().detail["model"], analyze_tasks._beating().detail["note"]) == ("tiny", "")


def test_a_process_that_cannot_go_on_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> int:
        raise EngineLost("the graphics card fell off")

    monkeypatch.setattr("events.analysis.analyze_pending", lost)
    with pytest.raises(SystemExit):
        analyze_pending_task()
