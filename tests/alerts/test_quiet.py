"""Quiet hours go by the home's clock: over midnight, and on the days when the clock is changed."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts.models import NotificationChannel
from alerts.quiet import quiet_until

BERLIN = ZoneInfo("Europe/Berlin")


def channel(begins: str, ends: str) -> NotificationChannel:
    return NotificationChannel(quiet_from=time.fromisoformat(begins), quiet_until=time.fromisoformat(ends))


def at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def test_without_any_it_may_always_be_told() -> None:
    assert quiet_until(NotificationChannel(), at("2026-01-10 03:00")) is None


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-01-10 21:59:59", None),
        ("2026-01-10 22:00", "2026-01-11 07:00"),
        ("2026-01-10 23:59", "2026-01-11 07:00"),
        ("2026-01-11 00:00", "2026-01-11 07:00"),
        ("2026-01-11 06:59:59", "2026-01-11 07:00"),
        ("2026-01-11 07:00", None),
        ("2026-01-11 12:00", None),
    ],
)
def test_over_midnight(moment: str, until: str | None) -> None:
    assert quiet_until(channel("22:00", "07:00"), at(moment)) == (at(until) if until else None)


@pytest.mark.parametrize(
    ("moment", "until"),
    [("2026-01-10 12:59", None), ("2026-01-10 13:00", "2026-01-10 15:00"), ("2026-01-10 15:00", None)],
)
def test_within_a_day(moment: str, until: str | None) -> None:
    assert quiet_until(channel("13:00", "15:00"), at(moment)) == (at(until) if until else None)


def test_until_midnight() -> None:
    assert quiet_until(channel("20:00", "00:00"), at("2026-01-10 23:00")) == at("2026-01-11 00:00")
    assert quiet_until(channel("20:00", "00:00"), at("2026-01-11 00:00")) is None


def test_the_hour_that_comes_twice_is_quiet_both_times() -> None:
    night = channel("23:00", "02:30")
    assert quiet_until(night, at("2026-10-25 02:45")) == at("2026-10-25 02:30", fold=1)  # the first 02:45
    assert quiet_until(night, at("2026-10-25 02:29", fold=1))
    assert quiet_until(night, at("2026-10-25 02:30", fold=1)) is None


def test_the_hour_that_is_left_out() -> None:
    night = channel("23:00", "02:30")
    assert quiet_until(night, at("2026-03-29 01:59"))
    assert quiet_until(night, at("2026-03-29 03:31")) is None


@given(
    st.times(timezones=st.none()),
    st.times(timezones=st.none()),
    st.datetimes(datetime(2026, 5, 1), datetime(2026, 9, 1), timezones=st.just(BERLIN)),
)
def test_by_the_clock_on_ordinary_days(begins: time, ends: time, moment: datetime) -> None:
    assume(begins != ends)
    now = moment.time()
    is_quiet = begins <= now < ends if begins < ends else now >= begins or now < ends
    until = quiet_until(NotificationChannel(quiet_from=begins, quiet_until=ends), moment)
    assert (until is not None) == is_quiet
    assert until is None or (until.time() == ends and timedelta() < until - moment <= timedelta(days=1))
