"""What the order of places tells: came out of a door or to it, left again, went from door to door, from car to car."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inference.analysts.rules.places import SURE, Ground, Premises, Spot
from inference.analysts.rules.stay import Stand
from inference.analysts.rules.subjects import Seen, Subject, is_soon

IN_TURN_S = 180
LEAST_STAND_AT_CAR_S = 3


@dataclass(frozen=True)
class DoorVisit:
    """What was seen of people and a door that they reached."""

    door: Spot
    seen: tuple[Seen, ...]
    is_first: bool
    """The first picture of the visit shows somebody there."""
    is_away_seen: bool
    """Some later picture shows people away from the door only."""
    left: bool
    """So does one after the last that shows somebody there."""
    longest_s: float
    """At a door, without being seen away in between."""

    @property
    def came_out(self) -> bool:
        return self.is_first and self.is_away_seen

    @property
    def walked_up(self) -> bool:
        return not self.is_first


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


def door_visit(people: Subject, everyone: Subject, premises: Premises) -> DoorVisit | None:
    """What was seen at the first door of those who came out, else at the one that counts most; None without a door.

    `people` are those off the pavement; of `everyone`, whoever is there just before or just after is taken for them.
    """
    reached = _reached_doors(people, premises)
    if not reached:
        return None
    at_doors = sorted((one for seen in reached.values() for one in seen), key=lambda one: one.picture)
    first_there, last_there = at_doors[0], at_doors[-1]
    is_first = first_there.picture == people.first.picture and not any(
        one.picture < first_there.picture and is_soon(one, first_there) for one in everyone.seen
    )
    away = [
        together[0].picture
        for together in everyone.pictures
        if together[0].picture > first_there.picture
        and (together[0].picture <= people.last.picture or is_soon(last_there, together[0]))
        and all(one.is_away_from(first_there) and _door_of(one, premises) is None for one in together)
    ]
    most_telling = max(reached, key=lambda spot: (spot.points, len(reached[spot])))
    door = premises.spot_of(first_there) if is_first else most_telling
    return DoorVisit(
        door,
        tuple(reached[door]),
        is_first=is_first,
        is_away_seen=bool(away),
        left=any(picture > last_there.picture for picture in away),
        longest_s=_longest_s(at_doors, away),
    )


def _longest_s(at_doors: Sequence[Seen], away: Sequence[int]) -> float:
    longest_s, since = 0.0, at_doors[0]
    for earlier, later in itertools.pairwise(at_doors):
        next_away = bisect_right(away, earlier.picture)
        if next_away < len(away) and away[next_away] < later.picture:
            since = later
        longest_s = max(longest_s, later.at - since.at)
    return longest_s


@dataclass
class _Attendance:
    """The last time somebody was seen at a door, and whether that one was seen leaving it since."""

    last: Seen
    most_in_view: int
    """People in one picture while somebody was there: with fewer in view, the one there may just have been missed."""
    is_left: bool = False

    def go_on(self, one: Seen, in_view: int) -> None:
        self.last, self.is_left = one, False
        self.most_in_view = max(self.most_in_view, in_view)

    def look_away(self, together: Sequence[Seen]) -> None:
        """A picture with nobody at the door."""
        if (
            is_soon(self.last, together[0])
            and len(together) >= self.most_in_view
            and all(one.is_away_from(self.last) for one in together)
        ):
            self.is_left = True


def doors_in_turn(people: Subject, premises: Premises) -> Turn | None:
    """A second door, or the same one again after being seen away from it, within three minutes."""
    reached = _reached_doors(people, premises)
    attended: dict[Spot, _Attendance] = {}
    for together in people.pictures:
        there = {door: one for one in together if (door := _door_of(one, premises)) and door in reached}
        for door, one in there.items():
            if turn := _turn_to(door, one, there, attended, len(together)):
                return turn
        for door, attendance in attended.items():
            if door not in there:
                attendance.look_away(together)
        for door, one in there.items():
            attended.setdefault(door, _Attendance(one, len(together))).go_on(one, len(together))
    return None


def _turn_to(
    door: Spot, one: Seen, there: dict[Spot, Seen], attended: dict[Spot, _Attendance], in_view: int
) -> Turn | None:
    if door in attended:
        before = attended[door]
        is_again = before.is_left and one.at - before.last.at <= IN_TURN_S
        return Turn("door_again", before.last, one, door, door) if is_again else None
    for other, attendance in attended.items():
        before_s = one.at - attendance.last.at
        # somebody still at the other door, seen or missed, is one more person, not a second try
        is_empty = other not in there and in_view >= attendance.most_in_view
        if is_empty and before_s <= IN_TURN_S and one.is_away_from(attendance.last):
            return Turn("second_door", attendance.last, one, other, door)
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
    within_reach = [vehicle for vehicle in vehicles if stands_at(person, vehicle)]
    return min(within_reach, key=person.distance_to, default=None)


def stands_at(person: Seen, vehicle: Seen) -> bool:
    """Beside it or before it: within a quarter of a body of its sides, feet no higher than its middle."""
    _, _, width, _ = vehicle.sighting.box
    reach = width * vehicle.sighting.aspect / 2 + person.height / 4
    feet = person.y + person.height / 2
    bottom = vehicle.y + vehicle.height / 2
    return abs(person.x - vehicle.x) <= reach and vehicle.y <= feet <= bottom + person.height / 4
