"""`python -m benchmarks.start`: from `make run` to a program that is ready, on a folder that has been used before.

Beside it, in the same run, what one bare start of Django costs on this machine: a slow machine is slow at both.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx

from benchmarks.report import Report
from security_site.config import BASE_DIR
from tests.stack import Stack, short_folder

AIM_S = 6.0
BARE_DJANGO = "import django; django.setup()"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=7)
    arguments = parser.parse_args()
    with short_folder() as folder:
        measure(Stack(folder / "data"), arguments.starts)


def measure(stack: Stack, starts: int) -> None:
    """One first start, then warm ones in turn with bare starts of Django."""
    first = start_once(stack)
    warm, bare = [], []
    for _ in range(starts):
        bare.append(bare_django(stack))
        warm.append(start_once(stack))
    report = Report("start", "From `make run` to /readyz")
    for what, answers, ready in (
        ("first start, makes the database", first[0], first[1]),
        ("warm, fastest", min(w[0] for w in warm), min(w[1] for w in warm)),
        ("warm, median", statistics.median(w[0] for w in warm), statistics.median(w[1] for w in warm)),
        ("warm, slowest", max(w[0] for w in warm), max(w[1] for w in warm)),
    ):
        report.row(start=what, page_answers_s=answers, ready_s=ready, in_bare_starts=ready / statistics.median(bare))
    report.note(f"A bare start of Django with these apps: {statistics.median(bare):.2f} s. Aim: warm ≤ {AIM_S:g} s.")
    report.finish()


def start_once(stack: Stack) -> tuple[float, float]:
    """Seconds until pages answer and until the whole pipeline is ready."""
    began = time.perf_counter()
    with stack.log.open("a") as output:
        running = subprocess.Popen(
            ["make", "run"],
            cwd=BASE_DIR,
            env={**stack.environment, "PYTHONPATH": ""},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        answers = _seconds_until(stack, "/healthz", began, running)
        return answers, _seconds_until(stack, "/readyz", began, running)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=60)


def _seconds_until(stack: Stack, path: str, began: float, running: subprocess.Popen[bytes]) -> float:
    while True:
        if running.poll() is not None:
            sys.exit(f"The program ended; {stack.log} says why:\n{stack.log.read_text()[-2000:]}")
        try:
            if httpx.get(stack.url + path, timeout=5).status_code == httpx.codes.OK:
                return time.perf_counter() - began
        except httpx.TransportError:
            pass
        time.sleep(0.02)


def bare_django(stack: Stack) -> float:
    began = time.perf_counter()
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "security_site.settings", "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", BARE_DJANGO], cwd=Path(BASE_DIR), env=environment, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
