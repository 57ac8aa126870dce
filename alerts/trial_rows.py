"""What a rule would have told, as the builder shows it: what it tells first, then what came closest. For its view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import nlargest

from django.utils import timezone

from accounts.models import User
from alerts.outcomes import FIRED, NOT_MET, SUPPRESSED, Condition
from alerts.rules import Draft
from alerts.trial import Held, Trial, try_rule
from alerts.words import outcome_words
from events.cards import Card, rows_of, with_pictures
from events.models import Event

TRIED = timedelta(days=7)
MOST_SHOWN = 20
MOST_CLOSE = 5
LOOKED_AT = list(Condition)
"""The later the condition that was not met, the more was."""


@dataclass(frozen=True)
class TriedVisit:
    card: Card
    words: str


@dataclass(frozen=True)
class TrialShown:
    trial: Trial
    told: list[TriedVisit]
    silenced: list[TriedVisit]
    """Met, but told of already, or at quiet hours."""
    closest: list[TriedVisit]

    @property
    def more_told(self) -> int:
        return self.trial.counts[FIRED] - len(self.told)

    @property
    def more_silenced(self) -> int:
        return self.trial.counts[SUPPRESSED] - len(self.silenced)

    @property
    def others(self) -> int:
        """Visits that did not meet it and are not shown."""
        return self.trial.counts[NOT_MET] - len(self.closest)


def trial_shown(draft: Draft, user: User) -> TrialShown:
    """Hold the draft against the visits of the last days. What is shown of them takes two queries more."""
    now = timezone.now()
    trial = try_rule(draft, now - TRIED, now, user)
    told = _newest(trial, FIRED)
    silenced = _newest(trial, SUPPRESSED)
    unmet = (one for one in trial.held if one.outcome["outcome"] == NOT_MET)
    closest = nlargest(MOST_CLOSE, unmet, key=_closeness)
    cards = _cards([*told, *silenced, *closest])

    def rows(held: Sequence[Held]) -> list[TriedVisit]:
        return [
            TriedVisit(cards[one.event.pk], outcome_words(one.outcome, one.event.camera.zone))
            for one in held
            if one.event.pk in cards  # deleted a moment ago
        ]

    return TrialShown(trial, rows(told), rows(silenced), rows(closest))


def _newest(trial: Trial, outcome: str) -> list[Held]:
    return [one for one in reversed(trial.held) if one.outcome["outcome"] == outcome][:MOST_SHOWN]


def _closeness(held: Held) -> tuple[int, float, int]:
    """By the condition that was not met; of those that ask for a number, by how near it was."""
    condition, got = held.outcome["condition"], held.outcome["got"]
    number = float(got) if isinstance(got, int | float) else 0.0
    return LOOKED_AT.index(Condition(condition)) if condition else -1, number, held.event.pk


def _cards(held: Sequence[Held]) -> dict[int, Card]:
    events = with_pictures(Event.objects.filter(pk__in=[one.event.pk for one in held]))
    return {card.event.pk: card for card in rows_of(list(events))}
