from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from detections.models import Detection
from inference.protocols import KEPT_CLASSES
from telemetry.admin_tables import ReadOnlyAdmin, link_to, picture


class ObjectTypeFilter(admin.SimpleListFilter):
    """Django's own would search the whole table for the types there are."""

    title = "object type"
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: object) -> Iterable[tuple[str, str]]:
        return [(name, name) for name in KEPT_CLASSES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Detection]) -> QuerySet[Detection]:
        return queryset.filter(object_type=self.value()) if self.value() else queryset


@admin.register(Detection)
class DetectionAdmin(ReadOnlyAdmin[Detection]):
    list_display = ("thumbnail", "object_type", "sureness", "camera", "detected_at", "file", "event")
    list_display_links = ("thumbnail", "object_type")
    list_filter = (ObjectTypeFilter, "camera")
    list_select_related = ("camera", "capture")
    search_fields = ("=id", "=capture__id")
    readonly_fields = ("thumbnail", "event")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Detection]:
        return Detection.objects.select_related("camera", "capture").annotate(event_id=F("membership__event_id"))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "capture__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="picture")
    def thumbnail(self, detection: Detection) -> str:
        return picture(reverse("thumbnail", args=[detection.pk]))

    @admin.display(description="confidence", ordering="confidence")
    def sureness(self, detection: Detection) -> str:
        return f"{detection.confidence:.0%}"

    @admin.display(description="file")
    def file(self, detection: Detection) -> str:
        return link_to("cameras_capture", detection.capture_id, detection.capture.file_name)

    @admin.display(description="event")
    def event(self, detection: Detection) -> str:
        return link_to("events_event", getattr(detection, "event_id", None))
