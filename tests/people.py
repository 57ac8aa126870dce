"""People and keys for tests."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import APIKey, Role, Scope, User
from tests.factories import UserFactory


def make_user(username: str = "olga", role: Role = Role.OWNER, camera_ids: Sequence[str] = ()) -> User:
    return UserFactory.create(username=username, role=role, camera_ids=list(camera_ids))


def make_key(*scopes: Scope, user: User | None = None) -> str:
    """The text of a new key."""
    _, text = APIKey.create("script", list(scopes), user)
    return text
