"""Times, spans and lists in the words that pages and receipts use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from django.utils import timezone

MINUTE, HOUR, DAY = 60, 3600, 86_400


def span_words(span: timedelta) -> str:
    """A length of time, rounded down: "34 s", "6 min", "1 h 20 min", "3 days"."""
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 2 * MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE} min"
    if seconds < DAY:
        hours, minutes = seconds // HOUR, seconds % HOUR // MINUTE
        return f"{hours} h {minutes} min" if minutes and hours < 6 else f"{hours} h"
    days = seconds // DAY
    return "1 day" if days == 1 else f"{days} days"


def clock_error_words(offset_s: float) -> str:
    """What must be added to a clock's times, as what is wrong with the clock: "61 min behind", "2 h ahead".

    Whole hours stand for a time zone; of a few, the minutes beyond them are what the reader looks for.
    """
    minutes = round(abs(offset_s) / MINUTE)
    in_minutes = minutes < 180 and minutes % 60
    size = f"{minutes} min" if in_minutes else span_words(timedelta(minutes=minutes))
    return f"{size} {'behind' if offset_s > 0 else 'ahead'}"


def age_words(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, for a reader: "just now", "40 s ago", "3 h ago"."""
    age = (now or timezone.now()) - moment
    return "just now" if age < timedelta(seconds=5) else f"{span_words(age)} ago"


def clock_words(moment: datetime, zone: tzinfo, *, seconds: bool = False, now: datetime | None = None) -> str:
    """The clock in `zone`, with as much of the day as a reader needs: "14:02", "yesterday 14:02", "3 Nov 14:02"."""
    local = moment.astimezone(zone)
    today = (now or timezone.now()).astimezone(zone).date()
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    days = (today - local.date()).days
    if days == 0:
        return clock
    if days == 1:
        return f"yesterday {clock}"
    if 1 < days < 7:
        return f"{local:%a} {clock}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year} {clock}"


def size_words(size_bytes: int) -> str:
    """ "12 bytes", "312 KB", "1.4 MB"."""
    if size_bytes < 1024:
        return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
    if size_bytes < 1024**2:
        return f"{size_bytes // 1024} KB"
    unit, name = (1024**2, "MB") if size_bytes < 1024**3 else (1024**3, "GB")
    return f"{size_bytes / unit:.1f}".removesuffix(".0") + f" {name}"


def list_words(words: Sequence[str]) -> str:
    """ "cat", "cat and dog", "car, cat and dog"."""
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
