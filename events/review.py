"""What a person changes on a visit: reviewed or not, and notes. Pages and API go through here."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import AuditAction, audit
from events.feed import event_hint
from events.models import Event, as_rules_saw_it
from telemetry.broadcast import broadcast

MAX_NOTES_LENGTH = 10_000


def set_reviewed(event: Event, reviewed: bool, request: HttpRequest) -> bool:
    """Mark the visit as looked at, or take that back. False where it already was so."""
    return _change(
        event,
        Q(reviewed=not reviewed),
        {"reviewed": reviewed, "reviewed_at": timezone.now() if reviewed else None},
        AuditAction.EVENT_REVIEWED,
        {"reviewed": reviewed},
        request,
    )


def set_notes(event: Event, notes: str, request: HttpRequest) -> bool:
    """Write the notes of the visit. False where they are the same already."""
    return _change(event, ~Q(notes=notes), {"notes": notes}, AuditAction.EVENT_NOTED, {"notes": notes}, request)


def _change(
    event: Event,
    still_differs: Q,
    fields: dict[str, Any],
    action: AuditAction,
    details: dict[str, object],
    request: HttpRequest,
) -> bool:
    """Change only these fields of the row as it is now; the pipeline may be changing others meanwhile."""
    with transaction.atomic():
        changed = Event.objects.filter(still_differs, pk=event.pk).update(
            **fields, **as_rules_saw_it(), changed_at=timezone.now()
        )
        if not changed:
            return False
        event.refresh_from_db(fields=[*fields, "revision", "changed_at", "risk_level"])
        audit(action, "event", event.pk, request=request, details=details)
        broadcast("event", event_hint(event))
    return True
