"""Situations as a householder tells them, read from YAML. The README beside this file describes the format.

`load` is the one door: it returns a checked set, or raises MalformedSituations with a message that names the file, the
situation and what is wrong.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from inference.protocols import KEPT_CLASSES, PlaceName
from inference.scale import RISK_BANDS, Level
from tests.judgement.grounds import GROUNDS

AWAY = "away"
LEVELS = tuple(band.level for band in RISK_BANDS)
LONGEST_S = 1800
MOST_PICTURES = 2000
MOST_BYTES = 5_000_000
WAYPOINT = re.compile(r"(\d{1,4}(?:\.\d{1,3})?) (.+)")
DAYS = re.compile(r"(\d{1,4})/(\d{1,4})")
RANGE = re.compile(r"(\d{1,3})-(\d{1,3})")

ONE_FACT = {
    "hour": {"at"},
    "zone": {"camera", "zones", "seen"},
    "persistence": {"seen"},
    "count": {"seen", "also"},
    "confidence": {"sure"},
    "rarity": {"usual"},
}
"""What may differ between the two visits of a pair, by the fact the pair is about."""
ORDERS: dict[str, Callable[[int, int], bool]] = {
    "higher": lambda before, after: after > before,
    "not lower": lambda before, after: after >= before,
    "lower": lambda before, after: after < before,
    "not higher": lambda before, after: after <= before,
}


class MalformedSituations(Exception):
    """A file that cannot be judged; the message names the file, the situation and what is wrong."""


def _days(told: object) -> object:
    days = DAYS.fullmatch(told) if isinstance(told, str) else None
    if not days:
        raise ValueError(f"{told!r} is not of the form 27/28, days seen of days watched")
    seen, watched = int(days[1]), int(days[2])
    if not watched >= 1 or seen > watched:
        raise ValueError(f"{told!r}: more days seen than watched")
    return seen, watched


def _bands(told: object) -> object:
    words = told.split("-") if isinstance(told, str) else []
    if not all(word in LEVELS for word in words) or not 1 <= len(words) <= 2:
        raise ValueError(f"{told!r} is no band: low, medium, high, critical, or two neighbours such as low-medium")
    places = [LEVELS.index(Level(word)) for word in words]
    if len(places) == 2 and places[1] - places[0] != 1:
        raise ValueError(f"{told!r} are not neighbours, the milder first")
    return tuple(LEVELS[place] for place in places)


def _score(told: object) -> object:
    ends = RANGE.fullmatch(told) if isinstance(told, str) else None
    if not ends or not int(ends[1]) <= int(ends[2]) <= 100:
        raise ValueError(f"{told!r} is no range of scores such as 15-25")
    return int(ends[1]), int(ends[2])


Waypoint = tuple[float, str]


def _waypoint(told: object) -> object:
    parts = WAYPOINT.fullmatch(told) if isinstance(told, str) else None
    if not parts:
        raise ValueError(f'{told!r} is no step such as "12 front door": a second and a spot')
    return float(parts[1]), parts[2]


def _actor(told: object) -> object:
    """`{person: [0 gate, 4 front door], sure: 0.8}`: the class is the key of its path."""
    if not isinstance(told, dict):
        raise ValueError(f"{told!r} is nobody: a class and its path, {{person: [0 gate, 4 path]}}")
    labels = [key for key in told if key in KEPT_CLASSES]
    if len(labels) != 1:
        raise ValueError(f"{', '.join(map(repr, told))}: needs exactly one class of {', '.join(KEPT_CLASSES)}")
    rest = {key: value for key, value in told.items() if key != labels[0]}
    if taken := {"label", "path"} & set(rest):
        raise ValueError(f"{taken.pop()!r} is not known here")
    return {"label": labels[0], "path": told[labels[0]], **rest}


class Told(BaseModel):
    """Frozen, strict about what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Entry = TypeVar("Entry", bound=Told)


class Actor(Told):
    """Somebody or something: where it is from second to second, how surely it is seen, how often it is missed."""

    label: str
    path: tuple[Annotated[Waypoint, BeforeValidator(_waypoint)], ...] = Field(min_length=2, max_length=60)
    sure: float = Field(0.88, ge=0.5, le=1)
    missed: float = Field(0.12, ge=0, le=0.9)
    parked: bool = False

    @model_validator(mode="after")
    def is_a_path(self) -> Actor:
        seconds = [second for second, _ in self.path]
        if any(later <= earlier for earlier, later in itertools.pairwise(seconds)):
            raise ValueError("the seconds of a path must rise")
        if AWAY in (self.path[0][1], self.path[-1][1]):
            raise ValueError("a path begins and ends in the picture")
        return self


Second = Annotated[float, Field(ge=0, le=LONGEST_S)]


class Situation(Told):
    """One visit and what a reasonable householder would make of it."""

    name: str = Field(min_length=1, max_length=120)
    camera: PlaceName
    called: str = Field("", max_length=60)
    at: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    zones: Literal["none", "drawn"] | tuple[str, ...] = "none"
    usual: dict[str, Annotated[tuple[int, int], BeforeValidator(_days)]] | None = None
    home: Literal["nobody", "somebody"] | None = None
    every: float = Field(1.0, ge=0.5, le=60)
    stills: tuple[Second, ...] | None = Field(None, min_length=1, max_length=200)
    clips: tuple[tuple[Second, Second], ...] | None = Field(None, min_length=1, max_length=60)
    seen: tuple[Annotated[Actor, BeforeValidator(_actor)], ...] = Field(min_length=1, max_length=20)
    expect: Annotated[tuple[Level, ...], BeforeValidator(_bands)]
    score: Annotated[tuple[int, int], BeforeValidator(_score)] | None = None
    incident: bool = False
    because: str = Field(min_length=1, max_length=300)

    @model_validator(mode="after")
    def fits_its_camera(self) -> Situation:
        grounds = GROUNDS[self.camera]
        for _, spot in (step for actor in self.seen for step in actor.path):
            if spot != AWAY and spot not in grounds.spots:
                raise ValueError(f"the {self.camera} camera shows no {spot!r}; it shows {', '.join(grounds.spots)}")
        for zone in self.zones if isinstance(self.zones, tuple) else ():
            if grounds.zone_named(zone) is None:
                drawn = ", ".join(zone.fact.name for zone in grounds.zones)
                raise ValueError(f"the {self.camera} camera has no zone {zone!r}; it has {drawn}")
        for label in self.usual or ():
            if label not in KEPT_CLASSES:
                raise ValueError(f"usual: {label!r} is no class; those are {', '.join(KEPT_CLASSES)}")
        return self

    @model_validator(mode="after")
    def is_a_visit(self) -> Situation:
        if self.stills and self.clips:
            raise ValueError("a camera sends stills or clips, not both")
        if any(later <= earlier for earlier, later in self.clips or ()):
            raise ValueError("a clip ends after it begins")
        if self.ends_at > LONGEST_S:
            raise ValueError(f"a visit lasts {LONGEST_S} s at most")
        if self.ends_at / self.every > MOST_PICTURES:
            raise ValueError(f"more than {MOST_PICTURES} pictures; say every: 5 or more")
        if self.incident and self.expect[0] is Level.LOW:
            raise ValueError("an incident is never expected to be low")
        return self

    @property
    def ends_at(self) -> float:
        return max(actor.path[-1][0] for actor in self.seen)

    @property
    def is_benign(self) -> bool:
        """Nobody would want it to be more than low."""
        return self.expect == (Level.LOW,)

    @property
    def is_incident(self) -> bool:
        return self.incident or LEVELS.index(self.expect[0]) >= LEVELS.index(Level.HIGH)


class Change(Told):
    """How the second visit of a pair differs. Values are checked where they are put in place."""

    at: Any = None
    camera: Any = None
    zones: Any = None
    seen: Any = None
    also: Any = None
    sure: Any = None
    usual: Any = None


class ToldPair(Told):
    name: str = Field(min_length=1, max_length=120)
    fact: Literal["hour", "zone", "persistence", "count", "confidence", "rarity"]
    of: str
    but: Change
    then: Literal["higher", "not lower", "lower", "not higher"]

    @model_validator(mode="after")
    def differs_in_its_fact(self) -> ToldPair:
        changed = self.but.model_fields_set
        if not changed or not changed <= ONE_FACT[self.fact]:
            allowed = ", ".join(sorted(ONE_FACT[self.fact]))
            raise ValueError(f"a pair about {self.fact} changes {allowed} and nothing else")
        return self


@dataclass(frozen=True)
class Pair:
    """Two visits that differ in one fact, and how the second's score must stand to the first's."""

    name: str
    fact: str
    first: Situation
    second: Situation
    then: str

    def is_in_order(self, first_score: int, second_score: int) -> bool:
        return ORDERS[self.then](first_score, second_score)


@dataclass(frozen=True)
class CalibrationSet:
    name: str
    situations: tuple[Situation, ...]
    pairs: tuple[Pair, ...]


def load(name: str, paths: Sequence[Path]) -> CalibrationSet:
    """The situations and pairs of these files as one set; a pair may speak of a situation in any of them."""
    told: dict[str, tuple[Mapping[str, Any], Situation]] = {}
    pairs: list[tuple[Path, ToldPair]] = []
    for path in paths:
        content = _read(path)
        for number, entry in enumerate(_entries(path, content, "situations"), start=1):
            where = f"{path}: {_title('situation', entry, number)}"
            situation = _checked(Situation, entry, where)
            if situation.name in told:
                raise MalformedSituations(f"{where}: the name is taken")
            told[situation.name] = entry, situation
        for number, entry in enumerate(_entries(path, content, "pairs"), start=1):
            pairs.append((path, _checked(ToldPair, entry, f"{path}: {_title('pair', entry, number)}")))
    if not told:
        raise MalformedSituations(f"{', '.join(map(str, paths))}: there is no situation in it")
    return CalibrationSet(name, tuple(situation for _, situation in told.values()), tuple(_pairs_of(pairs, told)))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise MalformedSituations(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MOST_BYTES:
        raise MalformedSituations(f"{path}: larger than {MOST_BYTES // 1_000_000} MB")
    try:
        parsed = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise MalformedSituations(f"{path}: is no YAML: {error}") from error
    # What the parser itself trips over: tags that do not fit their value, dates that do not exist, endless nesting.
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise MalformedSituations(f"{path}: is no YAML that can be read: {error}") from error
    if not isinstance(parsed, dict):
        raise MalformedSituations(f"{path}: needs `situations:` and, if any, `pairs:`")
    if unknown := [key for key in parsed if key not in ("situations", "pairs")]:
        raise MalformedSituations(f"{path}: {unknown[0]!r} is not known here, only situations and pairs")
    return parsed


def _entries(path: Path, content: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    entries = content.get(kind, [])
    if not isinstance(entries, list):
        raise MalformedSituations(f"{path}: {kind} is no list")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or not all(isinstance(key, str) for key in entry):
            raise MalformedSituations(f"{path}: entry {number} of {kind} is no mapping of words")
    return entries


def _title(kind: str, entry: Mapping[str, Any], number: int) -> str:
    name = entry.get("name")
    return f'{kind} "{name}"' if isinstance(name, str) else f"{kind} {number}"


def _checked(kind: type[Entry], entry: Mapping[str, Any], where: str) -> Entry:
    try:
        return kind.model_validate(entry)
    except ValidationError as error:
        raise MalformedSituations(f"{where}: {'; '.join(_complaints(error))}") from error


def _complaints(error: ValidationError) -> Iterator[str]:
    for complaint in error.errors()[:3]:
        at = " ".join(str(step) for step in complaint["loc"] if not str(step).startswith("function"))
        message = complaint["msg"].removeprefix("Value error, ")
        yield f"{at}: {message}" if at else message


def _pairs_of(
    pairs: Sequence[tuple[Path, ToldPair]], told: Mapping[str, tuple[Mapping[str, Any], Situation]]
) -> Iterator[Pair]:
    for path, pair in pairs:
        where = f'{path}: pair "{pair.name}"'
        if pair.of not in told:
            raise MalformedSituations(f"{where}: there is no situation {pair.of!r}")
        entry, first = told[pair.of]
        second = _checked(Situation, _changed(entry, pair.but, where), where)
        yield Pair(pair.name, pair.fact, first, second, pair.then)


def _changed(entry: Mapping[str, Any], change: Change, where: str) -> dict[str, Any]:
    changes = {key: getattr(change, key) for key in change.model_fields_set}
    also, sure = changes.pop("also", []), changes.pop("sure", None)
    if not isinstance(also, list):
        raise MalformedSituations(f"{where}: also is no list")
    changed = {**entry, **changes}
    if also:
        changed["seen"] = [*changed["seen"], *also]
    if sure is not None:
        changed["seen"] = [{**actor, "sure": sure} for actor in changed["seen"]]
    return changed
