"""What happens in the demo, picture by picture. Pure: the same seed tells the same story."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np

from cameras.demo.figures import Cat, Subject
from cameras.demo.scenes import BACK_GARDEN, DRIVEWAY, FRONT_DOOR, Scene


@dataclass(frozen=True)
class DemoCamera:
    """A camera of the show; `picture_name` and `video_name` are strftime forms of real makes, below its folder."""

    folder: str
    scene: Scene
    picture_name: str
    video_name: str = ""


FRONT = DemoCamera("front_door", FRONT_DOOR, "%Y/%m/%d/Front Door_01_%Y%m%d%H%M%S.jpg")
BACK = DemoCamera("back_garden", BACK_GARDEN, "snap/MDAlarm_%Y%m%d-%H%M%S.jpg")
DRIVE = DemoCamera(
    "driveway",
    DRIVEWAY,
    "%Y-%m-%d/001/jpg/%H/%M/%S[M][0@0][0].jpg",
    "%Y-%m-%d/001/dav/%H/%H.%M.%S[M][0@0][0].mp4",
)
CAMERAS = (FRONT, DRIVE, BACK)


@dataclass(frozen=True)
class Earlier:
    """A time of day that is past: the last `at` before now, and how long after it."""

    at: time
    after: timedelta = timedelta()

    def before(self, now: datetime) -> datetime:
        moment = now.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0)
        return (moment if moment + timedelta(minutes=10) < now else moment - timedelta(days=1)) + self.after


@dataclass(frozen=True)
class Shot:
    """One file that a camera drops. Taken live unless `earlier`; `repeats`: the last picture, sent once more."""

    camera: DemoCamera
    caption: str
    subjects: tuple[Subject, ...] = ()
    earlier: Earlier | None = None
    rain: bool = False
    repeats: bool = False
    is_video: bool = False

    @property
    def shows_people(self) -> bool:
        return self.is_video or any(not isinstance(subject, Cat) for subject in self.subjects)


def show(seed: int) -> list[Shot]:
    """Every file of the show, in the order in which they arrive."""
    dice = np.random.default_rng(seed)
    return [
        *_quiet_morning(),
        *_visitor(dice),
        *_cat_at_night(dice),
        *_lingering(dice),
        *_evening_walker(dice),
        *_group(dice),
        Shot(FRONT, "quiet again"),
    ]


def _quiet_morning() -> Iterator[Shot]:
    yield Shot(FRONT, "wind in the tree, nobody there")
    yield Shot(DRIVE, "rain on the driveway", rain=True)


def _visitor(dice: np.random.Generator) -> Iterator[Shot]:
    """Up the path with a parcel, to the door, and away without it."""
    scene, outfit = FRONT_DOOR, int(dice.integers(3))
    way = [(650, 1.0), (600, 0.78), (545, 0.55), (490, 0.33), (440, 0.12)]
    for step, (x, depth) in enumerate(way):
        stride = 0.8 * math.cos(step * 2.2)
        walker = scene.person(x + dice.uniform(-8, 8), depth, outfit, stride=stride, carries_parcel=True)
        yield Shot(FRONT, "somebody walks up to the front door", (walker,))
    for _ in range(2):
        visitor = scene.person(410 + dice.uniform(-5, 5), 0.02, outfit, carries_parcel=True)
        yield Shot(FRONT, "somebody stands at the front door", (visitor,))
    yield Shot(FRONT, "the camera sends its last picture twice", (visitor,), repeats=True)
    for step, (x, depth) in enumerate(reversed(way)):
        walker = scene.person(x + dice.uniform(-8, 8), depth, outfit, stride=0.8 * math.sin(step * 2.2 + 1))
        yield Shot(FRONT, "somebody leaves again", (walker,))


def _cat_at_night(dice: np.random.Generator) -> Iterator[Shot]:
    begin = time(23, int(dice.integers(60)))
    for step in range(2):
        cat = Cat(480 + 170 * step, 590 + dice.uniform(-10, 10), 100, (168, 168, 168))
        yield Shot(BACK, "a cat in the back garden", (cat,), Earlier(begin, timedelta(seconds=7 * step)))


def _lingering(dice: np.random.Generator) -> Iterator[Shot]:
    begin = time(2, int(dice.integers(60)))
    for step in range(9):
        x = 690 + 40 * math.sin(step * 0.8) + dice.uniform(-6, 6)
        intruder = BACK_GARDEN.person(x, 0.3 + 0.1 * math.sin(step), stride=0.5 * math.sin(step * 1.7))
        moment = Earlier(begin, timedelta(seconds=14 * step + int(dice.integers(3))))
        yield Shot(BACK, "somebody stays in the back garden at night", (intruder,), moment)
    yield Shot(BACK, "nobody there any more", earlier=Earlier(begin, timedelta(seconds=150)))


def _evening_walker(dice: np.random.Generator) -> Iterator[Shot]:
    moment = Earlier(time(19, int(dice.integers(60))))
    yield Shot(DRIVE, "a video: somebody crosses the driveway in the evening", earlier=moment, is_video=True)


def _group(dice: np.random.Generator) -> Iterator[Shot]:
    for step in range(6):
        people = [
            DRIVEWAY.person(
                560 + 150 * number + 34 * step + dice.uniform(-6, 6),
                (0.25, 0.8, 0.45)[number],
                number,
                stride=0.7 * math.sin(step * 2 + number),
            )
            for number in range(3)
        ]
        yield Shot(DRIVE, "three people walk through the driveway", tuple(people), rain=step < 3)
