"""Zones as rows. They are drawn and deleted on the page of their camera, or by the API."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest

from telemetry.admin_tables import TableAdmin
from zones.changing import ZoneFields, ZoneRefused, change_zone, check_fields
from zones.models import Zone


class ZoneForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs only
    """The same rules as in the editor."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        changes = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        try:
            check_fields(cast("ZoneFields", changes), self.instance.camera, self.instance)
        except ZoneRefused as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else NON_FIELD_ERRORS, str(refusal))
        return cleaned


@admin.register(Zone)
class ZoneAdmin(TableAdmin[Zone]):
    form = ZoneForm
    list_display = ("name", "id", "camera", "zone_type", "shape", "enabled", "priority", "is_located")
    list_select_related = ("camera",)
    list_filter = ("zone_type", "enabled", "is_located", "camera")
    search_fields = ("name", "id")
    ordering = ("camera", "name")
    fields = (
        *("id", "camera", "name", "zone_type", "coordinates", "shape", "min_overlap", "color", "enabled"),
        *("priority", "is_located", "created_at", "updated_at"),
    )
    readonly_fields = ("id", "camera", "is_located", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Zone | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Zone, form: forms.ModelForm[Zone], change: bool) -> None:
        change_zone(obj, cast("ZoneFields", {name: form.cleaned_data[name] for name in form.changed_data}), request)
