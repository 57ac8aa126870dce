"""Where it was seen: the zones it reached, or the camera's place where no zones are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from inference.analysts.rules.subjects import Seen
from inference.protocols import EventContext, PlaceName, ZoneFact

SURE = 0.7
"""One picture this sure counts as two."""
LONGEST_NAME = 24
SPEAKABLE_NAME = re.compile(r"[A-Za-z][A-Za-z ]*")


class Ground(StrEnum):
    PAVEMENT = "pavement"
    FRONT = "front"
    DRIVEWAY = "driveway"
    GARDEN = "garden"
    DOOR = "door"
    INSIDE = "inside"


@dataclass(frozen=True)
class Spot:
    """A part of the premises: what being there counts, and how it is said."""

    ground: Ground
    points: int
    phrase: str
    name: str = ""
    """Of a door, as a noun: "front door"."""
    zone_id: str | None = None


GROUND_OF_PLACE: dict[PlaceName, tuple[Ground, int]] = {
    "street": (Ground.PAVEMENT, 3),
    "front": (Ground.FRONT, 3),
    "driveway": (Ground.DRIVEWAY, 5),
    "side": (Ground.GARDEN, 12),
    "back": (Ground.GARDEN, 12),
    "inside": (Ground.INSIDE, 20),
}
PHRASE_OF_PLACE: dict[PlaceName, str] = {
    "street": "on the street",
    "front": "at the front",
    "driveway": "in the driveway",
    "side": "at the side",
    "back": "at the back",
    "inside": "inside",
}
PHRASE_OF_NAME: dict[PlaceName, dict[str, str]] = {
    "back": {
        "garden": "in the back garden",
        "yard": "in the back yard",
        "patio": "on the patio",
        "terrace": "on the terrace",
    },
    "side": {"gate": "at the side gate", "passage": "in the side passage", "alley": "in the alley"},
}
"""A camera's name often says more than its place."""
DOOR_OF_PLACE: dict[PlaceName, tuple[int, str]] = {
    "street": (12, "front door"),
    "front": (12, "front door"),
    "driveway": (12, "door"),
    "side": (16, "side door"),
    "back": (16, "back door"),
}


def ground_of(context: EventContext) -> Spot:
    """What the whole picture shows where no zone says more."""
    ground, points = GROUND_OF_PLACE[context.place]
    name = context.camera_name.casefold()
    hints = PHRASE_OF_NAME.get(context.place, {})
    phrase = next((phrase for hint, phrase in hints.items() if hint in name), PHRASE_OF_PLACE[context.place])
    return Spot(ground, points, phrase)


def _door(zone: ZoneFact, place: PlaceName) -> Spot:
    points, usual_name = DOOR_OF_PLACE[place]
    name = zone.name.strip().casefold().removeprefix("the ")
    speakable = len(name) <= LONGEST_NAME and SPEAKABLE_NAME.fullmatch(name)
    name = name if speakable else usual_name
    return Spot(Ground.DOOR, points, f"at the {name}", name, zone.id)


def _spot_of_zone(zone: ZoneFact, context: EventContext) -> Spot:
    place, ground = context.place, ground_of(context)
    if place == "inside":  # a door seen from inside tells nothing of who comes or goes
        return ground
    if zone.kind == "entry_point":
        return _door(zone, place)
    if zone.kind == "sidewalk":
        return Spot(Ground.PAVEMENT, 3, "on the pavement")
    if zone.kind == "driveway":
        return Spot(Ground.DRIVEWAY, 8, "in the driveway")
    if zone.kind == "yard" and place in ("back", "side"):
        return Spot(Ground.GARDEN, 12, "in the back garden" if place == "back" else "at the side")
    if zone.kind == "yard":
        return Spot(Ground.FRONT, 6, "in the front yard")
    return ground


class Premises:
    """Answers where a sighting was: its highest zone, else the camera's own ground."""

    def __init__(self, context: EventContext) -> None:
        self.ground = ground_of(context)
        self._spots = {zone.id: _spot_of_zone(zone, context) for zone in context.zones or ()}
        self.has_zones = context.zones is not None
        self.has_doors = any(spot.ground is Ground.DOOR for spot in self._spots.values())

    def spot_of(self, one: Seen) -> Spot:
        spots = [self._spots[zone] for zone in one.sighting.zones if zone in self._spots]
        return max(spots, key=lambda spot: spot.points, default=self.ground)

    def reached(self, pictures: Sequence[Sequence[Seen]]) -> Spot:
        """The highest spot that one sure picture shows, or two of any kind."""
        sure = [self.spot_of(one) for together in pictures for one in together if one.confidence >= SURE]
        highest_of_each = sorted(
            (max((self.spot_of(one) for one in together), key=lambda spot: spot.points) for together in pictures),
            key=lambda spot: -spot.points,
        )
        candidates = [*sure, *highest_of_each[1:2]]
        if candidates:
            return max(candidates, key=lambda spot: spot.points)
        return min(self.ground, highest_of_each[0], key=lambda spot: spot.points)
