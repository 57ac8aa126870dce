"""When the daily cleanup runs by itself, and when it had better not. Called by its task and by retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet

from telemetry.models import Job

DAILY_AT_HOUR = 3
RETRY_AFTER = timedelta(hours=1)
# Jobs further ahead than this were started before the clock was set back: they say nothing.
CLOCK_SET_BACK = timedelta(minutes=5)
# Without a cleanup for longer than this, the machine was off or its clock was set ahead.
CLOCK_LEAP = timedelta(days=7)
# A clock that was refused, and still goes on after this long, is right, or nobody minds.
CLOCK_ACCEPTED_AFTER = timedelta(hours=24)


class ClockDoubted(Exception):
    """The clock may have been set ahead: everything would seem to be past its time. The message says so to a person."""


def is_due(now: datetime) -> bool:
    """Whether no cleanup has ended well since the last 03:00 at home, nor been tried within the hour.

    So a machine that slept at 03:00 catches up when it wakes.
    """
    cleanups = _cleanups(now)
    last = last_daily_run(now, ZoneInfo(settings.TIME_ZONE))
    done = cleanups.filter(state=Job.State.DONE, started_at__gte=last)
    return not done.exists() and not cleanups.filter(started_at__gt=now - RETRY_AFTER).exists()


def last_daily_run(now: datetime, zone: ZoneInfo) -> datetime:
    """The latest 03:00 by the clock at home. Where it comes twice, the first; where it is skipped, the change."""
    day = now.astimezone(zone).date()
    for back in (0, 1):
        at = datetime(day.year, day.month, day.day, DAILY_AT_HOUR, tzinfo=zone) - timedelta(days=back)
        if at.astimezone(UTC) <= now:
            break
    return at.astimezone(UTC)


def refuse_if_clock_is_doubted(now: datetime) -> None:
    """Raise ClockDoubted where the last cleanup ended well more than a week ago and none was refused a day ago.

    Other signs of time do not tell: heartbeats and files that arrive have the new time a moment after the clock has.
    """
    cleanups = _cleanups(now)
    # The one that ended last, not the one with the latest time: that may be of an hour when the clock was ahead.
    last = cleanups.filter(state=Job.State.DONE).order_by("-pk").first()
    if last is None or now - last.started_at <= CLOCK_LEAP:
        return
    refused = cleanups.filter(pk__gt=last.pk, started_at__gt=last.started_at + CLOCK_LEAP)
    if refused.filter(started_at__lte=now - CLOCK_ACCEPTED_AFTER).exists():
        return
    raise ClockDoubted(
        f"The clock moved by {(now - last.started_at).days} days since the last cleanup, or the machine was off that "
        f"long. Look at the clock: {now.astimezone(ZoneInfo(settings.TIME_ZONE)):%Y-%m-%d %H:%M}. If it is right, run "
        "manage.py cleanup; otherwise set it. In a day cleanup goes on by itself."
    )


def _cleanups(now: datetime) -> QuerySet[Job]:
    return Job.objects.filter(kind=Job.Kind.CLEANUP, started_at__lte=now + CLOCK_SET_BACK)
