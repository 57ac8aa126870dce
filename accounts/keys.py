"""API keys: issued by the command, revoked in the admin."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import APIKey, AuditAction, Scope, User, audit


@transaction.atomic
def issue_key(name: str, scopes: Iterable[Scope], user: User | None, lifetime: timedelta | None) -> str:
    """Make a key and return its text, which nobody can read again."""
    key, text = APIKey.create(name, sorted(set(scopes)), user)
    if lifetime is not None:
        key.expires_at = timezone.now() + lifetime
        key.save(update_fields=["expires_at"])
    audit(AuditAction.API_KEY_CREATED, "api_key", key.pk, details={"name": name, "scopes": key.scopes})
    return text


@transaction.atomic
def revoke_keys(keys: QuerySet[APIKey], request: HttpRequest) -> int:
    """Revoke the active ones of `keys`; how many."""
    revoked = 0
    for key in keys.filter(is_active=True):
        revoked += APIKey.objects.filter(pk=key.pk, is_active=True).update(is_active=False)
        audit(AuditAction.API_KEY_REVOKED, "api_key", key.pk, request=request, details={"name": key.name})
    return revoked
