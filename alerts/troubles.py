"""Channels by which nobody is told at present, and why. For the System page and its API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Min, OuterRef, Q, Subquery
from django.utils import timezone

from alerts.channels import what_is_wrong
from alerts.models import Delivery, NotificationChannel
from cameras.words import span_words

TRIED_FOR_LONG = timedelta(minutes=5)
SETTLED = (Delivery.State.SENT, Delivery.State.FAILED)


@dataclass(frozen=True)
class Trouble:
    channel: str
    sentence: str


def troubles() -> list[Trouble]:
    """Of those that are on: what cannot be sent, keeps being tried, or failed when it was sent last. Two queries.

    A failure counts until something is sent, such as a test, or the channel is changed.
    """
    last = Delivery.objects.filter(channel=OuterRef("pk"), state__in=SETTLED).order_by("-id").values("id")[:1]
    is_tried = Q(deliveries__state=Delivery.State.PENDING, deliveries__attempts__gt=0)
    channels = NotificationChannel.objects.filter(enabled=True).annotate(
        last=Subquery(last), tried_since=Min("deliveries__created_at", filter=is_tried)
    )
    found = list(channels.order_by("name"))
    failed = Delivery.objects.filter(
        pk__in=[channel.last for channel in found if channel.last],
        state=Delivery.State.FAILED,
        created_at__gte=F("channel__updated_at"),
    )
    errors = dict(failed.values_list("channel", "error"))
    told = [(channel, _sentence(channel, channel.tried_since, errors.get(channel.pk))) for channel in found]
    return [Trouble(channel.name, sentence) for channel, sentence in told if sentence]


def _sentence(channel: NotificationChannel, tried_since: datetime | None, error: str | None) -> str:
    if problem := what_is_wrong(channel):
        return problem
    if tried_since and (tried_for := timezone.now() - tried_since) > TRIED_FOR_LONG:
        return f"A notice has been tried for {span_words(tried_for)}, and its service does not take it."
    return "" if error is None else f"The last notice failed. {error}"
