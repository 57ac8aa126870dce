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
from inference.analysts.rules.turns import DoorVisit, Turn, cars_in_turn, door_visit, doors_in_turn
from inference.protocols import EventContext, UsualFact

LONG_VISIT_S = 20 * 60
STOPPED_S = 20
PASSING_S = 60
OUT_OF_SIGHT_S = 10
OUT_OF_SIGHT_PICTURES = 3
LONGEST_PAUSE_S = 120
"""Without any picture in between: of cameras that send one now and then."""
QUICK_AT_DOOR_S = 90
UNSURE = 0.6
LEAST_DAYS_TO_LEARN = 7


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
    def is_long_by_day(self) -> bool:
        return self.hour is Hour.DAY and self.seen[-1].at - self.seen[0].at >= LONG_VISIT_S

    @cached_property
    def stands(self) -> list[Stand]:
        return stands_of(self.subject.seen)

    @cached_property
    def stay(self) -> Stand:
        return max(self.stands, key=lambda stand: stand.duration_s)

    @cached_property
    def door(self) -> DoorVisit | None:
        return door_visit(self.subject, self.premises) if self.subject.kind is Kind.PERSON else None

    @property
    def came_out(self) -> bool:
        return self.door is not None and self.door.came_out

    @property
    def is_quick_at_door(self) -> bool:
        """At a door and gone within 90 seconds, between 07 and 22."""
        return (
            self.door is not None
            and self.door.walked_up
            and self.door.left
            and self.subject.duration_s <= QUICK_AT_DOOR_S
            and all(7 <= one.sighting.seen_at.hour < 22 for one in (self.subject.first, self.subject.last))
        )

    @cached_property
    def turn(self) -> Turn | None:
        """From door to door or car to car; long daytime visits and those that came out do it all the time."""
        if self.subject.kind is not Kind.PERSON or self.came_out or self.is_long_by_day:
            return None
        parked = [one for one in self.seen if one.sighting.parked]
        return doors_in_turn(self.subject, self.premises) or cars_in_turn(self.stands, parked)

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
        return Counter(self.premises.spot_of(one) for one in self.subject.seen).most_common(1)[0][0]

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
            for earlier, later in itertools.pairwise(self.subject.pictures)
        )
        return any(
            gap_s > LONGEST_PAUSE_S or (gap_s > OUT_OF_SIGHT_S and missed >= OUT_OF_SIGHT_PICTURES)
            for gap_s, missed in gaps
        )

    @property
    def is_passing(self) -> bool:
        return self.has_moved and self.subject.duration_s <= PASSING_S and self.stay.duration_s < STOPPED_S

    @property
    def is_seen_once(self) -> bool:
        return len(self.subject.pictures) == 1

    @property
    def is_unsure(self) -> bool:
        return self.subject.best.confidence < UNSURE

    @property
    def is_nobody_home(self) -> bool:
        return self.context.household is not None and self.context.household.away

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
