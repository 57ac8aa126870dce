"""All that is made out of a visit before anything is counted or said."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import cached_property

from inference.analysts.rules.places import Ground, Premises, Spot
from inference.analysts.rules.stay import Stand, longest_stand, stands_of
from inference.analysts.rules.subjects import Kind, Seen, Subject, best_of, measure, subjects_of
from inference.analysts.rules.turns import DoorVisit, Turn, cars_in_turn, door_visit, doors_in_turn, stands_at
from inference.protocols import EventContext, UsualFact

LONG_VISIT_S = 20 * 60
LEAST_SHARE_OF_MINUTES = 1 / 6
STOPPED_S = 20
PASSING_S = 60
OUT_OF_SIGHT_S = 10
OUT_OF_SIGHT_PICTURES = 3
LONGEST_PAUSE_S = 120
"""Without any picture in between: of cameras that send one now and then."""
QUICK_AT_DOOR_S = 75
UNSURE = 0.6
LEAST_DAYS_TO_LEARN = 7
USUAL = 0.5
"""On at least this share of days."""


class Hour(IntEnum):
    """How late it was: 07–21, the hours beside the night, 23–06."""

    DAY = 0
    EDGE = 1
    NIGHT = 2


def hour_of(moment: datetime) -> Hour:
    if moment.hour >= 23 or moment.hour < 6:
        return Hour.NIGHT
    return Hour.EDGE if moment.hour >= 21 or moment.hour == 6 else Hour.DAY


@dataclass(frozen=True)
class Visit:
    """A context read: its strongest subject, what else was there, where, how late, how long, in which order."""

    context: EventContext
    seen: tuple[Seen, ...]
    subject: Subject
    others: tuple[Subject, ...]
    premises: Premises

    @cached_property
    def spot(self) -> Spot:
        return self.premises.reached(self.subject.pictures)

    @cached_property
    def seen_at_spot(self) -> tuple[Seen, ...]:
        there = tuple(one for one in self.subject.seen if self.premises.spot_of(one) == self.spot)
        return there or self.subject.seen

    @cached_property
    def key(self) -> Seen:
        """The one a card shows: the surest where it counts most."""
        return best_of(self.seen_at_spot)

    @cached_property
    def hour(self) -> Hour:
        """The latest hour the subject was seen at."""
        return max(hour_of(one.sighting.seen_at) for one in self.subject.seen)

    @property
    def is_night(self) -> bool:
        return self.hour is Hour.NIGHT

    @cached_property
    def off_pavement(self) -> Subject:
        """People without those who are on the pavement, unless all are: who passes while somebody calls is another."""
        if self.subject.kind is not Kind.PERSON:
            return self.subject
        off = tuple(one for one in self.subject.seen if self.premises.spot_of(one).ground is not Ground.PAVEMENT)
        return Subject(self.subject.kind, off) if off else self.subject

    @cached_property
    def is_long_by_day(self) -> bool:
        """Twenty minutes and more in daylight, about for a good part of them, and nobody known to be away."""
        if self.is_nobody_home:
            return False
        lasted_s = self.off_pavement.duration_s
        minutes = {int((one.at - self.off_pavement.first.at) // 60) for one in self.off_pavement.seen}
        is_about = len(minutes) >= lasted_s / 60 * LEAST_SHARE_OF_MINUTES
        return self.hour is Hour.DAY and lasted_s >= LONG_VISIT_S and is_about

    @cached_property
    def stands(self) -> list[Stand]:
        return stands_of(self.subject.seen)

    @cached_property
    def stay(self) -> Stand:
        """The longest; by day rather one off the pavement, where anybody may stand."""
        off_pavement = [stand for stand in self.stands if not self.is_on_pavement(stand)]
        longest_off = max(off_pavement, key=lambda stand: stand.duration_s, default=None)
        if self.hour is Hour.DAY and longest_off and longest_off.duration_s >= STOPPED_S:
            return longest_off
        return max(self.stands, key=lambda stand: stand.duration_s)

    def is_on_pavement(self, stand: Stand) -> bool:
        return self.premises.spot_of(stand.first).ground is Ground.PAVEMENT

    @cached_property
    def door(self) -> DoorVisit | None:
        if self.subject.kind is not Kind.PERSON:
            return None
        return door_visit(self.off_pavement, self.subject, self.premises)

    @property
    def came_out(self) -> bool:
        return self.door is not None and self.door.came_out

    @property
    def is_quick_at_door(self) -> bool:
        """At a door for 75 seconds at most, each time if more than once, and gone; between 06 and 22."""
        return (
            self.door is not None
            and self.door.walked_up
            and self.door.left
            and self.door.longest_s <= QUICK_AT_DOOR_S
            and (self.stay.duration_s <= QUICK_AT_DOOR_S or self.is_on_pavement(self.stay))
            and all(6 <= one.sighting.seen_at.hour < 22 for one in (self.off_pavement.first, self.off_pavement.last))
        )

    @cached_property
    def turn(self) -> Turn | None:
        """From door to door or car to car; long daytime visits and those that came out do it all the time."""
        if self.subject.kind is not Kind.PERSON or self.came_out or self.is_long_by_day or self.is_with_vehicle_by_day:
            return None
        parked = [one for one in self.seen if one.sighting.parked]
        return doors_in_turn(self.off_pavement, self.premises) or cars_in_turn(self.stands, parked)

    @cached_property
    def stay_at_door_or_inside_s(self) -> float:
        if self.subject.kind is not Kind.PERSON:
            return 0
        there = [one for one in self.subject.seen if self.premises.spot_of(one).ground in (Ground.DOOR, Ground.INSIDE)]
        stand = longest_stand(there)
        return stand.duration_s if stand else 0

    @cached_property
    def stopped_vehicle(self) -> Stand | None:
        """A vehicle beside the subject that stood for 20 seconds without being parked."""
        vehicles = next((other for other in self.others if other.kind is Kind.VEHICLE), None)
        stand = longest_stand(vehicles.seen) if vehicles else None
        return stand if stand and stand.duration_s >= STOPPED_S else None

    @cached_property
    def dogs(self) -> Subject | None:
        return next((other for other in self.others if other.label == "dog"), None)

    @cached_property
    def is_in_driveway(self) -> bool:
        """Of a vehicle. Without zones only one that stops is: the road may run through the same picture."""
        return self.spot.ground is Ground.DRIVEWAY and (self.premises.has_zones or self.stay.duration_s >= STOPPED_S)

    @cached_property
    def main_spot(self) -> Spot:
        """Where most of it was seen."""
        return Counter(self.premises.spot_of(one) for one in self.off_pavement.seen).most_common(1)[0][0]

    @cached_property
    def has_moved(self) -> bool:
        """Nothing in the last picture is within its own height of where anything was in the first."""
        first, last = self.subject.pictures[0], self.subject.pictures[-1]
        return all(one.distance_to(other) > max(one.height, other.height) for one in first for other in last)

    @cached_property
    def is_on_and_off(self) -> bool:
        """At some time it was out of sight: pictures without it, or no pictures for long."""
        gaps = (
            (later[0].at - earlier[0].at, later[0].picture - earlier[0].picture - 1)
            for earlier, later in itertools.pairwise(self.off_pavement.pictures)
        )
        return any(
            gap_s > LONGEST_PAUSE_S or (gap_s > OUT_OF_SIGHT_S and missed >= OUT_OF_SIGHT_PICTURES)
            for gap_s, missed in gaps
        )

    @cached_property
    def is_with_vehicle_by_day(self) -> bool:
        """By day, at a vehicle that stopped there too, and nobody known to be away: they carry and load."""
        vehicle = self.stopped_vehicle
        if vehicle is None or self.hour is not Hour.DAY or self.is_nobody_home:
            return False
        return any(stands_at(one, vehicle.first) for one in self.subject.seen)

    @property
    def is_passing(self) -> bool:
        return self.has_moved and self.subject.duration_s <= PASSING_S and self.stay.duration_s < STOPPED_S

    @property
    def is_walking_by(self) -> bool:
        """Somebody who passes on the pavement, or at the front where nobody can tell the pavement."""
        may_be_pavement = self.spot.ground is Ground.PAVEMENT or (
            self.spot.ground is Ground.FRONT and not self.premises.has_zones
        )
        return self.subject.kind is Kind.PERSON and self.is_passing and may_be_pavement

    @property
    def is_seen_once(self) -> bool:
        return len(self.subject.pictures) == 1

    @property
    def is_unsure(self) -> bool:
        return self.subject.best.confidence < UNSURE

    @property
    def is_behind_empty_house(self) -> bool:
        """Nobody calls at the back or the side while nobody is home."""
        return self.is_nobody_home and self.context.place in ("back", "side")

    @property
    def is_nobody_home(self) -> bool:
        return self.context.household is not None and self.context.household.away

    @property
    def is_usual_by_day(self) -> bool:
        """Off the pavement by day, where somebody is seen at this hour on most days."""
        is_on_pavement = self.spot.ground is Ground.PAVEMENT
        if self.usual is None or self.hour is not Hour.DAY or is_on_pavement:
            return False
        return self.usual.days_seen >= USUAL * self.usual.days_watched

    @cached_property
    def usual(self) -> UsualFact | None:
        """What is usual here of the subject's class, once a week of it is known."""
        facts = (fact for fact in self.context.usual or () if fact.label == self.subject.label)
        fact = next(facts, None)
        return fact if fact and fact.days_watched >= LEAST_DAYS_TO_LEARN else None


def read(context: EventContext) -> Visit | None:
    """The visit; None where nothing but parked vehicles was seen."""
    seen = measure(context)
    subjects = subjects_of(seen)
    if not subjects:
        return None
    return Visit(context, seen, subjects[0], tuple(subjects[1:]), Premises(context))
