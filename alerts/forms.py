"""Forms of the pages of alerts and channels, and of the first-run hint. Those of rules: `alerts.rule_form`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import User
from alerts.channels import ChannelFields
from alerts.inbox_page import Asked, Cursor
from alerts.models import NotificationChannel
from cameras.models import Camera
from events.models import LEVELS

LONGEST_URL = 2000
LONGEST_CURSOR = 80


class AlertFilter(forms.Form):
    """Which alerts are shown. A bad value makes a message and an empty list, never a guess."""

    show = forms.ChoiceField(
        required=False,
        choices=[("", "Waiting first"), ("waiting", "Waiting only"), ("handled", "Handled only")],
        label="Show",
    )
    camera = forms.ChoiceField(required=False, label="Camera")
    severity = forms.ChoiceField(required=False, choices=[("", "Any severity"), *LEVELS], label="Severity")
    before = forms.CharField(required=False, max_length=LONGEST_CURSOR, widget=forms.HiddenInput)

    def __init__(self, data: Any, user: User) -> None:
        super().__init__(data)
        cameras = Camera.objects.for_user(user).order_by("name", "pk").values_list("pk", "name")
        camera = self.fields["camera"]
        assert isinstance(camera, forms.ChoiceField)
        camera.choices = [("", "All cameras"), *cameras]

    def clean_before(self) -> Cursor | None:
        text: str = self.cleaned_data["before"]
        if not text:
            return None
        try:
            return Cursor.parse(text)
        except ValueError as error:
            raise ValidationError("This place in the list does not exist.") from error

    @property
    def asked(self) -> Asked:
        """Nothing where something was refused."""
        if not self.is_valid():
            return Asked(narrowed=Q(pk__in=[]))
        chosen = self.cleaned_data
        narrowed = Q()
        if chosen["camera"]:
            narrowed &= Q(event__camera_id=chosen["camera"])
        if chosen["severity"]:
            narrowed &= Q(severity=chosen["severity"])
        return Asked(chosen["show"], narrowed, chosen["before"])

    @property
    def shown_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("show", "camera", "severity")]

    @property
    def in_words(self) -> str:
        """What is asked for: "Waiting only · Front door"."""
        return " · ".join(_chosen_words(field) for field in self.shown_fields if field.value())

    @property
    def is_in_use(self) -> bool:
        """Whether anything but the place in the list was asked for."""
        return any(self.data.get(name) for name in ("show", "camera", "severity"))


def _chosen_words(bound: forms.BoundField) -> str:
    assert isinstance(bound.field, forms.ChoiceField)
    return str(dict(bound.field.choices).get(bound.value(), bound.value()))  # type: ignore[arg-type]


class SecretInput(forms.PasswordInput):
    """For what is typed once and never shown again, neither by us nor by a browser that would fill it in."""

    def __init__(self, **attributes: str) -> None:
        quiet = {"autocomplete": "new-password", "spellcheck": "false", "autocapitalize": "off"}
        # htmx keeps it as it was typed where the form around it is replaced.
        super().__init__({**quiet, "hx-preserve": "true", **attributes})


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class ChannelForm(forms.Form):
    """One address that notices go to. Of a channel that exists, an empty URL keeps the one that is sealed."""

    name = forms.CharField(
        max_length=100, label="Name", widget=forms.TextInput({"placeholder": "Anna's phone", "autocomplete": "off"})
    )
    url = forms.CharField(
        max_length=LONGEST_URL, label="Apprise URL", widget=SecretInput(placeholder="ntfys://ntfy.sh/…")
    )
    quiet_from = forms.TimeField(required=False, label="Quiet from", widget=TimeInput())
    quiet_until = forms.TimeField(required=False, label="Until", widget=TimeInput())
    enabled = forms.BooleanField(required=False, label="On", initial=True)

    def __init__(self, data: Any = None, channel: NotificationChannel | None = None) -> None:
        super().__init__(data, initial=_as_initial(channel) if channel else None)
        self.channel = channel
        if channel:
            self.fields["url"].required = False

    @property
    def channel_fields(self) -> ChannelFields:
        """Of a valid form, what `alerts.channels` takes."""
        sent = self.cleaned_data
        fields = ChannelFields(
            name=sent["name"], enabled=sent["enabled"], quiet_from=sent["quiet_from"], quiet_until=sent["quiet_until"]
        )
        if sent["url"]:
            fields["url"] = sent["url"]
        return fields


def _as_initial(channel: NotificationChannel) -> dict[str, object]:
    """All but the URL, which no page ever shows."""
    return {name: getattr(channel, name) for name in ("name", "enabled", "quiet_from", "quiet_until")}


class FirstChannelForm(forms.Form):
    """The hint of the first run: a name and a URL are all that is asked."""

    name = forms.CharField(
        max_length=100, label="Name", widget=forms.TextInput({"placeholder": "Anna's phone", "autocomplete": "off"})
    )
    url = forms.CharField(
        max_length=LONGEST_URL, label="Apprise URL", widget=SecretInput(placeholder="ntfys://ntfy.sh/…")
    )
