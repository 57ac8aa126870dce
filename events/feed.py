"""What the live page shows, and what of it changed since a moment. Called by its views.

The page is made of fragments with fixed ids: the head line, a card for each visit that wants a look, an hour
of quiet visits, a tile for each camera, the last files. The first page and every later change use the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TypedDict
from zlib import crc32

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.home import home_mode
from accounts.models import HomeMode, User
from cameras.models import Camera, Capture
from cameras.receipts import Receipt, last_receipts
from cameras.tiles import Tile, tiles_of
from events.cards import Card, Fold, cards_of, first_with_pictures, fold_neighbours, rows_of
from events.models import WORTH_A_LOOK, Event, worry
from inference.scale import Level, level_of
from telemetry.disk import Disk, disks
from telemetry.models import Pause

SHOWN_FOR = timedelta(hours=24)
MOST_CARDS = 5
MOST_ROWS = 200
MOST_RECEIPTS = 8
ROWS_KEPT_OPEN = 3
# A transaction that was open while the page read may commit a time before the page's cursor.
CURSOR_MARGIN = timedelta(seconds=10)


class EventHint(TypedDict):
    """What open pages are told of a visit; they fetch the rest."""

    id: int
    batch_id: str
    camera_id: str
    state: str
    started_at: str
    ended_at: str
    risk_score: int
    risk_level: str
    summary: str
    object_types: list[str]
    reviewed: bool
    revision: int


def event_hint(event: Event) -> dict[str, object]:
    """The `data` of a broadcast about this event, JSON-ready."""
    hint = EventHint(
        id=event.pk,
        batch_id=str(event.batch_id),
        camera_id=event.camera_id,
        state=event.state,
        started_at=event.started_at.isoformat(),
        ended_at=event.ended_at.isoformat(),
        risk_score=event.risk_score,
        risk_level=level_of(event.risk_score).value,  # the generated column is stale right after a save
        summary=event.summary,
        object_types=event.object_type_list,
        reviewed=event.reviewed,
        revision=event.revision,
    )
    return dict(hint)


@dataclass(frozen=True)
class HeadLine:
    """Whether anything needs the reader, and the state of things beneath it."""

    waiting: int
    first: Event | None
    visits_today: int
    reporting: int
    last_file_at: datetime | None


@dataclass(frozen=True)
class Hour:
    """The visits that came in within one hour, newest first."""

    starts_at: datetime
    items: tuple[Card | Fold, ...] = ()

    @property
    def key(self) -> str:
        return f"hour-{self.starts_at:%Y%m%d%H}"

    @property
    def order(self) -> str:
        """Sorts as time does; the clock change repeats an hour, so by the universal clock."""
        return f"{int(self.starts_at.timestamp())}"

    @property
    def cards(self) -> list[Card]:
        return [card for item in self.items for card in (item.cards if isinstance(item, Fold) else (item,))]

    @property
    def version(self) -> str:
        return "-".join(card.version for card in self.cards)


@dataclass(frozen=True)
class Live:
    """Everything on the live page, or of its visits those that changed."""

    now: datetime
    head: HeadLine
    cards: list[Card]
    hours: list[Hour]
    tiles: list[Tile]
    receipts: list[Receipt]
    pauses: list[Pause]
    low_disks: list[Disk]
    failed: int
    """Files that wait for a person's decision on the System page; 0 for whoever may not decide."""
    hidden_cameras: int
    last_event: Event | None
    home: HomeMode | None
    gone: Sequence[int] = ()
    """Ids of changed visits that want no look (any more): their cards go."""
    put_away: Sequence[str] = ()
    """Ids of cameras that were put away or merged meanwhile: their tiles go."""

    @property
    def cursor(self) -> str:
        """Where the next request for changes begins: microseconds, since a second holds many changes."""
        return str(int(self.now.timestamp() * 1_000_000))

    @property
    def more_waiting(self) -> int:
        return max(self.head.waiting - MOST_CARDS, 0)

    @property
    def emptiness(self) -> str:
        """Why there is nothing to show: "hidden", "untouched", "quiet"; empty where there is something."""
        if not self.tiles and self.hidden_cameras:
            return "hidden"
        if not self.receipts and self.last_event is None:
            return "untouched"
        seen_lately = self.last_event and self.now - self.last_event.created_at < SHOWN_FOR
        return "" if self.head.waiting or seen_lately else "quiet"

    @property
    def is_untouched(self) -> bool:
        return self.emptiness == "untouched"

    @property
    def receipts_version(self) -> int:
        return crc32(repr([(one.file_path, one.sentence, one.event_id) for one in self.receipts]).encode())


def waiting_events(user: User) -> QuerySet[Event]:
    """Visits that want a look: medium and above, not reviewed; the most worrying level first, then the newest."""
    waiting = Event.objects.for_user(user).filter(reviewed=False, risk_level__in=WORTH_A_LOOK)
    return waiting.order_by(worry().desc(), "-id")


def live_page(user: User) -> Live:
    """The whole live page, in a number of queries that does not depend on how much there is."""
    now = timezone.now()
    cards = cards_of(first_with_pictures(waiting_events(user), MOST_CARDS))
    return _live(user, now, cards, _hours(_quiet_events(user, since=now - SHOWN_FOR)))


def live_changes(user: User, since: datetime) -> Live:
    """The live page with only those visits that changed since the cursor; sending one too many does no harm."""
    now = timezone.now()
    mine = Event.objects.filter(camera__in=Camera.objects.for_user(user))  # those just deleted, too
    changed = dict(mine.filter(changed_at__gte=since - CURSOR_MARGIN).values_list("id", "created_at"))
    put_away = _put_away(user, since - CURSOR_MARGIN)
    for camera_id in put_away:
        changed |= dict(Event.objects.filter(shown_somewhere(camera_id, now)).values_list("id", "created_at"))
    cards = cards_of(first_with_pictures(waiting_events(user), MOST_CARDS)) if changed else []
    hours = _changed_hours(
        user, {_hour_of(created_at) for created_at in changed.values() if now - created_at < SHOWN_FOR}
    )
    gone = changed.keys() - {card.event.pk for card in cards}
    live = replace(_live(user, now, cards, hours), gone=sorted(gone), put_away=put_away)
    news = put_away or any(receipt.changed_at >= since - CURSOR_MARGIN for receipt in live.receipts)
    return live if news else replace(live, receipts=[])


def shown_somewhere(camera_id: str, now: datetime) -> Q:
    """Visits of the camera that an open live page may show."""
    waiting = Event.objects.filter(reviewed=False, deleted_at=None, risk_level__in=WORTH_A_LOOK)
    cards = waiting.filter(camera=camera_id).order_by(worry().desc(), "-id").values_list("pk", flat=True)[:MOST_CARDS]
    return Q(camera=camera_id) & (Q(created_at__gte=now - SHOWN_FOR) | Q(pk__in=list(cards)))


def _put_away(user: User, since: datetime) -> list[str]:
    """Ids of the cameras this person could see until some moment after `since`."""
    gone = Camera.objects.filter(deleted_at__gte=since).order_by("pk")
    return [pk for pk in gone.values_list("pk", flat=True) if user.may_see(pk)]


def _quiet_events(user: User, since: datetime) -> QuerySet[Event]:
    """Visits that are rows: low ones and reviewed ones, newest arrival first."""
    quiet = Event.objects.for_user(user).filter(Q(reviewed=True) | Q(risk_level=Level.LOW.value))
    # Whatever was created since has changed since, and only that has an index.
    return quiet.filter(changed_at__gte=since, created_at__gte=since).order_by("-created_at", "-id")


def _hours(events: QuerySet[Event]) -> list[Hour]:
    cards = rows_of(first_with_pictures(events, MOST_ROWS))
    newest_hour = _hour_of(cards[0].event.created_at) if cards else None
    hours = []
    for starts_at, group in groupby(cards, lambda card: _hour_of(card.event.created_at)):
        of_hour = list(group)
        open_rows = ROWS_KEPT_OPEN if starts_at == newest_hour else 0
        hours.append(Hour(starts_at, (*of_hour[:open_rows], *fold_neighbours(of_hour[open_rows:]))))
    return hours


def _changed_hours(user: User, touched: set[datetime]) -> list[Hour]:
    """These hours as they are now, empty ones included, and the newest two: a newer row folds the older ones."""
    if not touched:
        return []
    hours = _hours(_quiet_events(user, since=min(touched) - timedelta(hours=1)))
    found = {hour.starts_at for hour in hours}
    kept = [hour for index, hour in enumerate(hours) if index < 2 or hour.starts_at in touched]
    return kept + [Hour(starts_at) for starts_at in sorted(touched - found)]


def _hour_of(moment: datetime) -> datetime:
    return timezone.localtime(moment).replace(minute=0, second=0, microsecond=0)


def _live(user: User, now: datetime, cards: list[Card], hours: list[Hour]) -> Live:
    tiles = tiles_of(Camera.objects.for_user(user))
    receipts = last_receipts(user, MOST_RECEIPTS)
    return Live(
        now=now,
        head=_head_line(user, tiles, receipts, now),
        cards=cards,
        hours=hours,
        tiles=tiles,
        receipts=receipts,
        pauses=list(Pause.objects.order_by("since")),
        low_disks=[disk for disk in disks() if disk.is_low],
        failed=Capture.objects.for_user(user).failed().count() if user.may_change() else 0,
        hidden_cameras=_hidden_cameras(user, len(tiles)),
        last_event=Event.objects.for_user(user).select_related("camera").defer("search_vector").order_by("-id").first(),
        home=home_mode(),
    )


def _head_line(user: User, tiles: list[Tile], receipts: list[Receipt], now: datetime) -> HeadLine:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    first = waiting_events(user).select_related("camera").defer("search_vector").first()
    today = Event.objects.for_user(user).filter(started_at__gte=midnight)
    return HeadLine(
        waiting=waiting_events(user).count(),
        first=first,
        visits_today=today.count(),
        reporting=sum(not tile.is_offline and tile.silence is None for tile in tiles),
        last_file_at=receipts[0].arrived_at if receipts else None,
    )


def _hidden_cameras(user: User, seen: int) -> int:
    if user.visible_camera_ids() is None:
        return 0
    return Camera.objects.filter(deleted_at=None).count() - seen
