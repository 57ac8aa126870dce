"""What waits for a person: alerts that nobody acknowledged or dismissed yet. For pages and API alike."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import AuditAction, User, audit
from alerts.models import Alert, AlertQuerySet
from telemetry.broadcast import broadcast

UNHANDLED = (Alert.Status.PENDING, Alert.Status.DELIVERED)


def unhandled(user: User) -> AlertQuerySet:
    """Alerts that this person may see and nobody has handled, the newest first."""
    return Alert.objects.for_user(user).filter(status__in=UNHANDLED).order_by("-created_at", "-id")


def acknowledge(alert: Alert, user: User, request: HttpRequest | None) -> bool:
    """Somebody saw it and takes care. False where it was handled already."""
    return _handle(alert, Alert.Status.ACKNOWLEDGED, AuditAction.ALERT_ACKNOWLEDGED, user, request)


def dismiss(alert: Alert, user: User, request: HttpRequest | None) -> bool:
    """It was nothing. False where it was handled already."""
    return _handle(alert, Alert.Status.DISMISSED, AuditAction.ALERT_DISMISSED, user, request)


def _handle(alert: Alert, status: Alert.Status, action: AuditAction, user: User, request: HttpRequest | None) -> bool:
    """Of two who press at once one has handled it, and what became more severe meanwhile is handled by neither.

    A household key is nobody in the database: its deeds are in the audit trail.
    """
    with transaction.atomic():
        waiting = Alert.objects.filter(pk=alert.pk, status__in=UNHANDLED, severity=alert.severity)
        if not waiting.update(status=status, handled_by_id=user.pk, handled_at=Now(), updated_at=Now()):
            alert.refresh_from_db()
            return False
        alert.refresh_from_db()
        audit(action, "alert", alert.pk, request=request, details={"event_id": alert.event_id})
        hint = {"alert_id": str(alert.pk), "status": alert.status, "severity": alert.severity}
        broadcast("alert", {"camera_id": alert.event.camera_id, **hint})
    return True
