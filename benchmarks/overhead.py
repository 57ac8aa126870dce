"""`python -m benchmarks.overhead`: what the whole pipeline costs beyond its detector.

The same pictures, the same detector, the same decoding: once in a plain loop, once dropped into camera folders of the
running program, from the first drop to the last committed detection. The two take turns, so that a noisy machine
disturbs both alike. `benchmarks.steps` shows where the rest goes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import psycopg
from rich.progress import track

from benchmarks.home import cpu_s, draw_pictures, drop, previews
from benchmarks.report import Report
from inference.protocols import Image
from inference.registry import load_detector
from security_site.config import Config
from security_site.postgres_server import PostgresServer
from tests.stack import Stack, eventually, running_stack, short_folder

CAMERAS = ("front_door", "driveway", "back_garden", "side_gate")
BATCH = 8
AIM, TARGET = 0.90, 0.97


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with short_folder() as folder, running_stack(folder) as stack:
        measure(stack, arguments.pictures, arguments.rounds)


def measure(stack: Stack, pictures: int, rounds: int) -> None:
    contents = draw_pictures((rounds + 1) * pictures)
    through_the_pipeline(stack, contents[:pictures])  # what is loaded on first use
    report = Report("overhead", f"{pictures} pictures through the whole pipeline, against the bare detector")
    ratios = []
    for number in track(range(1, rounds + 1), "rounds", disable=not sys.stderr.isatty()):
        mine = contents[number * pictures : (number + 1) * pictures]
        bare_s = bare_loop(stack, mine)
        pipeline_s, cpu_s = through_the_pipeline(stack, mine)
        bare_s = (bare_s + bare_loop(stack, mine)) / 2
        ratios.append(bare_s / pipeline_s)
        report.row(
            round=number,
            bare_pictures_per_s=pictures / bare_s,
            pipeline_pictures_per_s=pictures / pipeline_s,
            ratio=ratios[-1],
            **{f"{kind}_ms": 1000 * spent / pictures for kind, spent in cpu_s.items()},
        )
    report.note(f"Ratio, median: {statistics.median(ratios):.3f} (aim ≥ {AIM:.2f}, target ≥ {TARGET:.2f}).")
    report.note("Milliseconds are processor time for one picture, all threads of a process together; no page is open.")
    report.finish()


def bare_loop(stack: Stack, contents: list[bytes]) -> float:
    """Seconds for reading, decoding and looking at the same files, in batches as the worker does, storing nothing."""
    detector = load_detector(Config(DETECTOR="builtin"))
    return seconds_for(stack, contents, lambda files: detector.detect([_decoded(file) for file in files]))


def seconds_for(stack: Stack, contents: list[bytes], look: Callable[[list[Path]], object]) -> float:
    """How long `look` takes for the same pictures as files, batch after batch."""
    folder = stack.data_dir / "bare"
    folder.mkdir(exist_ok=True)
    files = [folder / f"{number}.jpg" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    began = time.perf_counter()
    for start in range(0, len(files), BATCH):
        look(files[start : start + BATCH])
    return time.perf_counter() - began


def _decoded(file: Path) -> Image:
    image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image.astype(np.uint8, copy=False)


def through_the_pipeline(stack: Stack, contents: list[bytes]) -> tuple[float, dict[str, float]]:
    """Seconds from the first drop to the last committed detection, and the processor time of each kind of process."""
    before, cpu_before = previews(stack), cpu_s(stack)
    began = datetime.now(UTC)
    drop_on_cameras(stack, contents)
    eventually(lambda: previews(stack) >= before + len(contents), within_s=600)
    with psycopg.connect(PostgresServer(stack.data_dir).url) as connection:
        last = eventually(lambda: last_stored(connection, began, len(contents)))
    spent = {kind: seconds - cpu_before.get(kind, 0) for kind, seconds in cpu_s(stack).items()}
    assert last is not None
    return (last - began).total_seconds(), spent


def drop_on_cameras(stack: Stack, contents: list[bytes]) -> None:
    for number, content in enumerate(contents):
        folder = stack.camera(CAMERAS[number % len(CAMERAS)])
        folder.mkdir(parents=True, exist_ok=True)
        drop(content, folder / f"{time.time_ns()}.jpg")


def last_stored(connection: psycopg.Connection, since: datetime, number: int) -> datetime | None:
    """When the last of so many captures was stored; None while they are fewer."""
    stored = connection.execute("SELECT count(*), max(processed_at) FROM captures WHERE processed_at > %s", [since])
    row = stored.fetchone()
    connection.rollback()
    return row[1] if row and row[0] >= number else None


if __name__ == "__main__":
    main()
