"""The API's detections: what was seen, with the facts of the file it was seen in."""

from __future__ import annotations

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.urls import reverse
from django_filters.rest_framework import filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.viewsets import ReadOnlyModelViewSet

from cameras.access import signed_in
from cameras.models import Capture
from cameras.time_range import TimedFilterSet
from detections.models import Detection
from inference.protocols import KEPT_CLASSES
from telemetry.filters import IdFilter, since, until

OBJECT_TYPES = [(name, name) for name in KEPT_CLASSES]


def with_file_facts(detections: QuerySet[Detection]) -> QuerySet[Detection]:
    """`detections` with all that DetectionSerializer shows, in one query."""
    zones = Detection.objects.filter(pk=OuterRef("pk"), zone_links__isnull=False).order_by("zone_links__zone_id")
    return detections.select_related("capture").annotate(
        event_id=F("membership__event_id"), zone_ids=ArraySubquery(zones.values("zone_links__zone_id"))
    )


class DetectionSerializer(serializers.ModelSerializer[Detection]):
    """Of rows that come from `with_file_facts()`."""

    camera_id = serializers.CharField(read_only=True)
    capture_id = serializers.IntegerField(read_only=True)
    event_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Null until it is placed.")
    zone_ids = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Zones it was in.")
    file_path = serializers.CharField(source="capture.file_path", read_only=True)
    file_type = serializers.CharField(source="capture.file_type", read_only=True)
    media_type = serializers.ChoiceField(source="capture.media_type", choices=Capture.MediaType.choices, read_only=True)
    duration = serializers.FloatField(source="capture.duration", read_only=True, allow_null=True)
    video_codec = serializers.CharField(source="capture.video_codec", read_only=True)
    video_width = serializers.SerializerMethodField()
    video_height = serializers.SerializerMethodField()
    thumbnail_url = serializers.SerializerMethodField()

    class Meta:
        model = Detection
        fields = (
            "id",
            "camera_id",
            "capture_id",
            "event_id",
            "zone_ids",
            "file_path",
            "file_type",
            "detected_at",
            "frame_offset",
            "object_type",
            "confidence",
            "bbox_x",
            "bbox_y",
            "bbox_width",
            "bbox_height",
            "thumbnail_path",
            "thumbnail_url",
            "media_type",
            "duration",
            "video_codec",
            "video_width",
            "video_height",
        )
        read_only_fields = fields

    def get_video_width(self, detection: Detection) -> int | None:
        return detection.capture.width if _is_of_video(detection) else None

    def get_video_height(self, detection: Detection) -> int | None:
        return detection.capture.height if _is_of_video(detection) else None

    def get_thumbnail_url(self, detection: Detection) -> str:
        return reverse("thumbnail", args=[detection.pk])


def _is_of_video(detection: Detection) -> bool:
    return detection.capture.media_type == Capture.MediaType.VIDEO


class DetectionFilter(TimedFilterSet):
    camera_id = filters.CharFilter()
    capture_id = IdFilter()
    event_id = IdFilter(field_name="membership__event_id")
    zone_id = filters.CharFilter(field_name="zone_links__zone_id")
    object_type = filters.ChoiceFilter(choices=OBJECT_TYPES)
    min_confidence = filters.NumberFilter(
        field_name="confidence", lookup_expr="gte", min_value=0, max_value=1, help_text="A share, 0–1."
    )
    since = since("detected_at")
    until = until("detected_at")


@extend_schema_view(
    list=extend_schema(summary="What was seen, newest first"), retrieve=extend_schema(summary="One detection")
)
class DetectionViewSet(ReadOnlyModelViewSet[Detection]):
    queryset = Detection.objects.none()
    serializer_class = DetectionSerializer
    filterset_class = DetectionFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Detection]:
        return with_file_facts(Detection.objects.for_user(signed_in(self.request)))
