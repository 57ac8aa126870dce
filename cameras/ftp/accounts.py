"""One FTP account for a camera: made with the camera or later, its password shown once and renewable."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import AuditAction, audit, hash_key
from cameras.ftp.addresses import host_for_cameras, port_for_cameras
from cameras.models import Camera, FTPAccount

# What firmwares agree on: some take 15 characters, some no capitals, none wants a dash or an underscore.
LONGEST_USER = 12
PASSWORD_LENGTH = 12
# Without those that are read for one another when they are typed into a camera by hand: 0 O o, 1 I l.
PASSWORD_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"  # noqa: S105  (the letters of all of them)


@dataclass(frozen=True)
class Credentials:
    """What is typed into a camera. `password` is None where it was shown before."""

    host: str
    port: int
    user: str
    password: str | None = field(repr=False)


def give_account(camera: Camera, request: HttpRequest | None = None) -> Credentials:
    """Let a camera send by FTP, or give it a new password; the one it had ends at once. It is told this once."""
    password = "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(PASSWORD_LENGTH))
    with transaction.atomic():
        Camera.objects.locked(camera.pk).get()  # two at once must not both make an account
        account = FTPAccount.objects.filter(camera=camera).first()
        if account is None:
            account = FTPAccount.objects.create(
                camera=camera, user=_free_user(camera.pk), password_hash=hash_key(password)
            )
        else:
            FTPAccount.objects.filter(pk=account.pk).update(password_hash=hash_key(password), renewed_at=Now())
        audit(AuditAction.FTP_PASSWORD_MADE, "camera", camera.pk, request=request, details={"user": account.user})
    return credentials_of(account, password)


def credentials_of(account: FTPAccount, password: str | None = None) -> Credentials:
    return Credentials(host_for_cameras(), port_for_cameras(), account.user, password)


def _free_user(camera_id: str) -> str:
    """A name every firmware takes: lower case ASCII letters and digits, at most twelve."""
    ascii_only = unicodedata.normalize("NFKD", camera_id).encode("ascii", "ignore").decode().lower()
    name = "".join(character for character in ascii_only if character.isalnum()) or "camera"
    taken = set(FTPAccount.objects.values_list("user", flat=True))
    candidates = (f"{name[: LONGEST_USER - len(number)]}{number}" for number in ("", *map(str, range(2, 10_000))))
    return next(candidate for candidate in candidates if candidate not in taken)
