"""Visits and how they were judged. They are reviewed on their own pages, which each row links to."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.contrib.postgres.search import SearchQuery
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join

from events.models import LEVELS, Assessment, Batch, Event, EventDetection
from telemetry.admin_tables import ReadOnlyAdmin, TabularInline, link_to, link_to_list, picture


class LevelFilter(admin.SimpleListFilter):
    """Django's own does not know the choices of a generated column."""

    title = "level"
    parameter_name = "risk_level"

    def lookups(self, request: HttpRequest, model_admin: object) -> Iterable[tuple[str, str]]:
        return LEVELS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(risk_level=self.value()) if self.value() else queryset


class MembershipInline(TabularInline[EventDetection, Event]):
    model = EventDetection
    verbose_name_plural = "detections"
    fields = readonly_fields = ("picture", "what", "batch", "standing_since", "parked")
    ordering = ("detection_id",)
    can_delete = False
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventDetection]:
        return EventDetection.objects.select_related("detection", "batch")

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return False

    def picture(self, membership: EventDetection) -> str:
        return picture(reverse("thumbnail", args=[membership.detection_id]))

    def what(self, membership: EventDetection) -> str:
        return link_to("detections_detection", membership.detection_id, membership.detection)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    list_display = ("thumbnail", "summary", "camera", "started_at", "risk_level", "risk_score", "reviewed", "rows")
    list_display_links = ("thumbnail", "summary")
    list_filter = (LevelFilter, "state", "analysis_state", "reviewed", "is_fast_path", "camera")
    list_select_related = ("camera",)
    search_fields = ("summary",)
    search_help_text = 'Words; "a phrase", or, -not.'
    exclude = ("search_vector", "key_detection")
    readonly_fields = ("thumbnail", "risk_level", "rows")
    inlines = (MembershipInline,)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        if search_term:
            query = SearchQuery(search_term, config="english", search_type="websearch")
            queryset = queryset.filter(search_vector=query)
        return queryset, False

    @admin.display(description="picture")
    def thumbnail(self, event: Event) -> str:
        return picture(reverse("thumbnail", args=[event.key_detection_id])) if event.key_detection_id else "–"

    @admin.display(description="its rows")
    def rows(self, event: Event) -> str:
        return link_to_list("events_assessment", "assessments", event__id__exact=event.pk)


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin[Batch]):
    list_display = ("id", "camera", "visit", "state", "started_at", "detection_count", "close_reason")
    list_filter = ("state", "close_reason", "camera")
    list_select_related = ("camera",)
    search_fields = ("=event__id",)
    ordering = ("-event_id",)  # the newest visit first, by its index; of times there is none without a camera

    @admin.display(description="event")
    def visit(self, batch: Batch) -> str:
        return link_to("events_event", batch.event_id)


@admin.register(Assessment)
class AssessmentAdmin(ReadOnlyAdmin[Assessment]):
    list_display = (
        "created_at",
        "visit",
        "source",
        "model",
        "score",
        "raw_score",
        "floor",
        "ceiling",
        "grounded",
        "latency_ms",
    )
    list_filter = ("source", "grounded")
    search_fields = ("=event__id", "model")
    exclude = ("parts",)
    readonly_fields = ("reasons",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "event__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="event")
    def visit(self, assessment: Assessment) -> str:
        return link_to("events_event", assessment.event_id)

    @admin.display(description="parts")
    def reasons(self, assessment: Assessment) -> str:
        lines = ((f"{part['points']:+}", part["why"], part["name"]) for part in assessment.parts)
        return format_html_join("", "<div><strong>{}</strong> {} ({})</div>", lines) or "–"
