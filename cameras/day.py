"""What became of the files of a camera's last 24 hours: how many of each outcome, and how many came in each hour.

For the camera's page. However long the archive is, only the rows of that day are read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from django.db.models import Count, DateTimeField, F, Func, Max, Q, QuerySet, Value
from django.utils import timezone

from cameras.models import Camera, Capture, CaptureQuerySet, IgnoredFile
from cameras.receipts import Outcome, Receipt, receipts_of

LENGTH = timedelta(hours=24)
# Every time zone's offset is a multiple of this, also where daylight saving moves the clock by half an hour.
QUARTER = timedelta(minutes=15)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
FILES_A_PAGE = 20
MOST_PAGES = 25
MOST_KINDS = 10

OF_CAPTURES = {
    Outcome.FOUND: Q(state=Capture.State.DETECTED) & ~Q(preview_path=""),
    Outcome.NOTHING: Q(state=Capture.State.DETECTED, preview_path="") | Q(state=Capture.State.EXPIRED),
    Outcome.DUPLICATE: Q(state=Capture.State.DUPLICATE),
    Outcome.REFUSED: Q(state=Capture.State.REJECTED),
    Outcome.FAILED: Q(state=Capture.State.FAILED),
    Outcome.PENDING: Q(state__in=[Capture.State.QUEUED, Capture.State.DETECTING]),
}
OF_IGNORED = {
    Outcome.IGNORED: Q(kind=IgnoredFile.Kind.IGNORED),
    Outcome.REFUSED: Q(kind=IgnoredFile.Kind.UNREADABLE),
}
WORDS = {
    Outcome.FOUND: "Something found",
    Outcome.NOTHING: "Nothing found",
    Outcome.DUPLICATE: "Duplicate",
    Outcome.REFUSED: "Rejected",
    Outcome.IGNORED: "Ignored",
    Outcome.FAILED: "Failed",
    Outcome.PENDING: "Waiting",
}


@dataclass(frozen=True)
class Share:
    """How many files had one outcome."""

    outcome: Outcome
    files: int
    of: int

    @property
    def words(self) -> str:
        return WORDS[self.outcome]

    @property
    def percent(self) -> int:
        """Of all files; one of many can be seen."""
        return max(round(100 * self.files / self.of), 1) if self.files else 0


@dataclass(frozen=True)
class Hour:
    """One hour by the camera's clock, `start` in its zone; the first and the last of a day are parts of one."""

    start: datetime
    files: int
    most: int
    """Of any hour of the day."""

    @property
    def clock(self) -> str:
        """By the camera's clock; a template's own filter would show the home's."""
        return f"{self.start:%H:%M}"

    @property
    def weekday(self) -> str:
        return f"{self.start:%a}"

    @property
    def height(self) -> int:
        """Of its bar, up to 100; one file can be seen."""
        return max(round(100 * self.files / self.most), 2) if self.files else 0

    @property
    def top(self) -> int:
        return 100 - self.height

    @property
    def is_labelled(self) -> bool:
        return self.start.hour % 6 == 0 and not self.is_repeated

    @property
    def is_repeated(self) -> bool:
        """The second one of this name on the night the clock is put back."""
        return self.start.fold == 1


@dataclass(frozen=True)
class Day:
    shares: list[Share]
    hours: list[Hour]

    @property
    def files(self) -> int:
        return sum(share.files for share in self.shares)

    @property
    def most(self) -> Hour:
        return max(self.hours, key=lambda hour: hour.files)


def day_of(camera: Camera) -> Day:
    """How many and when. Three queries: where the day begins, its captures, its ignored files."""
    now = timezone.now()
    outcomes, quarters = Counter[Outcome](), Counter[datetime]()
    sources: list[tuple[QuerySet[Any], dict[Outcome, Q]]] = [
        (captures_since(camera, now - LENGTH), OF_CAPTURES),
        (ignored_since(camera, now - LENGTH), OF_IGNORED),
    ]
    for rows, conditions in sources:
        counts = {outcome.name: Count("pk", filter=condition) for outcome, condition in conditions.items()}
        in_quarters = rows.alias(quarter=_quarter()).values(at=F("quarter")).annotate(**counts).order_by()
        for row in in_quarters:
            found = {outcome: row[outcome.name] for outcome in conditions}
            outcomes.update(found)
            quarters[row["at"]] += sum(found.values())
    total = outcomes.total()
    shares = [Share(outcome, outcomes[outcome], total) for outcome in WORDS]
    return Day(shares, hours_of(now - LENGTH, now, camera.zone, quarters))


def captures_since(camera: Camera, since: datetime) -> CaptureQuerySet:
    """Those that arrived since then. One query looks for the last before: as much of an index as the time is long."""
    # Ids grow with time, but where this machine's clock was set back: then what came before is left out for a day.
    arrivals = Capture.objects.filter(camera=camera)
    last_before = arrivals.filter(arrived_at__lt=since).order_by("-id").values_list("id", flat=True).first()
    return arrivals.filter(pk__gt=last_before or 0, arrived_at__gte=since)


def ignored_since(camera: Camera, since: datetime) -> QuerySet[IgnoredFile]:
    return IgnoredFile.objects.filter(camera=camera, arrived_at__gte=since)


@dataclass(frozen=True)
class IgnoredKind:
    """Files that were ignored for the same reason."""

    reason: str
    files: int
    newest_at: datetime


def ignored_kinds(camera: Camera) -> list[IgnoredKind]:
    """Why files of the day were ignored, the most frequent reason first. One query."""
    ignored = ignored_since(camera, timezone.now() - LENGTH).filter(OF_IGNORED[Outcome.IGNORED])
    kinds = (
        ignored.values("reason").annotate(files=Count("pk"), newest_at=Max("arrived_at")).order_by("-files", "reason")
    )
    return [IgnoredKind(**kind) for kind in kinds[:MOST_KINDS]]


@dataclass(frozen=True)
class FilePage:
    """A page of a camera's files, newest first: all of them, or those of the day with one outcome."""

    receipts: list[Receipt]
    outcome: Outcome | None
    number: int
    goes_on: bool

    @property
    def title(self) -> str:
        return f"{WORDS[self.outcome]}, last 24 h" if self.outcome else "Last files"

    @property
    def older(self) -> int | None:
        """The next page, while anybody would go on by pressing: further back the API lists them."""
        return self.number + 1 if self.goes_on and self.number < MOST_PAGES else None

    @property
    def newer(self) -> int | None:
        return self.number - 1 if self.number > 1 else None


def file_page(camera: Camera, outcome: Outcome | None, number: int) -> FilePage:
    """Two queries, three with an outcome."""
    captures, ignored = Capture.objects.filter(camera=camera), IgnoredFile.objects.filter(camera=camera)
    if outcome is not None:
        since = timezone.now() - LENGTH
        is_so, nothing = OF_CAPTURES.get(outcome), Q(pk__in=[])
        captures = captures_since(camera, since).filter(is_so) if is_so else captures.none()
        ignored = ignored_since(camera, since).filter(OF_IGNORED.get(outcome, nothing))
    end = number * FILES_A_PAGE
    receipts = receipts_of(captures, ignored, end + 1)
    return FilePage(receipts[end - FILES_A_PAGE : end], outcome, number, goes_on=len(receipts) > end)


def _quarter() -> Func:
    return Func(Value(QUARTER), F("arrived_at"), Value(EPOCH), function="date_bin", output_field=DateTimeField())


def hours_of(since: datetime, until: datetime, zone: tzinfo, quarters: Counter[datetime]) -> list[Hour]:
    """The hours between, by the clock of `zone`, with the files of their quarters (the starts of these in UTC).

    On the day the clock is put forward an hour is left out; when it is put back one comes twice.
    """
    files = Counter[tuple[datetime, timedelta | None]]()
    quarter = since - (since - EPOCH) % QUARTER
    while quarter <= until:
        local = quarter.astimezone(zone).replace(minute=0, second=0, microsecond=0)
        files[local.replace(tzinfo=None), local.utcoffset()] += quarters[quarter]
        quarter += QUARTER
    most = max(files.values(), default=0)
    return [Hour(_at(start, offset, zone), count, most) for (start, offset), count in files.items()]


def _at(start: datetime, offset: timedelta | None, zone: tzinfo) -> datetime:
    local = start.replace(tzinfo=zone)
    return local if local.utcoffset() == offset else local.replace(fold=1)
