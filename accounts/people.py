"""Making people and giving them their role. Called by the setup page, `create_user` and the admin."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.models import AuditAction, Role, User, audit


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


def grant(user: User, role: Role) -> None:
    """Give an unsaved or changed `user` this role. Owners, and they alone, enter the admin."""
    user.role = role
    user.is_staff = user.is_superuser = role == Role.OWNER


@transaction.atomic
def create_person(
    username: str,
    password: str,
    role: Role,
    camera_ids: Iterable[str] = (),
    request: HttpRequest | None = None,
) -> User:
    """A new person who can log in. Raises ValidationError for a taken or odd name and for a weak password."""
    user = User(username=User.normalize_username(username), camera_ids=list(camera_ids))
    grant(user, role)
    if User.objects.filter(username__iexact=user.username).exists():
        raise ValidationError(f"There is already somebody named {user.username}.")
    validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
    note_new_person(user, request)
    return user


def note_new_person(user: User, request: HttpRequest | None) -> None:
    """Write it into the audit trail; who makes the first owner is that owner."""
    made_by_nobody_yet = request is not None and not request.user.is_authenticated
    audit(
        AuditAction.USER_CREATED,
        "user",
        user.pk,
        request=request,
        actor=user.username if made_by_nobody_yet else "",
        details={"username": user.username, "role": user.role},
    )


def is_last_owner(user: User) -> bool:
    """Whether the program would have no owner without `user`, and its setup link would come back to life."""
    owners = User.objects.filter(role=Role.OWNER, is_active=True)
    return owners.filter(pk=user.pk).exists() and not owners.exclude(pk=user.pk).exists()
