"""Keeps the URLs of channels unreadable in the database and its backups: sealed when saved, opened to send.

The key is derived from the site's secret key, which lies beside the database but not in it.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(Exception):
    """It was sealed with another secret key, so nobody can read it any more; the message says what to do."""


def seal(text: str) -> str:
    return _fernet().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed. Raises SealBroken."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken(
            "Its URL was kept under another SECRET_KEY and cannot be read any more: enter the URL again."
        ) from error


def _fernet() -> Fernet:
    key = HKDF(SHA256(), length=32, salt=None, info=b"notification channels").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
