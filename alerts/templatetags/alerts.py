"""What other apps' pages show of alerts, since they may not import them; and words for this one's templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from accounts.models import User
from alerts.decided import decided_of
from alerts.first_steps import HIDDEN, has_first_rule, nobody_is_told
from alerts.forms import FirstChannelForm
from alerts.models import NotificationChannel
from cameras.words import span_words
from events.models import Event

register = template.Library()


@register.filter
def until(moment: datetime) -> str:
    """ "in 20 s"; "now" once it has come."""
    left = moment - timezone.now()
    return f"in {span_words(left)}" if left.total_seconds() >= 1 else "now"


@register.inclusion_tag("alerts/parts/rule_outcomes.html", takes_context=True)
def rule_outcomes(context: template.RequestContext, event: Event) -> dict[str, Any]:
    """On the page of a visit: what each rule decided, and who was told. Nothing for those who may not know of rules."""
    user = context["user"]
    decided = decided_of(event) if isinstance(user, User) and user.may_change() else None
    return {"event": event, "decided": decided, "user": user}


@register.inclusion_tag("alerts/parts/hint.html", takes_context=True)
def alert_hint(context: template.RequestContext) -> dict[str, Any]:
    """On the live page while nobody is told of anything: a channel and a rule in one press."""
    request, user = context["request"], context["user"]
    if not user.may_change() or request.session.get(HIDDEN) or not nobody_is_told():
        return {"is_offered": False}
    channels = list(NotificationChannel.objects.filter(enabled=True).order_by("name"))
    return {
        "is_offered": True,
        "has_first_rule": has_first_rule(),
        "channels": channels,
        "form": FirstChannelForm(),
        "csrf_token": context.get("csrf_token"),
    }
