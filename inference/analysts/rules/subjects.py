"""What was seen: the subject a score is about, and what else was there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from inference.protocols import EventContext, Sighting

SOON_S = 30
SOON_ON_STILLS_S = 60
SOON_PICTURES = 2

Frame = tuple[int, float]
"""One looked-at picture: capture id and second."""


class Kind(StrEnum):
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"


KIND_OF = {
    "person": Kind.PERSON,
    "bicycle": Kind.VEHICLE,
    "car": Kind.VEHICLE,
    "motorcycle": Kind.VEHICLE,
    "bus": Kind.VEHICLE,
    "truck": Kind.VEHICLE,
    "bird": Kind.ANIMAL,
    "cat": Kind.ANIMAL,
    "dog": Kind.ANIMAL,
}
STRONGEST_FIRST = ("person", "vehicle", "dog", "cat", "bird")


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting with what the rules measure by. Lengths are in heights of the picture, times in seconds."""

    sighting: Sighting
    at: float
    picture: int
    """Ordinal of its picture among all that were looked at in this visit."""
    x: float
    y: float
    height: float

    @property
    def id(self) -> int:
        return self.sighting.detection_id

    @property
    def confidence(self) -> float:
        return self.sighting.confidence

    def distance_to(self, other: Seen) -> float:
        return math.hypot(self.x - other.x, self.y - other.y)

    def is_away_from(self, other: Seen) -> bool:
        """More than half a body height away: a box that jitters stays nearer."""
        return self.distance_to(other) > max(self.height, other.height) / 2


def is_soon(earlier: Seen, later: Seen) -> bool:
    """Soon enough to be taken for the same who comes or goes. Later, it may be another who comes anew."""
    gap_s = later.at - earlier.at
    return gap_s <= SOON_S or (gap_s <= SOON_ON_STILLS_S and later.picture - earlier.picture <= SOON_PICTURES)


@dataclass(frozen=True)
class Subject:
    """All sightings of people, of vehicles or of one species: whether they show one or several cannot be told."""

    kind: Kind
    seen: tuple[Seen, ...]

    @cached_property
    def label(self) -> str:
        """Its class; of vehicles, which detectors confuse with each other, the one most often named."""
        return Counter(one.sighting.label for one in self.seen).most_common(1)[0][0]

    @cached_property
    def pictures(self) -> tuple[tuple[Seen, ...], ...]:
        """Its sightings, picture by picture."""
        by_picture: dict[int, list[Seen]] = {}
        for one in self.seen:
            by_picture.setdefault(one.picture, []).append(one)
        return tuple(tuple(together) for together in by_picture.values())

    @cached_property
    def most_at_once(self) -> int:
        return max(len(together) for together in self.pictures)

    @cached_property
    def least_at_once(self) -> int:
        return min(len(together) for together in self.pictures)

    @cached_property
    def best(self) -> Seen:
        return best_of(self.seen)

    @cached_property
    def calls(self) -> tuple[Subject, ...]:
        """Itself, parted wherever it was out of sight for longer."""
        calls: list[list[Seen]] = []
        for one in self.seen:
            if calls and is_soon(calls[-1][-1], one):
                calls[-1].append(one)
            else:
                calls.append([one])
        return tuple(Subject(self.kind, tuple(call)) for call in calls)

    @property
    def first(self) -> Seen:
        return self.seen[0]

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    @property
    def duration_s(self) -> float:
        return self.last.at - self.first.at


def best_of(seen: Iterable[Seen]) -> Seen:
    """The surest one, the earliest of equals."""
    return max(seen, key=lambda one: (one.confidence, -one.at, -one.id))


def measure(context: EventContext) -> tuple[Seen, ...]:
    """Every sighting, measured, in order of time."""
    seconds = [one.seen_at.timestamp() for one in context.sightings]
    looked_at: set[Frame] = {(capture_id, moment.timestamp()) for capture_id, moment in context.frames}
    looked_at.update((one.capture_id, at) for one, at in zip(context.sightings, seconds, strict=True))
    in_time = sorted(looked_at, key=lambda frame: (frame[1], frame[0]))
    ordinal = {frame: number for number, frame in enumerate(in_time)}
    measured = []
    for one, at in zip(context.sightings, seconds, strict=True):
        x, y, width, height = one.box
        picture = ordinal[one.capture_id, at]
        measured.append(Seen(one, at, picture, (x + width / 2) * one.aspect, y + height / 2, height))
    return tuple(sorted(measured, key=lambda one: one.picture))


def subjects_of(seen: Sequence[Seen]) -> list[Subject]:
    """What moved or came, strongest first. Parked vehicles are no subjects."""
    groups: dict[str, list[Seen]] = {}
    for one in seen:
        kind = KIND_OF.get(one.sighting.label)
        if kind is not None and not one.sighting.parked:
            name = one.sighting.label if kind is Kind.ANIMAL else kind.value
            groups.setdefault(name, []).append(one)
    return [
        Subject(KIND_OF[groups[name][0].sighting.label], tuple(groups[name]))
        for name in STRONGEST_FIRST
        if name in groups
    ]
