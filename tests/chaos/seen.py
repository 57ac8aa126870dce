"""What the running program shows from outside: API, page, socket, folders, and SQL that only reads."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from security_site.postgres_server import PostgresServer
from tests.stack import OWNER, PASSWORD, Stack

HINT_WITHIN_S = 30
IDLE = """
    SELECT NOT EXISTS (
            SELECT FROM unnest(%(paths)s::text[]) AS path
            WHERE NOT EXISTS (SELECT FROM captures WHERE file_path = path)
            AND NOT EXISTS (SELECT FROM ignored_files WHERE file_path = path)
        )
        AND NOT EXISTS (SELECT FROM captures WHERE state IN ('queued', 'detecting'))
        AND NOT EXISTS (SELECT FROM captures WHERE state = 'detected' AND placed_at IS NULL)
        AND NOT EXISTS (SELECT FROM batches WHERE state = 'open')
        AND NOT EXISTS (SELECT FROM events WHERE analysis_state IN ('pending', 'running'))
        AND NOT EXISTS (SELECT FROM events WHERE revision > evaluated_revision)
        AND NOT EXISTS (SELECT FROM deliveries WHERE state = 'pending')
"""
IGNORED = "SELECT file_path FROM ignored_files ORDER BY id"
PREVIEWS = "SELECT preview_path FROM captures WHERE preview_path <> '' ORDER BY id"
UNPLACED = "SELECT id || ' ' || file_path FROM captures WHERE state = 'detected' AND placed_at IS NULL ORDER BY id"
OPEN_BATCHES = """
    SELECT id || ' of ' || camera_id || ', opened ' || opened_at || ', last placed ' || last_placed_at
    FROM batches WHERE state = 'open' ORDER BY opened_at
"""
LEASES = """
    SELECT 'capture ' || id || ' ' || file_path || ', lease until ' || coalesce(lease_until::text, 'never')
    FROM captures WHERE state = 'detecting' OR claim_id IS NOT NULL OR lease_until IS NOT NULL
    UNION ALL
    SELECT 'event ' || id || ', lease until ' || coalesce(analysis_lease_until::text, 'never')
    FROM events WHERE analysis_claim_id IS NOT NULL OR analysis_lease_until IS NOT NULL
    UNION ALL
    SELECT 'delivery ' || id || ', lease until ' || coalesce(lease_until::text, 'never')
    FROM deliveries WHERE claim_id IS NOT NULL OR lease_until IS NOT NULL
"""
ANSWERS = "SELECT event_id, detection_count, error FROM assessments WHERE source = 'llm' ORDER BY id"
UNEVALUATED = "SELECT id FROM events WHERE revision > evaluated_revision ORDER BY id"
DELIVERIES = """
    SELECT deliveries.id, events.camera_id, deliveries.state, deliveries.error, deliveries.text
    FROM deliveries JOIN alerts ON alerts.id = alert_id JOIN events ON events.id = event_id ORDER BY deliveries.id
"""
LOOKED_AT = "SELECT EXISTS (SELECT FROM events WHERE analysis_claim_id IS NOT NULL)"

Row = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """Everything the checks look at. Paths of pictures are relative to DATA_DIR, of originals to the camera root."""

    captures: list[Row]
    detections: list[Row]
    events: list[Row]
    ignored: list[str]
    previews: list[str]
    unplaced: list[str]
    open_batches: list[str]
    leases: list[str]
    answers: list[tuple[int, int, str]]
    """Of the language model, oldest first: event, how many detections it has seen, and what was wrong if anything."""
    unevaluated: list[int]
    deliveries: list[Row]
    told: set[str]
    """What the service of the alerts was told."""
    pictures: dict[str, int]
    """Size of every file below thumbnails and previews, whatever its name."""
    originals: dict[str, str]
    """SHA-256 of every file below the camera root."""
    deaf: list[str]
    """Doors that do not answer as they should."""
    kills: int
    unanswered: dict[str, int]
    """How many uploads of each file broke off before the camera heard of their end."""


def look_at(stack: Stack, *, deaf: list[str], kills: int, unanswered: dict[str, int], told: set[str]) -> Seen:
    root = stack.data_dir / "cameras"
    return Seen(
        captures=stack.all("captures/"),
        detections=stack.all("detections/"),
        events=stack.all("events/"),
        ignored=_column(stack, IGNORED),
        previews=_column(stack, PREVIEWS),
        unplaced=_column(stack, UNPLACED),
        open_batches=_column(stack, OPEN_BATCHES),
        leases=_column(stack, LEASES),
        answers=_answers(stack),
        unevaluated=_column(stack, UNEVALUATED),
        deliveries=_rows(stack, DELIVERIES),
        told=told,
        pictures={
            str(path.relative_to(stack.data_dir)): path.stat().st_size
            for folder in ("thumbnails", "previews")
            for path in _files_below(stack.data_dir / folder)
        },
        originals={
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in _files_below(root)
        },
        deaf=deaf,
        kills=kills,
        unanswered=unanswered,
    )


def is_idle(stack: Stack, planned: Iterable[str]) -> bool:
    """Whether each of these files and of those that lie there is accounted for, nothing waits, and all of it is ready.

    What does not wait includes batches: every one is closed.
    """
    root = stack.data_dir / "cameras"
    paths = {*planned, *(str(path.relative_to(root)) for path in _files_below(root))}
    try:
        with database(stack) as connection:
            row = connection.execute(IDLE, {"paths": sorted(paths)}).fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0]) and stack.is_ready()


@contextmanager
def database(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(PostgresServer(stack.data_dir).url, connect_timeout=5) as connection:
        connection.read_only = True
        yield connection


def _column(stack: Stack, query: str) -> list[Any]:
    with database(stack) as connection:
        return [value for (value,) in connection.execute(query)]


def _rows(stack: Stack, query: str) -> list[Row]:
    with database(stack) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def _answers(stack: Stack) -> list[tuple[int, int, str]]:
    with database(stack) as connection:
        return [(event, seen, error) for event, seen, error in connection.execute(ANSWERS)]


def a_visit_is_looked_at(stack: Stack) -> bool:
    """Whether the language model thinks about one now."""
    try:
        return _column(stack, LOOKED_AT) == [True]
    except psycopg.OperationalError:
        return False


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


class OpenPage:
    """The owner's live page with its socket, as a browser has it; `complaints` tells what does not work of it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.complaints: list[str] = []
        self.browser = httpx.Client(base_url=stack.url, timeout=20, follow_redirects=True)

    def sign_in(self) -> None:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.browser.get("/login/").text)
        assert token, "the login page shows no form"
        form = {"username": OWNER, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        self.browser.post("/login/", data=form, headers={"Referer": self.stack.url})
        page = self.browser.get("/")
        if page.status_code != 200 or "ws/events" not in page.text:
            self.complaints.append(f"the live page answered {page.status_code} at {page.url}")

    @contextmanager
    def listening(self, camera: str) -> Iterator[None]:
        """Expects a hint about an event of this camera, of what is done within the block."""
        cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())}
        address = f"{self.stack.url.replace('http', 'ws', 1)}/ws/events"
        with connect(address, origin=Origin(self.stack.url), additional_headers=cookies) as socket:
            yield
            if not _hint_came(socket, camera):
                self.complaints.append(f"the socket told of no event of {camera} within {HINT_WITHIN_S} s")


def _hint_came(socket: ClientConnection, camera: str) -> bool:
    deadline = time.monotonic() + HINT_WITHIN_S
    while (left := deadline - time.monotonic()) > 0:
        try:
            hint = json.loads(socket.recv(timeout=left))
        except TimeoutError:
            return False
        if hint["type"] == "event" and hint["data"].get("camera_id") == camera:
            return True
    return False
