"""Who asks: the person behind a request, and what they may do."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User
from accounts.people import may_change as may_change
from accounts.people import signed_in as signed_in


def may_administer(request: HttpRequest) -> User:
    """The owner signed in: who adds, hides and merges cameras and makes passwords; answers 403 to others."""
    user = signed_in(request)
    if not user.is_owner:
        raise PermissionDenied("Only an owner may do this. Ask the owner.")
    return user
