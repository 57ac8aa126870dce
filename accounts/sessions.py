"""Where people are signed in, and ending it. Called by the page, the admin, and whoever changes a password."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.devices import device_words
from accounts.models import AuditAction, Session, User, audit
from accounts.people import signed_in
from telemetry.broadcast import SESSION_ENDED, broadcast


def sessions_seen_by(user: User) -> QuerySet[Session]:
    """The living sessions this person may look at and end: their own, and for an owner everybody's."""
    living = Session.objects.filter(user__isnull=False, expire_date__gt=timezone.now())
    seen = living if user.is_owner else living.filter(user=user)
    return seen.select_related("user").order_by("-last_seen_at", "public_id")


@transaction.atomic
def end_sessions(sessions: QuerySet[Session], request: HttpRequest) -> int:
    """Sign out those devices at once, their open pages included; how many there were."""
    ended = 0
    for session in sessions.select_related("user").select_for_update(of=("self",)):
        session.delete()
        ended += 1
        audit(
            AuditAction.SESSION_REVOKED,
            "session",
            session.public_id,
            request=request,
            details={"username": session.user and session.user.username, "device": device_words(session.user_agent)},
        )
    tell_open_pages()
    return ended


def end_others(request: HttpRequest) -> int:
    """Sign this person out everywhere but in the browser that asks; how many that were."""
    others = Session.objects.filter(user=signed_in(request)).exclude(session_key=request.session.session_key)
    return end_sessions(others, request)


def tell_open_pages() -> None:
    """Have every open page look whether it is still signed in: without this it takes up to a minute."""
    broadcast(SESSION_ENDED, {})
