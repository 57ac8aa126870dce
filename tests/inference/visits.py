"""Visits for the tests, told in few words: who was where, from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from inference.protocols import EventContext, HouseholdFact, PlaceName, Sighting, UsualFact, ZoneFact

ZONE = ZoneInfo("Europe/Berlin")
BODY = (0.05, 0.3)
CAR = (0.3, 0.25)

SIDEWALK = ZoneFact("pavement", "Pavement", "sidewalk")
DRIVEWAY = ZoneFact("driveway", "Driveway", "driveway")
YARD = ZoneFact("garden", "Garden", "yard")
DOOR = ZoneFact("front_door", "Front door", "entry_point")
OTHER_DOOR = ZoneFact("garage_door", "Garage door", "entry_point")
BACK_DOOR = ZoneFact("back_door", "Back door", "entry_point")
ALL_ZONES = (SIDEWALK, DRIVEWAY, YARD, DOOR, OTHER_DOOR, BACK_DOOR)


def moment(clock: str) -> datetime:
    """A moment of an ordinary Tuesday: "14:02" or "14:02:30"."""
    return datetime.fromisoformat(f"2026-03-10T{clock}").replace(tzinfo=ZONE)


@dataclass
class Story:
    """Builds a context picture by picture. Positions are the middle of a body, as shares of the picture."""

    start: str = "14:02"
    place: PlaceName = "front"
    every_s: float = 1.0
    camera_name: str = "Camera"
    zones: tuple[ZoneFact, ...] | None = None
    usual: tuple[UsualFact, ...] | None = None
    household: HouseholdFact | None = None
    clips: tuple[tuple[float, float], ...] = ()
    """From when to when each video lasts; without any, every moment is a picture of its own."""
    sightings: list[Sighting] = field(default_factory=list)
    looked_at: set[float] = field(default_factory=set)

    def see(
        self,
        label: str,
        at_s: float,
        x: float,
        y: float = 0.5,
        *,
        confidence: float = 0.9,
        zone: ZoneFact | None = None,
        parked: bool = False,
        size: tuple[float, float] | None = None,
    ) -> Story:
        width, height = size or (BODY if label == "person" else CAR)
        self.looked_at.add(at_s)
        self.sightings.append(
            Sighting(
                detection_id=len(self.sightings) + 1,
                capture_id=self._capture_at(at_s),
                seen_at=moment(self.start) + timedelta(seconds=at_s),
                label=label,
                confidence=confidence,
                box=(x - width / 2, y - height / 2, width, height),
                parked=parked,
                zones=(zone.id,) if zone else (),
            )
        )
        return self

    def stay(self, label: str, from_s: float, to_s: float, x: float, y: float = 0.5, **seen: Any) -> Story:
        """In every picture from one second to another, at one spot."""
        for at_s in self._moments(from_s, to_s):
            self.see(label, at_s, x, y, **seen)
        return self

    def walk(
        self, label: str, from_s: float, to_s: float, from_x: float, to_x: float, y: float = 0.5, **seen: Any
    ) -> Story:
        moments = list(self._moments(from_s, to_s))
        for number, at_s in enumerate(moments):
            share = number / max(len(moments) - 1, 1)
            self.see(label, at_s, from_x + share * (to_x - from_x), y, **seen)
        return self

    def look(self, from_s: float, to_s: float) -> Story:
        """Pictures with nothing in them."""
        self.looked_at.update(self._moments(from_s, to_s))
        return self

    def _moments(self, from_s: float, to_s: float) -> Iterable[float]:
        steps = int((to_s - from_s) / self.every_s + 1e-9)
        return (from_s + step * self.every_s for step in range(steps + 1))

    def _capture_at(self, at_s: float) -> int:
        begun = next((from_s for from_s, to_s in self.clips if from_s <= at_s <= to_s), at_s)
        return int(begun * 10) + 1

    def context(self) -> EventContext:
        start = moment(self.start)
        return EventContext(
            camera_name=self.camera_name,
            place=self.place,
            sightings=tuple(sorted(self.sightings, key=lambda one: one.seen_at)),
            frames=tuple((self._capture_at(at), start + timedelta(seconds=at)) for at in sorted(self.looked_at)),
            zones=self.zones,
            usual=self.usual,
            household=self.household,
        )


def but(context: EventContext, **changes: Any) -> EventContext:
    """The same visit with one fact changed."""
    return replace(context, **changes)
