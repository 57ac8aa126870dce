"""Rules, and what came of them. Alerts are handled in the inbox; channels: `alerts.channels_admin`."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import QuerySet
from django.http import HttpRequest

import alerts.channels_admin  # noqa: F401  (registers channels and deliveries)
from alerts.models import Alert, AlertRule, NotificationChannel
from alerts.rules import (
    Draft,
    RuleFields,
    RuleRefused,
    change_rule,
    check_fields,
    create_rule,
    delete_rule,
    draft_of,
    problems_of,
    with_what_they_name,
)
from alerts.words import rule_in_words
from cameras.models import Camera
from inference.protocols import KEPT_CLASSES
from telemetry.admin_tables import ReadOnlyAdmin, TableAdmin, link_to, link_to_list
from zones.models import Zone

WRITTEN = (
    *("name", "description", "enabled", "severity", "risk_threshold", "object_types", "camera_ids", "zone_ids"),
    *("min_confidence", "schedule", "when", "dedup_key_template", "cooldown_seconds", "channel_ids"),
)


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs only
    """What `alerts.rules` takes, under its names; it says what is refused."""

    object_types = forms.MultipleChoiceField(required=False, choices=[(name, name) for name in KEPT_CLASSES])
    camera_ids = forms.ModelMultipleChoiceField(Camera.objects.filter(deleted_at=None), required=False)
    zone_ids = forms.ModelMultipleChoiceField(Zone.objects.filter(enabled=True), required=False)
    channel_ids = forms.ModelMultipleChoiceField(NotificationChannel.objects.all(), required=False, label="Channels")

    class Meta:
        model = AlertRule
        fields = (
            *("name", "description", "enabled", "severity", "risk_threshold", "object_types", "min_confidence"),
            *("schedule", "when", "dedup_key_template", "cooldown_seconds"),
        )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        draft = draft_of(self.instance) if self.instance.name else Draft()
        named = {"camera_ids": draft.cameras, "zone_ids": draft.zones, "channel_ids": draft.channels}
        self.initial.update({field: [row.pk for row in rows] for field, rows in named.items()})

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                check_fields(self.rule_fields(), self.instance if self.instance.name else None)
            except RuleRefused as refusal:
                field = "channel_ids" if refusal.field == "channels" else refusal.field
                self.add_error(field if field in self.fields else NON_FIELD_ERRORS, str(refusal))
        return cleaned

    def rule_fields(self) -> RuleFields:
        """Those that were changed."""
        fields = {name: self.cleaned_data[name] for name in self.changed_data}
        for name in ("camera_ids", "zone_ids", "channel_ids"):
            if name in fields:
                fields[name] = [row.pk for row in fields[name]]
        if "channel_ids" in fields:
            fields["channels"] = fields.pop("channel_ids")
        return cast("RuleFields", fields)


@admin.register(AlertRule)
class AlertRuleAdmin(TableAdmin[AlertRule]):
    form = RuleForm
    list_display = ("name", "enabled", "severity", "words", "problems")
    list_filter = ("enabled", "severity")
    search_fields = ("name", "description")
    ordering = ("name",)
    fields = (*WRITTEN, "words", "problems", "rows", "created_at", "updated_at")
    readonly_fields = ("words", "problems", "rows", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return with_what_they_name(super().get_queryset(request))

    def save_model(self, request: HttpRequest, obj: AlertRule, form: forms.ModelForm[AlertRule], change: bool) -> None:
        fields = cast("RuleForm", form).rule_fields()
        if change:
            change_rule(obj, fields, request)
        else:
            obj.pk = create_rule(fields, request).pk

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        delete_rule(obj, request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for rule in queryset:
            delete_rule(rule, request)

    @admin.display(description="in words")
    def words(self, rule: AlertRule) -> str:
        return rule_in_words(rule) if rule.name else "–"

    @admin.display(description="problems")
    def problems(self, rule: AlertRule) -> str:
        return (" ".join(problems_of(rule)) if rule.name else "") or "–"

    @admin.display(description="its rows")
    def rows(self, rule: AlertRule) -> str:
        return link_to_list("alerts_alert", "alerts", rule__id__exact=rule.pk) if rule.name else "–"


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    list_display = ("created_at", "visit", "the_rule", "severity", "status", "delivered_at", "dedup_key")
    list_filter = ("status", "severity")
    list_select_related = ("rule", "event")
    search_fields = ("=event__id", "dedup_key")
    ordering = ("-created_at", "-pk")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "rule__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="event")
    def visit(self, alert: Alert) -> str:
        return link_to("events_event", alert.event_id, alert.event)

    @admin.display(description="rule")
    def the_rule(self, alert: Alert) -> str:
        return link_to("alerts_alertrule", alert.rule_id, alert.rule)
