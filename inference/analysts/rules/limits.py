"""How high a score may go and how low, whatever the points say, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference.analysts.rules.places import SURE, Ground
from inference.analysts.rules.subjects import Kind
from inference.analysts.rules.visit import Visit

PASSING_S = 20
LONG_AT_DOOR_S = 60
STRONG_SIGNS_FOR_CRITICAL = 3
COUNT_WORDS = ("none was", "one was", "two were")


@dataclass(frozen=True)
class Limit:
    score: int
    why: str = ""


def _ceilings(visit: Visit) -> Iterator[Limit]:
    if visit.subject.kind is Kind.ANIMAL:
        yield Limit(19, "Only an animal was seen, so the score cannot pass 19.")
    elif visit.subject.kind is Kind.VEHICLE:
        yield _vehicle_ceiling(visit)
    else:
        yield from _person_ceilings(visit)


def _vehicle_ceiling(visit: Visit) -> Limit:
    if visit.is_in_driveway or visit.spot.ground in (Ground.GARDEN, Ground.DOOR, Ground.INSIDE):
        return Limit(49, "Only a vehicle was seen: cannot pass 49.")
    return Limit(20, "A vehicle on the street cannot pass 20.")


def _person_ceilings(visit: Visit) -> Iterator[Limit]:
    if visit.is_seen_once and visit.is_unsure:
        yield Limit(39, "One weak picture: cannot pass 39.")
    if visit.spot.ground is Ground.PAVEMENT:
        is_passing = visit.stay.duration_s < PASSING_S and visit.turn is None
        yield (
            Limit(35, "Did not stop on the pavement: cannot pass 35.")
            if is_passing
            else Limit(59, "Stayed on the pavement: cannot pass 59.")
        )
    if visit.came_out:
        yield Limit(74, "Came out of a door: cannot pass 74.")
    if not visit.premises.has_zones and visit.spot.ground is not Ground.INSIDE:
        yield Limit(74, "No zones are drawn: cannot pass 74.")
    signs = strong_signs(visit)
    if signs < STRONG_SIGNS_FOR_CRITICAL:
        yield Limit(84, f"Not critical: needs three strong signs; {COUNT_WORDS[signs]} seen.")


def strong_signs(visit: Visit) -> int:
    """How many of the five things were seen that only together make a visit critical."""
    is_grave_hour = visit.is_night or visit.is_nobody_home
    return sum(
        (
            visit.is_night,
            visit.stay_at_door_or_inside_s >= LONG_AT_DOOR_S,
            visit.turn is not None and is_grave_hour,
            visit.is_nobody_home,
            visit.spot.ground is Ground.INSIDE,
        )
    )


def _floors(visit: Visit) -> Iterator[Limit]:
    if visit.subject.kind is not Kind.PERSON:
        return
    if visit.is_night and visit.door and len({one.picture for one in visit.door.seen}) >= 2:
        yield Limit(30, "At a door at night: never below 30.")
    is_weak = visit.is_seen_once and visit.subject.best.confidence < SURE
    if visit.spot.ground is Ground.INSIDE and visit.is_nobody_home and not is_weak:
        yield Limit(85, "Inside while nobody is home: never below 85.")


def limits_of(visit: Visit) -> tuple[Limit, Limit]:
    """The floor and the ceiling that hold. A floor lifts a ceiling below it: floors are for what is certain."""
    floor = max(_floors(visit), key=lambda limit: limit.score, default=Limit(0))
    ceiling = min(_ceilings(visit), key=lambda limit: limit.score, default=Limit(100))
    return floor, ceiling if ceiling.score >= floor.score else floor
