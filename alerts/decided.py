"""What each rule decided with a visit, and who was told of it. Called by the tag on the visit's page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from django.db.models import Prefetch
from django.utils import timezone

from alerts.models import Alert, AlertRule, Delivery
from alerts.outcomes import FIRED, NOT_MET, SUPPRESSED, Condition, Outcome
from alerts.told import Told, told_of
from alerts.words import outcome_words
from cameras.models import Camera
from events.models import Event

ORDER = (FIRED, SUPPRESSED, NOT_MET)
LATELY_S = 60


@dataclass(frozen=True)
class Decision:
    """One rule's outcome."""

    outcome: Outcome
    camera: Camera
    rule_is_there: bool
    alert: Alert | None

    @property
    def is_told(self) -> bool:
        return self.outcome["outcome"] == FIRED

    @property
    def words(self) -> str:
        return outcome_words(self.outcome, self.camera.zone)

    @property
    def told(self) -> list[Told]:
        """Empty where the rule was silent: each notice would only repeat why."""
        return told_of(self.alert.deliveries.all()) if self.alert and self.is_told else []

    @property
    def other_event_id(self) -> int | None:
        """The visit that was told instead, while the rule was to be silent."""
        if self.outcome["condition"] != Condition.COOLDOWN or not isinstance(self.outcome["got"], dict):
            return None
        event_id = self.outcome["got"].get("event_id")
        return event_id if isinstance(event_id, int) else None


@dataclass(frozen=True)
class Decided:
    """Of all rules, those first that told."""

    event: Event
    decisions: list[Decision] = field(default_factory=list)
    has_rules: bool = True

    @property
    def is_looked_at(self) -> bool:
        """Whether the rules have seen the visit as it is now."""
        return self.event.evaluated_revision >= self.event.revision

    @property
    def is_on_its_way(self) -> bool:
        """Whether they will within moments, so that it is worth asking again soon."""
        return not self.is_looked_at and (timezone.now() - self.event.changed_at).total_seconds() < LATELY_S

    @cached_property
    def first(self) -> list[Decision]:
        """Those that told, or would have but for the hour or another notice."""
        return [one for one in self.decisions if one.outcome["outcome"] != NOT_MET]

    @cached_property
    def others(self) -> list[Decision]:
        return [one for one in self.decisions if one.outcome["outcome"] == NOT_MET]


def decided_of(event: Event) -> Decided:
    """Three queries at most, one where there is no outcome."""
    outcomes: list[Outcome] = event.rule_outcomes
    if not outcomes:
        return Decided(event, has_rules=AlertRule.objects.filter(enabled=True).exists())
    alerts = _alerts_of(event)
    there = {str(pk) for pk in AlertRule.objects.filter(pk__in=_rule_ids(outcomes)).values_list("pk", flat=True)}
    decisions = [Decision(one, event.camera, one["rule_id"] in there, alerts.get(one["rule_id"])) for one in outcomes]
    return Decided(event, sorted(decisions, key=lambda one: ORDER.index(one.outcome["outcome"])))


def _alerts_of(event: Event) -> dict[str | None, Alert]:
    """Those of the whole visit, by their rule."""
    deliveries = Prefetch("deliveries", Delivery.objects.select_related("channel"))
    alerts = Alert.objects.filter(chain_id=event.chain_id_or_own).prefetch_related(deliveries)
    return {str(alert.rule_id): alert for alert in alerts}


def _rule_ids(outcomes: Iterable[Outcome]) -> list[str]:
    return [one["rule_id"] for one in outcomes if one["rule_id"]]
