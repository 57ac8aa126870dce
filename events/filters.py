"""The filters of the list of visits, as a plain GET form."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from cameras.models import Camera
from cameras.time_range import between_ids
from events.models import LEVELS, WORTH_A_LOOK, Event, EventDetection
from zones.models import Zone

LOOK = "look"
FOLDED = ("camera", "zone", "level", "state", "reviewed", "since", "until")
MAX_ID = 2**63 - 1


class EventFilter(forms.Form):
    """A bad value makes a message and an empty list, never a guess."""

    q = forms.CharField(
        required=False,
        max_length=200,
        label="Words",
        widget=forms.TextInput({"type": "search", "placeholder": "person garden"}),
    )
    camera = forms.ChoiceField(required=False)
    zone = forms.ChoiceField(required=False)
    level = forms.ChoiceField(
        required=False, choices=[("", "Any level"), (LOOK, "Medium and above"), *LEVELS], label="Level"
    )
    state = forms.ChoiceField(
        required=False, choices=[("", "Over or not"), ("open", "Going on"), ("closed", "Over")], label="State"
    )
    reviewed = forms.ChoiceField(
        required=False, choices=[("", "Reviewed or not"), ("no", "Not reviewed"), ("yes", "Reviewed")], label="Reviewed"
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
    before = forms.IntegerField(required=False, min_value=1, max_value=MAX_ID, widget=forms.HiddenInput)

    def __init__(self, data: Any, user: User) -> None:
        super().__init__(data)
        cameras = Camera.objects.for_user(user).order_by("name", "pk").values_list("pk", "name")
        self._offer("camera", [("", "All cameras"), *cameras])
        drawn = Zone.objects.for_user(user).order_by("camera__name", "camera", "name")
        zones = [(pk, f"{camera}: {name}") for pk, name, camera in drawn.values_list("pk", "name", "camera__name")]
        self._has_zones = bool(zones)
        self._offer("zone", [("", "Any zone"), *zones])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", "The last day lies before the first.")
        return cleaned

    def apply(self, events: QuerySet[Event]) -> QuerySet[Event]:
        """Those events that pass, newest id first; none where a filter was refused."""
        if not self.is_valid():
            return events.none()
        for name, value in self.cleaned_data.items():
            if value not in (None, ""):
                events = _narrow(events, name, value)
        return self._of_those_days(events).order_by("-id")

    def _of_those_days(self, events: QuerySet[Event]) -> QuerySet[Event]:
        first, last = self.cleaned_data["since"], self.cleaned_data["until"]
        since, until = first and _midnight(first), last and _midnight(last + timedelta(days=1))
        if since:
            events = events.filter(started_at__gte=since)
        if until:
            events = events.filter(started_at__lt=until)
        return between_ids(events, "started_at", since, until)

    @property
    def folded_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in FOLDED if name != "zone" or self._has_zones or name in self.errors]

    @property
    def has_folded_errors(self) -> bool:
        return any(name in self.errors for name in FOLDED)

    @property
    def in_words(self) -> str:
        """What the folded filters are set to: "Medium and above · Not reviewed"."""
        return " · ".join(self._chosen_words(self[name]) for name in FOLDED if self.data.get(name))

    def _chosen_words(self, bound: forms.BoundField) -> str:
        value = str(bound.value())
        if isinstance(bound.field, forms.ChoiceField):
            return str(dict(bound.field.choices).get(value, value))  # type: ignore[arg-type]
        return f"{bound.label} {value}".lower()

    @property
    def is_in_use(self) -> bool:
        """Whether anything but the place in the list was asked for."""
        return any(self.data.get(name) for name in self.fields if name != "before")


def in_zone(events: QuerySet[Event], zone_id: str) -> QuerySet[Event]:
    """Those in which something was in the zone; a vehicle that is parked there is in every visit, and is no visitor."""
    there = EventDetection.objects.filter(event=OuterRef("pk"), parked=False, detection__zone_links__zone_id=zone_id)
    camera = Zone.objects.filter(pk=zone_id).values("camera_id")
    return events.filter(Exists(there), camera_id=Subquery(camera))


def _narrow(events: QuerySet[Event], name: str, value: Any) -> QuerySet[Event]:
    match name:
        case "camera":
            return events.filter(camera_id=value)
        case "zone":
            return in_zone(events, value)
        case "level":
            return events.filter(risk_level__in=WORTH_A_LOOK if value == LOOK else [value])
        case "state":
            return events.filter(state=value)
        case "reviewed":
            return events.filter(reviewed=value == "yes")
        case "q":
            return events.filter(search_vector=SearchQuery(value, config="english", search_type="websearch"))
        case "since" | "until":
            return events  # one condition: `_of_those_days`
        case _:
            return events.filter(pk__lt=value)


def _midnight(day: date) -> datetime:
    """When a day begins at home."""
    return timezone.make_aware(datetime.combine(day, time.min))
