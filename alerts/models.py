"""Who is told of which visits, and how: AlertRule, Alert, AlertGate, NotificationChannel, Delivery."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import HomeMode
from cameras.models import Camera
from events.models import LEVELS, Event
from inference.scale import Level
from zones.models import Zone

if TYPE_CHECKING:
    from accounts.models import User

DEFAULT_KEY = "{camera_id}:{rule_id}"


class NotificationChannel(models.Model):
    """One address that notices go to, as an Apprise URL. The URL is a secret: nothing but the sender unseals it."""

    name = models.CharField(max_length=100, unique=True)
    sealed_url = models.TextField(help_text="See alerts.sealing.")
    service = models.CharField(
        max_length=100, help_text='What kind it is, such as "ntfy": all that is shown of the URL.'
    )
    enabled = models.BooleanField(default=True)
    may_reach_private = models.BooleanField(
        default=False,
        help_text="An owner set its URL: where ALLOW_PRIVATE_TARGETS is on, it may be in the home's network.",
    )
    quiet_from = models.TimeField(null=True, blank=True, help_text="By the home's clock; may be over midnight.")
    quiet_until = models.TimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "notification_channels"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="channel_quiet_hours_have_both_ends",
            )
        ]

    def __str__(self) -> str:
        return self.name


class AlertRule(models.Model):
    """When somebody is told. Conditions are ANDed, an empty one is met by anything.

    Type, confidence and zone are met by one and the same detection; schedule and `when` at the moment it was seen.
    """

    class When(models.TextChoices):
        ANY = "any"
        HOME = HomeMode.Mode.HOME.value
        AWAY = HomeMode.Mode.AWAY.value

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    severity = models.CharField(max_length=8, choices=LEVELS, default=Level.MEDIUM.value)
    risk_threshold = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Least score of the visit.")
    object_types = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    cameras = models.ManyToManyField(Camera, through="RuleCamera", related_name="+")
    zones = models.ManyToManyField(Zone, through="RuleZone", related_name="+")
    min_confidence = models.FloatField(null=True, blank=True, help_text="A share, 0–1.")
    schedule = models.JSONField(null=True, blank=True, help_text="{days, start_time, end_time, timezone}")
    when = models.CharField(max_length=4, choices=When.choices, default=When.ANY)
    dedup_key_template = models.CharField(max_length=255, default=DEFAULT_KEY)
    cooldown_seconds = models.PositiveIntegerField(default=300)
    channels = models.ManyToManyField(NotificationChannel, through="RuleChannel", related_name="rules")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "alert_rules"
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(risk_threshold__lte=100), name="rule_threshold_is_at_most_100"),
            models.CheckConstraint(
                condition=Q(min_confidence__isnull=True) | Q(min_confidence__gte=0, min_confidence__lte=1),
                name="rule_confidence_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name


# A rule that lost its only camera or zone would be met by any: these rows hold what they name.


class RuleCamera(models.Model):
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    camera = models.ForeignKey(Camera, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "alert_rule_cameras"
        constraints = [models.UniqueConstraint(fields=["rule", "camera"], name="rule_names_a_camera_once")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.camera_id}"


class RuleZone(models.Model):
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    zone = models.ForeignKey(Zone, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "alert_rule_zones"
        constraints = [models.UniqueConstraint(fields=["rule", "zone"], name="rule_names_a_zone_once")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.zone_id}"


class RuleChannel(models.Model):
    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="+")
    channel = models.ForeignKey(NotificationChannel, on_delete=models.PROTECT, related_name="+")

    class Meta:
        db_table = "alert_rule_channels"
        constraints = [models.UniqueConstraint(fields=["rule", "channel"], name="rule_names_a_channel_once")]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.channel_id}"


class AlertQuerySet(models.QuerySet["Alert"]):
    def for_user(self, user: User) -> AlertQuerySet:
        """Alerts of visits this person may see."""
        visible = user.visible_camera_ids()
        living = self.filter(event__deleted_at=None, event__camera__deleted_at=None)
        return living if visible is None else living.filter(event__camera_id__in=visible)


class Alert(models.Model):
    """That a rule was met by a visit: one for each rule and visit, however long it goes on.

    pending → delivered → acknowledged or dismissed, by a person, from any of the two. It is `delivered` once a notice
    of it was sent; one that nobody is told of (quiet hours, no channel) waits as `pending` in the inbox. Where the
    visit comes to worry more, the severity rises, and it waits for a person again.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        ACKNOWLEDGED = "acknowledged"
        DISMISSED = "dismissed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="alerts")
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="alerts", db_index=False)
    chain_id = models.BigIntegerField(help_text="First event of the visit: see Event.chain.")
    severity = models.CharField(max_length=8, choices=LEVELS)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PENDING)
    dedup_key = models.TextField()
    metadata = models.JSONField(
        default=dict, help_text="{rule, detection_id, object_type, confidence, seen_at, zone_ids, risk_score, summary}"
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    handled_at = models.DateTimeField(null=True, blank=True, help_text="When it was acknowledged or dismissed.")

    objects = AlertQuerySet.as_manager()

    class Meta:
        db_table = "alerts"
        constraints = [models.UniqueConstraint(fields=["rule", "chain_id"], name="alert_is_one_per_rule_and_visit")]
        indexes = [
            models.Index(fields=["chain_id"], name="idx_alerts_chain"),  # evaluate: those of a visit
            models.Index(fields=["-created_at"], name="idx_alerts_newest"),  # the inbox
            models.Index(  # the inbox's count: what waits for a person
                fields=["-created_at"], condition=Q(status__in=["pending", "delivered"]), name="idx_alerts_unhandled"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.severity} alert of event {self.event_id}"


class AlertGate(models.Model):
    """Who was told last under a dedup key, and how severe it was: nothing less severe passes until its time is over."""

    dedup_key = models.TextField(primary_key=True)
    severity = models.PositiveSmallIntegerField(help_text="Place in the order of levels: low is 0.")
    reserved_at = models.DateTimeField()
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="gates")

    class Meta:
        db_table = "alert_gates"

    def __str__(self) -> str:
        return self.dedup_key


class Delivery(models.Model):
    """One notice to one channel: of an alert, of its rise to a higher severity, or a test.

    pending → sent, failed or suppressed. A pending one is claimed while it is being sent. Of one alert a channel gets
    at most one for each severity.
    """

    class Kind(models.TextChoices):
        NOTICE = "notice"
        UPDATE = "update"
        TEST = "test"

    class State(models.TextChoices):
        PENDING = "pending"
        SENT = "sent"
        FAILED = "failed"
        SUPPRESSED = "suppressed"

    alert = models.ForeignKey(Alert, null=True, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    channel = models.ForeignKey(
        NotificationChannel, null=True, on_delete=models.SET_NULL, related_name="deliveries", db_index=False
    )
    channel_name = models.CharField(max_length=100, help_text="As it was then.")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    severity = models.CharField(max_length=8, choices=LEVELS, blank=True, help_text="Empty: a test.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    error = models.TextField(blank=True, help_text="Why it failed, or was not sent; of the last attempt.")
    answer = models.TextField(blank=True, help_text="What the service said, without anything of the URL.")
    text = models.TextField(blank=True, help_text="What was sent.")
    latency_ms = models.PositiveIntegerField(null=True, help_text="How long the service took to answer.")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    claim_id = models.UUIDField(null=True, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "deliveries"
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "severity"],
                condition=Q(alert__isnull=False),
                name="delivery_is_one_per_alert_channel_and_severity",
            ),
            models.CheckConstraint(
                condition=Q(kind="test", alert=None) | ~Q(kind="test") & Q(alert__isnull=False),
                name="delivery_is_of_an_alert_or_a_test",
            ),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="pending"), name="idx_deliveries_pending"),  # deliver
            models.Index(fields=["channel", "-id"], name="idx_deliveries_of_channel"),  # its log
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.channel_name} ({self.state})"
