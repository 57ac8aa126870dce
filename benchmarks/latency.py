"""`python -m benchmarks.latency`: how long after a file is closed its detections are stored and pages are told.

One file a second on an otherwise idle system; beside it, in the same run, what the bare detector takes for the same
pictures. Then how long an event takes from its commit to fifty open pages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psycopg
import websockets
from rich.progress import track

from benchmarks.home import draw_pictures, drop, home, running_stack
from benchmarks.report import Report
from inference.registry import choose_detector, load_detector
from security_site.postgres_server import PostgresServer
from tests.stack import OWNER, PASSWORD, Stack

CAMERA = "front_door"
PAGES = 50
AIM_STORED_MS = 100
AIM_PAGES_MS = 250
LAST_WORD_S = 5
COMMITS_SEEN_EVERY_S = 0.005


@dataclass
class Heard:
    """When each open page was told what; times are those of the machine's one clock."""

    captures: dict[int, datetime] = field(default_factory=dict)
    events: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60)
    arguments = parser.parse_args()
    with home() as folder, running_stack(folder) as stack:
        asyncio.run(measure(stack, arguments.files))


async def measure(stack: Stack, files: int) -> None:
    pictures = draw_pictures(files + 3)
    bare_before = bare_detector_ms(pictures)
    cookie = sign_in(stack)
    async with AsyncExitStack() as pages:
        heard = [await open_page(pages, stack, cookie) for _ in range(PAGES)]
        committed: dict[tuple[int, int], datetime] = {}
        pages.callback(asyncio.create_task(note_commits(stack, committed)).cancel)
        for number, picture in enumerate(pictures[:3]):  # what is loaded on first use
            await drop_one(stack, picture, f"warm-up-{number}.jpg")
        closed = {}
        for number in track(range(files), "one file a second", disable=not sys.stderr.isatty()):
            name = f"{number}.jpg"
            closed[name] = await drop_one(stack, pictures[number + 3], name)
        await asyncio.sleep(LAST_WORD_S)
    infer_ms = statistics.median(bare_before + bare_detector_ms(pictures))
    captures = {Path(c["file_path"]).name: c for c in stack.captures(CAMERA)}
    stored = [_ms(at, _moment(captures[name]["processed_at"])) for name, at in closed.items()]
    told = [_ms(at, heard[0].captures[captures[name]["id"]]) for name, at in closed.items()]
    carded = [ms for name, at in closed.items() if (ms := until_card(captures[name], at, heard[0])) is not None]
    report = Report("latency", f"Latency at one file a second, {files} files, ms")
    report.row(what="bare detector, one picture", **_spread([*bare_before]))
    report.row(what="file closed → detections committed", **_spread(stored))
    report.row(what="file closed → page told of the file", **_spread(told))
    report.row(what="file closed → page told of its event", **_spread(carded))
    report.row(what=f"event committed → each of {PAGES} pages told", **_spread(event_delays(heard, committed)))
    over = statistics.median(stored) - infer_ms
    report.note(f"Beyond inference, p50: {over:.0f} ms (aim ≤ {AIM_STORED_MS}). Pages: aim p95 ≤ {AIM_PAGES_MS} ms.")
    report.note(f"Commits are seen by another connection that looks every {1000 * COMMITS_SEEN_EVERY_S:g} ms.")
    report.finish()


def bare_detector_ms(pictures: Sequence[bytes]) -> list[float]:
    """Decoding and looking at one picture at a time, in this process."""
    detector = load_detector(choose_detector("auto").name)
    times = []
    for picture in pictures[:12]:
        began = time.perf_counter()
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        detector.detect([image.astype(np.uint8, copy=False)])
        times.append(1000 * (time.perf_counter() - began))
    return times


def sign_in(stack: Stack) -> str:
    """The Cookie header of the owner's session."""
    with httpx.Client(base_url=stack.url, headers={"Referer": stack.url}) as browser:
        browser.get("/login/")
        token = browser.cookies["hsi_csrf"]
        form = {"username": OWNER, "password": PASSWORD, "csrfmiddlewaretoken": token}
        assert browser.post("/login/", data=form).status_code == httpx.codes.FOUND
        return f"hsi_session={browser.cookies['hsi_session']}"


async def open_page(pages: AsyncExitStack, stack: Stack, cookie: str) -> Heard:
    """A connected socket; a task notes what it is told and when, until the stack closes."""
    address = f"ws://127.0.0.1:{stack.port}/ws/events"
    socket = await pages.enter_async_context(websockets.connect(address, additional_headers={"Cookie": cookie}))
    heard = Heard()
    listening = asyncio.create_task(_listen(socket, heard))
    pages.callback(listening.cancel)
    return heard


async def _listen(socket: websockets.ClientConnection, heard: Heard) -> None:
    async for message in socket:
        now = datetime.now(UTC)
        hint = json.loads(message)
        if hint["type"] == "capture" and hint["data"].get("state") == "detected":
            heard.captures[hint["data"]["id"]] = now
        elif hint["type"] == "event":
            heard.events.append((now, hint["data"]))


async def drop_one(stack: Stack, picture: bytes, name: str) -> datetime:
    """Write one file a second; returns when it was closed."""
    folder = stack.camera(CAMERA)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    drop(picture, folder / name)
    closed_at = datetime.now(UTC)
    await asyncio.sleep(1 - (time.monotonic() - began))
    return closed_at


def until_card(capture: dict[str, Any], closed_at: datetime, page: Heard) -> float | None:
    """Until the first word about the capture's event that came after its detections; None where it had none."""
    processed_at = _moment(capture["processed_at"])
    later = [at for at, event in page.events if event["id"] == capture["event_id"] and at >= processed_at]
    return _ms(closed_at, min(later)) if later else None


async def note_commits(stack: Stack, committed: dict[tuple[int, int], datetime]) -> None:
    """When another connection first sees each revision of an event, which is when it is committed."""
    url = PostgresServer(stack.data_dir).url
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while True:
            for seen in await (await connection.execute("SELECT id, revision FROM events")).fetchall():
                committed.setdefault(seen, datetime.now(UTC))
            await asyncio.sleep(COMMITS_SEEN_EVERY_S)


def event_delays(pages: Sequence[Heard], committed: dict[tuple[int, int], datetime]) -> list[float]:
    """From each commit to each page. A page may be told before the poll saw the commit: that counts as none."""
    told = [(at, committed.get((event["id"], event["revision"]))) for page in pages for at, event in page.events]
    return [max(_ms(commit, at), 0.0) for at, commit in told if commit is not None]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _ms(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() * 1000


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
