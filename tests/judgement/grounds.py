"""The pictures of the made-up cameras: where each named spot lies, which zones can be drawn, how large things look.

One picture for each place a camera can have. Used by `scenes.py` to draw a situation, and by the loader to refuse
spots and zones that no camera shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.protocols import PlaceName, ZoneFact, ZoneKind

Point = tuple[float, float]
"""Where something stands: its feet or wheels, as shares of the picture."""


@dataclass(frozen=True)
class DrawnZone:
    fact: ZoneFact
    left: float
    top: float
    right: float
    bottom: float

    def holds(self, feet: Point) -> bool:
        return self.left <= feet[0] <= self.right and self.top <= feet[1] <= self.bottom


@dataclass(frozen=True)
class Grounds:
    """What one camera looks at. The first zone that holds a point is the one it lies in: doors come first.

    Doors lie at the edges, so that nobody crosses one on the way from one spot to another.
    """

    spots: dict[str, Point]
    zones: tuple[DrawnZone, ...]

    def zone_named(self, name: str) -> DrawnZone | None:
        return next((zone for zone in self.zones if zone.fact.name.casefold() == name.casefold()), None)


def _zones(*drawn: tuple[str, ZoneKind, tuple[float, float, float, float]]) -> tuple[DrawnZone, ...]:
    return tuple(
        DrawnZone(ZoneFact(name.casefold().replace(" ", "_"), name, kind), *corners) for name, kind, corners in drawn
    )


ALONG_THE_STREET = {"road left": (0.03, 0.42), "road middle": (0.5, 0.42), "road right": (0.97, 0.42)}

GROUNDS: dict[PlaceName, Grounds] = {
    "street": Grounds(
        spots={
            "road left": (0.03, 0.48),
            "road middle": (0.5, 0.48),
            "road right": (0.97, 0.48),
            "kerb left": (0.25, 0.54),
            "kerb right": (0.75, 0.54),
            "at left kerb": (0.25, 0.56),
            "at right kerb": (0.75, 0.56),
            "pavement left": (0.03, 0.66),
            "pavement middle": (0.5, 0.66),
            "pavement right": (0.97, 0.66),
            "lamp post": (0.35, 0.66),
            "garden wall": (0.68, 0.68),
            "gate": (0.5, 0.82),
        },
        zones=_zones(
            ("Pavement", "sidewalk", (0, 0.55, 1, 0.75)),
            ("Front yard", "yard", (0, 0.75, 1, 1)),
        ),
    ),
    "front": Grounds(
        spots=ALONG_THE_STREET
        | {
            "pavement left": (0.03, 0.47),
            "pavement middle": (0.5, 0.47),
            "pavement right": (0.97, 0.47),
            "gate": (0.55, 0.56),
            "path": (0.6, 0.74),
            "front door": (0.81, 0.93),
            "front window": (0.39, 0.94),
            "garage door": (0.12, 0.94),
            "lawn": (0.45, 0.76),
            "hedge": (0.4, 0.6),
            "drive": (0.18, 0.64),
            "bins": (0.66, 0.6),
        },
        zones=_zones(
            ("Front door", "entry_point", (0.72, 0.85, 0.9, 1)),
            ("Front window", "entry_point", (0.33, 0.86, 0.46, 1)),
            ("Garage door", "entry_point", (0.04, 0.85, 0.2, 1)),
            ("Pavement", "sidewalk", (0, 0.4, 1, 0.53)),
            ("Front yard", "yard", (0, 0.53, 1, 1)),
        ),
    ),
    "driveway": Grounds(
        spots=ALONG_THE_STREET
        | {
            "pavement left": (0.03, 0.46),
            "pavement middle": (0.5, 0.46),
            "pavement right": (0.97, 0.46),
            "drive top": (0.5, 0.55),
            "drive middle": (0.55, 0.72),
            "bay left": (0.35, 0.75),
            "bay right": (0.75, 0.75),
            "at left car": (0.36, 0.78),
            "at right car": (0.74, 0.78),
            "drive end": (0.5, 0.95),
            "house door": (0.96, 0.78),
        },
        zones=_zones(
            ("House door", "entry_point", (0.93, 0.64, 1, 0.95)),
            ("Pavement", "sidewalk", (0, 0.4, 1, 0.51)),
            ("Driveway", "driveway", (0.1, 0.51, 0.93, 1)),
        ),
    ),
    "back": Grounds(
        spots={
            "gate": (0.97, 0.7),
            "fence": (0.62, 0.48),
            "lawn": (0.68, 0.7),
            "flower bed": (0.3, 0.55),
            "terrace": (0.3, 0.78),
            "back door": (0.11, 0.93),
            "patio door": (0.49, 0.94),
            "shed": (0.91, 0.53),
        },
        zones=_zones(
            ("Back door", "entry_point", (0.02, 0.85, 0.2, 1)),
            ("Patio door", "entry_point", (0.4, 0.86, 0.58, 1)),
            ("Shed", "entry_point", (0.84, 0.46, 0.98, 0.59)),
            ("Garden", "yard", (0, 0.45, 1, 1)),
        ),
    ),
    "side": Grounds(
        spots={
            "gate": (0.5, 0.48),
            "passage": (0.5, 0.7),
            "passage end": (0.47, 0.96),
            "bins": (0.33, 0.6),
            "side door": (0.87, 0.75),
            "side window": (0.1, 0.75),
        },
        zones=_zones(
            ("Side door", "entry_point", (0.78, 0.6, 1, 0.92)),
            ("Side window", "entry_point", (0, 0.6, 0.2, 0.92)),
            ("Passage", "yard", (0.2, 0.45, 0.78, 1)),
        ),
    ),
    "inside": Grounds(
        spots={
            "front door": (0.09, 0.75),
            "hall": (0.45, 0.8),
            "stairs": (0.25, 0.7),
            "living room": (0.72, 0.85),
            "window": (0.92, 0.7),
            "sofa": (0.6, 0.95),
        },
        zones=_zones(("Front door", "entry_point", (0, 0.6, 0.18, 0.92))),
    ),
}

HEIGHT_OF = {"person": 1.0, "bicycle": 0.6, "motorcycle": 0.65, "car": 0.85, "truck": 1.5, "bus": 1.8}
HEIGHT_OF |= {"dog": 0.35, "cat": 0.18, "bird": 0.12}
WIDTH_OF = {"person": 0.17, "bicycle": 0.5, "motorcycle": 0.6, "car": 1.45, "truck": 2.0, "bus": 3.0}
WIDTH_OF |= {"dog": 0.25, "cat": 0.15, "bird": 0.08}
"""In heights of a person who stands there; widths as shares of a picture of 16:9."""


def size_at(label: str, feet: Point) -> tuple[float, float]:
    """Width and height of the box around something that stands there: the lower in the picture, the nearer."""
    person = 0.1 + 0.5 * (feet[1] - 0.4)
    return person * WIDTH_OF[label], person * HEIGHT_OF[label]
