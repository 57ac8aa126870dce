"""When a file's picture was taken, and who says so: intake asks `captured_at`, a camera `steady_offset`. Pure.

Cameras agree on no form, so a name is read by what is unmistakable in it: a whole date and time, or the time
of day below a date folder. Everything else (addresses, resolutions, serial numbers) is left alone. The names of real
cameras that are tried lie in tests/cameras/real_paths/.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from PIL import Image
from PIL.ExifTags import IFD, Base

TimeSource = Literal["name", "exif", "mtime", "arrival"]

EARLIEST = datetime(2010, 1, 1, tzinfo=UTC)
"""Cameras that lost their clock start in 1970 or 2000; no camera of this kind is older than this."""
CLOCK_TOLERANCE = timedelta(minutes=2)
UPLOADS_FOR_CLOCK_CHECK = 5
LARGEST_DIFFERENCE_S = 2**31 - 1  # what Capture.clock_difference holds

_YEAR = r"(?P<year>1970|20\d\d)"
_MONTH = r"(?P<month>0[1-9]|1[0-2])"
_DAY = r"(?P<day>0[1-9]|[12]\d|3[01])"
_HOUR = r"(?P<hour>[01]\d|2[0-3])"
_MINUTE = r"(?P<minute>[0-5]\d)"
_SECOND = r"(?P<second>[0-5]\d)"
_SHORT_YEAR = r"(?P<short_year>[1-4]\d)"

# 20251231143000, 20251231-143000, 2025-12-31_14-30-00, 2025-12-31T14:30:00.250Z; milliseconds may follow at once,
# and where nothing parts date and time a short counter too. Of a range the start stands first.
_DATE_AND_TIME = re.compile(
    rf"(?<!\d){_YEAR}(?P<dash>[-_.:]?){_MONTH}(?P=dash){_DAY}"
    rf"(?P<gap>[T_\-., @]{{1,3}})?{_HOUR}(?P<colon>[-_.:]?){_MINUTE}(?P=colon){_SECOND}"
    r"(?(gap)(?:\d{3})?|\d{0,3})(?!\d)(?:[.,]\d{1,6})?(?P<utc>Z(?![^\W_]))?",
    re.ASCII,
)
# 2025-12-31/, 20251231/, 2025/12/31/
_DATE_FOLDER = re.compile(rf"(?<![^/]){_YEAR}(?P<dash>[-_./]?){_MONTH}(?P=dash){_DAY}(?=/)", re.ASCII)
# 14.30.00-14.30.27[M].dav, cam1_14-30-00.jpg, but no part of 10.10.10.10
_TIME_WITH_SEPARATORS = re.compile(
    rf"(?<!\d)(?<!\d[-.:]){_HOUR}(?P<colon>[-_.:]){_MINUTE}(?P=colon){_SECOND}(?!\d)(?!(?P=colon)\d)", re.ASCII
)
# 143000.jpg: only at the start, for IMG_000123.jpg is a counter
_TIME_FIRST = re.compile(rf"{_HOUR}{_MINUTE}{_SECOND}(?!\d)", re.ASCII)
# jpg/14/30/00[M][0@0][0].jpg, and jpg/14/30.00[M][0@0][0].jpg
_TIME_FOLDERS = re.compile(rf"/{_HOUR}/{_MINUTE}(?:/|\.(?=\d\d\[)){_SECOND}(?!\d)[^/]*\Z", re.ASCII)
# 2025Y12M31D14H/E130M00S60.mp4: the hour in the folder, in the name minute, second and the clip's length
_YI = re.compile(rf"(?<![^/]){_YEAR}Y{_MONTH}M{_DAY}D{_HOUR}H/(?:E\d)?{_MINUTE}M{_SECOND}S\d\d(?!\d)[^/]*\Z", re.ASCII)
# A25123114300002.jpg, P251231_143000_143027.avi: an alarm or a plan, and nothing else in the name. Read first, for its
# 14 digits may be a date and time of 2001 to 2012 as well.
_ALARM = re.compile(
    rf"[AMPT]{_SHORT_YEAR}{_MONTH}{_DAY}_?{_HOUR}{_MINUTE}{_SECOND}(?:\d\d|_\d{{6}})?\.", re.ASCII | re.IGNORECASE
)
# Names with a date that only one kind of device writes like this.
_OTHER_DATES = (
    # 2025-12-31_001_14.30.00-14.30.27[M][0@0][0].jpg: the channel in between
    re.compile(rf"(?<!\d){_YEAR}-{_MONTH}-{_DAY}_\d{{3}}_{_HOUR}\.{_MINUTE}\.{_SECOND}(?!\d)", re.ASCII),
    # image25-12-31_14-30-00-39.jpg: hundredths at the end
    re.compile(
        rf"(?<!\d){_SHORT_YEAR}-{_MONTH}-{_DAY}_{_HOUR}-{_MINUTE}-{_SECOND}-\d\d\.[a-z]", re.ASCII | re.IGNORECASE
    ),
    # webcam_202512311430.jpg: to the minute
    re.compile(rf"(?:\A|_){_YEAR}{_MONTH}{_DAY}{_HOUR}{_MINUTE}(?=[_.])", re.ASCII),
)
# The whole name, or with a fraction and a dash behind it as video recorders write it, or behind minute and second
# (30M00S_1767191400.mp4). Seconds with another first digit than 1 would be read into YYYYMMDDHH, and those years are
# far.
_EPOCH = re.compile(
    r"(?:\A(?P<whole>1[3-9]\d{8})(?:\d{3})?\.[a-z]|-(?P<part>1[3-9]\d{8})\.\d{3,6}-"
    r"|\A\d\dM\d\dS_(?P<last>1[3-9]\d{8})\.[a-z])",
    re.ASCII | re.IGNORECASE,
)
# Phones of this maker name their pictures in UTC.
_UTC_PREFIX = "PXL_"
_EXIF_TIME = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)", re.ASCII)
_EXIF_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)", re.ASCII)


@dataclass(frozen=True)
class CapturedAt:
    """`at` is in UTC. `difference_s` = arrival − the camera's own clock, None where the name tells no time."""

    at: datetime
    source: TimeSource
    difference_s: int | None


def captured_at(
    relative_path: str,
    *,
    exif: datetime | None,
    mtime: datetime,
    arrived_at: datetime,
    duration_s: float | None,
    zone: ZoneInfo,
    clock_offset_s: int | None,
) -> CapturedAt:
    """The best witness that can be right: name, EXIF, mtime (of a video its end), arrival; in this order.

    A witness is wrong that names a time more than two minutes after the arrival, or before 2010. The accepted
    offset corrects the camera's own clock, so it is added to name and EXIF before they are judged.
    """
    length = timedelta(seconds=duration_s or 0)
    offset = timedelta(seconds=clock_offset_s or 0)
    by_mtime = mtime - length
    by_name = _instant(time_in_name(relative_path), zone, near=by_mtime - offset)
    by_exif = _instant(exif, zone, near=by_mtime - offset)
    witnesses: tuple[tuple[TimeSource, datetime | None], ...] = (
        ("name", _shifted(by_name, offset)),
        ("exif", _shifted(by_exif, offset)),
        ("mtime", by_mtime.astimezone(UTC)),
    )
    difference_s = _difference_s(arrived_at - by_name - length) if by_name else None
    for source, at in witnesses:
        if at and EARLIEST <= at <= arrived_at + CLOCK_TOLERANCE:
            return CapturedAt(at, source, difference_s)
    return CapturedAt(arrived_at.astimezone(UTC), "arrival", difference_s)


def time_in_name(relative_path: str) -> datetime | None:
    """The time a file's name and date folders tell, in the camera's wall clock; None where none is unmistakable.

    A video's is that of its start. Aware only where the name itself speaks UTC (`…Z`, a Unix time).
    """
    name = relative_path.rpartition("/")[2]
    if (alarm := _ALARM.match(name)) and (moment := _moment(alarm.groupdict())):
        return moment
    for match in _DATE_AND_TIME.finditer(name):
        if moment := _moment(match.groupdict()):
            return moment.replace(tzinfo=UTC) if match["utc"] or name.startswith(_UTC_PREFIX) else moment
    return _time_below_date_folder(relative_path, name) or _epoch(name) or _in_another_form(relative_path, name)


def steady_offset(differences: Sequence[int]) -> timedelta | None:
    """How far a camera's clock is off, by its last five uploads' differences, newest first; None: it keeps time.

    A wrong clock differs by the same from upload to upload. Differences that keep shrinking or growing are a
    backlog that is being worked off.
    """
    latest = differences[:UPLOADS_FOR_CLOCK_CHECK]
    if len(latest) < UPLOADS_FOR_CLOCK_CHECK or max(latest) - min(latest) > CLOCK_TOLERANCE.total_seconds():
        return None
    steps = [newer - older for newer, older in pairwise(latest)]
    is_backlog = all(step > 0 for step in steps) or all(step < 0 for step in steps)
    mean = timedelta(seconds=sum(latest) / len(latest))
    if is_backlog or abs(mean) <= CLOCK_TOLERANCE:
        return None
    return timedelta(minutes=round(mean.total_seconds() / 60))


def exif_time(image: Image.Image) -> datetime | None:
    """When the camera says it took the picture (DateTimeOriginal): aware where it tells its zone, else naive."""
    try:
        details = image.getexif().get_ifd(IFD.Exif)
        taken, offset = details.get(Base.DateTimeOriginal), details.get(Base.OffsetTimeOriginal)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError, struct.error):
        return None  # Pillow reads EXIF of hostile files only now, and trips over it in all these ways
    match = _EXIF_TIME.match(_text(taken))
    if not match:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=_exif_zone(_text(offset)))
    except ValueError:
        return None


def _time_below_date_folder(path: str, name: str) -> datetime | None:
    folders = [match for match in _DATE_FOLDER.finditer(path) if match.end() < len(path)]
    if not folders:
        return None
    date = folders[-1]
    time = _TIME_WITH_SEPARATORS.search(name) or _TIME_FIRST.match(name) or _TIME_FOLDERS.search(path, date.end())
    return _moment(date.groupdict() | time.groupdict()) if time else None


def _in_another_form(path: str, name: str) -> datetime | None:
    match = _YI.search(path) or next((found for form in _OTHER_DATES if (found := form.search(name))), None)
    return _moment(match.groupdict()) if match else None


def _epoch(name: str) -> datetime | None:
    match = _EPOCH.search(name)
    return datetime.fromtimestamp(int(match["whole"] or match["part"] or match["last"]), UTC) if match else None


def _moment(parts: dict[str, str | None]) -> datetime | None:
    year = int(parts.get("year") or f"20{parts['short_year']}")
    month, day, hour, minute, second = (
        int(parts.get(part) or 0) for part in ("month", "day", "hour", "minute", "second")
    )
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  (a wall clock's)
    except ValueError:
        return None


def _instant(moment: datetime | None, zone: ZoneInfo, near: datetime) -> datetime | None:
    """A wall clock's time as UTC. Of an hour that came twice or never, the reading nearest to `near`."""
    if moment is None:
        return None
    try:
        if moment.tzinfo:
            return moment.astimezone(UTC)
        readings = (moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        return min(readings, key=lambda reading: abs(reading - near))
    except OverflowError:
        return None


def _shifted(moment: datetime | None, offset: timedelta) -> datetime | None:
    try:
        return moment + offset if moment else None
    except OverflowError:
        return None


def _difference_s(difference: timedelta) -> int | None:
    seconds = round(difference.total_seconds())
    return seconds if abs(seconds) <= LARGEST_DIFFERENCE_S else None


def _text(value: object) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _exif_zone(offset: str) -> timezone | None:
    match = _EXIF_OFFSET.match(offset)
    if not match:
        return None
    distance = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(-distance if match[1] == "-" else distance)
