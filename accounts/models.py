"""People who may look, and keys that programs use in their place."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.addresses import client_address

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.session_store import SessionStore

LONGEST_USER_AGENT = 300


class Role(models.TextChoices):
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class User(AbstractUser):
    """A person of the household. Owners administer, members review, viewers look at chosen cameras only."""

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    camera_ids = ArrayField(
        models.CharField(max_length=100), default=list, blank=True, help_text="Cameras a viewer may see."
    )

    class Meta(AbstractUser.Meta):
        db_table = "users"
        constraints = [models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_is_known")]

    @property
    def is_owner(self) -> bool:
        return self.role == Role.OWNER

    def visible_camera_ids(self) -> list[str] | None:
        """Ids of the cameras this person may see; None means all of them."""
        return list(self.camera_ids) if self.role == Role.VIEWER else None

    def may_see(self, camera_id: str) -> bool:
        visible = self.visible_camera_ids()
        return visible is None or camera_id in visible

    def may_change(self) -> bool:
        """Whether this person may review events, write notes and add pictures."""
        return self.role != Role.VIEWER


class Session(AbstractBaseSession):
    """One browser somebody is signed in with; a row that is gone is signed out. Written by `accounts.session_store`.

    Its key is as good as a password: pages, logs and the audit trail name the `public_id`.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    address = models.GenericIPAddressField(null=True, help_text="From where it was last used.")
    user_agent = models.CharField(max_length=LONGEST_USER_AGENT, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now, help_text="Written at most once a minute.")

    class Meta(AbstractBaseSession.Meta):
        db_table = "sessions"

    def __str__(self) -> str:
        return f"session {self.public_id}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        from accounts.session_store import SessionStore

        return SessionStore


class Scope(models.TextChoices):
    READ = "read"
    WRITE = "write"
    INGEST = "ingest"


class APIKey(models.Model):
    """A key for programs: `<8-character prefix>.<secret>`, of which only the SHA-256 is kept."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=8, unique=True)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    user = models.ForeignKey(
        User,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="api_keys",
        help_text="Whose rights the key has; empty: a household key with the owner's rights within its scopes.",
    )
    is_active = models.BooleanField(db_default=True, default=True)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "api_keys"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def create(cls, name: str, scopes: list[str], user: User | None = None) -> tuple[APIKey, str]:
        """A new key and its text, which is shown this once."""
        prefix, secret = secrets.token_hex(4), secrets.token_hex(32)
        key = cls.objects.create(name=name, prefix=prefix, key_hash=hash_key(secret), scopes=scopes, user=user)
        return key, f"{prefix}.{secret}"

    def is_usable(self) -> bool:
        return self.is_active and (self.expires_at is None or self.expires_at > timezone.now())

    def touch(self) -> None:
        """Note the use, at most once a minute: a busy key must not write a row per request."""
        now = timezone.now()
        APIKey.objects.filter(pk=self.pk).filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(minutes=1))
        ).update(last_used_at=now)


def hash_key(secret: str) -> str:
    """SHA-256 in hex. For secrets of our own making only: so many random bits gain nothing by a slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class HomeMode(models.Model):
    """Somebody said that the household is home, or away, from then on. Never changed: the newest one counts.

    Without any it is not known, and nothing is concluded from that. See `accounts.home`.
    """

    class Mode(models.TextChoices):
        HOME = "home"
        AWAY = "away"

    mode = models.CharField(max_length=4, choices=Mode.choices)
    since = models.DateTimeField(db_default=Now())
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "home_modes"
        get_latest_by = ("since", "id")
        indexes = [models.Index(fields=["-since", "-id"], name="idx_home_modes_newest")]

    def __str__(self) -> str:
        return f"{self.mode} since {self.since:%Y-%m-%d %H:%M}"


class AuditAction(models.TextChoices):
    EVENT_REVIEWED = "event_reviewed"
    EVENT_NOTED = "event_noted"
    EVENT_DELETED = "event_deleted"
    CAMERA_CREATED = "camera_created"
    CAMERA_UPDATED = "camera_updated"
    CAMERA_DELETED = "camera_deleted"
    CAMERA_RESTORED = "camera_restored"
    CAMERA_MERGED = "camera_merged"
    FTP_PASSWORD_MADE = "ftp_password_made"  # noqa: S105  (a word for a deed)
    PROMPT_CREATED = "prompt_created"
    PROMPT_ACTIVATED = "prompt_activated"
    ZONE_CREATED = "zone_created"
    ZONE_UPDATED = "zone_updated"
    ZONE_DELETED = "zone_deleted"
    RULE_CREATED = "rule_created"
    RULE_UPDATED = "rule_updated"
    RULE_DELETED = "rule_deleted"
    CHANNEL_CREATED = "channel_created"
    CHANNEL_UPDATED = "channel_updated"
    CHANNEL_DELETED = "channel_deleted"
    CHANNEL_TESTED = "channel_tested"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_DISMISSED = "alert_dismissed"
    HOME_MODE_SET = "home_mode_set"
    CAPTURE_REQUEUED = "capture_requeued"
    CAPTURE_DISMISSED = "capture_dismissed"
    CLEANUP = "cleanup"
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    API_KEY_CREATED = "api_key_created"
    API_KEY_REVOKED = "api_key_revoked"
    USER_CREATED = "user_created"
    USER_UPDATED = "user_updated"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  (a word for a deed)


class AuditLog(models.Model):
    """Who changed what, and from where. Never updated."""

    timestamp = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=50, choices=AuditAction.choices)
    resource_type = models.CharField(max_length=50)
    resource_id = models.CharField(max_length=255, null=True)  # noqa: DJ001  (null as the reference has it)
    actor = models.CharField(max_length=100)
    ip_address = models.CharField(max_length=45, null=True)  # noqa: DJ001
    user_agent = models.TextField(null=True)  # noqa: DJ001
    details = models.JSONField(null=True)
    status = models.CharField(max_length=20, default="success")

    class Meta:
        db_table = "audit_logs"
        indexes = [
            models.Index(fields=["timestamp"], name="idx_audit_logs_timestamp"),
            models.Index(fields=["resource_type", "resource_id"], name="idx_audit_logs_resource"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.resource_type} {self.resource_id or ''}".strip()


def audit(
    action: AuditAction,
    resource_type: str,
    resource_id: object = None,
    *,
    request: HttpRequest | None = None,
    actor: str = "",
    details: dict[str, object] | None = None,
    status: str = "success",
) -> AuditLog:
    """Write one line of the audit trail; without a request the actor is the command line."""
    meta = request.META if request else {}
    if request and not actor:
        actor = str(getattr(request, "auth", None) or request.user or "anonymous")
    return AuditLog.objects.create(
        action=action,
        resource_type=resource_type,
        resource_id=None if resource_id is None else str(resource_id),
        actor=(actor or "command line")[:100],
        ip_address=client_address(request) if request else None,
        user_agent=meta.get("HTTP_USER_AGENT"),
        details=details,
        status=status,
    )
