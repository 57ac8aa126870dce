"""What became of each notice, in words: in the inbox, on the page of a visit, in the log of a channel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils import timezone

from alerts.models import Delivery
from cameras.words import clock_words

STILL_SHOWN_AS_MS_BELOW = 100


@dataclass(frozen=True)
class Told:
    """One notice: to whom, and what became of it."""

    delivery: Delivery

    @property
    def look(self) -> str:
        return f"is-{self.delivery.state}"

    @property
    def whom(self) -> str:
        """'ntfy “Anna's phone”'. A channel that is gone is still named as it was then."""
        service = f"{self.delivery.channel.service} " if self.delivery.channel else ""
        return f"{service}“{self.delivery.channel_name}”"

    @property
    def occasion(self) -> str:
        """Why it was told once more; empty for the first notice."""
        return f"now {self.delivery.severity}, " if self.delivery.kind == Delivery.Kind.UPDATE else ""

    @cached_property
    def words(self) -> str:
        """What became of it, without the reason of a failure, which is the service's own text."""
        one = self.delivery
        match one.state:
            case Delivery.State.SENT:
                when = clock_words(one.sent_at, timezone.get_current_timezone(), seconds=True) if one.sent_at else ""
                after = f" after {took_words(one.latency_ms)}" if one.latency_ms is not None else ""
                return f"sent {when}{after}".strip()
            case Delivery.State.FAILED:
                return "failed" if one.attempts <= 1 else f"failed after {one.attempts} tries"
            case Delivery.State.SUPPRESSED:
                return "not sent"
        if one.claim_id:
            return "being sent" if one.attempts <= 1 else "trying again"
        return "waiting" if self.next_try else "waiting to be sent"

    @property
    def took(self) -> str:
        return took_words(self.delivery.latency_ms or 0)

    @property
    def next_try(self) -> datetime | None:
        """When a notice is tried again that a service did not take."""
        one = self.delivery
        waits = one.state == Delivery.State.PENDING and not one.claim_id and one.attempts
        return one.next_attempt_at if waits else None


def told_of(deliveries: Iterable[Delivery]) -> list[Told]:
    """Oldest first. Each delivery's channel must be at hand."""
    return [Told(one) for one in sorted(deliveries, key=lambda one: one.pk)]


def took_words(milliseconds: int) -> str:
    """ "40 ms", "0.3 s"."""
    return f"{milliseconds} ms" if milliseconds < STILL_SHOWN_AS_MS_BELOW else f"{milliseconds / 1000:.1f} s"
