"""`python -m benchmarks.memory`: what each process takes, idle and as pictures go through.

Proportional set size: what processes share is divided between them, so that the sum is what the machine really spends.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psutil
from rich.progress import Progress

from benchmarks.home import KINDS, draw_pictures, drop, of_each_process, previews
from benchmarks.report import Report
from tests.stack import Stack, eventually, running_stack, short_folder

AIM_MB = 600
SETTLED_AFTER_S = 10
WARM_UP = 500
"""Until then caches and allocators fill."""
AT_ONCE = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    arguments = parser.parse_args()
    with short_folder() as folder, running_stack(folder) as stack:
        measure(stack, arguments.pictures)


def measure(stack: Stack, pictures: int) -> None:
    time.sleep(SETTLED_AFTER_S)
    idle = sizes_mb(stack)
    contents = draw_pictures(WARM_UP + pictures)
    with Progress(disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("pictures", total=len(contents))
        for number, _ in enumerate(work_off(stack, contents[:WARM_UP])):
            progress.update(task, completed=number)
        time.sleep(SETTLED_AFTER_S)
        warm = sizes_mb(stack)
        for number, _ in enumerate(work_off(stack, contents[WARM_UP:])):
            progress.update(task, completed=WARM_UP + number)
    time.sleep(SETTLED_AFTER_S)
    after = sizes_mb(stack)
    report = Report("memory", f"Memory of each process, MB (PSS), idle and after {WARM_UP + pictures:,} pictures")
    for kind, _ in KINDS:
        report.row(
            process=kind,
            idle_MB=idle[kind],
            after_the_first_500=warm[kind],
            after_all=after[kind],
            growth_MB=after[kind] - warm[kind],
        )
    totals = [sum(sizes.values()) for sizes in (idle, warm, after)]
    report.row(
        process="all",
        idle_MB=totals[0],
        after_the_first_500=totals[1],
        after_all=totals[2],
        growth_MB=totals[2] - totals[1],
    )
    report.note(f"Aim: all, idle ≤ {AIM_MB} MB. Growth counts from the 500th picture on.")
    report.note(f"torch is loaded in: {', '.join(with_torch(stack)) or 'no process'}.")
    report.finish()


def work_off(stack: Stack, contents: list[bytes]) -> Iterator[None]:
    """Drop pictures, never more than some dozens ahead of the detector; one turn for each."""
    folder = stack.camera("front_door")
    folder.mkdir(parents=True, exist_ok=True)
    before = previews(stack)
    for number, content in enumerate(contents, start=1):
        drop(content, folder / f"{time.time_ns()}.jpg")
        if number % AT_ONCE == 0:
            eventually(lambda number=number: previews(stack) >= before + number, within_s=300)  # type: ignore[misc]
        yield
    eventually(lambda: previews(stack) >= before + len(contents), within_s=300)


def sizes_mb(stack: Stack) -> dict[str, float]:
    """PSS of every process, added up by kind."""
    sizes: dict[str, float] = defaultdict(float)
    for kind, memory in of_each_process(stack, psutil.Process.memory_full_info):
        sizes[kind] += memory.pss / 1e6
    return sizes


def with_torch(stack: Stack) -> list[str]:
    return sorted({kind for kind, maps in of_each_process(stack, _maps) if "libtorch" in maps})


def _maps(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/maps").read_text()


if __name__ == "__main__":
    main()
