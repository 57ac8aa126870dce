"""Months of an ordinary home, written straight into the tables by COPY. Used by the benchmark of growth.

Rows are as the pipeline would have left them: files with and without anything in them, visits of one to a dozen
files, a judgement for each step, most of what was worrying reviewed. The same seed gives the same archive.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

CAMERAS = ("front_door", "street", "driveway", "back_garden", "side_gate", "garage", "hall", "patio")
PLACES = ("front", "street", "driveway", "back", "side", "driveway", "inside", "back")
VISITS_PER_CAMERA = (20, 35, 15, 8, 6, 6, 5, 5)
SEEN_AS = (
    (("person",), "A person walked past on the pavement."),
    (("person",), "A person came to the front door and left again."),
    (("person", "dog"), "A person with a dog walked past."),
    (("car",), "A car drove past."),
    (("car", "person"), "A car stopped in the driveway and a person got out."),
    (("cat",), "A cat crossed the garden."),
    (("bicycle", "person"), "A person on a bicycle rode past."),
)
SILENT_SINCE_HALF_TIME = "patio"
WITHOUT_TIMES_IN_NAMES = ("hall", "patio")
NOTES = ("the neighbour's parcel", "gardener, came as agreed", "children with chalk", "meter reader")
SPAN = timedelta(days=180)
NOTHING_FOUND = "Nothing found: the built-in detector sees standing people only"
VISITS_AT_ONCE = 20_000
EMPTY_FILES_PER_VISIT = 0.3

Row = tuple[Any, ...]
CAMERA_COLUMNS = "id name folder_path place timezone status last_seen_at older_files import_files import_after_id"
COLUMNS = {
    "captures": (
        "id camera_id file_path file_type media_type sha256 size mtime captured_at captured_at_source clock_difference "
        "arrived_at detecting_at processed_at placed_at width height video_codec state error detector nothing_found "
        "preview_path attempts claimed_by claim_alone"
    ),
    "detections": (
        "id capture_id camera_id detected_at object_type confidence bbox_x bbox_y bbox_width bbox_height "
        "thumbnail_path enrichment_data"
    ),
    "events": (
        "id batch_id camera_id state started_at ended_at risk_score summary reasoning object_types reviewed "
        "reviewed_at notes is_fast_path analysis_state analysis_attempts analysis_claimed_by revision "
        "evaluated_revision rule_outcomes changed_at created_at key_detection_id"
    ),
    "batches": (
        "id camera_id event_id state started_at last_activity_at opened_at last_placed_at detection_count closed_at "
        "close_reason"
    ),
    "event_detections": "detection_id event_id batch_id standing_since parked",
    "assessments": (
        "event_id source model raw_score floor floor_why ceiling ceiling_why score parts not_known summary reasoning "
        "cited_detection_ids grounded latency_ms is_replay raw_answer error created_at"
    ),
}


@dataclass
class Archive:
    """Draws visits in order of time; `rows` collects those of one turn, by table.

    One camera is put away for the winter: what asks for its last files must not read through those of all others.
    """

    ends_at: datetime
    seed: int = 1
    captures: int = 0
    detections: int = 0
    events: int = 0
    rows: dict[str, list[Row]] = field(default_factory=lambda: {table: [] for table in COLUMNS})

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  (no secret)

    def add_empty_file(self, at: datetime) -> None:
        self._add_capture(self._camera(at), at, found=False)

    def add_visit(self, at: datetime) -> None:
        """One visit: usually a few pictures, now and then many."""
        camera = self._camera(at)
        kinds, summary = self.random.choice(SEEN_AS)
        pictures = min(1 + int(self.random.expovariate(1)), 12)
        moments = [at + timedelta(seconds=4 * number) for number in range(pictures)]
        found = [pk for moment in moments for pk in self._add_picture(camera, moment, kinds)]
        self._add_event(camera, moments, found, kinds, summary)

    def _camera(self, at: datetime) -> str:
        camera = self.random.choices(CAMERAS, VISITS_PER_CAMERA)[0]
        is_away = camera == SILENT_SINCE_HALF_TIME and self.ends_at - at < SPAN / 2
        return CAMERAS[0] if is_away else camera

    def _add_capture(self, camera: str, at: datetime, *, found: bool) -> int:
        self.captures += 1
        pk, arrived, done = self.captures, at + timedelta(seconds=2), at + timedelta(seconds=3)
        path = f"{camera}/{at:%Y%m%d}/{at:%H%M%S}-{pk}.jpg"
        digest = sha256(path.encode()).hexdigest()
        preview = f"previews/{at:%Y-%m-%d}/{pk}.jpg" if found else ""
        taken: Row = (at, "mtime", None) if camera in WITHOUT_TIMES_IN_NAMES else (at, "name", 2)
        times = (at, *taken, arrived, arrived, done, done)
        facts = (1280, 720, "", "detected", "", "builtin", "" if found else NOTHING_FOUND, preview, 0, "", False)
        self.rows["captures"].append((pk, camera, path, "image/jpeg", "image", digest, 180_000, *times, *facts))
        return pk

    def _add_picture(self, camera: str, at: datetime, kinds: tuple[str, ...]) -> list[int]:
        capture = self._add_capture(camera, at, found=True)
        found = []
        for number, kind in enumerate(kinds):
            self.detections += 1
            box = (self.random.randrange(1000), self.random.randrange(300), 120, 320)
            confidence = round(self.random.uniform(0.5, 0.89), 3)
            thumbnail = f"thumbnails/{at:%Y-%m-%d}/{capture}-{number}.jpg"
            self.rows["detections"].append(
                (self.detections, capture, camera, at, kind, confidence, *box, thumbnail, Jsonb({}))
            )
            found.append(self.detections)
        return found

    def _add_event(
        self, camera: str, moments: list[datetime], found: list[int], kinds: tuple[str, ...], summary: str
    ) -> None:
        self.events += 1
        pk, batch = self.events, uuid.UUID(int=self.random.getrandbits(128), version=4)
        first, last = moments[0], moments[-1]
        seen, closed = last + timedelta(seconds=3), last + timedelta(seconds=33)
        score = self._score()
        reasoning = f"{kinds[0].capitalize()} in {len(moments)} pictures, {(last - first).seconds} s in view."
        reviewed = self._is_reviewed(score, last)
        notes = self.random.choice(NOTES) if self.random.random() < 0.002 else ""
        review = (reviewed, closed if reviewed else None, notes)
        words = (score, summary, reasoning, ", ".join(sorted(kinds)))
        not_asked = ("none", 0, "")  # no language model was
        evaluated = (3, 3, Jsonb([]))  # and no rule was there
        times = (closed, seen, found[0])
        self.rows["events"].append(
            (pk, batch, camera, "closed", first, last, *words, *review, False, *not_asked, *evaluated, *times)
        )
        self.rows["batches"].append((batch, camera, pk, "closed", first, last, first, seen, len(found), closed, "idle"))
        self.rows["event_detections"] += [(detection, pk, batch, None, False) for detection in found]
        parts = [
            {"name": "subject", "points": score, "why": f"{kinds[0]} (best 80 %)", "detection_ids": found[:12]},
            {"name": "place", "points": 0, "why": f"at the {camera}", "detection_ids": found[:12]},
        ]
        limits = (score, 0, "", 100, "", score)
        shown = (Jsonb(parts), Jsonb([]), summary, reasoning, Jsonb(found[:12]))
        self.rows["assessments"] += [
            (pk, "rules", "rules 1", *limits, *shown, True, 2, False, "", "", moment + timedelta(seconds=3))
            for moment in moments[:3]
        ]

    def _score(self) -> int:
        """Of an ordinary week: four fifths low, one in a hundred critical."""
        (band,) = self.random.choices(((2, 29), (30, 59), (60, 84), (85, 95)), (80, 15, 4, 1))
        return self.random.randint(*band)

    def _is_reviewed(self, score: int, at: datetime) -> bool:
        """Somebody looks at nearly all that is worrying within a week, and at few of the rest."""
        is_due = score >= 30 and self.ends_at - at > timedelta(days=7)
        return self.random.random() < (0.95 if is_due else 0.02)


def fill(connection: psycopg.Connection[Any], visits: int, ends_at: datetime) -> Archive:
    """Write so many visits, spread over half a year that ends at `ends_at`, into empty tables, and analyze them.

    Foreign keys are taken on trust: checking each would take longer than writing.
    """
    archive = Archive(ends_at)
    connection.autocommit = True
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        _copy(cursor, "cameras", CAMERA_COLUMNS, _cameras(ends_at))
        for first in range(0, visits, VISITS_AT_ONCE):
            _draw(archive, range(first, min(first + VISITS_AT_ONCE, visits)), visits)
            for table, columns in COLUMNS.items():
                _copy(cursor, table, columns, archive.rows[table])
                archive.rows[table].clear()
        for table in ("captures", "detections", "events"):
            cursor.execute(f"SELECT setval('{table}_id_seq', coalesce(max(id), 1)) FROM {table}")  # noqa: S608
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    return archive


def _cameras(now: datetime) -> list[Row]:
    names = (camera.replace("_", " ").capitalize() for camera in CAMERAS)
    return [
        (camera, name, f"/cameras/{camera}", place, "UTC", "online", now, 0, 0, 0)
        for camera, name, place in zip(CAMERAS, names, PLACES, strict=True)
    ]


def _draw(archive: Archive, numbers: range, visits: int) -> None:
    pause = SPAN / visits
    for number in numbers:
        at = archive.ends_at - pause * (visits - number - archive.random.random())
        archive.add_visit(at.replace(microsecond=0))
        if archive.random.random() < EMPTY_FILES_PER_VISIT:
            archive.add_empty_file(at)


def _copy(cursor: psycopg.Cursor[Any], table: str, columns: str, rows: list[Row]) -> None:
    with cursor.copy(f"COPY {table} ({columns.replace(' ', ', ')}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
