"""What the inbox shows: alerts that wait for a person, and those somebody handled. Called by its views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from accounts.models import User
from alerts.inbox import UNHANDLED, unhandled
from alerts.models import Alert, AlertRule, Delivery
from alerts.told import Told, told_of
from cameras.models import Camera
from events.cards import Card, rows_of

MOST_WAITING = 30
MOST_HANDLED = 30
HANDLED_BESIDE_WAITING = 10
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HANDLED = (Alert.Status.ACKNOWLEDGED, Alert.Status.DISMISSED)


@dataclass(frozen=True)
class AlertCard:
    """One alert with its visit and its notices."""

    alert: Alert
    card: Card
    told: list[Told]

    @property
    def is_waiting(self) -> bool:
        return self.alert.status in UNHANDLED

    @property
    def rule_name(self) -> str:
        """As it is called now; as it was called then, where it is gone."""
        return self.alert.rule.name if self.alert.rule else str(self.alert.metadata.get("rule", ""))

    @property
    def cursor(self) -> str:
        """Its place in the list: see `Cursor`."""
        return f"{(self.alert.created_at - EPOCH) // timedelta(microseconds=1)}.{self.alert.pk}"


@dataclass(frozen=True)
class Cursor:
    """A place in the list: alerts made in one transaction have one time."""

    at: datetime
    pk: UUID

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises ValueError for what is no cursor of ours."""
        microseconds, _, pk = text.partition(".")
        try:
            return cls(EPOCH + timedelta(microseconds=int(microseconds)), UUID(pk))
        except OverflowError as error:
            raise ValueError(text) from error

    @property
    def older(self) -> Q:
        return Q(created_at__lt=self.at) | Q(created_at=self.at, pk__lt=self.pk)


@dataclass(frozen=True)
class Asked:
    """What the reader wants to see."""

    which: str = ""
    """"waiting", "handled"; empty: what waits, and under it what was handled last."""
    narrowed: Q = field(default_factory=Q)
    before: Cursor | None = None


@dataclass(frozen=True)
class InboxPage:
    asked: Asked
    waiting: list[AlertCard]
    handled: list[AlertCard]
    waiting_in_all: int
    older_waiting: str
    """Cursor of the next page; empty: that was all."""
    older_handled: str
    rules: int
    """That are on; told only where the page is empty."""
    hidden_cameras: int

    @property
    def is_empty(self) -> bool:
        return not self.waiting and not self.handled


def inbox_page(user: User, asked: Asked) -> InboxPage:
    """In a number of queries that does not depend on how much there is."""
    mine = Alert.objects.for_user(user).filter(asked.narrowed)
    if asked.before:
        mine = mine.filter(asked.before.older)
    waiting_pks, handled_pks = _waiting_pks(mine, asked), _handled_pks(mine, asked)
    most_handled = HANDLED_BESIDE_WAITING if asked.which == "" else MOST_HANDLED
    cards = alert_cards(Alert.objects.filter(pk__in=[*waiting_pks[:MOST_WAITING], *handled_pks[:most_handled]]))
    waiting = [card for card in cards if card.is_waiting]
    handled = [card for card in cards if not card.is_waiting]
    nothing = not cards
    return InboxPage(
        asked=asked,
        waiting=waiting,
        handled=handled,
        waiting_in_all=unhandled(user).count(),
        older_waiting=waiting[-1].cursor if waiting and len(waiting_pks) > MOST_WAITING else "",
        older_handled=handled[-1].cursor if handled and len(handled_pks) > most_handled else "",
        rules=AlertRule.objects.filter(enabled=True).count() if nothing else 0,
        hidden_cameras=_hidden_cameras(user) if nothing else 0,
    )


def alert_cards(alerts: QuerySet[Alert]) -> list[AlertCard]:
    """Newest first. Three queries."""
    deliveries = Prefetch("deliveries", Delivery.objects.select_related("channel").order_by("pk"))
    with_all = (
        alerts.select_related("rule", "handled_by", "event__camera", "event__key_detection__capture")
        .defer("event__search_vector")
        .prefetch_related(deliveries)
        .order_by("-created_at", "-pk")
    )
    found = list(with_all)
    events = {alert.event_id: alert.event for alert in found}
    cards = {card.event.pk: card for card in rows_of(list(events.values()))}
    return [AlertCard(alert, cards[alert.event_id], told_of(alert.deliveries.all())) for alert in found]


def _waiting_pks(alerts: QuerySet[Alert], asked: Asked) -> Sequence[UUID]:
    if asked.which == "handled":
        return []
    waiting = alerts.filter(status__in=UNHANDLED)
    return list(waiting.order_by("-created_at", "-pk").values_list("pk", flat=True)[: MOST_WAITING + 1])


def _handled_pks(alerts: QuerySet[Alert], asked: Asked) -> Sequence[UUID]:
    if asked.which == "waiting":
        return []
    handled = alerts.filter(status__in=HANDLED)
    return list(handled.order_by("-created_at", "-pk").values_list("pk", flat=True)[: MOST_HANDLED + 1])


def _hidden_cameras(user: User) -> int:
    visible = user.visible_camera_ids()
    return 0 if visible is None else Camera.objects.filter(deleted_at=None).exclude(pk__in=visible).count()
