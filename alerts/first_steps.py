"""Whether anybody is told of anything yet, and the rule that is offered while nobody is."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.models import AlertRule, NotificationChannel
from alerts.rules import RuleFields
from inference.scale import RISK_BANDS, Level

HIDDEN = "alert_hint_hidden"
"""Key in the session of whoever wants the hint to stay away."""
NAME = "High or critical, any camera"


def first_rule_for(channels: Iterable[NotificationChannel]) -> RuleFields:
    return RuleFields(
        name=NAME,
        severity=Level.HIGH.value,
        risk_threshold=next(band.top + 1 for band in RISK_BANDS if band.level is Level.MEDIUM),
        channels=[channel.pk for channel in channels],
    )


def nobody_is_told() -> bool:
    """Whether no rule that is on has a channel that is on."""
    return not AlertRule.objects.filter(enabled=True, channels__enabled=True).exists()


def has_first_rule() -> bool:
    """Whether it was made already, and has been switched off or lost its channels since: it is not made twice."""
    return AlertRule.objects.filter(name=NAME).exists()
