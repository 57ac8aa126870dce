"""Every kind of process killed while it works: nothing is lost, nothing doubled."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest

from tests.footage import draw_person_jpeg
from tests.stack import Stack, eventually

pytestmark = pytest.mark.stack


def test_files_that_arrived_while_nothing_ran_and_kills_of_every_process_lose_nothing(home: Path) -> None:
    """On a stack of its own; files are dropped before its start, and before each kill."""
    stack = Stack(home / "data")
    for number in range(4):
        draw_person_jpeg(stack.camera("front") / f"before-the-start-{number}.jpg", seed=number + 1)
    stack.start()
    try:
        stack.make_owner()
        victims = (
            "-Q detect",
            "-Q default",
            "celery.* beat",
            "manage.py watch",
            "redis-server",
            "postgres.* -D",
            "uvicorn",
        )
        for number, victim in enumerate(victims):
            draw_person_jpeg(stack.camera("front") / f"kill-{number}.jpg", seed=100 + number)
            kill(stack, victim)
        eventually(stack.is_ready, within_s=60)
        captures = eventually(lambda: _all_done(stack, 4 + len(victims)), within_s=90)
        assert {capture["state"] for capture in captures} <= {"detected", "duplicate"}
        detections = stack.all("detections/", camera_id="front")
        members = [d for event in stack.events("front") for d in event["detection_ids"]]
        assert sorted(members) == sorted(d["id"] for d in detections)
        assert {d["capture_id"] for d in detections} == {c["id"] for c in captures if c["event_id"]}
    finally:
        stack.stop()


def kill(stack: Stack, victim: str) -> None:
    """End a process as a crash would, once it is there; of a worker with children, the child that does the work."""
    eventually(lambda: stack.processes(victim))[-1].send_signal(signal.SIGKILL)


def _all_done(stack: Stack, count: int) -> list[dict[str, object]]:
    try:
        captures = stack.captures("front")
    except httpx.TransportError:
        return []
    done = [c for c in captures if c["event_id"] or c["state"] not in ("queued", "detecting", "detected")]
    return captures if len(done) == len(captures) == count else []
