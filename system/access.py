"""Who may know how the program fares: owners and members. It names files and folders of every camera."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Role, User
from cameras.access import signed_in

REFUSED = "The state of the program is for owners and members. Ask the owner."


def household(request: HttpRequest) -> User:
    """The person signed in, if they may know; answers 403 otherwise."""
    user = signed_in(request)
    if user.role == Role.VIEWER:
        raise PermissionDenied(REFUSED)
    return user


class IsHousehold(BasePermission):
    message = REFUSED

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and request.user.role != Role.VIEWER
