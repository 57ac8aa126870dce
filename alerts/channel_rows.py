"""Channels with how they do: their last notices, and whether they are silent now. Called by their pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, OuterRef
from django.utils import timezone

from alerts.models import Delivery, NotificationChannel, RuleChannel
from alerts.quiet import quiet_until
from alerts.told import Told

LAST = 3


@dataclass(frozen=True)
class ChannelRow:
    channel: NotificationChannel
    last: list[Told]
    """Newest first."""
    rules: int
    """That tell by it and are on."""
    quiet_until: datetime | None
    """Where it is in its quiet hours now."""

    @property
    def has_quiet_hours(self) -> bool:
        return self.channel.quiet_from is not None


def channel_rows(channels: Sequence[NotificationChannel]) -> list[ChannelRow]:
    """In the order they are given. Three queries."""
    now = timezone.now()
    last: dict[int | None, list[Told]] = {}
    for delivery in _last_deliveries(channels):
        last.setdefault(delivery.channel_id, []).append(Told(delivery))
    rules = _rules_of(channels)
    return [
        ChannelRow(channel, last.get(channel.pk, []), rules.get(channel.pk, 0), quiet_until(channel, now))
        for channel in channels
    ]


def _last_deliveries(channels: Sequence[NotificationChannel]) -> list[Delivery]:
    """The newest few of each, found by the index of a channel's log."""
    newest = Delivery.objects.filter(channel=OuterRef("pk")).order_by("-id").values("id")[:LAST]
    ids = NotificationChannel.objects.filter(pk__in=[channel.pk for channel in channels])
    pks = [pk for of_one in ids.values_list(ArraySubquery(newest), flat=True) for pk in of_one]
    return list(Delivery.objects.filter(pk__in=pks).select_related("channel").order_by("-id"))


def _rules_of(channels: Sequence[NotificationChannel]) -> dict[int, int]:
    named = RuleChannel.objects.filter(channel__in=channels, rule__enabled=True).values("channel")
    return dict(named.annotate(rules=Count("pk")).values_list("channel", "rules"))
