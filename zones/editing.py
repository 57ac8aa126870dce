"""A zone as the editor's form holds it, drawn or refused, and how it is stored without undoing what others did."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from django.db import transaction
from django.http import HttpRequest, QueryDict

from cameras.models import Camera
from zones.changing import ZoneFields, ZoneRefused, change_zone, create_zone
from zones.drawing import COLORS
from zones.models import DEFAULT_COLOR, Zone

LONGEST_DRAWING = 20_000
"""Characters: several times the most corners a zone may have."""
HALF = "0.5"


class Overtaken(Exception):
    """Somebody else changed the zone since the form was opened, or deleted it."""

    def __init__(self, zone: Zone | None) -> None:
        super().__init__("Somebody else was faster.")
        self.zone = zone


@dataclass(frozen=True)
class Draft:
    """What the form holds, as text: it is shown again as it was sent where something is refused."""

    shape: str
    name: str = ""
    zone_type: str = ""
    coordinates: str = ""
    """As JSON; empty where nothing is drawn."""
    overlap: str = ""
    """Least share of a box; empty: its feet decide."""
    color: str = DEFAULT_COLOR
    enabled: bool = True
    seen: str = ""
    """Which state of the zone the form was opened with; empty of a new one."""

    @classmethod
    def new(cls, shape: str, others: Iterable[Zone]) -> Draft:
        """One that is yet to be drawn, in a colour that no other zone has, while there is one."""
        taken = {zone.color.upper() for zone in others}
        color = next((color for color in COLORS if color.upper() not in taken), DEFAULT_COLOR)
        return cls(shape=shape if shape in Zone.Shape.values else Zone.Shape.RECTANGLE, color=color)

    @classmethod
    def of(cls, zone: Zone) -> Draft:
        return cls(
            shape=zone.shape,
            name=zone.name,
            zone_type=zone.zone_type,
            coordinates=json.dumps(zone.coordinates),
            overlap="" if zone.min_overlap is None else str(zone.min_overlap),
            color=zone.color.upper(),
            enabled=zone.enabled,
            seen=state_of(zone),
        )

    @classmethod
    def sent(cls, form: QueryDict) -> Draft:
        return cls(
            shape=form.get("shape", ""),
            name=form.get("name", ""),
            zone_type=form.get("zone_type", ""),
            coordinates=form.get("coordinates", "")[:LONGEST_DRAWING],
            overlap=form.get("overlap", ""),
            color=form.get("color", ""),
            enabled="enabled" in form,
            seen=form.get("seen", ""),
        )

    def at(self, zone: Zone | None) -> Draft:
        """The same, to be stored over this state of the zone."""
        return replace(self, seen=state_of(zone) if zone else "")

    def fields(self) -> ZoneFields:
        """What is to be stored. Raises ZoneRefused where the form holds no such thing."""
        if not self.zone_type:
            raise ZoneRefused("zone_type", "Choose what it is.")
        return ZoneFields(
            name=self.name,
            zone_type=self.zone_type,
            coordinates=self._corners(),
            shape=self.shape,
            min_overlap=self._share(),
            color=self.color,
            enabled=self.enabled,
        )

    def _corners(self) -> Any:
        """Whatever was drawn; whether it can be a zone is told by who stores it."""
        if self.coordinates in ("", "[]"):
            raise ZoneRefused("coordinates", "Draw it on the picture first.")
        try:
            return json.loads(self.coordinates)
        except (ValueError, RecursionError) as error:
            raise ZoneRefused("coordinates", "That is no drawing. Draw it anew.") from error

    def _share(self) -> float | None:
        try:
            return float(self.overlap) if self.overlap else None
        except ValueError as error:
            raise ZoneRefused("min_overlap", "Choose one of these.") from error


def state_of(zone: Zone) -> str:
    """A mark of everything a person may change of it."""
    said = (zone.name, zone.zone_type, zone.coordinates, zone.shape, zone.min_overlap, zone.color, zone.enabled)
    return f"{crc32(json.dumps(said).encode()):08x}"


def draw(camera: Camera, draft: Draft, request: HttpRequest) -> Zone:
    """Store a new zone. Raises ZoneRefused."""
    return create_zone(camera, draft.fields(), request)


@transaction.atomic
def redraw(camera: Camera, zone_id: str, draft: Draft, request: HttpRequest) -> Zone:
    """Store a changed zone, if it is still as the form was opened with. Raises Overtaken, ZoneRefused."""
    Camera.objects.locked(camera.pk).get()
    zone = camera.zones.filter(pk=zone_id).first()
    if zone is None or state_of(zone) != draft.seen:
        raise Overtaken(zone)
    change_zone(zone, draft.fields(), request)
    return zone
