"""Rules as their list shows them: in words, with what hinders them and how often they were met. Called by its view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max
from django.utils import timezone

from alerts.models import Alert, AlertRule
from alerts.rules import draft_of, problems_of
from alerts.words import rule_in_words

COUNTED = timedelta(days=7)


@dataclass(frozen=True)
class RuleRow:
    rule: AlertRule
    sentence: str
    problems: list[str]
    met: int
    """By how many visits of the last days."""
    last_met_at: datetime | None


def rule_rows(rules: Sequence[AlertRule]) -> list[RuleRow]:
    """In the order they are given, with what they name at hand. One query."""
    lately = Alert.objects.filter(created_at__gte=timezone.now() - COUNTED, rule__in=rules)
    counted = lately.values("rule").annotate(met=Count("pk"), last=Max("created_at"))
    met = {one["rule"]: (one["met"], one["last"]) for one in counted}
    rows = []
    for rule in rules:
        draft = draft_of(rule)
        rows.append(RuleRow(rule, rule_in_words(draft), problems_of(draft), *met.get(rule.pk, (0, None))))
    return rows
