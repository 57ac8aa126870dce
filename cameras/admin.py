"""Cameras and their files; failed files are tried again or let go here."""

from __future__ import annotations

from typing import Any, cast
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator

from cameras.adding import NameRefused, usable_name
from cameras.changing import CameraChanges, change_camera
from cameras.dead_letters import dismiss, requeue
from cameras.hiding import CannotComeBack, bring_back, put_away
from cameras.models import Camera, Capture, FTPAccount, FTPLogEntry, IgnoredFile
from telemetry.admin_tables import ReadOnlyAdmin, TableAdmin, link_to, link_to_list, picture


class CameraForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs only
    """The same rules as on the camera's page."""

    def clean_name(self) -> str:
        try:
            return usable_name(self.cleaned_data["name"], self.instance)
        except NameRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


@admin.register(Camera)
class CameraAdmin(TableAdmin[Camera]):
    """A camera is made on its page or by its first file. It is put away, not deleted: its files would bring it back."""

    form = CameraForm
    list_display = ("name", "id", "place", "status", "last_seen_at", "deleted_at", "merged_into", "rows")
    list_select_related = ("merged_into",)
    actions = ("put_selected_away", "bring_selected_back")
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
        "merged_into",
        "folder_path",
        "status",
        "created_at",
        "last_seen_at",
        "older_files",
        "skip_before",
    )
    readonly_fields = (
        "id",
        "deleted_at",
        "merged_into",
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
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        change_camera(obj, cast("CameraChanges", changes), request)

    @admin.action(description="Put the selected cameras away")
    def put_selected_away(self, request: HttpRequest, queryset: QuerySet[Camera]) -> None:
        done = sum(put_away(camera, request) for camera in queryset)
        self.message_user(request, f"Cameras put away: {done}.")

    @admin.action(description="Bring the selected cameras back")
    def bring_selected_back(self, request: HttpRequest, queryset: QuerySet[Camera]) -> None:
        done = 0
        for camera in queryset:
            try:
                done += bring_back(camera, request)
            except CannotComeBack as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
        self.message_user(request, f"Cameras brought back: {done}.")


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


@admin.register(FTPAccount)
class FTPAccountAdmin(ReadOnlyAdmin[FTPAccount]):
    """Passwords are made on the pages of the cameras; what is kept of them is nobody's business."""

    list_display = ("user", "camera", "created_at", "renewed_at", "rows")
    list_select_related = ("camera",)
    search_fields = ("user", "camera__name")
    ordering = ("user",)
    fields = ("camera", "user", "created_at", "renewed_at", "rows")
    readonly_fields = ("rows",)

    @admin.display(description="its rows")
    def rows(self, account: FTPAccount) -> str:
        return link_to_list("cameras_ftplogentry", "log", account=account.pk)


@admin.register(FTPLogEntry)
class FTPLogEntryAdmin(ReadOnlyAdmin[FTPLogEntry]):
    list_display = ("at", "account", "address", "step", "sentence")
    list_filter = ("step",)
    list_select_related = ("account",)
    search_fields = ("account__user", "sentence", "address")
