"""`python -m benchmarks.notices`: how long after an event is committed its notice is handed to the channel's service.

One file a second, each of a camera of its own and so of a visit of its own, on an otherwise idle system; one rule
without conditions tells a webhook on this machine. Then how long 500 further rules would keep the notice waiting.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from rich.progress import track

from benchmarks.home import draw_pictures, drop
from benchmarks.report import Report
from security_site.postgres_server import PostgresServer
from tests.alerts.services import Hook, webhook
from tests.stack import Stack, eventually, running_stack, short_folder

AIM_MS = 500
WARM_UP = 3
MANY_RULES = 500
COMMITS_SEEN_EVERY_S = 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60)
    arguments = parser.parse_args()
    report = Report("notices", f"From the commit of an event to its notice at the service, {arguments.files} files, ms")
    with webhook() as hook, short_folder() as folder, running_stack(folder, ALLOW_PRIVATE_TARGETS="1") as stack:
        channel = _made(stack, "channels/", name="Webhook", url=hook.url)
        _made(stack, "alert-rules/", name="Everything", channels=[channel["id"]], cooldown_seconds=0)
        report.row(rules=1, **_spread(measure(stack, hook, arguments.files, "one")))
        for number in range(MANY_RULES):
            _made(stack, "alert-rules/", name=f"Never {number}", camera_ids=["one_0"], risk_threshold=100)
        report.row(rules=1 + MANY_RULES, **_spread(measure(stack, hook, arguments.files, "many")))
    report.note(
        f"Aim: p95 ≤ {AIM_MS} ms. Commits are seen by another connection every {1000 * COMMITS_SEEN_EVERY_S:g} ms."
    )
    report.finish()


def measure(stack: Stack, hook: Hook, files: int, name: str) -> list[float]:
    """Milliseconds for each file but the first few, with which much is loaded."""
    before = len(hook.requests)
    with commits_noted(stack) as committed:
        for number, picture in enumerate(track(draw_pictures(files + WARM_UP), disable=not sys.stderr.isatty())):
            folder = stack.camera(f"{name}_{number}")
            folder.mkdir(parents=True)
            drop(picture, folder / "picture.jpg")
            time.sleep(1)
        eventually(lambda: _is_idle(stack, f"{name}_"))
    told = {_event_in(request.json["message"]): request.at for request in hook.requests[before:]}
    waits = [1000 * (told[event] - at) for event, at in sorted(committed.items()) if event in told]
    return [max(wait, 0.0) for wait in waits[WARM_UP:]]


@contextmanager
def commits_noted(stack: Stack) -> Iterator[dict[int, float]]:
    """When another connection first sees each event from now on, which is when it is committed."""
    committed: dict[int, float] = {}
    ends = threading.Event()
    url = PostgresServer(stack.data_dir).url

    def look() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone() or (0,)
            while not ends.wait(COMMITS_SEEN_EVERY_S):
                for (event,) in connection.execute("SELECT id FROM events WHERE id > %s", [last]).fetchall():
                    committed.setdefault(event, time.time())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield committed
    finally:
        ends.set()
        thread.join()


def _is_idle(stack: Stack, cameras: str) -> bool:
    """Whether every file of these cameras was looked at, and nothing waits to be told."""
    files = [capture for capture in stack.all("captures/") if capture["camera_id"].startswith(cameras)]
    stages = stack.api.get("system/").json()["stages"]
    waiting = sum((stage["waiting"] or 0) + (stage["in_hand"] or 0) for stage in stages if stage["name"] != "close")
    return not waiting and all(capture["state"] == "detected" for capture in files)


def _made(stack: Stack, door: str, **fields: object) -> dict[str, object]:
    answer = stack.api.post(door, json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def _event_in(message: str) -> int:
    found = re.search(r"/events/(\d+)/$", message)
    assert found, message
    return int(found[1])


def _spread(values: Sequence[float]) -> dict[str, float | int]:
    in_order = sorted(values)
    return {
        "number": len(in_order),
        "p50": statistics.median(in_order),
        "p95": in_order[round(0.95 * (len(in_order) - 1))],
        "worst": in_order[-1],
    }


if __name__ == "__main__":
    main()
