"""Rules and what they decided, in sentences. Called by pages; the API gives the plain values beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.conf import settings
from django.utils import timezone

from alerts.models import AlertRule
from alerts.outcomes import FIRED, Condition, Outcome
from alerts.rules import Draft, draft_of
from alerts.schedule import DAYS, Schedule, ScheduleRefused
from cameras.words import clock_words, list_words, span_words
from inference.analysts.rules.phrases import percent, plural
from inference.scale import RISK_BANDS, level_of

DAY_NAMES = dict(
    zip(DAYS, ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays"), strict=True)
)
WEEKDAYS, WEEKEND = DAYS[:5], DAYS[5:]
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
HOUSEHOLD = {"home": "somebody is home", "away": "nobody is home"}
HOUSEHOLD_THEN = {"home": "somebody was home", "away": "nobody was home"}


def rule_in_words(rule: AlertRule | Draft) -> str:
    """All it asks for, in one sentence, as the person who wrote it would tell it."""
    draft = draft_of(rule) if isinstance(rule, AlertRule) else rule
    told = list_words([channel.name for channel in draft.channels]) if draft.channels else ""
    begin = f"Tells {told} when " if told else "Puts an alert in the inbox when "
    seen = f"{_what(draft.object_types, draft.min_confidence)} is seen{_where(draft)}"
    household = f" while {HOUSEHOLD[draft.when]}" if draft.when in HOUSEHOLD else ""
    score = f" and the visit's score is {threshold_words(draft.risk_threshold)}" if draft.risk_threshold else ""
    return f"{begin}{seen}{_schedule_of(draft.schedule)}{household}{score}, {_how_often(draft.cooldown_seconds)}."


def outcome_words(outcome: Outcome, zone: tzinfo | None = None) -> str:
    """What a rule decided with a visit and why; times by the clock of `zone`, else the home's."""
    clock = zone or timezone.get_current_timezone()
    wanted, got = outcome["wanted"], outcome["got"]
    if outcome["outcome"] == FIRED:
        return _fired(got, clock)
    if isinstance(got, dict) and "problem" in got:
        return f"Not told: {got['problem']}"
    if outcome["condition"] is None or (got == [] and not wanted):
        return "Not told: nothing was seen that counts."
    return f"Not told: {REASONS[Condition(outcome['condition'])](wanted, got, clock)}"


def threshold_words(threshold: int) -> str:
    """ "high or critical (60 or more)" where that is what it comes to, else "50 or more (medium)"."""
    level = level_of(threshold)
    bottoms = [0, *(band.top + 1 for band in RISK_BANDS[:-1])]
    if threshold not in bottoms:
        return f"{threshold} or more ({level.value})" if threshold < 100 else "100 (critical)"
    above = [band.level.value for band in RISK_BANDS[bottoms.index(threshold) :]]
    return f"{_or(above)} ({threshold} or more)"


def long_words(seconds: int) -> str:
    """A length of time in whole units: "10 minutes", "90 seconds", "1 hour"."""
    size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
    count = seconds // size
    return f"1 {unit}" if count == 1 else f"{count} {unit}s"


def _or(words: list[str]) -> str:
    return " or ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def _any_of(object_types: list[str]) -> str:
    return _or([f"a {name}" for name in object_types])


def _what(object_types: tuple[str, ...], min_confidence: float | None) -> str:
    what = _any_of(list(object_types)) if object_types else "anything"
    return f"{what} ({percent(min_confidence)} sure or more)" if min_confidence else what


def _where(draft: Draft) -> str:
    if draft.zones:
        return f" in {_or([f'{zone.name} ({zone.camera.name})' for zone in draft.zones])}"
    return f" at {_or([camera.name for camera in draft.cameras])}" if draft.cameras else ""


def _schedule_of(stored: dict[str, Any] | None) -> str:
    if stored is None:
        return ""
    try:
        return schedule_words(Schedule.parse(stored))
    except ScheduleRefused:
        return " at hours that cannot be read"


def schedule_words(schedule: Schedule) -> str:
    """ " between 22:00 and 06:00 on Saturdays and Sundays", with the zone where it is not the home's."""
    written = schedule.as_json()
    whole_day = (written["start_time"], written["end_time"]) == ("00:00", "24:00")
    hours = "" if whole_day else f" between {written['start_time']} and {written['end_time']}"
    zone = "" if schedule.timezone == settings.TIME_ZONE else f" ({schedule.timezone} time)"
    if schedule.days == DAYS:
        return f"{hours or ' at any hour'}{zone}"
    starts = "nights that begin on " if schedule.is_over_midnight else ""
    named = {WEEKDAYS: "weekdays", WEEKEND: "weekends"}.get(schedule.days)
    days = named or list_words([DAY_NAMES[day] for day in schedule.days])
    return f"{hours} on {starts}{days}{zone}"


def _how_often(cooldown_seconds: int) -> str:
    return f"at most once in {long_words(cooldown_seconds)}" if cooldown_seconds else "every time"


def _fired(got: Any, clock: tzinfo) -> str:
    tells = got.get("channels", True)
    if got["alert_id"] is None:  # of a trial
        deed = "Would be told" if tells else "Would be put in the inbox"
    else:
        deed = "Met" if tells else "Put in the inbox"  # what became of the notices is told by each of them
    return f"{deed} at {_time(got['at'], clock)} (severity {got['severity']})." if got.get("at") else f"{deed}."


def _cooldown(_: Any, got: Any, clock: tzinfo) -> str:
    told = f"already told of this at {_time(got['told_at'], clock)}" if got.get("told_at") else "already told of this"
    return f"{told}; again from {_time(got['until'], clock)}."


def _quiet_hours(_: Any, got: Any, clock: tzinfo) -> str:
    return f"quiet hours of {list_words(got['channels'])} until {_time(got['until'], clock)}."


def _too_old(_: Any, got: Any, __: tzinfo) -> str:
    return f"its pictures came {span_words(timedelta(seconds=got))} after they were taken."


def _risk_threshold(wanted: Any, got: Any, _: tzinfo) -> str:
    return f"the score was {got}, it tells from {wanted} on."


def _object_types(wanted: Any, got: Any, _: tzinfo) -> str:
    seen = f"only {list_words([plural(name) for name in got])} were seen" if got else "nothing was seen that counts"
    return f"{seen}, it tells of {_any_of(wanted)}."


def _min_confidence(wanted: Any, got: Any, _: tzinfo) -> str:
    return f"at best {percent(got)} sure, it tells from {percent(wanted)} on."


def _zones(wanted: Any, got: Any, _: tzinfo) -> str:
    return f"seen in {list_words(got) if got else 'no zone'}, it tells of {_or(wanted)}."


def _cameras(wanted: Any, got: Any, _: tzinfo) -> str:
    return f"seen at {got}, it tells of {_or(wanted)}."


def _schedule(wanted: Any, got: Any, _: tzinfo) -> str:
    seen = datetime.fromisoformat(got)
    return f"seen on {seen:%A} at {seen:%H:%M}, it tells{schedule_words(Schedule.parse(wanted))}."


def _when(wanted: Any, got: Any, _: tzinfo) -> str:
    known = HOUSEHOLD_THEN[got] if got else "nobody had said whether anybody was home"
    return f"{known}, it tells while {HOUSEHOLD[wanted]}."


REASONS: dict[Condition, Callable[[Any, Any, tzinfo], str]] = {
    Condition.CAMERAS: _cameras,
    Condition.RISK_THRESHOLD: _risk_threshold,
    Condition.OBJECT_TYPES: _object_types,
    Condition.MIN_CONFIDENCE: _min_confidence,
    Condition.ZONES: _zones,
    Condition.SCHEDULE: _schedule,
    Condition.WHEN: _when,
    Condition.COOLDOWN: _cooldown,
    Condition.QUIET_HOURS: _quiet_hours,
    Condition.TOO_OLD: _too_old,
}


def _time(moment: str, clock: tzinfo) -> str:
    return clock_words(datetime.fromisoformat(moment), clock)
