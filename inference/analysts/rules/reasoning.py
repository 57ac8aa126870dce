"""Why a score is what it is, in three sentences at most: what raised it, what lowered it, what is not known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from inference.analysts.rules.limits import Limit
from inference.analysts.rules.phrases import counted, duration, percent, sentence
from inference.analysts.rules.places import Ground
from inference.analysts.rules.points import ONE_GETS_OUT_OF, hour_in_words
from inference.analysts.rules.subjects import Kind
from inference.analysts.rules.visit import Hour, Visit
from inference.protocols import Part

CLAUSES_IN_A_SENTENCE = 2
GAPS_IN_A_SENTENCE = 2


def reasoning_of(visit: Visit, parts: Sequence[Part], bound: Sequence[Limit], not_known: Sequence[str]) -> str:
    """`bound` is the limit that the points ran into, if they did."""
    raised = _clauses(visit, sorted((part for part in parts if part.points > 0), key=lambda part: -part.points))
    lowered = _clauses(visit, sorted((part for part in parts if part.points < 0), key=lambda part: part.points))
    remarks = list(_remarks(visit))
    if not raised:
        raised = [remarks.pop(0)] if remarks else [_plain_sight(visit)]
    against = [limit.why for limit in bound] or _joined([*lowered, *remarks])
    gaps = [f"Not known: {', '.join(not_known[:GAPS_IN_A_SENTENCE])}."] if not_known else []
    return " ".join([*_joined(raised), *against, *gaps])


def not_known_of(visit: Visit) -> tuple[str, ...]:
    """What would change the score and cannot be seen, most telling first."""
    return tuple(_gaps(visit))


def _gaps(visit: Visit) -> Iterator[str]:
    if visit.subject.kind is Kind.ANIMAL:
        return
    if visit.subject.kind is Kind.PERSON:
        yield "who it was" if visit.off_pavement.most_at_once == 1 else "who they were"
        if visit.is_quick_at_door:
            yield "what was carried"
        if visit.context.household is None and visit.spot.ground is not Ground.PAVEMENT:
            yield "whether anybody is home"
        if not visit.premises.has_zones and visit.spot.ground not in (Ground.PAVEMENT, Ground.INSIDE):
            yield "how near to a door that was"
    elif visit.subject.label in ONE_GETS_OUT_OF:
        yield "who was in it" if visit.subject.most_at_once == 1 else "who was in them"
    if visit.usual is None:
        yield "what is usual here at this hour"


def _joined(clauses: Sequence[str]) -> list[str]:
    """One sentence of the first few clauses, or none."""
    return [sentence("; ".join(clauses[:CLAUSES_IN_A_SENTENCE]))] if clauses else []


def _clauses(visit: Visit, parts: Sequence[Part]) -> list[str]:
    return [CLAUSES[part.name](visit) for part in parts if part.name in CLAUSES]


def _remarks(visit: Visit) -> Iterator[str]:
    """What counts without points of its own."""
    if visit.subject.kind is Kind.ANIMAL:
        yield "only an animal was seen, so the score cannot pass 19"
        return
    if visit.is_passing and visit.door is None and visit.turn is None:
        yield "did not stop"
    if visit.subject.kind is Kind.PERSON and visit.premises.has_doors and visit.door is None:
        yield "did not come to a door"


def _plain_sight(visit: Visit) -> str:
    often = "once" if visit.is_seen_once else f"in {len(visit.subject.pictures)} pictures"
    return f"seen {often}, {hour_in_words(visit)}"


def _hour(visit: Visit) -> str:
    return f"it was {hour_in_words(visit).removeprefix('at ').removeprefix('in the ')}"


def _count(visit: Visit) -> str:
    return f"{counted(visit.off_pavement.most_at_once, visit.subject.label)} were seen at once"


def _stay(visit: Visit) -> str:
    who = "somebody" if visit.subject.kind is Kind.PERSON else f"a {visit.subject.label}"
    return f"{who} stayed on one spot for {duration(visit.stay.duration_s)}"


def _turn(visit: Visit) -> str:
    assert visit.turn is not None
    pause = duration(visit.turn.within_s)
    return {
        "second_door": f"a second door {pause} after the first",
        "door_again": f"the same door again after {pause}",
        "second_car": f"a second parked vehicle {pause} after the first",
    }[visit.turn.kind]


def _came_out(visit: Visit) -> str:
    assert visit.door is not None
    if visit.off_pavement.most_at_once == 1:
        return "coming out of a door counts little"
    return f"the first came out of the {visit.door.door.name}"


def _with_vehicle(visit: Visit) -> str:
    assert visit.stopped_vehicle is not None
    return f"a {visit.stopped_vehicle.first.sighting.label} that stopped there too lowers the score"


def _rhythm(visit: Visit) -> str:
    assert visit.usual is not None
    seen, watched = visit.usual.days_seen, visit.usual.days_watched
    is_person = visit.subject.kind is Kind.PERSON
    somebody, nobody = (
        ("somebody", "nobody") if is_person else (f"a {visit.subject.label}", f"no {visit.subject.label}")
    )
    days = "nights" if visit.is_night else "days"
    if seen == 0:
        return f"{nobody} was seen here at this hour on {watched} {days}"
    return f"{somebody} is seen here at this hour on {seen} of {watched} {days}"


def _unsure(visit: Visit) -> str:
    return f"no picture is more than {percent(visit.subject.best.confidence)} sure"


def _household(visit: Visit) -> str:
    return "nobody is home" if visit.is_nobody_home else "somebody is home"


CLAUSES: dict[str, Callable[[Visit], str]] = {
    "hour": _hour,
    "count": _count,
    "stay": _stay,
    "came_out": _came_out,
    "left_door": lambda visit: f"short {'daytime ' if visit.hour is Hour.DAY else ''}visits to a door count little",
    "not_seen_leaving": lambda visit: f"going to a door {hour_in_words(visit)} counts little",
    "second_door": _turn,
    "door_again": _turn,
    "second_car": _turn,
    "with_vehicle": _with_vehicle,
    "long_visit": lambda _: "long stays by day count little",
    "with_dog": lambda _: "a dog along lowers the score",
    "rhythm": _rhythm,
    "household": _household,
    "unsure": _unsure,
    "seen_once": lambda _: "one picture alone counts less",
}
"""How a reason reads as part of a sentence, by its name. Those that the summary tells have none."""
