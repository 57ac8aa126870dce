"""What each fact of a visit counts. One function for each reason; `REASONS` is the order they are told in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from inference.analysts.rules.phrases import counted, duration, named, noun_of, percent, plural
from inference.analysts.rules.places import Ground
from inference.analysts.rules.subjects import Kind, Seen
from inference.analysts.rules.visit import USUAL, Hour, Visit, hour_of
from inference.protocols import Part

MOST_EVIDENCE = 12
"""Detections that one reason points at: enough to look through, few enough to store with every judgement."""
SUBJECT_POINTS = {"person": 22, "dog": 6, "cat": 3, "bird": 2}
VEHICLE_POINTS = 6
PERSON_HOUR = {Hour.DAY: 0, Hour.EDGE: 6, Hour.NIGHT: 12}
EDGE_WALKING_BY = 2
VEHICLE_HOUR = {Hour.DAY: 0, Hour.EDGE: 4, Hour.NIGHT: 8}
ANIMAL_HOUR = {Hour.DAY: 0, Hour.EDGE: 0, Hour.NIGHT: 2}
HOUR_POINTS = {Kind.PERSON: PERSON_HOUR, Kind.VEHICLE: VEHICLE_HOUR, Kind.ANIMAL: ANIMAL_HOUR}
VEHICLE_IN_DRIVEWAY = 6
HIGHEST_PLACE_AFTER_COMING_OUT = 12
STAY_BY_DAY = (4, 8, 20)
STAY_AFTER_DARK = (4, 14, 26)
"""For 20 seconds, one minute, two minutes on one spot."""
HIGHEST_STAY_EXPLAINED = 4
"""By day, by work or play, by the vehicle that brought them, or by what is usual here."""
HIGHEST_STAY_ON_PAVEMENT = (4, 12)
"""By day, up to five minutes, and longer."""
LONG_ON_PAVEMENT_S = 300
LONGEST_UNEXPLAINED_WAIT_S = 120
ONE_GETS_OUT_OF = ("car", "truck", "bus")


def _evidence(seen: Iterable[Seen]) -> tuple[int, ...]:
    """The surest of them, in order of time."""
    surest = sorted(seen, key=lambda one: (-one.confidence, one.at, one.id))[:MOST_EVIDENCE]
    return tuple(one.id for one in sorted(surest, key=lambda one: (one.at, one.id)))


def _part(name: str, points: int, why: str, seen: Iterable[Seen]) -> Part | None:
    return Part(name, points, why, _evidence(seen)) if points else None


def of_subject(visit: Visit) -> Part | None:
    subject = visit.subject
    who = counted(1, subject.label) if subject.most_at_once == 1 else plural(noun_of(subject))
    pictures = "1 picture" if visit.is_seen_once else f"{len(subject.pictures)} pictures"
    sure = f"{'' if visit.is_seen_once else 'best '}{percent(subject.best.confidence)}"
    points = VEHICLE_POINTS if subject.kind is Kind.VEHICLE else SUBJECT_POINTS[subject.label]
    return _part("subject", points, f"{who} ({pictures}, {sure})", subject.seen)


def of_place(visit: Visit) -> Part | None:
    if visit.subject.kind is Kind.ANIMAL:
        return None
    points = visit.spot.points
    if visit.came_out:
        points = min(points, HIGHEST_PLACE_AFTER_COMING_OUT)
    if visit.subject.kind is Kind.VEHICLE and visit.is_in_driveway:
        points += VEHICLE_IN_DRIVEWAY
    return _part("place", points, place_in_words(visit), visit.seen_at_spot)


def place_in_words(visit: Visit) -> str:
    if visit.subject.kind is Kind.VEHICLE and visit.spot.ground is Ground.PAVEMENT:
        return "on the street"
    is_passing_vehicle = visit.subject.kind is Kind.VEHICLE and not visit.is_in_driveway
    return "at the driveway" if is_passing_vehicle and visit.spot.ground is Ground.DRIVEWAY else visit.spot.phrase


def of_walking_up(visit: Visit) -> Part | None:
    door = visit.door
    return _part("walked_up", 4, f"walked up to the {door.door.name}", door.seen) if door and door.walked_up else None


def of_hour(visit: Visit) -> Part | None:
    latest = [one for one in visit.subject.seen if hour_of(one.sighting.seen_at) is visit.hour]
    points = HOUR_POINTS[visit.subject.kind][visit.hour]
    if visit.hour is Hour.EDGE and visit.is_walking_by:
        points = EDGE_WALKING_BY
    return _part("hour", points, hour_in_words(visit), latest)


def hour_in_words(visit: Visit) -> str:
    if visit.hour is not Hour.EDGE:
        return "at night" if visit.is_night else "by day"
    edge = next(one.sighting.seen_at for one in visit.subject.seen if hour_of(one.sighting.seen_at) is Hour.EDGE)
    return "early in the morning" if edge.hour == 6 else "in the evening"


def of_count(visit: Visit) -> Part | None:
    people = visit.off_pavement
    most = people.most_at_once
    if people.kind is not Kind.PERSON or most == 1:
        return None
    points = 2 if most == 2 or (visit.is_walking_by and not visit.is_night) else 4 if most < 5 else 6
    fullest = max(people.pictures, key=len)
    return _part("count", points * 2 if visit.is_night else points, f"{named(people)} at once", fullest)


def of_stay(visit: Visit) -> Part | None:
    if visit.subject.kind is Kind.ANIMAL:
        return None
    stay_s = visit.stay.duration_s
    points = _vehicle_stay(visit, stay_s) if visit.subject.kind is Kind.VEHICLE else _person_stay(visit, stay_s)
    return _part("stay", points, f"{duration(stay_s)} on one spot", visit.stay.seen)


def _vehicle_stay(visit: Visit, stay_s: float) -> int:
    if not visit.is_in_driveway or stay_s <= 20:
        return 0
    is_waiting = stay_s > LONGEST_UNEXPLAINED_WAIT_S and visit.subject.label in ONE_GETS_OUT_OF
    return 14 if is_waiting else 4


def _person_stay(visit: Visit, stay_s: float) -> int:
    if stay_s < 20 or (visit.came_out and not visit.is_night):
        return 0
    steps = STAY_BY_DAY if visit.hour is Hour.DAY else STAY_AFTER_DARK
    points = steps[0] if stay_s < 60 else steps[1] if stay_s < 120 else steps[2]
    if visit.is_long_by_day or visit.is_with_vehicle_by_day or visit.is_usual_by_day:
        return min(points, HIGHEST_STAY_EXPLAINED)
    if visit.hour is Hour.DAY and visit.is_on_pavement(visit.stay):
        return min(points, HIGHEST_STAY_ON_PAVEMENT[stay_s >= LONG_ON_PAVEMENT_S])
    return points


def of_door(visit: Visit) -> Part | None:
    """Coming out, a short visit, going in: what residents, callers and carriers do all day."""
    door = visit.door
    if door is None or visit.is_behind_empty_house or (visit.turn is not None and not is_short_round_by_day(visit)):
        return None
    if door.came_out:
        return _part("came_out", -14, f"came out of the {door.door.name}", door.seen)
    if visit.is_quick_at_door:
        why = f"left the {door.door.name} within {duration(visit.off_pavement.duration_s)}"
        return _part("left_door", -15, why, visit.subject.seen)
    if door.walked_up and not door.left and not visit.is_night:
        return _part("not_seen_leaving", -16, f"not seen leaving the {door.door.name}", door.seen)
    return None


def is_short_round_by_day(visit: Visit) -> bool:
    """Two doors within 90 seconds, or one twice, by day: with somebody home, or nothing known, that is a postman."""
    is_short = all(call.duration_s <= LONGEST_ROUND_S for call in visit.off_pavement.calls)
    is_one_door = visit.turn is not None and visit.turn.kind == "door_again"
    is_benign_hour = visit.hour is Hour.DAY and not visit.is_nobody_home
    return visit.is_quick_at_door and is_benign_hour and (is_short or is_one_door)


TURN_POINTS = {"second_door": (10, 30), "door_again": (4, 30), "second_car": (4, 30)}
"""By day, and at night; at doors also where nobody is home."""
SHORT_ROUND = 4
LONGEST_ROUND_S = 90


def of_turn(visit: Visit) -> Part | None:
    turn = visit.turn
    if turn is None:
        return None
    by_day, at_night = TURN_POINTS[turn.kind]
    if is_short_round_by_day(visit):
        by_day = SHORT_ROUND
    is_grave = visit.is_night or (visit.is_nobody_home and turn.kind != "second_car")
    why = {
        "second_door": "from door to door",
        "door_again": "at the same door again",
        "second_car": "from car to car",
    }[turn.kind]
    return _part(turn.kind, at_night if is_grave else by_day, why, (turn.before, turn.after))


def of_stopped_vehicle(visit: Visit) -> Part | None:
    vehicle = visit.stopped_vehicle
    if vehicle is None or visit.subject.kind is not Kind.PERSON or visit.is_night or visit.turn is not None:
        return None
    return _part("with_vehicle", -8, f"a {vehicle.first.sighting.label} stopped there too", vehicle.seen)


def of_long_visit(visit: Visit) -> Part | None:
    """Twenty minutes and more in daylight: those who work or play."""
    if visit.subject.kind is not Kind.PERSON or not visit.is_long_by_day:
        return None
    people = visit.off_pavement
    return _part("long_visit", -14, f"by day for {duration(people.duration_s)}", (people.first, people.last))


def of_dog(visit: Visit) -> Part | None:
    dogs = visit.dogs if visit.subject.kind is Kind.PERSON else None
    return _part("with_dog", -4, f"with {named(dogs)}", dogs.seen) if dogs else None


USUAL_IN_PRIVATE = -14


def of_rhythm(visit: Visit) -> Part | None:
    usual = visit.usual
    if usual is None:
        return None
    share = usual.days_seen / usual.days_watched
    if usual.days_seen == 0 and usual.days_watched >= 21:
        points = 8
    else:
        points = -8 if share >= USUAL else -4 if share >= 0.2 else 0 if share >= 0.05 else 6
    if visit.is_usual_by_day and visit.spot.ground in (Ground.GARDEN, Ground.INSIDE):
        points = USUAL_IN_PRIVATE  # what being there counts rests on nobody having business there
    if visit.spot.ground is Ground.PAVEMENT or visit.hour is not Hour.DAY:
        points = max(points, -3)
    days = "nights" if visit.is_night else "days"
    word = "rare" if points > 0 else "usual"
    why = f"{word} here: {usual.days_seen} of {usual.days_watched} {days}"
    return _part("rhythm", points, why, visit.subject.seen)


def of_household(visit: Visit) -> Part | None:
    if visit.context.household is None or visit.subject.kind is not Kind.PERSON:
        return None
    if visit.is_nobody_home:
        is_off_pavement = visit.spot.ground is not Ground.PAVEMENT
        return _part("household", 18, "nobody is home", visit.seen_at_spot) if is_off_pavement else None
    if visit.spot.ground is Ground.INSIDE and not visit.is_night:
        return _part("household", -visit.spot.points, "somebody is home", visit.seen_at_spot)
    return _part("household", -8, "somebody is home", visit.seen_at_spot) if visit.hour is Hour.DAY else None


def of_unsureness(visit: Visit) -> Part | None:
    why = f"{'only' if visit.is_seen_once else 'at best'} {percent(visit.subject.best.confidence)} sure"
    return _part("unsure", -4, why, [visit.subject.best]) if visit.is_unsure else None


def of_single_picture(visit: Visit) -> Part | None:
    return _part("seen_once", -4, "seen in one picture only", visit.subject.seen) if visit.is_seen_once else None


REASONS: Sequence[Callable[[Visit], Part | None]] = (
    of_subject,
    of_place,
    of_walking_up,
    of_hour,
    of_count,
    of_stay,
    of_door,
    of_turn,
    of_stopped_vehicle,
    of_long_visit,
    of_dog,
    of_rhythm,
    of_household,
    of_unsureness,
    of_single_picture,
)


def parts_of(visit: Visit) -> tuple[Part, ...]:
    return tuple(part for reason in REASONS if (part := reason(visit)) is not None)
