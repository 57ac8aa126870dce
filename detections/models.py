"""What was seen: one row for each thing in each picture. Never changed afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from cameras.models import Camera, Capture

if TYPE_CHECKING:
    from accounts.models import User


class DetectionQuerySet(models.QuerySet["Detection"]):
    def for_user(self, user: User) -> DetectionQuerySet:
        visible = user.visible_camera_ids()
        living = self.filter(camera__deleted_at=None)
        return living if visible is None else living.filter(camera_id__in=visible)


class Detection(models.Model):
    """One thing found by the detector. The box is in pixels of the source (`capture.width` × `capture.height`)."""

    capture = models.ForeignKey(Capture, on_delete=models.CASCADE, related_name="detections")
    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="detections", db_index=False)
    detected_at = models.DateTimeField(help_text="When it was seen: the capture's time plus the frame's offset.")
    frame_offset = models.FloatField(null=True, help_text="Second of the video; empty for a picture.")
    object_type = models.CharField(max_length=20)
    confidence = models.FloatField()
    bbox_x = models.IntegerField()
    bbox_y = models.IntegerField()
    bbox_width = models.IntegerField()
    bbox_height = models.IntegerField()
    thumbnail_path = models.TextField(help_text="Relative to DATA_DIR.")
    enrichment_data = models.JSONField(default=dict, blank=True)

    objects = DetectionQuerySet.as_manager()

    class Meta:
        db_table = "detections"
        constraints = [
            models.CheckConstraint(
                condition=Q(confidence__gte=0, confidence__lte=1), name="detection_confidence_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(bbox_x__gte=0, bbox_y__gte=0, bbox_width__gt=0, bbox_height__gt=0),
                name="detection_box_is_inside_and_not_empty",
            ),
        ]
        indexes = [
            models.Index(fields=["camera", "detected_at", "id"], name="idx_detections_camera_time_id"),  # time_range
            models.Index(fields=["id", "detected_at"], name="idx_detections_id_time"),  # time_range: the last of a time
            models.Index(fields=["camera", "-id"], name="idx_detections_camera_newest"),  # API: of one camera
            BrinIndex(fields=["detected_at"], name="idx_detections_detected_at"),  # API: times of all cameras
        ]

    def __str__(self) -> str:
        return f"{self.object_type} {self.confidence:.0%} at {self.detected_at:%H:%M:%S}"
