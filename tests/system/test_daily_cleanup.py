"""When cleanup runs by itself, and that a clock that was set ahead does not wipe the archive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cameras.models import Camera
from events.models import Event
from system.daily import ClockDoubted, is_due, last_daily_run, refuse_if_clock_is_doubted
from system.retention import clean_up
from system.tasks import clean_up_if_due
from telemetry.models import Job
from tests.system.archive import (
    days_ago,
    visit,
)

pytestmark = pytest.mark.django_db
OLD = 31


BERLIN, ATHENS = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Athens")


class TestWhen:
    @pytest.mark.parametrize(
        ("now", "zone", "last"),
        [
            ("2026-11-21T02:30:00Z", BERLIN, "2026-11-21T02:00:00Z"),
            ("2026-11-21T01:59:59Z", BERLIN, "2026-11-20T02:00:00Z"),
            ("2026-11-21T02:00:00Z", BERLIN, "2026-11-21T02:00:00Z"),
            ("2026-03-29T01:00:00Z", BERLIN, "2026-03-29T01:00:00Z"),  # 02:00 → 03:00
            ("2026-10-25T02:00:00Z", BERLIN, "2026-10-25T02:00:00Z"),  # 03:00 → 02:00, then 03:00 again
            ("2026-10-25T01:59:59Z", BERLIN, "2026-10-24T01:00:00Z"),
            ("2026-03-29T00:59:59Z", ATHENS, "2026-03-28T01:00:00Z"),
            ("2026-03-29T01:00:00Z", ATHENS, "2026-03-29T01:00:00Z"),  # 03:00 → 04:00: there is no 03:00
            ("2026-10-25T00:30:00Z", ATHENS, "2026-10-25T00:00:00Z"),  # 03:00 comes twice
            ("2026-10-25T01:30:00Z", ATHENS, "2026-10-25T00:00:00Z"),
        ],
    )
    def test_the_last_three_o_clock_at_home(self, now: str, zone: ZoneInfo, last: str) -> None:
        assert last_daily_run(datetime.fromisoformat(now), zone) == datetime.fromisoformat(last)

    @given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
    def test_it_is_never_more_than_a_day_and_an_hour_ago(self, now: datetime) -> None:
        assert timedelta() <= now - last_daily_run(now, ATHENS) <= timedelta(hours=25)

    @pytest.mark.parametrize(
        ("state", "started", "due"),
        [
            ("done", "2026-11-20T02:10:00Z", True),
            ("done", "2026-11-21T02:10:00Z", False),
            ("failed", "2026-11-21T02:10:00Z", True),
            ("failed", "2026-11-21T10:30:00Z", False),
            ("running", "2026-11-21T10:30:00Z", False),
        ],
    )
    def test_it_is_due_until_it_was_done_and_tried_again_after_an_hour(
        self, state: str, started: str, due: bool
    ) -> None:
        Job.objects.create(kind="cleanup", state=state, started_at=datetime.fromisoformat(started))
        Job.objects.create(kind="verify", state="done")
        assert is_due(datetime.fromisoformat("2026-11-21T11:00:00Z")) is due

    def test_the_task_runs_it_once(self, reporting: Camera) -> None:
        visit(reporting, days_ago(OLD))
        clean_up_if_due()
        clean_up_if_due()
        assert not Event.objects.exists() and Job.objects.count() == 1


def cleanup_at(days: float, state: str = "done") -> Job:
    return Job.objects.create(kind="cleanup", state=state, started_at=days_ago(days))


class TestClock:
    """The clock cannot be set in a test: the archive is as old as it seems where the clock is ahead."""

    @pytest.fixture(autouse=True)
    def archive(self, reporting: Camera) -> None:
        visit(reporting, days_ago(365))

    def test_one_that_is_a_year_ahead_wipes_nothing_and_says_why(self) -> None:
        cleanup_at(365)
        clean_up_if_due()
        assert Event.objects.exists()
        refused = Job.objects.latest("pk")
        assert refused.state == "failed"
        assert refused.error.startswith("The clock moved by 365 days since the last cleanup, or the machine was off")
        clean_up_if_due()
        assert Job.objects.count() == 2, "it is tried again after an hour"

    def test_a_person_may_clean_up_all_the_same_and_then_it_goes_on_daily(self) -> None:
        cleanup_at(365)
        clean_up()
        assert not Event.objects.exists()
        refuse_if_clock_is_doubted(timezone.now() + timedelta(days=1))

    def test_after_a_day_by_the_same_clock_it_goes_on_by_itself(self) -> None:
        cleanup_at(365)
        cleanup_at(0.9, "failed")
        clean_up_if_due()
        assert Event.objects.exists()
        Job.objects.filter(state="failed").update(started_at=days_ago(1.1))
        clean_up_if_due()
        assert not Event.objects.exists()

    def test_one_that_failed_before_the_clock_moved_is_no_day_by_it(self) -> None:
        cleanup_at(365)
        cleanup_at(364, "failed")
        clean_up_if_due()
        assert Event.objects.exists()

    @pytest.mark.parametrize("state", ["failed", "done"])
    def test_a_clock_that_is_ahead_at_every_start_is_refused_at_every_start(self, state: str) -> None:
        cleanup_at(366)
        cleanup_at(2, state)  # ahead, refused or begun by a person, and set right
        cleanup_at(365)
        clean_up_if_due()
        assert Event.objects.exists()

    def test_after_it_was_set_back_cleanup_goes_on(self) -> None:
        cleanup_at(1)
        cleanup_at(-365)
        cleanup_at(-365, "failed")
        assert is_due(timezone.now())
        clean_up_if_due()
        assert not Event.objects.exists()

    @pytest.mark.parametrize("minutes", [-4, 0, 4])
    def test_a_correction_by_minutes_is_none(self, minutes: float) -> None:
        cleanup_at(minutes / 24 / 60)
        assert not is_due(timezone.now())

    @pytest.mark.parametrize("days", [None, 0.9, 6.9])
    def test_a_new_installation_and_one_that_was_off_for_days_are_believed(self, days: float | None) -> None:
        if days:
            cleanup_at(days)
        refuse_if_clock_is_doubted(timezone.now())

    def test_summer_time_is_no_leap(self) -> None:
        for change in ("2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"):
            now = datetime.fromisoformat(change) + timedelta(hours=2)
            Job.objects.create(kind="cleanup", state="done", started_at=now - timedelta(days=7))
            refuse_if_clock_is_doubted(now)
            with pytest.raises(ClockDoubted):
                refuse_if_clock_is_doubted(now + timedelta(seconds=1))
