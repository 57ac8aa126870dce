"""At which hours of which days a rule tells. Pure: checked by `alerts.rules` when saved, asked by `alerts.conditions`.

The clock on the wall decides, in the schedule's own zone: an hour that comes twice in autumn is in the window both
times, one that is left out in spring never is. A window over midnight belongs to the day it starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIELDS = frozenset({"days", "start_time", "end_time", "timezone"})
CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
MIDNIGHT = 24 * 60
MINUTE = timedelta(minutes=1)


class ScheduleRefused(Exception):
    """This is no schedule that could be kept to; the message says what to do."""


@dataclass(frozen=True)
class Schedule:
    """A window of every one of these days; `start` and `end` are minutes of the day, the end is not in it."""

    days: tuple[str, ...]
    start: int
    end: int
    timezone: str

    @classmethod
    def parse(cls, value: object) -> Schedule:
        """From `{"days", "start_time", "end_time", "timezone"}`; without a zone: the home's. Raises ScheduleRefused."""
        if not isinstance(value, dict) or not FIELDS - {"timezone"} <= set(value) <= FIELDS:
            raise ScheduleRefused(
                'Write it as {"days": ["mon", …], "start_time": "22:00", "end_time": "06:00", '
                '"timezone": "Europe/Berlin"}, or leave it out for any time.'
            )
        start, end = _minute(value["start_time"]), _minute(value["end_time"], is_end=True)
        if start == end:
            raise ScheduleRefused("Start and end are the same. For the whole day write 00:00 to 24:00.")
        return cls(_days(value["days"]), start, end, _zone_name(value.get("timezone") or settings.TIME_ZONE))

    def as_json(self) -> dict[str, object]:
        return {
            "days": list(self.days),
            "start_time": clock_of(self.start),
            "end_time": clock_of(self.end),
            "timezone": self.timezone,
        }

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def is_over_midnight(self) -> bool:
        return self.end < self.start

    def contains(self, moment: datetime) -> bool:
        return self._day_of_window(moment) is not None

    def until(self, moment: datetime) -> datetime | None:
        """When the window that this moment is in ends; None: it is in none."""
        day = self._day_of_window(moment)
        if day is None:
            return None
        # Minute by minute: the clock may be moved in between, by any amount, at any minute.
        end = moment.astimezone(UTC).replace(second=0, microsecond=0) + MINUTE
        while self._day_of_window(end) == day:
            end += MINUTE
        return end

    def _day_of_window(self, moment: datetime) -> date | None:
        """The day on which the window that holds this moment began."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.is_over_midnight:
            if minute >= self.start and self._is_on(local.weekday()):
                return local.date()
            return local.date() - timedelta(days=1) if minute < self.end and self._is_on(local.weekday() - 1) else None
        return local.date() if self.start <= minute < self.end and self._is_on(local.weekday()) else None

    def _is_on(self, weekday: int) -> bool:
        return DAYS[weekday] in self.days


def clock_of(minute: int) -> str:
    """ "22:00"; the end of a day is "24:00"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(value: object, *, is_end: bool = False) -> int:
    if is_end and value == "24:00":
        return MIDNIGHT
    if isinstance(value, str) and (clock := CLOCK.fullmatch(value)):
        return int(clock[1]) * 60 + int(clock[2])
    raise ScheduleRefused("A time is written as 22:00, in hours and minutes from 00:00 to 23:59.")


def _days(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(day in DAYS for day in value if isinstance(day, str)):
        days = tuple(day for day in DAYS if day in value)
        if len(days) == len(value):
            return days
    raise ScheduleRefused(f"Name at least one day, each once: {', '.join(DAYS)}.")


def _zone_name(value: object) -> str:
    if isinstance(value, str) and value in _known_zones():
        return value
    raise ScheduleRefused(f"There is no time zone “{str(value)[:64]}”. They have names such as Europe/Berlin.")


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads a folder each time
