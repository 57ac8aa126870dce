"""Who asks: programs by `X-API-Key`, people by their session."""

from __future__ import annotations

import re
import secrets

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.models import APIKey, Role, User, hash_key

HEADER = "X-API-Key"
_KEY_FORM = re.compile(r"([0-9a-f]{8})\.([0-9a-f]{64})")


class APIKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <prefix>.<secret>`. No header: not our business; a bad key: 401, whatever else is sent."""

    def authenticate(self, request: Request) -> tuple[User, APIKey] | None:
        text = request.headers.get(HEADER)
        if text is None:
            return None
        key = find_key(text)
        if key is None:
            raise AuthenticationFailed("This API key is unknown, expired or revoked.")
        key.touch()
        return principal_of(key), key

    def authenticate_header(self, request: Request) -> str:
        return f'{HEADER} realm="api"'


def find_key(text: str) -> APIKey | None:
    """The usable key with this text. Takes the same time whether the prefix or the secret is wrong."""
    form = _KEY_FORM.fullmatch(text)
    if form is None:
        return None
    key = APIKey.objects.select_related("user").filter(prefix=form[1]).first()
    fits = secrets.compare_digest(hash_key(form[2]), key.key_hash if key else hash_key(""))
    if key is None or not fits or not key.is_usable():
        return None
    return None if key.user and not key.user.is_active else key


def principal_of(key: APIKey) -> User:
    """Whose eyes and hands a key has: its person's, or for a household key an owner's.

    The owner a household key stands for is nobody in the database, so that its deeds are never a person's.
    """
    return key.user or User(username=key.name, role=Role.OWNER)
