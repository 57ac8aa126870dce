"""Parts of a camera's picture that a person drew and named, and which detections were in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from cameras.models import Camera
from detections.models import Detection

if TYPE_CHECKING:
    from accounts.models import User

DEFAULT_COLOR = "#3B82F6"
MOST_CORNERS = 100
"""Of a zone: more than anybody draws by hand, and each costs time with every picture."""


class ZoneQuerySet(models.QuerySet["Zone"]):
    def for_user(self, user: User) -> ZoneQuerySet:
        visible = user.visible_camera_ids()
        living = self.filter(camera__deleted_at=None)
        return living if visible is None else living.filter(camera_id__in=visible)

    def held(self, zone_id: str) -> Zone:
        """This zone, with its camera's row held to the end of the transaction. Raises Zone.DoesNotExist."""
        Camera.objects.held(self.get(pk=zone_id).camera_id)
        return self.select_related("camera").get(pk=zone_id)


class Zone(models.Model):
    """A polygon on one camera's picture. A rectangle is one of four corners that the editor keeps square.

    `id` says camera and name as they were when it was drawn ("front_door_porch"); it never changes.
    """

    class ZoneType(models.TextChoices):
        ENTRY_POINT = "entry_point"
        DRIVEWAY = "driveway"
        SIDEWALK = "sidewalk"
        YARD = "yard"
        OTHER = "other"

    class Shape(models.TextChoices):
        RECTANGLE = "rectangle"
        POLYGON = "polygon"

    id = models.CharField(primary_key=True, max_length=200, editable=False)
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="zones")
    name = models.CharField(max_length=255)
    zone_type = models.CharField(max_length=11, choices=ZoneType.choices, default=ZoneType.OTHER)
    coordinates = models.JSONField(help_text="Corners [[x, y], …], shares 0–1 of the picture's width and height.")
    shape = models.CharField(max_length=9, choices=Shape.choices, default=Shape.RECTANGLE)
    min_overlap = models.FloatField(
        null=True,
        blank=True,
        help_text="Least share of a box that lies in the zone; empty: the middle of its lower edge does.",
    )
    color = models.CharField(max_length=7, default=DEFAULT_COLOR, validators=[RegexValidator(r"\A#[0-9A-Fa-f]{6}\Z")])
    enabled = models.BooleanField(default=True)
    priority = models.IntegerField(default=0, help_text="The higher is drawn on top and named first.")
    is_located = models.BooleanField(
        default=False, help_text="Whether it is known of all earlier detections if they were in it as it is drawn now."
    )
    located_from = models.BigIntegerField(
        null=True,
        editable=False,
        help_text="While that is found out, newest first: it is known of detections with this id or a larger one.",
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = ZoneQuerySet.as_manager()

    class Meta:
        db_table = "zones"
        ordering = ["-priority", "name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["camera", "name"], name="zone_name_is_unique_on_its_camera"),
            models.CheckConstraint(
                condition=Q(min_overlap__isnull=True) | Q(min_overlap__gt=0, min_overlap__lte=1),
                name="zone_overlap_is_a_share",
            ),
        ]
        indexes = [
            models.Index(fields=["camera"], condition=Q(enabled=True), name="idx_zones_camera_enabled"),  # placing
            models.Index(fields=["id"], condition=Q(is_located=False), name="idx_zones_to_locate"),  # the sweep
        ]

    def __str__(self) -> str:
        return self.name


class DetectionZone(models.Model):
    """That a detection was in a zone, as the zone is drawn now."""

    detection = models.ForeignKey(Detection, on_delete=models.CASCADE, related_name="zone_links", db_index=False)
    zone = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="detection_links", db_index=False)

    class Meta:
        db_table = "detection_zones"
        constraints = [models.UniqueConstraint(fields=["detection", "zone"], name="detection_is_in_a_zone_once")]
        indexes = [
            models.Index(fields=["zone", "-detection"], name="idx_detection_zones_newest"),  # API; zones.locating
        ]

    def __str__(self) -> str:
        return f"detection {self.detection_id} in {self.zone_id}"
