"""What the order of places tells: came out of a door or to it, left again, went from door to door, from car to car."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.analysts.rules.places import SURE, Ground, Premises, Spot
from inference.analysts.rules.stay import Stand
from inference.analysts.rules.subjects import Seen, Subject

IN_TURN_S = 180
LEAST_STAND_AT_CAR_S = 3


@dataclass(frozen=True)
class DoorVisit:
    """What was seen of people and a door that they reached."""

    door: Spot
    seen: tuple[Seen, ...]
    is_first: bool
    """The first picture of the visit shows somebody there."""
    is_last: bool
    """The last one does; nobody was seen leaving."""
    is_away_seen: bool
    """Some later picture shows people away from the door only."""

    @property
    def came_out(self) -> bool:
        return self.is_first and self.is_away_seen

    @property
    def walked_up(self) -> bool:
        return not self.is_first

    @property
    def left(self) -> bool:
        return self.is_away_seen and not self.is_last


@dataclass(frozen=True)
class Turn:
    """At one place, then at another of its kind, or there again."""

    kind: Literal["second_door", "door_again", "second_car"]
    before: Seen
    after: Seen
    first: Spot | None = None
    second: Spot | None = None

    @property
    def within_s(self) -> float:
        return self.after.at - self.before.at


def _door_of(one: Seen, premises: Premises) -> Spot | None:
    spot = premises.spot_of(one)
    return spot if spot.ground is Ground.DOOR else None


def _reached_doors(people: Subject, premises: Premises) -> dict[Spot, list[Seen]]:
    """Doors with those seen there; a box that strayed into a door's zone once is not enough."""
    at_doors: dict[Spot, list[Seen]] = {}
    for one in people.seen:
        if door := _door_of(one, premises):
            at_doors.setdefault(door, []).append(one)
    return {
        door: seen
        for door, seen in at_doors.items()
        if len({one.picture for one in seen}) > 1 or any(one.confidence >= SURE for one in seen)
    }


def door_visit(people: Subject, premises: Premises) -> DoorVisit | None:
    """What was seen at the first door of those who came out, else at the one that counts most; None without a door."""
    reached = _reached_doors(people, premises)
    if not reached:
        return None
    at_doors = sorted((one for seen in reached.values() for one in seen), key=lambda one: one.picture)
    first_there, last_there = at_doors[0], at_doors[-1]
    is_first = first_there.picture == people.first.picture
    most_telling = max(reached, key=lambda spot: (spot.points, len(reached[spot])))
    door = premises.spot_of(first_there) if is_first else most_telling
    return DoorVisit(
        door,
        tuple(reached[door]),
        is_first=is_first,
        is_last=last_there.picture == people.last.picture,
        is_away_seen=any(
            together[0].picture > first_there.picture
            and all(one.is_away_from(first_there) and _door_of(one, premises) is None for one in together)
            for together in people.pictures
        ),
    )


def doors_in_turn(people: Subject, premises: Premises) -> Turn | None:
    """A second door, or the same one again after being away from it, within three minutes."""
    reached = _reached_doors(people, premises)
    last_at: dict[Spot, Seen] = {}
    left: set[Spot] = set()
    for together in people.pictures:
        there = {door: one for one in together if (door := _door_of(one, premises)) and door in reached}
        for door, one in there.items():
            if turn := _turn_to(door, one, there, last_at, left):
                return turn
        left = {
            door
            for door, seen in last_at.items()
            if door not in there and (door in left or all(one.is_away_from(seen) for one in together))
        }
        last_at.update(there)
    return None


def _turn_to(door: Spot, one: Seen, there: dict[Spot, Seen], last_at: dict[Spot, Seen], left: set[Spot]) -> Turn | None:
    if door in last_at:
        before = last_at[door]
        is_again = door in left and one.at - before.at <= IN_TURN_S
        return Turn("door_again", before, one, door, door) if is_again else None
    for other, before in last_at.items():
        # somebody still at the other door is one more person, not a second try
        if other not in there and one.at - before.at <= IN_TURN_S and one.is_away_from(before):
            return Turn("second_door", before, one, other, door)
    return None


def cars_in_turn(stands: Sequence[Stand], parked: Sequence[Seen]) -> Turn | None:
    """Stood at one parked vehicle, then at another within three minutes. Walking past a row of them is not standing."""
    vehicles = _distinct(parked)
    stood = [stand for stand in stands if stand.pictures > 1 and stand.duration_s >= LEAST_STAND_AT_CAR_S]
    at_vehicles = [(stand, vehicle) for stand in stood if (vehicle := _vehicle_at(stand.first, vehicles))]
    for (earlier, first), (later, second) in itertools.pairwise(at_vehicles):
        if first is not second and 0 <= later.first.at - earlier.last.at <= IN_TURN_S:
            return Turn("second_car", earlier.last, later.first)
    return None


def _distinct(parked: Sequence[Seen]) -> list[Seen]:
    """One sighting of each parked vehicle: those that lie on one spot are one."""
    vehicles: list[Seen] = []
    for one in parked:
        if all(one.is_away_from(vehicle) for vehicle in vehicles):
            vehicles.append(one)
    return vehicles


def _vehicle_at(person: Seen, vehicles: Sequence[Seen]) -> Seen | None:
    within_reach = [vehicle for vehicle in vehicles if _stands_at(person, vehicle)]
    return min(within_reach, key=person.distance_to, default=None)


def _stands_at(person: Seen, vehicle: Seen) -> bool:
    """Beside it or before it: within a quarter of a body of its sides, feet no higher than its middle."""
    _, _, width, _ = vehicle.sighting.box
    reach = width * vehicle.sighting.aspect / 2 + person.height / 4
    feet = person.y + person.height / 2
    bottom = vehicle.y + vehicle.height / 2
    return abs(person.x - vehicle.x) <= reach and vehicle.y <= feet <= bottom + person.height / 4
