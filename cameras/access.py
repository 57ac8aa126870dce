"""Who asks: the person behind a request, and whether they may change things."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def signed_in(request: HttpRequest) -> User:
    """The person signed in; LoginRequiredMiddleware let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


def may_change(request: HttpRequest) -> User:
    """The person signed in, if their role lets them change things; answers 403 otherwise."""
    user = signed_in(request)
    if not user.may_change():
        raise PermissionDenied("You may look, but not change anything. Ask the owner.")
    return user
