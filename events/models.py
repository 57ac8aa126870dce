"""Visits and how worrying they are: Batch, Event, EventDetection, Assessment."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from cameras.models import Camera
from detections.models import Detection
from inference.scale import RISK_BANDS, Level

if TYPE_CHECKING:
    from accounts.models import User

# What an update writes where a visit wants a look, whether or not it had one.
NOT_REVIEWED = {"reviewed": False, "reviewed_at": None}
LEVELS = [(level.value, level.value.capitalize()) for level in Level]
WORTH_A_LOOK = [level.value for level in Level if level is not Level.LOW]


def as_rules_saw_it() -> dict[str, Any]:
    """What an update writes besides where a visit changes in nothing that alert rules look at.

    What they had seen they have still seen: a note on a visit of last month must not hold it against rules of today.
    """
    still_seen = When(evaluated_revision=F("revision"), then=F("revision") + 1)
    seen = Case(still_seen, default=F("evaluated_revision"), output_field=models.IntegerField())
    return {"revision": F("revision") + 1, "evaluated_revision": seen}


def worry() -> Case:
    """How worrying the level of an event is, to sort by."""
    order = (When(risk_level=level, then=Value(order)) for order, level in enumerate(WORTH_A_LOOK))
    return Case(*order, output_field=models.IntegerField())


class PromptVersion(models.Model):
    """What the language model is told before the facts of a visit. Never changed once written: a change is a new one.

    Exactly one is active; every judgement of a model names its own.
    """

    text = models.TextField()
    notes = models.TextField(blank=True, help_text="What it is for, or what is different.")
    is_shipped = models.BooleanField(default=False, help_text="Came with the program.")
    created_by = models.ForeignKey(
        "accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(db_default=Now())
    active = models.BooleanField(default=False, help_text="The one that is sent.")

    class Meta:
        db_table = "prompt_versions"
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="prompt_is_the_only_active_one")
        ]

    def __str__(self) -> str:
        return f"prompt {self.pk}"


class EventQuerySet(models.QuerySet["Event"]):
    def for_user(self, user: User) -> EventQuerySet:
        """Events of cameras this person may see, deleted ones left out."""
        visible = user.visible_camera_ids()
        living = self.filter(deleted_at=None, camera__deleted_at=None)
        return living if visible is None else living.filter(camera_id__in=visible)


class Event(models.Model):
    """One visit on one camera. Created with its first detection, open while a batch of it is."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class AnalysisState(models.TextChoices):
        NONE = "none"
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    batch_id = models.UUIDField(help_text="Of its first batch.")
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="events", db_index=False)
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    risk_score = models.PositiveSmallIntegerField()
    risk_level = models.GeneratedField(
        expression=Case(
            *(When(risk_score__lte=band.top, then=Value(band.level.value)) for band in RISK_BANDS[:-1]),
            default=Value(RISK_BANDS[-1].level.value),
        ),
        output_field=models.CharField(max_length=8, choices=LEVELS),
        db_persist=True,
    )
    summary = models.TextField()
    reasoning = models.TextField(blank=True)
    object_types = models.TextField(help_text='Sorted, such as "car, person".')
    detections: models.ManyToManyField[Detection, EventDetection] = models.ManyToManyField(
        Detection, through="EventDetection", related_name="events"
    )
    reviewed = models.BooleanField(default=False)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    notes = models.TextField(blank=True)
    is_fast_path = models.BooleanField(default=False)
    clip_path = models.TextField(null=True, blank=True)  # noqa: DJ001  (null until clips exist)
    analysis_state = models.CharField(max_length=7, choices=AnalysisState.choices, default=AnalysisState.NONE)
    analysis_asked_at = models.DateTimeField(null=True, help_text="Since when a language model is to look at it.")
    analysis_next_at = models.DateTimeField(null=True, help_text="Not before then, after a try that failed.")
    analysis_attempts = models.PositiveSmallIntegerField(default=0, help_text="That counted against it.")
    analysis_claim_id = models.UUIDField(null=True)
    analysis_claimed_by = models.CharField(max_length=200, blank=True)
    analysis_lease_until = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    evaluated_revision = models.PositiveIntegerField(default=0, help_text="As the alert rules have seen it.")
    rule_outcomes = models.JSONField(
        default=list, help_text="What each rule decided: see alerts.outcomes. Kept as long as the event."
    )
    changed_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    continues = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="continued_by")
    chain = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="chain_events")
    key_detection = models.ForeignKey(
        Detection, null=True, on_delete=models.SET_NULL, related_name="+", help_text="The one its card shows."
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    search_vector = models.GeneratedField(
        expression=SearchVector("summary", "reasoning", "object_types", "notes", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "events"
        constraints = [
            models.CheckConstraint(condition=Q(risk_score__lte=100), name="event_score_is_at_most_100"),
            models.CheckConstraint(condition=Q(ended_at__gte=F("started_at")), name="event_ends_after_it_starts"),
        ]
        indexes = [
            models.Index(  # placing, the visits of today, time_range
                fields=["camera", "started_at", "id"], name="idx_events_camera_time_id"
            ),
            models.Index(fields=["id", "started_at"], name="idx_events_id_time"),  # time_range: the last of a time
            models.Index(fields=["camera", "ended_at"], name="idx_events_camera_ended"),  # placing
            models.Index(fields=["camera", "-id"], name="idx_events_camera_newest"),  # lists of one camera
            models.Index(fields=["changed_at"], name="idx_events_changed_at"),  # live pages: since the cursor
            models.Index(fields=["risk_level", "-id"], name="idx_events_level_newest"),
            models.Index(fields=["batch_id"], name="idx_events_batch_id"),
            models.Index(F("id").desc(), condition=Q(reviewed=False), name="idx_events_unreviewed"),
            models.Index(  # waiting_events: in its order, and counted without touching a row
                worry().desc(),
                F("id").desc(),
                condition=Q(reviewed=False, deleted_at=None, risk_level__in=WORTH_A_LOOK),
                include=["camera"],
                name="idx_events_waiting",
            ),
            models.Index(F("id"), condition=Q(state="open"), name="idx_events_open"),
            models.Index(  # the evaluate stage: what the rules have not seen yet
                fields=["id"], condition=Q(revision__gt=F("evaluated_revision")), name="idx_events_to_evaluate"
            ),
            models.Index(  # the analyze stage: who is next
                F("is_fast_path").desc(),
                F("risk_score").desc(),
                F("id").desc(),
                condition=Q(analysis_state="pending"),
                name="idx_events_analysis_pending",
            ),
            models.Index(  # the sweep: what a dead worker held
                fields=["analysis_lease_until"],
                condition=Q(analysis_claim_id__isnull=False),
                name="idx_events_analysis_claimed",
            ),
            GinIndex(fields=["search_vector"], name="idx_events_search_vector"),
        ]

    def __str__(self) -> str:
        return self.summary

    def get_absolute_url(self) -> str:
        return f"/events/{self.pk}/"

    @property
    def duration(self) -> timedelta:
        return self.ended_at - self.started_at

    @property
    def chain_id_or_own(self) -> int:
        """Id of the first event of the chain this visit belongs to."""
        return self.chain_id or self.pk

    @property
    def object_type_list(self) -> list[str]:
        return [name for name in self.object_types.split(", ") if name]

    @property
    def local_started_at(self) -> datetime:
        return timezone.localtime(self.started_at, self.camera.zone)

    @property
    def local_ended_at(self) -> datetime:
        return timezone.localtime(self.ended_at, self.camera.zone)


class Batch(models.Model):
    """Captures of one camera that lie close together: `started_at`…`last_activity_at` span their capture times."""

    class State(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class CloseReason(models.TextChoices):
        WINDOW = "window"
        IDLE = "idle"
        MAX_SIZE = "max_size"
        GAP = "gap"
        LATE = "late"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="batches")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="batches")
    state = models.CharField(max_length=6, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField()
    last_activity_at = models.DateTimeField()
    opened_at = models.DateTimeField(help_text="Wall clock: the window runs from here.")
    last_placed_at = models.DateTimeField(help_text="Wall clock: idleness runs from here.")
    detection_count = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    close_reason = models.CharField(max_length=8, choices=CloseReason.choices, blank=True)

    class Meta:
        db_table = "batches"
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["camera"], condition=Q(state="open"), name="batch_is_the_only_open_one"),
            models.CheckConstraint(
                condition=Q(last_activity_at__gte=F("started_at")), name="batch_ends_after_it_starts"
            ),
        ]
        indexes = [models.Index(fields=["camera", "started_at"], name="idx_batches_camera_started")]  # placing

    def __str__(self) -> str:
        return f"{self.camera_id} {self.started_at:%Y-%m-%d %H:%M:%S} ({self.state})"


class EventDetection(models.Model):
    """Membership of a detection in a visit: exactly one each."""

    detection = models.OneToOneField(Detection, primary_key=True, on_delete=models.CASCADE, related_name="membership")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="memberships")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="memberships")
    standing_since = models.DateTimeField(null=True, help_text="A vehicle: first seen at this very spot.")
    parked = models.BooleanField(default=False, help_text="Stood there 10 minutes or more: no subject of the visit.")

    class Meta:
        db_table = "event_detections"

    def __str__(self) -> str:
        return f"detection {self.detection_id} in event {self.event_id}"


class Assessment(models.Model):
    """One judgement of a visit as it was then. Never changed, never deleted before its event.

    A failed one has an `error` and no score. A replay is how another prompt or model would have judged; it never
    becomes the event's reading.
    """

    class Source(models.TextChoices):
        RULES = "rules"
        LLM = "llm"

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="assessments")
    source = models.CharField(max_length=5, choices=Source.choices)
    model = models.CharField(max_length=200, help_text="Which rules or model, with its version.")
    prompt_version = models.ForeignKey(PromptVersion, null=True, on_delete=models.PROTECT, related_name="assessments")
    is_replay = models.BooleanField(default=False)
    detection_count = models.PositiveIntegerField(
        null=True, help_text="How many detections of the visit it has seen; null before that was kept."
    )
    raw_score = models.SmallIntegerField(null=True, help_text="Before ceiling and floor.")
    floor = models.PositiveSmallIntegerField(default=0)
    floor_why = models.TextField(blank=True)
    ceiling = models.PositiveSmallIntegerField(default=100)
    ceiling_why = models.TextField(blank=True)
    score = models.PositiveSmallIntegerField(null=True)
    parts = models.JSONField(help_text="[{name, points, why, detection_ids}]")
    not_known = models.JSONField(default=list, help_text="What the pictures cannot tell, in words.")
    summary = models.TextField()
    reasoning = models.TextField(blank=True)
    cited_detection_ids = models.JSONField(default=list)
    grounded = models.BooleanField(default=True)
    latency_ms = models.PositiveIntegerField()
    prompt_tokens = models.PositiveIntegerField(null=True)
    cached_tokens = models.PositiveIntegerField(null=True, help_text="Of the prompt: evaluated for an earlier one.")
    completion_tokens = models.PositiveIntegerField(null=True)
    raw_answer = models.TextField(blank=True, help_text="Of a model, as it came.")
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "assessments"
        get_latest_by = "id"
        indexes = [models.Index(fields=["created_at"], condition=Q(source="llm"), name="idx_assessments_llm_time")]
        constraints = [
            models.CheckConstraint(condition=Q(score__lte=100), name="assessment_score_is_at_most_100"),
            models.CheckConstraint(condition=Q(floor__lte=F("ceiling")), name="assessment_floor_is_below_the_ceiling"),
            models.CheckConstraint(
                condition=Q(error="", score__isnull=False, raw_score__isnull=False)
                | (~Q(error="") & Q(score=None, raw_score=None)),
                name="assessment_has_a_score_or_an_error",
            ),
        ]

    def __str__(self) -> str:
        return f"failed, by {self.model}" if self.error else f"{self.score} by {self.model}"
