"""A visit as a language model is told it: facts as data, within a bounded length, names made harmless."""

from __future__ import annotations

import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from inference.analysts.rules.phrases import duration, percent
from inference.analysts.rules.visit import Hour, hour_of
from inference.protocols import EventContext, Sighting, UsualFact, Verdict

LONGEST_FACTS = 6000
"""Characters, about 1,700 tokens."""
MOST_PICTURES = (20, 12, 7, 4)
"""Told one by one; fewer where that would be too long."""
MOST_IN_A_PICTURE = 4
MOST_GAPS = 6
MOST_ZONES = 10
MOST_ZONES_OF_A_CLASS = 3
LONGEST_NAME = 32
HARMLESS = " -_.,'’&()/+:"
GROWN = 1.25
SHRUNK = 0.8
LEAST_PICTURES_FOR_A_TREND = 3
HOURS = {Hour.DAY: "day", Hour.EDGE: "early morning or late evening", Hour.NIGHT: "night"}
NOT_KNOWN = "not known"

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What is told, and which detection each number in it means."""

    text: str
    detection_ids: dict[int, int]


@dataclass(frozen=True)
class _Picture:
    """One look of the camera: a picture, or one frame of a video."""

    seen_at: datetime
    sightings: tuple[Sighting, ...]

    @property
    def strongest_first(self) -> list[Sighting]:
        return sorted(self.sightings, key=lambda one: (one.parked, -one.confidence, one.detection_id))

    @property
    def shape(self) -> tuple[object, ...]:
        """What changes when something comes, goes, or crosses into a zone."""
        return tuple(sorted((one.label, one.zones, one.parked) for one in self.sightings))


def plain(name: str) -> str:
    """A name as data: letters, digits and a few marks on one line, nothing that could end a text or begin another."""
    kept = "".join(
        character if unicodedata.category(character)[0] in "LMN" or character in HARMLESS else " "
        for character in unicodedata.normalize("NFKC", name)
    )
    return " ".join(kept.split())[:LONGEST_NAME].strip()


def facts_of(context: EventContext, by_rules: Verdict) -> Facts:
    """The facts of a visit. What stays the same for a camera stands first."""
    pictures = _pictures(context.sightings)
    for most in MOST_PICTURES:
        facts = _told(context, by_rules, pictures, most)
        if len(facts.text) <= LONGEST_FACTS:
            break
    return facts


def _told(context: EventContext, by_rules: Verdict, pictures: Sequence[_Picture], most: int) -> Facts:
    shown = _most_telling(pictures, most)
    detection_ids = {
        number: one.detection_id
        for number, one in enumerate((one for picture in shown for one in _listed(picture)), start=1)
    }
    numbers = {detection_id: number for number, detection_id in detection_ids.items()}
    names = {zone.id: plain(zone.name) for zone in context.zones or ()}
    value = {
        "camera": _camera(context),
        "household": _household(context),
        "when": _when(context),
        "usual here within an hour of this one": _usual(context),
        "found": [_found(label, pictures, names) for label in dict.fromkeys(one.label for one in context.sightings)],
        "pictures": _lines(context, shown, numbers, names),
        "left out": _left_out(context, pictures, shown),
        "rules": _rules(by_rules),
    }
    return Facts(json.dumps(value, ensure_ascii=False, indent=0), detection_ids)


def _camera(context: EventContext) -> dict[str, Any]:
    zones = context.zones
    return {
        "name": plain(context.camera_name),
        "looks at": context.place,
        "zones": NOT_KNOWN if zones is None else [f"{plain(zone.name)} ({zone.kind})" for zone in zones[:MOST_ZONES]],
    }


def _household(context: EventContext) -> str:
    if context.household is None:
        return NOT_KNOWN
    return "nobody is home" if context.household.away else "somebody is home"


def _when(context: EventContext) -> dict[str, str]:
    if not context.sightings:
        return {}
    first, last = context.sightings[0].seen_at, context.sightings[-1].seen_at
    return {
        "date": f"{first:%A, %d %B %Y}",
        "first seen": f"{first:%H:%M:%S}",
        "last seen": f"{last:%H:%M:%S}",
        "lasted": duration(_seconds(first, last)),
        "time of day": HOURS[max(hour_of(first), hour_of(last))],
    }


def _usual(context: EventContext) -> str | list[str]:
    """Only of what was seen: of anything else nothing is to be said."""
    seen = {one.label for one in context.sightings}
    told = [_usually(fact) for fact in context.usual or () if fact.label in seen]
    return told or NOT_KNOWN


def _usually(fact: UsualFact) -> str:
    return f"{fact.label} seen on {fact.days_seen} of {fact.days_watched} days"


def _found(label: str, pictures: Sequence[_Picture], names: dict[str, str]) -> dict[str, Any]:
    """One class over the whole visit."""
    together = [(picture, [one for one in picture.sightings if one.label == label]) for picture in pictures]
    together = [(picture, ones) for picture, ones in together if ones]
    every = [one for _, ones in together for one in ones]
    first, last = together[0][0].seen_at, together[-1][0].seen_at
    is_moving = [one for one in every if not one.parked]
    zones = [names[zone] for zone in dict.fromkeys(zone for one in every for zone in one.zones) if zone in names]
    return {
        "what": label,
        "pictures": len(together),
        "at once": max(len(ones) for _, ones in together),
        "best": percent(max(one.confidence for one in every)),
        "seen": f"{first:%H:%M:%S} to {last:%H:%M:%S}, {duration(_seconds(first, last))}",
        **({"zones": zones[:MOST_ZONES_OF_A_CLASS]} if zones else {}),
        **({"parked": f"in {len(every) - len(is_moving)}"} if len(is_moving) < len(every) else {}),
        **({"going": _going([ones for _, ones in together])} if is_moving else {}),
    }


def _going(together: Sequence[Sequence[Sighting]]) -> str:
    """Nearer or away, by the mean height of its box in the first and in the last third of its pictures."""
    if any(len(ones) > 1 for ones in together):
        return "not known: several in one picture"
    ones = [ones[0] for ones in together]
    if len(ones) < LEAST_PICTURES_FOR_A_TREND:
        return "not known: too few pictures"
    third = max(len(ones) // 3, 1)
    change = _mean_height(ones[-third:]) / _mean_height(ones[:third])
    sides = f"{_side(ones[0])} to {_side(ones[-1])}"
    if change >= GROWN:
        return f"nearer: {change:.1f} times as tall at the end; {sides}"
    if change <= SHRUNK:
        return f"away: {change:.1f} times as tall at the end; {sides}"
    return f"neither nearer nor away; {sides}"


def _mean_height(ones: Sequence[Sighting]) -> float:
    return max(sum(one.box[3] for one in ones) / len(ones), 1e-6)


def _side(one: Sighting) -> str:
    x, _, width, _ = one.box
    middle = x + width / 2
    return "left" if middle < 1 / 3 else "right" if middle > 2 / 3 else "middle"


def _pictures(sightings: Iterable[Sighting]) -> list[_Picture]:
    def frame(one: Sighting) -> tuple[float, int]:
        return one.seen_at.timestamp(), one.capture_id

    together = [tuple(ones) for _, ones in itertools.groupby(sorted(sightings, key=frame), key=frame)]
    return [_Picture(ones[0].seen_at, ones) for ones in together]


def _seconds(first: datetime, last: datetime) -> float:
    """By the clock of the world: the camera's own shows one hour twice in autumn."""
    return last.timestamp() - first.timestamp()


def _most_telling(pictures: Sequence[_Picture], most: int) -> list[_Picture]:
    """First, last, the strongest of each class, changes, and the rest evenly, in order of time."""
    if len(pictures) <= most:
        return list(pictures)
    indexes = range(len(pictures))
    strongest: dict[str, tuple[float, int]] = {}
    for index, picture in enumerate(pictures):
        for one in picture.sightings:
            strongest[one.label] = max(strongest.get(one.label, (0.0, 0)), (one.confidence, index))
    changes = [index for index in indexes[1:] if pictures[index].shape != pictures[index - 1].shape]
    wanted = [0, indexes[-1], *(index for _, index in strongest.values()), *_evenly(changes, most // 2)]
    chosen = list(dict.fromkeys(wanted))[:most]
    rest = [index for index in indexes if index not in chosen]
    return [pictures[index] for index in sorted([*chosen, *_evenly(rest, most - len(chosen))])]


def _evenly(items: Sequence[T], most: int) -> list[T]:
    if len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _listed(picture: _Picture) -> list[Sighting]:
    return picture.strongest_first[:MOST_IN_A_PICTURE]


def _lines(
    context: EventContext, shown: Sequence[_Picture], numbers: dict[int, int], names: dict[str, str]
) -> list[str]:
    told = [(picture.seen_at, _line(picture, numbers, names)) for picture in shown]
    return [line for _, line in sorted([*told, *_gaps(context)], key=lambda line: line[0].timestamp())]


def _line(picture: _Picture, numbers: dict[int, int], names: dict[str, str]) -> str:
    listed = _listed(picture)
    more = Counter(one.label for one in picture.sightings if one not in listed)
    items = [_item(one, numbers[one.detection_id], names) for one in listed]
    items += [f"{count} more {label}" for label, count in more.items()]
    return f"{picture.seen_at:%H:%M:%S} {'; '.join(items)}"


def _item(one: Sighting, number: int, names: dict[str, str]) -> str:
    where = [_side(one), *(names[zone] for zone in one.zones[:2] if zone in names), *(["parked"] if one.parked else [])]
    return f"#{number} {one.label} {percent(one.confidence)} ({', '.join(where)})"


def _gaps(context: EventContext) -> list[tuple[datetime, str]]:
    """The longest runs of pictures that were looked at and showed nothing."""
    seen = {(one.capture_id, one.seen_at) for one in context.sightings}
    runs = [
        [moment for _, moment in run]
        for is_empty, run in itertools.groupby(context.frames, key=lambda frame: frame not in seen)
        if is_empty
    ]
    longest = sorted(runs, key=lambda run: (-len(run), run[0]))[:MOST_GAPS]
    return [(run[0], _gap(run)) for run in longest]


def _gap(run: Sequence[datetime]) -> str:
    pictures = "1 picture" if len(run) == 1 else f"{len(run)} pictures until {run[-1]:%H:%M:%S}"
    return f"{run[0]:%H:%M:%S} nothing found ({pictures})"


def _left_out(context: EventContext, pictures: Sequence[_Picture], shown: Sequence[_Picture]) -> str:
    left_out = len(pictures) - len(shown)
    zones = max(len(context.zones or ()) - MOST_ZONES, 0)
    told = [f"{left_out} pictures with something in them"] if left_out else []
    told += [f"{zones} zones"] if zones else []
    return " and ".join(told) or "nothing"


def _rules(by_rules: Verdict) -> dict[str, Any]:
    limits = [why for why in (by_rules.ceiling_why, by_rules.floor_why) if why]
    return {
        "score": by_rules.score,
        "points": [f"{part.points:+d} {part.why}" for part in by_rules.parts],
        **({"limits": limits} if limits else {}),
        "sentence": by_rules.summary,
        "not known": list(by_rules.not_known),
    }
