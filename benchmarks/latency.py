"""`python -m benchmarks.latency`: how long after a file is closed its detections are stored and pages are told.

One file a second on an otherwise idle system; beside it, in the same run, what the bare detector takes for the same
pictures. Where the time goes is told by the ledger's own times. Then how long an event takes from its commit to fifty
open pages, one of which fetches and shows it as a browser does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psycopg
import websockets
from psycopg.rows import dict_row
from rich.progress import track

from benchmarks.home import draw_pictures, drop
from benchmarks.report import Report
from inference.registry import load_detector
from security_site.config import Config
from security_site.postgres_server import PostgresServer
from tests.stack import OWNER, PASSWORD, Stack, running_stack, short_folder

CAMERA = "front_door"
PAGES = 50
AIM_STORED_MS = 100
AIM_PAGES_MS = 250
LAST_WORD_S = 5
HINTS_GATHERED_S = 0.15
"""As long as `static/js/live.js` waits for further hints before it fetches."""
STEPS = (
    ("seen and taken in", "closed_at", "arrived_at"),
    ("waiting for the detector", "arrived_at", "detecting_at"),
    ("looked at and stored", "detecting_at", "processed_at"),
    ("then put into its visit", "processed_at", "placed_at"),
)
LEDGER = "SELECT file_path, arrived_at, detecting_at, processed_at, placed_at FROM captures"
COMMITS_SEEN_EVERY_S = 0.005


@dataclass(frozen=True)
class Fetch:
    """One answer to a page that asked what changed: the events whose cards or rows it brought."""

    asked_at: datetime
    shown_at: datetime
    events: frozenset[int]


@dataclass
class Heard:
    """When each open page was told what; times are those of the machine's one clock."""

    captures: dict[int, datetime] = field(default_factory=dict)
    events: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    hints: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """Kinds of those the page has not fetched for yet."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=60)
    arguments = parser.parse_args()
    with short_folder() as folder, running_stack(folder) as stack:
        asyncio.run(measure(stack, arguments.files))


async def measure(stack: Stack, files: int) -> None:
    pictures = draw_pictures(files + 3)
    bare_before = bare_detector_ms(pictures)
    cookie = sign_in(stack)
    async with AsyncExitStack() as pages:
        heard = [await open_page(pages, stack, cookie) for _ in range(PAGES)]
        pages.callback(asyncio.create_task(fetch_as_a_page_does(stack, cookie, heard[0])).cancel)
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
    ledger = times_of(stack, closed)
    stored = [_ms(times["closed_at"], times["processed_at"]) for times in ledger]
    told = [_ms(at, heard[0].captures[captures[name]["id"]]) for name, at in closed.items()]
    carded = [until_card(captures[name], at, heard[0]) for name, at in closed.items()]
    shown = [until_shown(captures[name], at, heard[0]) for name, at in closed.items()]
    report = Report("latency", f"Latency at one file a second, {files} files, ms")
    report.row(what="bare detector, one picture", **_spread([*bare_before]))
    report.row(what="file closed → detections committed", **_spread(stored))
    for step, start, end in STEPS:
        report.row(what=f"· {step}", **_spread([_ms(times[start], times[end]) for times in ledger]))
    report.row(what="file closed → page told of the file", **_spread(told))
    report.row(what="file closed → page told of its event", **_spread([ms for ms in carded if ms is not None]))
    report.row(what="file closed → page shows its event", **_spread([ms for ms in shown if ms is not None]))
    report.row(what=f"event committed → each of {PAGES} pages told", **_spread(event_delays(heard, committed)))
    over = statistics.median(stored) - infer_ms
    report.note(f"Beyond inference, p50: {over:.0f} ms (aim ≤ {AIM_STORED_MS}). Pages: aim p95 ≤ {AIM_PAGES_MS} ms.")
    report.note(f"A page gathers hints for {1000 * HINTS_GATHERED_S:g} ms before it fetches what it shows.")
    report.note(f"Commits are seen by another connection that looks every {1000 * COMMITS_SEEN_EVERY_S:g} ms.")
    report.finish()


def bare_detector_ms(pictures: Sequence[bytes]) -> list[float]:
    """Decoding and looking at one picture at a time, in this process."""
    detector = load_detector(Config(DETECTOR="builtin"))
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
        heard.hints.put_nowait(hint["type"])
        if hint["type"] == "capture" and hint["data"].get("state") == "detected":
            heard.captures[hint["data"]["id"]] = now
        elif hint["type"] == "event":
            heard.events.append((now, hint["data"]))


async def fetch_as_a_page_does(stack: Stack, cookie: str, page: Heard) -> None:
    """Once the hints pause, fetch what changed since the last answer; only one page, so that it asks for itself."""
    async with httpx.AsyncClient(base_url=stack.url, headers={"Cookie": cookie}, timeout=20) as browser:
        opened = re.search(r'data-cursor="(\d+)"', (await browser.get("/")).text)
        assert opened, "the live page has no cursor"
        cursor = opened[1]
        while True:
            await page.hints.get()
            with suppress(TimeoutError):
                while await asyncio.wait_for(page.hints.get(), HINTS_GATHERED_S):
                    pass
            asked_at = datetime.now(UTC)
            answer = await browser.get("/live/changes", params={"since": cursor})
            cursor = answer.headers["X-Live-Cursor"]
            events = " ".join(re.findall(r'data-events="([^"]*)"', answer.text)).split()
            page.fetches.append(Fetch(asked_at, datetime.now(UTC), frozenset(map(int, events))))


async def drop_one(stack: Stack, picture: bytes, name: str) -> datetime:
    """Write one file a second; returns when it was closed."""
    folder = stack.camera(CAMERA)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    drop(picture, folder / name)
    closed_at = datetime.now(UTC)
    await asyncio.sleep(1 - (time.monotonic() - began))
    return closed_at


def times_of(stack: Stack, closed: dict[str, datetime]) -> list[dict[str, datetime]]:
    """When each file was closed, and what the ledger says of it since."""
    with psycopg.connect(PostgresServer(stack.data_dir).url, row_factory=dict_row) as connection:
        rows = {Path(row.pop("file_path")).name: row for row in connection.execute(LEDGER).fetchall()}
    return [{"closed_at": at, **rows[name]} for name, at in closed.items()]


def until_card(capture: dict[str, Any], closed_at: datetime, page: Heard) -> float | None:
    """Until the first word about the capture's event that came after its detections; None where it had none."""
    processed_at = _moment(capture["processed_at"])
    later = [at for at, event in page.events if event["id"] == capture["event_id"] and at >= processed_at]
    return _ms(closed_at, min(later)) if later else None


def until_shown(capture: dict[str, Any], closed_at: datetime, page: Heard) -> float | None:
    """Until the first answer with the event's card or row that was asked for after that word; None where none was."""
    told_ms = until_card(capture, closed_at, page)
    if told_ms is None:
        return None
    told_at = closed_at + timedelta(milliseconds=told_ms)
    shown = (one.shown_at for one in page.fetches if one.asked_at >= told_at and capture["event_id"] in one.events)
    first = next(shown, None)
    return None if first is None else _ms(closed_at, first)


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
