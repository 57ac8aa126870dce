"""The rule builder's form: a rule's conditions in the words of people, and back. Used by `alerts.views.rules`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings

from accounts.models import User
from alerts.forms import TimeInput
from alerts.models import DEFAULT_KEY, AlertRule, NotificationChannel
from alerts.rules import Draft, RuleFields, RuleRefused
from alerts.schedule import DAYS
from cameras.models import Camera
from events.models import LEVELS
from inference.scale import RISK_BANDS, Level
from zones.models import Zone

DAY_WORDS = {"mon": "Mon", "tue": "Tue", "wed": "Wed", "thu": "Thu", "fri": "Fri", "sat": "Sat", "sun": "Sun"}
CLASS_WORDS = {"person": "People", "bus": "Buses"}
MIDNIGHT = time(0)
UNITS = {"s": 1, "min": 60, "h": 3600}
ANY, OTHER = "", "other"
FIELD_OF = {"min_confidence": "sure", "schedule": "start_time", "cooldown_seconds": "cooldown"}
"""Where a refusal of `alerts.rules` is shown, of those fields that are asked for in other words."""


def _thresholds() -> dict[str, int]:
    """The least score of each level but the lowest, which any visit has."""
    return {band.level.value: below.top + 1 for below, band in pairwise(RISK_BANDS)}


def _and_above(level: str) -> str:
    return level.capitalize() if level == Level.CRITICAL else f"{level.capitalize()} and above"


THRESHOLDS = _thresholds()


@dataclass(frozen=True)
class ZonesOfCamera:
    camera: Camera
    zones: list[Zone]


class RuleForm(forms.Form):
    name = forms.CharField(
        max_length=255,
        label="Name",
        widget=forms.TextInput({"placeholder": "Somebody at the door by night", "autocomplete": "off"}),
    )
    description = forms.CharField(
        required=False, max_length=2000, label="Note to yourself", widget=forms.Textarea({"rows": 2})
    )
    enabled = forms.BooleanField(required=False, initial=True, label="On")
    object_types = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    camera_ids = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    zone_ids = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    worry = forms.ChoiceField(
        required=False,
        widget=forms.RadioSelect,
        choices=[
            (ANY, "Any visit"),
            *[(level, _and_above(level)) for level in THRESHOLDS],
            (OTHER, "From a score of"),
        ],
    )
    risk_threshold = forms.IntegerField(required=False, min_value=0, max_value=100, label="Score")
    sure = forms.FloatField(required=False, min_value=0, max_value=100, label="At least sure")
    days = forms.MultipleChoiceField(
        required=False, widget=forms.CheckboxSelectMultiple, choices=list(DAY_WORDS.items())
    )
    start_time = forms.TimeField(required=False, label="From", widget=TimeInput())
    end_time = forms.TimeField(required=False, label="To", widget=TimeInput())
    timezone = forms.ChoiceField(required=False, label="By the clock of")
    when = forms.ChoiceField(
        required=False,
        widget=forms.RadioSelect,
        initial=AlertRule.When.ANY.value,
        choices=[("any", "Home or away"), ("home", "Somebody is home"), ("away", "Nobody is home")],
    )
    channels = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    severity = forms.ChoiceField(choices=LEVELS, initial=Level.MEDIUM.value, label="At least as")
    cooldown = forms.IntegerField(min_value=0, max_value=1_000_000, initial=5, label="At most once in")
    unit = forms.ChoiceField(choices=[("s", "seconds"), ("min", "minutes"), ("h", "hours")], initial="min")
    dedup_key_template = forms.CharField(
        required=False, max_length=255, initial=DEFAULT_KEY, label="What counts as the same"
    )

    def __init__(self, data: Any = None, *, user: User, rule: Draft | None = None) -> None:
        super().__init__(data, initial=initial_of(rule) if rule else None)
        named = rule or Draft()
        self.cameras = _by_name({*Camera.objects.for_user(user), *named.cameras})
        zones = Zone.objects.for_user(user).filter(enabled=True).select_related("camera")
        self.zones = sorted({*zones, *named.zones}, key=lambda zone: (zone.camera.name, zone.camera_id, zone.name))
        self.all_channels = list(NotificationChannel.objects.order_by("name"))
        classes = dict.fromkeys([*settings.CONFIG.DETECT_CLASSES, *named.object_types])
        self._choose_from("object_types", [(name, CLASS_WORDS.get(name, f"{name.capitalize()}s")) for name in classes])
        self._choose_from("camera_ids", [(camera.pk, camera.name) for camera in self.cameras])
        self._choose_from("zone_ids", [(zone.pk, zone.name) for zone in self.zones])
        self._choose_from("channels", [(str(channel.pk), channel.name) for channel in self.all_channels])
        home = settings.TIME_ZONE
        others = sorted(available_timezones() - {home})
        self._choose_from("timezone", [(home, f"the home ({home})"), *[(name, name) for name in others]])

    def _choose_from(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def zones_by_camera(self) -> list[ZonesOfCamera]:
        groups = groupby(self.zones, lambda zone: zone.camera)
        return [ZonesOfCamera(camera, list(zones)) for camera, zones in groups]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("worry") == OTHER and cleaned.get("risk_threshold", "refused") is None:
            self.add_error("risk_threshold", "Which score, 0 to 100?")
        start, end = cleaned.get("start_time"), cleaned.get("end_time")
        if (start is None) != (end is None) and not {"start_time", "end_time"} & set(self.errors):
            self.add_error("end_time" if end is None else "start_time", "Both are needed: from when, and to when.")
        return cleaned

    def refuse(self, refusal: RuleRefused) -> None:
        """Show why the rule is refused beside the field that it is about."""
        field = FIELD_OF.get(refusal.field, refusal.field)
        self.add_error(field if field in self.fields else None, str(refusal))

    @property
    def rule_fields(self) -> RuleFields:
        """Of a valid form, what `alerts.rules` takes."""
        sent = self.cleaned_data
        return RuleFields(
            name=sent["name"],
            description=sent["description"],
            enabled=sent["enabled"],
            severity=sent["severity"],
            risk_threshold=sent["risk_threshold"] if sent["worry"] == OTHER else THRESHOLDS.get(sent["worry"]),
            object_types=sent["object_types"],
            camera_ids=sent["camera_ids"],
            zone_ids=sent["zone_ids"],
            min_confidence=None if sent["sure"] is None else sent["sure"] / 100,
            schedule=_schedule(sent),
            when=sent["when"] or AlertRule.When.ANY.value,
            dedup_key_template=sent["dedup_key_template"] or DEFAULT_KEY,
            cooldown_seconds=sent["cooldown"] * UNITS[sent["unit"]],
            channels=[int(pk) for pk in sent["channels"]],
        )


def _by_name(cameras: Iterable[Camera]) -> list[Camera]:
    return sorted(cameras, key=lambda camera: (camera.name, camera.pk))


def _schedule(sent: dict[str, Any]) -> dict[str, object] | None:
    """Of certain days only: all day. Of certain hours only: every day."""
    start, end = sent["start_time"], sent["end_time"]
    if start is None and not sent["days"]:
        return None
    is_all_day = start is None or start == end == MIDNIGHT
    return {
        "days": sent["days"] or list(DAYS),
        "start_time": "00:00" if is_all_day else f"{start:%H:%M}",
        "end_time": "24:00" if is_all_day else f"{end:%H:%M}",
        "timezone": sent["timezone"] or settings.TIME_ZONE,
    }


def initial_of(rule: Draft) -> dict[str, object]:
    """What the form shows of a rule."""
    worry = _worry_of(rule.risk_threshold)
    cooldown, unit = _in_the_largest_unit(rule.cooldown_seconds)
    return {
        "name": rule.name,
        "description": rule.description,
        "enabled": rule.enabled,
        "object_types": list(rule.object_types),
        "camera_ids": [camera.pk for camera in rule.cameras],
        "zone_ids": [zone.pk for zone in rule.zones],
        "worry": worry,
        "risk_threshold": rule.risk_threshold if worry == OTHER else None,
        "sure": None if rule.min_confidence is None else _without_noise(rule.min_confidence * 100),
        "when": rule.when,
        "channels": [str(channel.pk) for channel in rule.channels],
        "severity": rule.severity,
        "cooldown": cooldown,
        "unit": unit,
        "dedup_key_template": rule.dedup_key_template,
        **(_initial_hours(rule.schedule) if rule.schedule else {}),
    }


def _worry_of(threshold: int | None) -> str:
    if threshold is None:
        return ANY
    return next((level for level, least in THRESHOLDS.items() if least == threshold), OTHER)


def _initial_hours(schedule: dict[str, Any]) -> dict[str, object]:
    days: Iterable[str] = schedule["days"]
    is_all_day = (schedule["start_time"], schedule["end_time"]) == ("00:00", "24:00")
    end = "00:00" if schedule["end_time"] == "24:00" else schedule["end_time"]
    return {
        "days": [] if set(days) == set(DAYS) and not is_all_day else list(days),
        "start_time": None if is_all_day else schedule["start_time"],
        "end_time": None if is_all_day else end,
        "timezone": schedule["timezone"],
    }


def _in_the_largest_unit(seconds: int) -> tuple[int, str]:
    for unit in ("h", "min"):
        if seconds and seconds % UNITS[unit] == 0:
            return seconds // UNITS[unit], unit
    return seconds, "s"


def _without_noise(number: float) -> float | int:
    """55.00000000000001 is 55 to a reader."""
    rounded = round(number, 6)
    return int(rounded) if rounded == int(rounded) else rounded
