"""Cameras and their files; failed files are tried again or let go here."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator

from accounts.models import AuditAction, audit
from cameras.dead_letters import dismiss, requeue
from cameras.models import Camera, Capture, IgnoredFile
from telemetry.admin_tables import ReadOnlyAdmin, TableAdmin, link_to, link_to_list, picture


@admin.register(Camera)
class CameraAdmin(TableAdmin[Camera]):
    """A camera is made by its first file. It is put away, not deleted: its files would bring it back."""

    list_display = ("name", "id", "place", "status", "last_seen_at", "older_files", "deleted_at", "rows")
    list_filter = ("place", "status", ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "id")
    ordering = ("name",)
    fields = (
        "id",
        "name",
        "place",
        "timezone",
        "clock_offset",
        "deleted_at",
        "folder_path",
        "status",
        "created_at",
        "last_seen_at",
        "older_files",
        "skip_before",
    )
    readonly_fields = (
        "id",
        "folder_path",
        "status",
        "created_at",
        "last_seen_at",
        "older_files",
        "skip_before",
    )

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        if db_field.name == "timezone":
            zones = [(name, name) for name in sorted(available_timezones())]
            return forms.ChoiceField(choices=[("", "the home's"), *zones], required=False)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="its rows")
    def rows(self, camera: Camera) -> str:
        return link_to_list("cameras_capture", "captures", camera__id__exact=camera.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Camera | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Camera, form: forms.ModelForm[Camera], change: bool) -> None:
        super().save_model(request, obj, form, change)
        audit(AuditAction.CAMERA_UPDATED, "camera", obj.pk, request=request, details={"fields": form.changed_data})


@admin.register(Capture)
class CaptureAdmin(ReadOnlyAdmin[Capture]):
    list_display = ("preview", "name", "camera", "state", "problem", "captured_at", "arrived_at", "event", "rows")
    list_display_links = ("preview", "name")
    list_filter = ("state", "media_type", "captured_at_source", "camera")
    list_select_related = ("camera",)
    search_fields = ("file_path", "sha256__startswith")
    actions = ("try_again", "let_go")
    readonly_fields = ("preview", "rows", "event")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Capture]:
        return Capture.objects.with_event_id()

    @admin.display(description="picture")
    def preview(self, capture: Capture) -> str:
        return picture(reverse("preview", args=[capture.pk])) if capture.preview_path else "–"

    @admin.display(description="file")
    def name(self, capture: Capture) -> str:
        return capture.file_name

    @admin.display(description="its rows")
    def rows(self, capture: Capture) -> str:
        return link_to_list("detections_detection", "detections", capture__id__exact=capture.pk)

    @admin.display(description="event")
    def event(self, capture: Capture) -> str:
        return link_to("events_event", getattr(capture, "event_id", None))

    @admin.display(description="error")
    def problem(self, capture: Capture) -> str:
        return Truncator(capture.error).chars(80)

    @admin.action(description="Try the selected failed files again")
    def try_again(self, request: HttpRequest, queryset: QuerySet[Capture]) -> None:
        self.message_user(request, f"Failed files queued again: {requeue(queryset, request)}.")

    @admin.action(description="Let the selected failed files go")
    def let_go(self, request: HttpRequest, queryset: QuerySet[Capture]) -> None:
        self.message_user(request, f"Failed files dismissed: {dismiss(queryset, request)}.")


@admin.register(IgnoredFile)
class IgnoredFileAdmin(ReadOnlyAdmin[IgnoredFile]):
    list_display = ("file_path", "camera", "kind", "reason", "size", "arrived_at")
    list_filter = ("kind", "camera")
    list_select_related = ("camera",)
    search_fields = ("file_path", "reason")
    ordering = ("-arrived_at",)
