"""Files for the fault harness, planned as visits whose outcome is known before the first file is dropped.

A visit spans less than the pause that ends one, and visits lie further apart than that, so the order in which kills
let files through changes nothing of which files form one. Drawing is slow: a few pictures are drawn, and each file
gets bytes of its own behind the end of one, which no reader minds.
"""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from io import BytesIO
from random import Random

import cv2
import numpy as np

from cameras.demo.figures import Person
from cameras.demo.scenes import BACK_GARDEN, DRIVEWAY, FRONT_DOOR, Scene, encode_jpeg, walk, write_mp4

# Wall clock of the cameras; their files tell it by name.
BEGIN = datetime(2025, 3, 3, 7)
SCENES = {"front_door": FRONT_DOOR, "driveway": DRIVEWAY, "back_garden": BACK_GARDEN, "side_gate": FRONT_DOOR}
FTP_CAMERA = "side_gate"
"""Sends all its files by FTP."""
SMALL = (320, 180)
"""Large enough for the detector to be sure, and looked at twice as fast as a camera's own size."""
PEOPLE_DRAWN, VIDEOS_DRAWN = 3, 2
VIDEO_S = 1.5
# VISIT_GAP_SECONDS is 300 by default: all files of a visit are nearer to each other, and all visits further apart.
LONGEST_VISIT_S = 240
APART_S = (400, 1500)
MOST_FILES_OF_A_VISIT = 6
KINDS = {
    "again": 8,
    "video": 10,
    "nobody": 10,
    "cut picture": 4,
    "cut video": 3,
    "letter": 3,
    "empty file": 3,
    "other kind": 5,
    "somebody": 54,
}
"""What is in a hundred files."""
LIVE = "live_"
"""Begins the names of cameras whose pictures are of now: of the other visits, long past, nobody is told."""


class Outcome(Enum):
    """What has to become of a file. Of several with the same content one is looked at, the others are duplicates."""

    FOUND = "somebody found"
    NOTHING = "nothing found"
    REJECTED = "rejected"
    IGNORED = "ignored"


class Manner(Enum):
    """How a camera writes."""

    AT_ONCE = "at once"
    RENAMED = "under another name first"
    SLOWLY = "slowly"


@dataclass(frozen=True)
class PlannedFile:
    camera: str
    name: str
    content: bytes
    outcome: Outcome
    manner: Manner
    visit: int

    @property
    def path(self) -> str:
        """Relative to the camera root, as captures name it."""
        return f"{self.camera}/{self.name}"

    @property
    def by_ftp(self) -> bool:
        return self.camera == FTP_CAMERA

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Plan:
    """Files in the order in which they are dropped; `last` is kept back as a proof of life at the end."""

    seed: int
    files: tuple[PlannedFile, ...]
    last: PlannedFile

    @property
    def all_files(self) -> tuple[PlannedFile, ...]:
        return (*self.files, self.last)

    @property
    def visits(self) -> dict[int, frozenset[str]]:
        """Paths of the files of each visit, duplicates included: those in which somebody is found."""
        paths: dict[int, set[str]] = defaultdict(set)
        for file in self.all_files:
            if file.outcome is Outcome.FOUND:
                paths[file.visit].add(file.path)
        return {visit: frozenset(members) for visit, members in paths.items()}


def plan_files(seed: int, count: int) -> Plan:
    """The same seed and count give the same files, times and manners."""
    dice = Random(seed)
    clocks = {camera: BEGIN + timedelta(seconds=dice.randrange(3600)) for camera in SCENES}
    planned: list[PlannedFile] = []
    visit = 0
    while len(planned) <= count:
        camera = dice.choice(list(SCENES))
        moments = sorted(dice.sample(range(LONGEST_VISIT_S), dice.randint(1, MOST_FILES_OF_A_VISIT)))
        before: PlannedFile | None = None
        for moment in moments:
            at = clocks[camera] + timedelta(seconds=moment)
            before = _plan_file(dice, camera, at, visit, before, unique=f"{seed}-{len(planned)}")
            planned.append(before)
        clocks[camera] += timedelta(seconds=moments[-1] + dice.randrange(*APART_S))
        visit += 1
    last_name = f"{clocks['front_door']:%Y%m%d%H%M%S}.jpg"
    somebody = _person("front_door", 0, f"{seed}-last")
    last = PlannedFile("front_door", last_name, somebody, Outcome.FOUND, Manner.AT_ONCE, visit)
    return Plan(seed, tuple(_in_order_of_arrival(dice, planned[:count])), last)


def live_files(seed: int, count: int) -> tuple[PlannedFile, ...]:
    """Pictures of somebody, each of a camera and a visit of its own, taken when they are written."""
    return tuple(
        PlannedFile(
            f"{LIVE}{number}",
            "now.jpg",
            _person("front_door", number % PEOPLE_DRAWN, f"{seed}-live-{number}"),
            Outcome.FOUND,
            Manner.AT_ONCE,
            -1 - number,
        )
        for number in range(count)
    )


def _in_order_of_arrival(dice: Random, files: list[PlannedFile]) -> list[PlannedFile]:
    """Mostly as they were taken; one in ten comes much later, as after an outage of the network."""
    places = [place + dice.uniform(0, 60 if dice.random() < 0.1 else 5) for place in range(len(files))]
    return [file for _, file in sorted(zip(places, files, strict=True), key=lambda pair: pair[0])]


def _plan_file(
    dice: Random, camera: str, at: datetime, visit: int, before: PlannedFile | None, *, unique: str
) -> PlannedFile:
    """One file of a visit; `before` is the visit's last one, which a camera may send again."""
    number = dice.randrange(PEOPLE_DRAWN)
    stem = f"{at:%Y%m%d%H%M%S}"
    manner = dice.choice(list(Manner))
    kind = dice.choices(list(KINDS), list(KINDS.values()))[0]
    if kind == "again" and before is not None and before.outcome in (Outcome.FOUND, Outcome.NOTHING):
        suffix = before.name[before.name.index(".") :]
        return PlannedFile(camera, stem + suffix, before.content, before.outcome, manner, visit)
    if kind == "letter":
        # Never slowly: what is no picture is refused on sight, half of it as well as the whole.
        letter = f"Dear camera, this is letter {unique} and no picture.".encode()
        return PlannedFile(camera, f"{stem}.jpg", letter, Outcome.REJECTED, Manner.RENAMED, visit)
    if kind == "other kind":
        suffix = dice.choice((".html", ".txt", ".jpg.tmp"))
        return PlannedFile(camera, stem + suffix, unique.encode(), Outcome.IGNORED, manner, visit)
    suffix, content, outcome = _drawn(kind, camera, number, unique)
    return PlannedFile(camera, stem + suffix, content, outcome, manner, visit)


def _drawn(kind: str, camera: str, number: int, unique: str) -> tuple[str, bytes, Outcome]:
    """Ending, content and outcome of a picture or video, whole or not."""
    match kind:
        case "nobody":
            return ".jpg", _empty(camera, unique), Outcome.NOTHING
        case "cut picture":
            return ".jpg", _person(camera, number, "")[: -2000 - number], Outcome.REJECTED
        case "cut video":
            return ".mp4", _video(number % VIDEOS_DRAWN, "")[:-3000], Outcome.REJECTED
        case "empty file":
            return ".png", b"", Outcome.REJECTED
        case "somebody":
            return ".jpg", _person(camera, number, unique), Outcome.FOUND
        case _:
            return ".mp4", _video(number % VIDEOS_DRAWN, unique), Outcome.FOUND


def _person(camera: str, number: int, unique: str) -> bytes:
    return picture_of_somebody(SCENES[camera], number) + unique.encode()


def _empty(camera: str, unique: str) -> bytes:
    return picture_of_nobody(SCENES[camera]) + unique.encode()


def _video(number: int, unique: str) -> bytes:
    """With a box at the end that readers skip."""
    filling = unique.encode()
    return video_of_somebody(number) + (struct.pack(">I4s", 8 + len(filling), b"free") + filling if unique else b"")


@cache
def picture_of_somebody(scene: Scene, number: int) -> bytes:
    return _small(scene, number, [scene.person(640 + 37 * number, 0.6, number)])


@cache
def picture_of_nobody(scene: Scene) -> bytes:
    return _small(scene, 99, [])


def _small(scene: Scene, seed: int, people: list[Person]) -> bytes:
    picture = scene.picture(BEGIN, people, seed=seed)
    return encode_jpeg(cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8))


@cache
def video_of_somebody(number: int) -> bytes:
    film = BytesIO()
    write_mp4(walk(FRONT_DOOR, BEGIN, VIDEO_S, seed=number), film)
    return film.getvalue()
