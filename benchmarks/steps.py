"""`python -m benchmarks.steps`: where the time of a picture goes, function by function of the pipeline's own code.

One process does the work of all of them, one after the other, so that nothing waits and nothing competes; the clock is
put around the functions by this module alone. How long a picture waits between them: `benchmarks.latency`.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

from django.conf import settings

from benchmarks.home import database, draw_pictures, drop
from benchmarks.report import Report
from tests.stack import short_folder

CAMERA = "front_door"
STEPS = (
    ("take in: is it complete, its SHA-256", "cameras.media", "inspect"),
    ("take in: the ledger", "cameras.intake", "take_in"),
    ("claim", "detections.detect", "claim_captures"),
    ("decode", "detections.frames", "_picture"),
    ("infer", "inference.registry", "load_detector"),
    ("thumbnail", "detections.detect", "write_thumbnail"),
    ("preview", "detections.detect", "write_preview"),
    ("store and commit", "detections.detect", "_store"),
    ("place", "events.placing", "_place_some"),
    ("judge", "events.placing", "_judge"),
)
"""What is timed. A function inside another one counts for itself only."""


class Clock:
    """Seconds spent in each step, less those in the steps inside it."""

    def __init__(self) -> None:
        self.spent_s: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def around(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            self._inside.append(0.0)
            began = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                took = time.perf_counter() - began
                self.spent_s[step] += took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took

        return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    arguments = parser.parse_args()
    with short_folder() as folder, database(folder):
        measure(arguments.pictures)


def measure(pictures: int) -> None:
    contents = draw_pictures(pictures + 8)
    _work_off(contents[:8])  # what is loaded on first use
    clock = Clock()
    with clocks_around(clock):
        began = time.perf_counter()
        _work_off(contents[8:])
        total_s = time.perf_counter() - began
    report = Report("steps", f"One picture of {pictures}, step by step")
    rest_s = total_s - sum(clock.spent_s.values())
    for step, spent_s in [*((step, clock.spent_s[step]) for step, _, _ in STEPS), ("everything else", rest_s)]:
        report.row(step=step, ms=1000 * spent_s / pictures, share_percent=100 * spent_s / total_s)
    report.row(step="all", ms=1000 * total_s / pictures, share_percent=100.0)
    report.finish()


def _work_off(contents: list[bytes]) -> None:
    """What watcher, detect worker and default worker do, in turn: a backlog of one camera."""
    from django.conf import settings

    from cameras import intake
    from detections.detect import detect_queued
    from events.placing import place_detected
    from telemetry.heartbeat import beat

    beat("benchmark", "detect", {})
    folder = settings.CAMERA_ROOT / CAMERA
    folder.mkdir(parents=True, exist_ok=True)
    for content in contents:
        path = folder / f"{time.time_ns()}.jpg"
        drop(content, path)
        intake.take_in(path)
    while detect_queued("benchmark", settings.CONFIG.DETECT_BATCH):
        place_detected(CAMERA)


@contextmanager
def clocks_around(clock: Clock) -> Iterator[None]:
    """Every step timed wherever it is called from."""
    with ExitStack() as patches:
        for step, module_name, name in STEPS:
            module = import_module(module_name)
            function = getattr(module, name)
            if name == "load_detector":
                detector = function(settings.CONFIG)
                patches.enter_context(patch.object(detector, "detect", clock.around(step, detector.detect)))
            else:
                patches.enter_context(patch.object(module, name, clock.around(step, function)))
        yield


if __name__ == "__main__":
    main()
