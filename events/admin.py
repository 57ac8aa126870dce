"""Visits and how they were judged, and what language models are told. Visits are reviewed on their own pages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.search import SearchQuery
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator

from events.models import LEVELS, Assessment, Batch, Event, EventDetection, PromptVersion
from events.prompts import (
    PromptRefused,
    activate_prompt,
    active_prompt,
    newer_shipped_prompt,
    usable_prompt,
    write_prompt,
)
from inference.analysts.llm import LONGEST_INSTRUCTIONS
from telemetry.admin_tables import ReadOnlyAdmin, TabularInline, link_to, link_to_list, picture

LINKED_BY = ("event__id__exact", "prompt_version__id__exact")


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
        "prompt_version",
        "is_replay",
        "score",
        "raw_score",
        "floor",
        "ceiling",
        "grounded",
        "latency_ms",
        "problem",
    )
    list_filter = ("source", "grounded", "is_replay", ("error", admin.EmptyFieldListFilter))
    list_select_related = ("prompt_version",)
    search_fields = ("=event__id", "model")
    exclude = ("parts",)
    readonly_fields = ("reasons",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in LINKED_BY or super().lookup_allowed(lookup, value, request)

    @admin.display(description="event")
    def visit(self, assessment: Assessment) -> str:
        return link_to("events_event", assessment.event_id)

    @admin.display(description="parts")
    def reasons(self, assessment: Assessment) -> str:
        lines = ((f"{part['points']:+}", part["why"], part["name"]) for part in assessment.parts)
        return format_html_join("", "<div><strong>{}</strong> {} ({})</div>", lines) or "–"

    @admin.display(description="error")
    def problem(self, assessment: Assessment) -> str:
        return Truncator(assessment.error).chars(80)


class PromptForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs only
    notes = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.TextInput({"size": 80}),
        help_text="What it is for, or what is different.",
    )

    class Meta:
        model = PromptVersion
        fields = ("text", "notes")
        widgets = {"text": forms.Textarea({"rows": 30, "cols": 100})}
        help_texts = {
            "text": f"At most {LONGEST_INSTRUCTIONS:,} characters. The form of the answer and what was seen follow by "
            "themselves. It is not sent before you make it active; manage.py reassess tries it on past visits."
        }

    def clean_text(self) -> str:
        try:
            return usable_prompt(self.cleaned_data["text"])
        except PromptRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


@admin.register(PromptVersion)
class PromptVersionAdmin(ReadOnlyAdmin[PromptVersion]):
    """A change is a new version, which begins as a copy of the active one."""

    form = PromptForm
    list_display = ("number", "active", "notes", "written_by", "created_at", "judgements")
    list_select_related = ("created_by",)
    actions = ("make_active",)
    exclude = ("text", "is_shipped")
    readonly_fields = ("number", "active", "written_by", "created_at", "judgements", "what_is_sent", "difference")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptVersion]:
        return super().get_queryset(request).annotate(used=Count("assessments"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super(ReadOnlyAdmin, self).has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: PromptVersion | None = None) -> Any:
        return super().get_fields(request, obj) if obj else PromptForm.Meta.fields

    def get_exclude(self, request: HttpRequest, obj: PromptVersion | None = None) -> Any:
        return super().get_exclude(request, obj) if obj else None

    def get_readonly_fields(self, request: HttpRequest, obj: PromptVersion | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"text": active_prompt().text}

    def save_model(
        self, request: HttpRequest, obj: PromptVersion, form: forms.ModelForm[PromptVersion], change: bool
    ) -> None:
        obj.pk = write_prompt(obj.text, obj.notes, request).pk

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method == "GET" and (newer := newer_shipped_prompt()):
            words = "{} came with the program after yours was written. Yours goes on being sent."
            link = link_to("events_promptversion", newer.pk, f"Prompt {newer.pk}")
            self.message_user(request, format_html(words, link), messages.WARNING)
        return super().changelist_view(request, extra_context)

    @admin.action(description="Make the selected prompt active", permissions=["add"])
    def make_active(self, request: HttpRequest, queryset: QuerySet[PromptVersion]) -> None:
        chosen = list(queryset)
        if len(chosen) != 1:
            self.message_user(request, "Choose one: only one can be active.", messages.ERROR)
        elif activate_prompt(chosen[0], request):
            self.message_user(request, f"Prompt {chosen[0].pk} is sent from the next visit on.")
        else:
            self.message_user(request, f"Prompt {chosen[0].pk} is active already.")

    @admin.display(description="number", ordering="pk")
    def number(self, prompt: PromptVersion) -> int:
        return prompt.pk

    @admin.display(description="written by", ordering="created_by")
    def written_by(self, prompt: PromptVersion) -> str:
        return "came with the program" if prompt.is_shipped else str(prompt.created_by or "somebody who left")

    @admin.display(description="judgements", ordering="used")
    def judgements(self, prompt: PromptVersion) -> str:
        used: int = getattr(prompt, "used")  # noqa: B009  (annotated)
        return link_to_list("events_assessment", f"{used:,}", prompt_version__id__exact=prompt.pk)

    @admin.display(description="text")
    def what_is_sent(self, prompt: PromptVersion) -> str:
        return format_html('<pre class="prompt">{}</pre>', prompt.text)

    @admin.display(description="against the active one")
    def difference(self, prompt: PromptVersion) -> str:
        active = active_prompt()
        names = (f"prompt {active.pk}", f"prompt {prompt.pk}")
        lines = difflib.unified_diff(active.text.splitlines(), prompt.text.splitlines(), *names, lineterm="")
        text = "\n".join(lines)
        return format_html('<pre class="prompt">{}</pre>', text) if text else "the same"
