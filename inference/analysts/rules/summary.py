"""The one sentence of a visit: who, did what, where, how long. Nothing that the pictures do not show."""

from __future__ import annotations

from collections.abc import Iterator

from inference.analysts.rules.phrases import clock, duration, listed, named, percent, sentence, span
from inference.analysts.rules.places import Spot
from inference.analysts.rules.points import LONGEST_UNEXPLAINED_WAIT_S, ONE_GETS_OUT_OF, place_in_words
from inference.analysts.rules.subjects import Kind, Seen, Subject
from inference.analysts.rules.turns import DoorVisit, Turn
from inference.analysts.rules.visit import LONG_VISIT_S, STOPPED_S, Visit
from inference.protocols import EventContext

LONGEST = 90
LONG_STAND_S = 60
RIDDEN = ("bicycle", "motorcycle")
EDGE_OF_PICTURE = 0.03


def summary_of(visit: Visit) -> str:
    """The fullest sentence that fits."""
    return next(text for text in map(sentence, _from_full_to_short(visit)) if len(text) <= LONGEST)


def summary_of_nothing(context: EventContext) -> str:
    if not context.sightings:
        return "Nothing was seen."
    return f"Only parked vehicles were seen, {context.sightings[0].seen_at:%H:%M}."


def _from_full_to_short(visit: Visit) -> Iterator[str]:
    deed = _unsure(visit) if visit.is_unsure else _deed(visit)
    if visit.others:
        yield f"{deed}; {_others(visit)}"
    yield deed
    if visit.turn:
        yield _presence(visit)
    yield f"{named(visit.subject)} {visit.premises.ground.phrase}, {clock(visit.subject.first)}"


def _others(visit: Visit) -> str:
    names = [named(other) for other in visit.others]
    are_many = len(names) > 1 or visit.others[0].most_at_once > 1
    are_outside = visit.is_quick_at_door and all(other.kind is Kind.VEHICLE for other in visit.others)
    return f"{listed(names)} {'were' if are_many else 'was'} {'outside' if are_outside else 'also seen'}"


def _unsure(visit: Visit) -> str:
    subject = visit.subject
    sight = "seen once" if visit.is_seen_once else f"{len(subject.pictures)} pictures"
    at_best = "" if visit.is_seen_once else " at best"
    who, where = named(subject), place_in_words(visit)
    return f"perhaps {who} {where}, {clock(subject.first)}: {sight}, {percent(subject.best.confidence)} sure{at_best}"


def _deed(visit: Visit) -> str:
    if visit.is_seen_once:
        return f"{_who_was(visit.subject)} seen {place_in_words(visit)}, {clock(visit.subject.first)}"
    return {Kind.PERSON: _of_people, Kind.VEHICLE: _of_vehicles, Kind.ANIMAL: _of_animals}[visit.subject.kind](visit)


def _of_people(visit: Visit) -> str:
    if visit.turn:
        return _turned(visit, visit.turn)
    if visit.off_pavement.duration_s >= LONG_VISIT_S:
        return _presence(visit)
    if visit.door and not (visit.came_out and visit.off_pavement.most_at_once > 1):
        return _at_door(visit, visit.door)
    if visit.is_passing and visit.spot.phrase in ("on the pavement", "on the street"):
        verb = "passed" if any(other.label in RIDDEN for other in visit.others) else "walked past"
        return f"{named(visit.subject)} {verb} {visit.spot.phrase}"
    if visit.stay.duration_s >= LONG_STAND_S:
        return _stood(visit, "stood", visit.premises.spot_of(visit.stay.first).phrase)
    return _presence(visit)


def _turned(visit: Visit, turn: Turn) -> str:
    people = [one for one in visit.subject.seen if one.picture in (turn.before.picture, turn.after.picture)]
    who = _who_was(Subject(Kind.PERSON, tuple(people)))
    when = clock(turn.after)
    if turn.first is None or turn.second is None:
        labels = {one.sighting.label for one in visit.seen if one.sighting.parked}
        vehicle = labels.pop() if len(labels) == 1 else "vehicle"
        return f"{named(Subject(Kind.PERSON, tuple(people)))} stood at one parked {vehicle}, then at another, at {when}"
    if turn.kind == "door_again":
        return f"{who} at the {turn.first.name}, then again {duration(turn.within_s)} later, at {when}"
    if turn.first.phrase == turn.second.phrase:
        return f"{who} at one door, then at another, at {when}"
    return f"{who} {turn.first.phrase}, then {turn.second.phrase}, at {when}"


def _at_door(visit: Visit, door: DoorVisit) -> str:
    people = Subject(Kind.PERSON, door.seen)
    if visit.came_out:
        return f"a person came out of the {door.door.name}{_way_out(visit, door)}"
    if visit.stay_at_door_or_inside_s >= LONG_STAND_S:
        return f"{_who_was(people)} {_when_there(door.door.phrase, people.first, visit.stay_at_door_or_inside_s)}"
    if door.walked_up and door.left:
        return f"{named(people)} came to the {door.door.name} and left within {duration(visit.off_pavement.duration_s)}"
    if door.walked_up:
        was = _was(people)
        return f"{named(people)} came to the {door.door.name} at {clock(people.first)} and {was} not seen leaving"
    return f"{_who_was(people)} {_when_there(door.door.phrase, people.first, people.duration_s)}"


def _way_out(visit: Visit, door: DoorVisit) -> str:
    """The side on which the picture was left, if a later picture shows nobody there; else the time."""
    last = next(call.last for call in visit.off_pavement.calls if door.seen[0] in call.seen)
    for one in visit.subject.seen:  # onto the pavement, as long as hardly a picture misses them
        if last.picture <= one.picture <= last.picture + 2:
            last = one
    x, _, width, _ = last.sighting.box
    is_gone = any(moment > last.sighting.seen_at for _, moment in visit.context.frames[-1:])
    if is_gone and x <= EDGE_OF_PICTURE:
        return " and left the picture on the left"
    if is_gone and x + width >= 1 - EDGE_OF_PICTURE:
        return " and left the picture on the right"
    return f" at {clock(door.seen[0])}"


def _of_vehicles(visit: Visit) -> str:
    stay, where = visit.stay, place_in_words(visit)
    if stay.duration_s >= STOPPED_S:
        is_closed = stay.duration_s > LONGEST_UNEXPLAINED_WAIT_S and visit.subject.label in ONE_GETS_OUT_OF
        nobody = "; nobody was seen getting out" if visit.is_in_driveway and is_closed else ""
        return f"{_stood(visit, 'stopped', where)}{nobody}"
    if visit.is_passing:
        moved = "moved" if visit.is_in_driveway else "passed"
        return f"{named(visit.subject)} {moved} {where}, {clock(visit.subject.first)}"
    return _presence(visit)


def _of_animals(visit: Visit) -> str:
    who, when = named(visit.subject), clock(visit.subject.first)
    preposition, _, ground = visit.spot.phrase.partition(" ")
    if visit.is_passing and preposition in ("in", "on"):
        return f"{who} crossed {ground} at {when}"
    if visit.is_passing and ground:
        return f"{who} passed {visit.spot.phrase}, {when}"
    return _presence(visit)


def _presence(visit: Visit) -> str:
    subject = visit.off_pavement
    is_long = subject.duration_s >= LONG_VISIT_S
    where = _where(visit, visit.main_spot if is_long or visit.came_out else visit.spot)
    if is_long and subject.most_at_once > 1:
        return f"{named(subject)} {where}, {span(subject.first, subject.last)}"
    if visit.is_on_and_off:
        return f"{_who_was(subject)} {where}, on and off, for {duration(subject.duration_s)}"
    if is_long:
        return f"{_who_was(subject)} {where}, {span(subject.first, subject.last)}"
    if visit.spot != visit.main_spot:
        return f"{_who_was(subject)} seen {where}, {clock(visit.seen_at_spot[0])}"
    return f"{_who_was(subject)} {_when_there(where, subject.first, subject.duration_s)}"


def _where(visit: Visit, spot: Spot) -> str:
    return place_in_words(visit) if visit.subject.kind is Kind.VEHICLE else spot.phrase


def _stood(visit: Visit, verb: str, where: str) -> str:
    stay = visit.stay
    there = Subject(visit.subject.kind, tuple(stay.seen))
    return f"{named(there)} {verb} {_when_there(where, stay.first, stay.duration_s)}"


def _when_there(where: str, first: Seen, seconds: float) -> str:
    """ "in the driveway at 14:02 for 12 s", but "at the front for 12 s, from 14:02": no "at" after an "at"."""
    if where.startswith("at "):
        return f"{where} for {duration(seconds)}, from {clock(first)}" if seconds >= 1 else f"{where}, {clock(first)}"
    return f"{where} at {clock(first)} for {duration(seconds)}" if seconds >= 1 else f"{where} at {clock(first)}"


def _was(subject: Subject) -> str:
    return "was" if subject.most_at_once == 1 else "were"


def _who_was(subject: Subject) -> str:
    return f"{named(subject)} {_was(subject)}"
