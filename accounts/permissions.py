"""What the one who asks may do: roles bind people, scopes bind keys on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.models import APIKey, Scope, User

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, by the settings


class HasScope(BasePermission):
    """Everybody logged in may read what they see; changing needs a role that may; a key needs the scope too.

    The scope is `read` for safe methods and `write` for others; a view's `required_scope` overrides it.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not isinstance(user, User):
            return False
        reads = request.method in SAFE_METHODS
        if not reads and not user.may_change():
            self.message = "A viewer may look, not change."
            return False
        if isinstance(request.auth, APIKey):
            scope = getattr(view, "required_scope", None) or (Scope.READ if reads else Scope.WRITE)
            self.message = f"This API key lacks the scope {scope}."
            return scope in request.auth.scopes
        return True


class MembersOnly(HasScope):
    """What is no business of viewers, not even to look at."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        self.message = "Only owners and members may see this."
        return isinstance(request.user, User) and request.user.may_change()


class OwnersOnly(HasScope):
    """What only an owner may look at or do; a household key acts as one, within its scopes."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        self.message = "Only an owner may do this."
        return isinstance(request.user, User) and request.user.is_owner
