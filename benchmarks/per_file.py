"""What one file costs on its way through the pipeline, beside small and large archives. For the benchmark of growth.

The same files go through every archive, one file after the other and each archive in turn, so that whatever else the
machine does falls on all alike. A detector that always answers at once stands in for the real one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from cameras.intake import Outcome, take_in
from detections.detect import detect_queued
from events.placing import place_detected
from inference import registry
from inference.protocols import Box, EngineFacts, Image
from security_site.config import Config

CAMERA = "front_door"
STAGES = ("intake", "detect", "place and judge")
FILES_PER_VISIT = 20
WARM_UP_FILES = 10


class SomebodyAlways:
    """A Detector that sees one person in every picture, each time a little further on."""

    name = "builtin"
    nothing_found = ""
    facts = EngineFacts("somebody always")

    def __init__(self) -> None:
        self.looks = 0

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        self.looks += len(images)
        return [[Box("person", 0.7, 10 * (self.looks % 50), 100, 60, 160)] for _ in images]


def load(_: Config) -> SomebodyAlways:
    return SomebodyAlways()


@dataclass
class Cost:
    """Milliseconds of one stage, file by file: altogether, and in the database alone."""

    total_ms: list[float] = field(default_factory=list)
    database_ms: list[float] = field(default_factory=list)
    queries: int = 0


def costs_of_files(
    archives: Mapping[int, BaseDatabaseWrapper], files: int, ends_at: datetime
) -> dict[tuple[str, int], Cost]:
    """Send so many pictures, the last one taken at `ends_at`, through every archive; costs by stage and archive."""
    registry.DETECTORS["builtin"] = __name__
    costs = {(stage, size): Cost() for stage in STAGES for size in archives}
    sizes = list(archives)
    for number, path in enumerate(_pictures(files + WARM_UP_FILES, ends_at)):
        for size in sizes[number % len(sizes) :] + sizes[: number % len(sizes)]:
            with using(archives[size]):
                for stage, deed in _deeds(path):
                    _measure(deed, costs[stage, size] if number >= WARM_UP_FILES else Cost())
    return costs


@contextmanager
def using(archive: BaseDatabaseWrapper) -> Iterator[None]:
    """Let everything inside use this database. Its connection stays open for the next turn."""
    before = connections["default"]
    connections["default"] = archive
    try:
        yield
    finally:
        connections["default"] = before


def _deeds(path: Path) -> list[tuple[str, Callable[[], object]]]:
    return [
        (STAGES[0], lambda: take_in(path)),
        (STAGES[1], lambda: detect_queued("bench", 1)),
        (STAGES[2], lambda: place_detected(CAMERA)),
    ]


def _measure(deed: Callable[[], object], cost: Cost) -> None:
    in_database = _Stopwatch()
    with connection.execute_wrapper(in_database):
        started = time.perf_counter()
        did = deed()
        cost.total_ms.append(1000 * (time.perf_counter() - started))
    assert did in (Outcome.TAKEN, 1), f"not what was expected of a new picture: {did}"
    cost.database_ms.append(in_database.ms)
    cost.queries = max(cost.queries, in_database.queries)


class _Stopwatch:
    """Adds up the time of all queries."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.queries = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.ms += 1000 * (time.perf_counter() - started)
            self.queries += 1


def _pictures(count: int, ends_at: datetime) -> list[Path]:
    """Small pictures of noise, no two alike: visits of twenty files three seconds apart, with ten minutes between."""
    folder = Path(settings.CAMERA_ROOT) / CAMERA
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(1)
    paths = []
    for number in range(count):
        visits_later = (count - 1) // FILES_PER_VISIT - number // FILES_PER_VISIT
        at = ends_at - timedelta(minutes=10 * visits_later + 1, seconds=-3 * (number % FILES_PER_VISIT))
        picture = cv2.resize(noise.integers(0, 255, (36, 64, 3), np.uint8), (640, 360))
        path = folder / f"picture-{number:05}.jpg"
        cv2.imwrite(str(path), picture)
        os.utime(path, (at.timestamp(), at.timestamp()))
        paths.append(path)
    return paths


def rows_of(costs: Mapping[tuple[str, int], Cost], sizes: Sequence[int]) -> Iterator[dict[str, object]]:
    """A line for each stage and archive, then for all stages together, each beside the smallest archive."""
    for stage in (*STAGES, "all"):
        parts = STAGES if stage == "all" else (stage,)
        beside: tuple[float, float] | None = None
        for size in sizes:
            own = [costs[part, size] for part in parts]
            total = _median_of_sums([cost.total_ms for cost in own])
            database = _median_of_sums([cost.database_ms for cost in own])
            beside = beside or (total, database)
            yield {
                "stage": stage,
                "visits_stored": size,
                "ms_per_file": round(total, 2),
                "ratio": round(total / beside[0], 2),
                "of_it_sql_ms": round(database, 2),
                "sql_ratio": round(database / beside[1], 2),
                "queries": sum(cost.queries for cost in own),
            }


def _median_of_sums(values: Sequence[Sequence[float]]) -> float:
    return float(median(sum(of_file) for of_file in zip(*values, strict=True)))
