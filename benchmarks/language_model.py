"""`python -m benchmarks.language_model`: the language model in the pipeline, against the bare library.

Visits of four cameras are judged by the analyze stage, database and all; then llama-cpp-python alone answers the very
same prompts, in the same order, held to the same schema. How much of each prompt was known from the one before is the
prompt-cache hit rate: the instructions come first, then the camera, and what is new last.

Without `--model` a random network of some 60 MB is written and asked: it computes like a trained one and writes
nonsense, which is refused after its second try: two answers a visit.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.home import database, draw_pictures, drop
from benchmarks.overhead import CAMERAS
from benchmarks.report import Report
from tests.inference.tiny_gguf import write_tiny_gguf
from tests.stack import short_folder

APART_S = 3600
"""Between the pictures of a camera: each is a visit of its own."""
WIDTH, LAYERS = 512, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a GGUF file of your own")
    parser.add_argument("--visits", type=int, default=12)
    arguments = parser.parse_args()
    with short_folder() as folder:
        model = arguments.model or write_tiny_gguf(folder / "random.gguf", width=WIDTH, layers=LAYERS)
        measure(model, folder, arguments.visits)


@dataclass
class Asked:
    """What was sent to the model, and what it took."""

    messages: Any
    temperature: float


@dataclass
class Pace:
    """Tokens of many answers, and the seconds they took."""

    prompt: int = 0
    cached: int = 0
    written: int = 0
    seconds: float = 0.0


def measure(model: Path, folder: Path, visits: int) -> None:
    with database(folder):
        os.environ |= {"ANALYST": "llm", "LLM_MODEL": str(model)}
        make_visits(visits)
        with noted() as asked:
            pipeline = through_the_stage(model, visits)
        bare = [through_the_library(model, asked) for _ in range(2)]
    report = Report("language-model", f"{visits} visits judged by {model.name}, against the bare library")
    for name, pace in (("bare, first", bare[0]), ("pipeline", pipeline), ("bare, again", bare[1])):
        report.row(
            what=name,
            seconds=pace.seconds,
            tokens_written_per_s=pace.written / pace.seconds,
            prompt_tokens_per_answer=pace.prompt / len(asked),
            evaluated_per_answer=(pace.prompt - pace.cached) / len(asked),
            cache_hit_rate=pace.cached / pace.prompt,
            answers=len(asked),
        )
    bare_rate = sum(pace.written for pace in bare) / sum(pace.seconds for pace in bare)
    report.note(f"Ratio, pipeline to bare: {pipeline.written / pipeline.seconds / bare_rate:.3f}.")
    report.finish()


def make_visits(visits: int) -> None:
    """Rows of so many visits, of pictures that the built-in detector looked at."""
    from django.conf import settings

    from cameras.intake import take_in
    from detections.detect import detect_queued
    from events.placing import place_detected

    started = time.time() - visits * APART_S
    for number, content in enumerate(draw_pictures(visits)):
        folder = Path(settings.CAMERA_ROOT) / CAMERAS[number % len(CAMERAS)]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{number}.jpg"
        drop(content, path)
        os.utime(path, (started + number * APART_S,) * 2)
        take_in(path)
    while detect_queued("benchmark", settings.CONFIG.DETECT_BATCH):
        pass
    for camera in CAMERAS:
        place_detected(camera)


@contextmanager
def noted() -> Iterator[list[Asked]]:
    """What the stage asks the model, in its order."""
    from inference.analysts.llm.in_process import LocalModel

    asked: list[Asked] = []
    complete = LocalModel.complete

    def note(self: LocalModel, messages: Any, *, temperature: float) -> Any:
        asked.append(Asked(messages, temperature))
        return complete(self, messages, temperature=temperature)

    with patch.object(LocalModel, "complete", note):
        yield asked


def through_the_stage(model: Path, visits: int) -> Pace:
    """Every visit judged by the stage, as the analyze worker does it."""
    from django.conf import settings
    from django.db.models import Sum

    from events.analysis import analyze_pending
    from events.models import Assessment, Event
    from events.prompts import ship_prompt
    from inference.registry import load_analyst

    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "LLM_MODEL": str(model)})
    ship_prompt()
    load_analyst("llm", settings.CONFIG)  # loading is no part of it
    Event.objects.update(analysis_state="pending")
    began = time.perf_counter()
    answered = 0
    while answered < visits and (more := analyze_pending("benchmark", visits)):
        answered += more
    seconds = time.perf_counter() - began
    tokens = Assessment.objects.filter(source="llm").aggregate(
        prompt=Sum("prompt_tokens"), cached=Sum("cached_tokens"), written=Sum("completion_tokens")
    )
    return Pace(**tokens, seconds=seconds)


def through_the_library(model: Path, asked: Sequence[Asked]) -> Pace:
    """The same prompts by llama-cpp-python alone."""
    from llama_cpp import Llama
    from llama_cpp.llama_grammar import LlamaGrammar

    from inference.analysts.llm.answer import SCHEMA
    from inference.analysts.llm.in_process import CONTEXT_TOKENS, MOST_TOKENS
    from inference.analysts.llm.language_model import SEED

    class Counting(Llama):
        evaluated: int | None = None

        def eval(self, tokens: Sequence[int]) -> None:
            self.evaluated = len(tokens) if self.evaluated is None else self.evaluated
            super().eval(tokens)

    llama = Counting(str(model), n_ctx=CONTEXT_TOKENS, n_gpu_layers=-1, seed=SEED, verbose=False)
    grammar = LlamaGrammar.from_json_schema(json.dumps(SCHEMA), verbose=False)
    pace = Pace()
    began = time.perf_counter()
    for one in asked:
        llama.evaluated = None
        answer: Any = llama.create_chat_completion(
            one.messages, max_tokens=MOST_TOKENS, temperature=one.temperature, seed=SEED, grammar=grammar
        )
        pace.prompt += answer["usage"]["prompt_tokens"]
        pace.cached += answer["usage"]["prompt_tokens"] - (llama.evaluated or 0)
        pace.written += answer["usage"]["completion_tokens"]
    pace.seconds = time.perf_counter() - began
    return pace


if __name__ == "__main__":
    main()
