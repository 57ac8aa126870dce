"""Zones as they are drawn over a camera's picture, and where people were seen lately. For its page and the editor.

Drawings have units of their own, 1000 across, so that one style sheet fits every picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from cameras.models import Camera, Capture
from cameras.tiles import HAS_PICTURE, picture_url
from detections.models import Detection
from zones.models import DEFAULT_COLOR, Zone

ACROSS = 1000
USUAL_HEIGHT = 563
LABEL_LETTERS = 22
HALF_A_LETTER = 11
"""At the size of a phone, where letters are largest beside the picture."""
SEEN_WITHIN = timedelta(days=1)
MOST_FEET = 50
COLORS = {
    DEFAULT_COLOR: "Blue",
    "#14B8A6": "Teal",
    "#A3E635": "Lime",
    "#FACC15": "Yellow",
    "#F472B6": "Pink",
    "#C084FC": "Violet",
}


@dataclass(frozen=True)
class Kind:
    """A type of zone, and what it means to be in one."""

    value: Zone.ZoneType
    label: str
    meaning: str


KINDS = (
    Kind(Zone.ZoneType.ENTRY_POINT, "Entrance", "A door or a gate. Whoever comes to it counts more."),
    Kind(Zone.ZoneType.DRIVEWAY, "Driveway", "Counts a little, and a vehicle that stops in it is noticed."),
    Kind(Zone.ZoneType.SIDEWALK, "Pavement (sidewalk)", "Whoever passes by on it counts least."),
    Kind(Zone.ZoneType.YARD, "Yard or garden", "Behind or beside the house it counts as much as a front door."),
    Kind(Zone.ZoneType.OTHER, "Something else", "Changes no score. For rules that watch this spot."),
)
KIND_LABELS = {kind.value: kind.label for kind in KINDS}


@dataclass(frozen=True)
class Ground:
    """What zones are drawn over: the latest picture of the camera that can be shown, or nothing but its usual form."""

    picture: Capture | None
    height: int

    @property
    def url(self) -> str:
        return picture_url(self.picture) if self.picture else ""

    @property
    def is_tall(self) -> bool:
        return self.height > ACROSS


@dataclass(frozen=True)
class Drawn:
    """One zone as it is drawn, with its name within the picture."""

    zone: Zone
    points: str
    label: str
    label_x: int
    label_y: int

    @property
    def kind(self) -> str:
        return KIND_LABELS[Zone.ZoneType(self.zone.zone_type)]


def ground_of(camera: Camera) -> Ground:
    newest = Capture.objects.filter(HAS_PICTURE, camera=camera, width__gt=0, height__gt=0)
    picture = newest.order_by("-captured_at", "-id").first()
    if picture is None or not picture.width or not picture.height:
        return Ground(None, USUAL_HEIGHT)
    return Ground(picture, max(round(ACROSS * picture.height / picture.width), 1))


def drawn(zones: Sequence[Zone], ground: Ground) -> list[Drawn]:
    """These zones over that picture, in their order: the first is to be on top."""
    return [_drawn(zone, ground) for zone in zones]


def _drawn(zone: Zone, ground: Ground) -> Drawn:
    corners = [(round(x * ACROSS), round(y * ground.height)) for x, y in zone.coordinates]
    across, down = zip(*corners, strict=True)
    label = zone.name if len(zone.name) <= LABEL_LETTERS else f"{zone.name[: LABEL_LETTERS - 1]}…"
    room = len(label) * HALF_A_LETTER
    middle = (min(across) + max(across)) // 2
    return Drawn(
        zone=zone,
        points=" ".join(f"{x},{y}" for x, y in corners),
        label=label,
        label_x=min(max(middle, room), ACROSS - room),
        label_y=(min(down) + max(down)) // 2,
    )


def feet_seen_lately(camera: Camera, ground: Ground) -> str:
    """Where people stood within the last day: the dots of an SVG path; empty where nobody was seen."""
    people = Detection.objects.filter(
        camera=camera, object_type="person", detected_at__gte=timezone.now() - SEEN_WITHIN
    ).select_related("capture")
    return "".join(_foot(one, ground) for one in people.order_by("-detected_at", "-id")[:MOST_FEET])


def _foot(person: Detection, ground: Ground) -> str:
    width, height = person.capture.width, person.capture.height
    if not width or not height:
        return ""
    x = (person.bbox_x + person.bbox_width / 2) / width
    y = min((person.bbox_y + person.bbox_height) / height, 1)
    return f"M{round(x * ACROSS)} {round(y * ground.height)}h0"
