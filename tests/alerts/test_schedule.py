"""Hours of days by the clock on the wall: over midnight, over changes of the clock, in every part of the world."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.schedule import DAYS, Schedule, ScheduleRefused

NIGHT = {"days": list(DAYS), "start_time": "22:00", "end_time": "06:00", "timezone": "Europe/Berlin"}
ZONES = (
    "Europe/Berlin",
    "America/Chicago",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Auckland",
    "Asia/Kathmandu",
    "UTC",
)


def schedule(**changes: object) -> Schedule:
    return Schedule.parse(NIGHT | changes)


def at(text: str, zone: str = "Europe/Berlin", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-18T21:59:59", False),
        ("2026-11-18T22:00:00", True),
        ("2026-11-19T00:00:00", True),
        ("2026-11-19T05:59:59", True),
        ("2026-11-19T06:00:00", False),
    ],
)
def test_the_start_is_in_the_window_and_the_end_is_not(moment: str, expected: bool) -> None:
    assert schedule().contains(at(moment)) == expected


def test_a_window_over_midnight_belongs_to_the_day_it_starts() -> None:
    saturday = schedule(days=["sat"])
    assert saturday.contains(at("2026-11-21T23:00"))  # a Saturday
    assert saturday.contains(at("2026-11-22T02:00")), "still Saturday's night"
    assert not saturday.contains(at("2026-11-21T02:00")), "Friday's night"
    assert not saturday.contains(at("2026-11-22T23:00"))


def test_a_window_until_midnight_ends_with_its_day() -> None:
    for end in ("24:00", "00:00"):
        evening = schedule(days=["sun"], start_time="20:00", end_time=end)
        assert evening.contains(at("2026-11-22T23:59:59"))
        assert not evening.contains(at("2026-11-23T00:00"))
        assert evening.until(at("2026-11-22T21:00")) == at("2026-11-23T00:00")


def test_the_whole_day_can_be_written() -> None:
    saturday = schedule(days=["sat"], start_time="00:00", end_time="24:00")
    assert saturday.contains(at("2026-11-21T00:00")) and saturday.contains(at("2026-11-21T23:59"))
    assert not saturday.contains(at("2026-11-22T00:00"))
    assert saturday.as_json()["end_time"] == "24:00"


class TestWhenTheClockIsMoved:
    def test_an_hour_that_comes_twice_counts_both_times(self) -> None:
        window = schedule(start_time="02:15", end_time="02:45")
        assert window.contains(at("2026-10-25T02:30", fold=0))
        assert window.contains(at("2026-10-25T02:30", fold=1))
        assert not window.contains(at("2026-10-25T02:50", fold=0))
        assert window.until(at("2026-10-25T02:30", fold=0)) == at("2026-10-25T02:45", fold=0)

    def test_an_hour_that_is_left_out_never_comes(self) -> None:
        window = schedule(start_time="02:15", end_time="02:45")
        night = at("2026-03-29T00:00")
        assert not any(window.contains(night + timedelta(minutes=minute)) for minute in range(600))

    def test_a_night_is_an_hour_shorter_or_longer(self) -> None:
        for start, hours in (("2026-03-28T22:00", 7), ("2026-10-24T22:00", 9), ("2026-11-18T22:00", 8)):
            assert schedule().until(at(start)) == at(start) + timedelta(hours=hours)

    def test_a_window_that_ends_in_an_hour_left_out_ends_where_it_is_left_out(self) -> None:
        window = schedule(start_time="01:00", end_time="02:30")
        assert window.until(at("2026-03-29T01:30")) == at("2026-03-29T03:00")

    def test_in_the_south_and_by_half_an_hour(self) -> None:
        lord_howe = schedule(timezone="Australia/Lord_Howe", start_time="01:30", end_time="02:00")
        twice = [at("2026-04-05T01:45", "Australia/Lord_Howe", fold=fold) for fold in (0, 1)]
        assert twice[1] - twice[0] == timedelta(minutes=30)
        assert all(lord_howe.contains(moment) for moment in twice)
        assert not lord_howe.contains(at("2026-10-04T02:31", "Australia/Lord_Howe"))
        auckland = schedule(timezone="Pacific/Auckland")
        assert auckland.until(at("2026-09-26T22:00", "Pacific/Auckland")) == at("2026-09-27T06:00", "Pacific/Auckland")


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    start = draw(st.integers(0, 1439))
    end = draw(st.integers(0, 1440).filter(lambda minute: minute != start))
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, unique=True))
    return Schedule(tuple(day for day in DAYS if day in days), start, end, draw(st.sampled_from(ZONES)))


MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))


def by_brute_force(schedule: Schedule, moment: datetime) -> bool:
    """Every minute of the wall clock that is in a window, of the days around, written down."""
    local = moment.astimezone(ZoneInfo(schedule.timezone)).replace(tzinfo=None, second=0, microsecond=0)
    length = (schedule.end - schedule.start) % 1440 or 1440
    minutes = set()
    for ago in range(3):
        day = local.replace(hour=0, minute=0) - timedelta(days=ago)
        if DAYS[day.weekday()] in schedule.days:
            minutes |= {day + timedelta(minutes=schedule.start + minute) for minute in range(length)}
    return local in minutes


@given(schedules(), MOMENTS)
def test_it_is_as_if_every_minute_were_written_down(schedule: Schedule, moment: datetime) -> None:
    assert schedule.contains(moment) == by_brute_force(schedule, moment)


@given(schedules(), MOMENTS)
def test_until_is_the_first_moment_after_it(schedule: Schedule, moment: datetime) -> None:
    end = schedule.until(moment)
    assert (end is not None) == schedule.contains(moment)
    if end is not None:
        assert moment < end <= moment + timedelta(hours=26)
        assert schedule.contains(end - timedelta(microseconds=1))
        is_whole_day = (schedule.end - schedule.start) % 1440 == 0
        assert is_whole_day or not schedule.contains(end)


@given(schedules())
def test_what_is_written_reads_the_same(schedule: Schedule) -> None:
    assert Schedule.parse(schedule.as_json()) == schedule


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"days": []}, "at least one day"),
        ({"days": ["monday"]}, "mon, tue"),
        ({"days": ["mon", "mon"]}, "each once"),
        ({"days": "mon"}, "at least one day"),
        ({"days": ["mon", 3]}, "at least one day"),
        ({"days": None}, "at least one day"),
        ({"start_time": "24:00"}, "22:00"),
        ({"start_time": "7:00"}, "22:00"),
        ({"start_time": 22}, "22:00"),
        ({"end_time": "06:60"}, "22:00"),
        ({"end_time": "٠٦:٠٠"}, "22:00"),
        ({"end_time": "06:00\n"}, "22:00"),
        ({"end_time": "22:00"}, "the same"),
        ({"timezone": "Mars/Base"}, "time zone"),
        ({"timezone": ["UTC"]}, "time zone"),
        ({"timezone": "../etc/passwd"}, "time zone"),
        ({"extra": 1}, "Write it as"),
    ],
)
def test_what_cannot_be_kept_to_is_refused_with_what_to_do(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ScheduleRefused, match=words):
        schedule(**changes)


@pytest.mark.parametrize("value", [None, "22:00-06:00", [], {}, {"days": ["mon"]}, 7])
def test_what_is_no_schedule_is_refused(value: object) -> None:
    with pytest.raises(ScheduleRefused, match="Write it as"):
        Schedule.parse(value)


def test_without_a_zone_it_is_the_homes() -> None:
    assert Schedule.parse({name: value for name, value in NIGHT.items() if name != "timezone"}) == schedule()
