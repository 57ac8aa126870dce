"""The first start: a one-time link makes the owner's account. Who can read DATA_DIR is the owner."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest

from accounts.models import Role, User
from accounts.people import create_person
from security_site.runtime import setup_token_path

_OWNER_LOCK = 7_305_531  # any number that no other advisory lock of ours uses


class OwnerExists(Exception):
    """Somebody has set the program up already."""


def owner_exists() -> bool:
    return User.objects.filter(role=Role.OWNER).exists()


def keep_token() -> None:
    """Have a token for the setup link while there is no owner, and none once there is."""
    if owner_exists():
        _token_path().unlink(missing_ok=True)
    elif not _token_path().exists():
        _make_token()


def is_setup_token(text: str) -> bool:
    """Whether `text` is the token that was handed out."""
    try:
        expected = _token_path().read_bytes()
    except FileNotFoundError:
        return False
    return secrets.compare_digest(expected, text.encode())


def create_first_owner(username: str, password: str, request: HttpRequest) -> User:
    """Make the owner and void the link. Of two who submit at once, the second gets OwnerExists."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_OWNER_LOCK])
        if owner_exists():
            raise OwnerExists
        owner = create_person(username, password, Role.OWNER, request=request)
        transaction.on_commit(lambda: _token_path().unlink(missing_ok=True))
    return owner


def _token_path() -> Path:
    return setup_token_path(settings.DATA_DIR)


def _make_token() -> None:
    """Two processes that ask at once leave the same one, and it whole."""
    path = _token_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".setup_token")
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
