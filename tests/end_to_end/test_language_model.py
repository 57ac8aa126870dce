"""Visits are judged by a language model after the rules: by a server, and by a model in the worker itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.footage import draw_person_jpeg
from tests.inference.llm_server import (
    FAILS,
    GOOD,
    HANGS,
    REASONING,
    SUMMARY,
    Answer,
    LlmServer,
    llm_server,
    verdict_text,
)
from tests.inference.tiny_gguf import write_tiny_gguf
from tests.stack import Stack, eventually, running_stack, short_folder

pytestmark = pytest.mark.stack
SOON = {"BATCH_IDLE_SECONDS": "2"}


@dataclass
class Judged:
    """The running program with a language model's server beside it, which says what a test lets it say."""

    stack: Stack
    server: LlmServer

    def visit(self, camera: str, seed: int) -> dict[str, Any]:
        """Somebody comes; the event as it is at first."""
        draw_person_jpeg(self.stack.camera(camera) / "a.jpg", seed=seed)
        return eventually(lambda: self.stack.events(camera))[0]

    def becomes(self, event: dict[str, Any], state: str) -> dict[str, Any]:
        """The event with everything, once its analysis is in that state."""

        def look() -> dict[str, Any] | None:
            now: dict[str, Any] = self.stack.api.get(f"events/{event['id']}/").json()
            return now if now["analysis_state"] == state else None

        return eventually(look, within_s=60) or {}  # a worker's death is noticed after ten seconds, and then it waits

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self.stack.api.get(f"{self.stack.url}/readyz").json()
        return told


def by_model(event: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in event["assessments"] if one["source"] == "llm"]


@pytest.fixture(scope="module")
def judged() -> Iterator[Judged]:
    with (
        short_folder() as folder,
        llm_server() as server,
        running_stack(folder, LLM_URL=server.url, LLM_MODEL="stub-1", **SOON) as stack,
    ):
        yield Judged(stack, server)


def test_the_rules_judge_at_once_and_the_models_answer_takes_their_place(judged: Judged) -> None:
    released = threading.Event()

    def once_released(good: Answer) -> Answer:
        def answer(handler: Any, request: Any) -> None:
            released.wait(60)
            good(handler, request)

        return answer

    judged.server.answers(once_released(GOOD))
    asked_before = len(judged.server.requests)
    first = judged.visit("front", seed=1)
    assert first["assessment"]["source"] == "rules" and first["summary"] and first["risk_score"] > 0
    waiting = judged.becomes(first, "running")
    assert waiting["assessment"]["source"] == "rules" and waiting["summary"] == first["summary"]
    released.set()
    done = judged.becomes(first, "done")
    assert (done["summary"], done["reasoning"], done["risk_score"]) == (SUMMARY, REASONING, 34)
    assert (done["assessment"]["source"], done["assessment"]["model"]) == ("llm", "stub-1")
    assert [one["source"] for one in done["assessments"]] == ["llm", "rules"]
    assert len(judged.server.requests) == asked_before + 1
    assert '"Front"' in judged.server.requests[-1].facts
    worker = next(worker for worker in judged.told()["workers"] if worker["queue"] == "analyze")
    assert (worker["engine"], worker["why"], worker["model"]) == ("llm", "LLM_URL names its server", "stub-1")


def test_while_the_server_fails_the_rules_stand_and_the_program_says_why_until_it_is_back(judged: Judged) -> None:
    judged.server.answers(FAILS)
    event = judged.visit("porch", seed=2)
    pause = eventually(lambda: judged.told()["pauses"])[0]
    assert pause["stage"] == "analyze" and "failed (HTTP 500): “internal error”" in pause["reason"]
    waiting = judged.becomes(event, "pending")
    assert (waiting["assessment"]["source"], waiting["risk_score"]) == ("rules", event["risk_score"])
    judged.server.answers(GOOD)
    done = judged.becomes(event, "done")
    assert done["assessment"]["source"] == "llm" and [one["error"] for one in by_model(done)] == [""]
    eventually(lambda: not judged.told()["pauses"])


def test_a_worker_that_is_killed_while_the_model_thinks_costs_time_and_nothing_else(judged: Judged) -> None:
    judged.server.answers(HANGS, GOOD)
    asked_before = len(judged.server.requests)
    event = judged.visit("garden", seed=3)
    eventually(lambda: len(judged.server.requests) > asked_before)
    child = children(judged.stack)[0]
    child.kill()
    done = judged.becomes(event, "done")
    assert len(by_model(done)) == 1 and len(judged.server.requests) == asked_before + 2
    assert children(judged.stack)[0].pid != child.pid


def children(stack: Stack) -> list[psutil.Process]:
    """Of the analyze worker: they do the work."""
    family = stack.processes("-Q analyze")
    pids = {process.pid for process in family}
    return eventually(lambda: [process for process in stack.processes("-Q analyze") if process.ppid() in pids])


def test_a_model_in_the_worker_judges_as_well(tmp_path: Path) -> None:
    says = verdict_text(31, summary="A person came and went.", reasoning="Once.", detections=[1])
    weights = write_tiny_gguf(tmp_path / "parrot.gguf", says=says)
    with short_folder() as folder, running_stack(folder, LLM_MODEL=str(weights), **SOON) as stack:
        with_model = Judged(stack, LlmServer())
        done = with_model.becomes(with_model.visit("front", seed=4), "done")
        assert (done["summary"], done["risk_score"]) == ("A person came and went.", 31)
        (kept,) = by_model(done)
        assert json.loads(kept["raw_answer"])["score"] == 31 and kept["model"] == "parrot"
        assert kept["tokens"]["prompt"] > 300
        worker = next(worker for worker in with_model.told()["workers"] if worker["queue"] == "analyze")
        assert worker["model"] == "parrot" and len(worker["sha256"]) == 64
        heavy = [process for process in stack.processes("celery|uvicorn|manage") if loads_llama(process)]
        assert [process.pid for process in heavy] == [process.pid for process in children(stack)]


def loads_llama(process: psutil.Process) -> bool:
    try:
        return any("libllama" in mapped.path for mapped in process.memory_maps())
    except psutil.Error:
        return False
