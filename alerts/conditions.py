"""Whether a visit meets the conditions of a rule, and if not, which one first. Pure: nothing here asks the database.

Type, confidence, zone, hour and household are met by one and the same detection. Called by `alerts.evaluate` for what
happens and by `alerts.trial` for what happened.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alerts.outcomes import Condition
from alerts.schedule import Schedule

LATE_AFTER = timedelta(hours=1)
"""What arrives later than this after it was taken is told in the inbox only."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A detection as rules see it."""

    detection_id: int
    object_type: str
    confidence: float
    seen_at: datetime
    late: timedelta
    zone_ids: tuple[str, ...] = ()
    household: str | None = None

    @property
    def is_live(self) -> bool:
        return self.late <= LATE_AFTER


@dataclass(frozen=True)
class Visit:
    """An event as rules see it. Of its sights the first that meets everything decides: see `condensed`."""

    event_id: int
    camera_id: str
    camera_name: str
    score: int
    sights: Sequence[Sight]
    zone_names: Mapping[str, str] = field(default_factory=dict)
    hidden: str = ""
    """Why nobody may be told of it at all."""


@dataclass(frozen=True)
class Conditions:
    """Those of one rule; an empty one is met by anything. Cameras and zones with their names."""

    cameras: Mapping[str, str] = field(default_factory=dict)
    risk_threshold: int | None = None
    object_types: tuple[str, ...] = ()
    min_confidence: float | None = None
    zones: Mapping[str, str] = field(default_factory=dict)
    schedule: Schedule | None = None
    when: str | None = None
    problems: Mapping[Condition, str] = field(default_factory=dict)
    """What cannot be judged any more, and why: it is met by nothing."""

    def may_be_met_by(self, camera_id: str, score: int) -> bool:
        """Whether it depends on what was seen, with this camera and score."""
        is_named = not self.cameras or camera_id in self.cameras
        return is_named and (self.risk_threshold is None or score >= self.risk_threshold)

    def of_detections(self) -> Iterable[tuple[Condition, Callable[[Sight], bool]]]:
        """Those that a detection must meet, in the order they are looked at."""
        types, least, zones, schedule = self.object_types, self.min_confidence, self.zones, self.schedule
        if types:
            yield Condition.OBJECT_TYPES, lambda sight: sight.object_type in types
        if least is not None:
            yield Condition.MIN_CONFIDENCE, lambda sight: sight.confidence >= least
        if zones or Condition.ZONES in self.problems:
            yield Condition.ZONES, lambda sight: any(zone in zones for zone in sight.zone_ids)
        if schedule is not None:
            yield Condition.SCHEDULE, lambda sight: schedule.contains(sight.seen_at)
        elif Condition.SCHEDULE in self.problems:
            yield Condition.SCHEDULE, lambda _: False
        if self.when is not None:
            yield Condition.WHEN, lambda sight: sight.household == self.when


@dataclass(frozen=True)
class Unmet:
    """The first condition that nothing met, with what it asks for and what there was."""

    condition: Condition
    wanted: Any
    got: Any


def judge(rule: Conditions, visit: Visit) -> Sight | Unmet:
    """The detection that decides for the rule, or what was not met."""
    if visit.hidden:
        return Unmet(Condition.CAMERAS, list(rule.cameras.values()), {"problem": visit.hidden})
    if rule.cameras and visit.camera_id not in rule.cameras:
        return Unmet(Condition.CAMERAS, list(rule.cameras.values()), visit.camera_name)
    if rule.risk_threshold is not None and visit.score < rule.risk_threshold:
        return Unmet(Condition.RISK_THRESHOLD, rule.risk_threshold, visit.score)
    left = visit.sights
    for condition, meets in rule.of_detections():
        met = [sight for sight in left if meets(sight)]
        if not met:
            return _unmet(condition, rule, visit, left)
        left = met
    return left[0] if left else _unmet(Condition.OBJECT_TYPES, rule, visit, left)


def _unmet(condition: Condition, rule: Conditions, visit: Visit, left: Sequence[Sight]) -> Unmet:
    """`left` met all that is looked at before."""
    problem = rule.problems.get(condition)
    got = {"problem": problem} if problem and left else _got(condition, rule, visit, left)
    return Unmet(condition, _wanted(condition, rule), got)


def _wanted(condition: Condition, rule: Conditions) -> Any:
    match condition:
        case Condition.OBJECT_TYPES:
            return list(rule.object_types)
        case Condition.MIN_CONFIDENCE:
            return rule.min_confidence
        case Condition.ZONES:
            return list(rule.zones.values())
        case Condition.SCHEDULE:
            return rule.schedule.as_json() if rule.schedule else None
        case _:
            return rule.when


def _got(condition: Condition, rule: Conditions, visit: Visit, left: Sequence[Sight]) -> Any:
    match condition:
        case Condition.OBJECT_TYPES:
            return sorted({sight.object_type for sight in left})
        case Condition.MIN_CONFIDENCE:
            return max((sight.confidence for sight in left), default=None)
        case Condition.ZONES:
            return sorted({visit.zone_names.get(zone, zone) for sight in left for zone in sight.zone_ids})
        case Condition.SCHEDULE:
            assert rule.schedule is not None  # else it has a problem
            return left[0].seen_at.astimezone(rule.schedule.zone).isoformat() if left else None
        case _:
            return left[0].household if left else None


def condensed(sights: Iterable[Sight]) -> list[Sight]:
    """Of detections that no rule can tell apart but by how sure they are, the surest; the one to decide first.

    A long visit has thousands, which five hundred rules need not go through one by one: schedules tell minutes apart.
    First come those that arrived live, then the surest.
    """
    surest: dict[object, Sight] = {}
    for sight in sights:
        minute = sight.seen_at.replace(second=0, microsecond=0)
        alike = (sight.object_type, sight.zone_ids, minute, sight.is_live, sight.household)
        if alike not in surest or sight.confidence > surest[alike].confidence:
            surest[alike] = sight
    return sorted(surest.values(), key=lambda one: (not one.is_live, -one.confidence, one.seen_at, one.detection_id))


@dataclass(frozen=True)
class Household:
    """What was said about who is home, in order of time."""

    since: Sequence[datetime]
    modes: Sequence[str]

    def at(self, moment: datetime) -> str | None:
        place = bisect_right(self.since, moment)
        return self.modes[place - 1] if place else None
