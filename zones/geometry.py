"""Whether an outline can be a zone, and which boxes lie in which zones.

Shapely decides where a foot stands, so that nothing is rounded at an edge; shares of boxes are summed here, since
cutting each box out of each zone took it 20 times as long. Imported only where a zone is at hand: both libraries are
large, and many homes draw none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import Polygon
from shapely.validation import explain_validity

from zones.models import MOST_CORNERS, Zone

LEAST_AREA = 0.0001
"""A hundredth of the picture's width by a hundredth of its height: less is a slip of the hand."""
DIGITS = 6
"""Of a corner: hundredths of a pixel of the largest cameras."""
ROUNDING = 1e-9

Floats = NDArray[np.float64]
Corner = tuple[float, float]


class OutlineRefused(Exception):
    """These corners are no zone; the message says what to do to the person who drew them."""


@dataclass(frozen=True)
class Area:
    """A zone as it is drawn now: a box is in it by its foot, or by the least share of it that lies within."""

    polygon: Polygon
    min_overlap: float | None = None

    @classmethod
    def of(cls, zone: Zone) -> Area:
        return cls(Polygon(zone.coordinates), zone.min_overlap)


def outline(coordinates: object) -> Polygon:
    """The polygon of these corners, [[x, y], …] as shares of the picture's width and height. Raises OutlineRefused."""
    if not isinstance(coordinates, list | tuple):
        raise OutlineRefused("Corners are a list of pairs: [[x, y], [x, y], …].")
    if len(coordinates) > MOST_CORNERS + 1:
        raise OutlineRefused(f"{len(coordinates)} corners are too many. Draw it with {MOST_CORNERS} at most.")
    corners = _without_repeats([_corner(pair, number) for number, pair in enumerate(coordinates, start=1)])
    if len(set(corners)) < 3:
        raise OutlineRefused("A zone has three corners at least, each at another spot. Add some.")
    if len(corners) > MOST_CORNERS:
        raise OutlineRefused(f"{len(corners)} corners are too many. Draw it with {MOST_CORNERS} at most.")
    polygon = Polygon(corners)
    if polygon.convex_hull.area >= LEAST_AREA and not polygon.is_valid:
        raise OutlineRefused(f"Its outline crosses or touches itself{_where(polygon)}. Move a corner there.")
    if polygon.area < LEAST_AREA:
        raise OutlineRefused("There is hardly anything inside. Pull its corners apart.")
    return polygon


def is_rectangle(polygon: Polygon) -> bool:
    """Four corners, each side straight across or straight down."""
    corners = corners_of(polygon)
    sides = pairwise([*corners, corners[0]])
    return len(corners) == 4 and all(one[0] == other[0] or one[1] == other[1] for one, other in sides)


def corners_of(polygon: Polygon) -> list[list[float]]:
    """As they are stored: each once, in the order they were drawn."""
    return [[x, y] for x, y in polygon.exterior.coords[:-1]]


def zones_of_boxes(areas: Sequence[Area], boxes: ArrayLike, sizes: ArrayLike) -> NDArray[np.bool_]:
    """Which boxes (a row each) are in which areas (a column each).

    `boxes` are x, y, width, height in pixels, `sizes` width and height of the picture that each is in.
    """
    sizes = np.asarray(sizes)
    corners = _within_the_picture(np.asarray(boxes), sizes)
    inside = np.zeros((len(corners), len(areas)), dtype=np.bool_)
    by_foot = [column for column, area in enumerate(areas) if area.min_overlap is None]
    if by_foot:
        polygons = np.array([areas[column].polygon for column in by_foot])
        shapely.prepare(polygons)
        foot_x, foot_y = (corners[:, 0] + corners[:, 2]) / (2 * sizes[:, 0]), corners[:, 3] / sizes[:, 1]
        inside[:, by_foot] = shapely.intersects_xy(polygons[:, None], foot_x, foot_y).T
    shares = corners / np.tile(sizes, 2)
    for column, area in enumerate(areas):
        if area.min_overlap is not None:
            inside[:, column] = shares_within(area.polygon, shares) >= area.min_overlap - ROUNDING
    return inside


def shares_within(polygon: Polygon, boxes: Floats) -> Floats:
    """How much of each box (left, top, right, bottom as shares of the picture) lies in the polygon, 0–1."""
    left, top, right, bottom = boxes.T
    west, north, east, south = polygon.bounds
    near = (left < east) & (right > west) & (top < south) & (bottom > north)
    shares = np.zeros(len(boxes))
    sizes = (right - left) * (bottom - top)
    shares[near] = _shared_areas(np.array(polygon.exterior.coords), boxes[near]) / sizes[near]
    return shares


def _shared_areas(ring: Floats, boxes: Floats) -> Floats:
    """Area of each box within the ring, summed along the ring's sides.

    Straight above and below any x within a box, the ring's sides, held between the box's top and bottom, are as far
    apart as the ring is high there; a side that leads to the left takes off what one that leads to the right put on.
    """
    left, top, right, bottom = boxes.T
    x1, y1 = ring[:-1].T
    x2, y2 = ring[1:].T
    box, side = np.nonzero((np.maximum(x1, x2) > left[:, None]) & (np.minimum(x1, x2) < right[:, None]) & (x1 != x2))
    start, end = (np.clip(x[side], left[box], right[box]) for x in (x1, x2))
    along = (x2 - x1)[side]
    at_start, at_end = (y1[side] + (x - x1[side]) / along * (y2 - y1)[side] for x in (start, end))
    heights = _mean_between(at_start, at_end, top[box], bottom[box]) - top[box]
    return np.abs(np.bincount(box, (end - start) * heights, minlength=len(boxes)))


def _mean_between(one: Floats, other: Floats, top: Floats, bottom: Floats) -> Floats:
    """Mean of everything from `one` to `other`, each value held between top and bottom."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    span = high - low
    held_low, held_high = np.clip(low, top, bottom), np.clip(high, top, bottom)
    over, within, under = np.clip(top - low, 0, span), held_high - held_low, np.clip(high - bottom, 0, span)
    weighted = over * top + within * (held_low + held_high) / 2 + under * bottom
    total = over + within + under
    return np.asarray(np.divide(weighted, total, out=held_low, where=total > 0), dtype=np.float64)


def _within_the_picture(boxes: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Left, top, right, bottom in pixels. A detector may put the end of a box a little outside."""
    x, y, width, height = boxes.T
    return np.asarray(np.minimum(np.stack([x, y, x + width, y + height], axis=1), np.tile(sizes, 2)), dtype=np.int64)


def _corner(pair: object, number: int) -> Corner:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise OutlineRefused(f"Corner {number} is no pair of numbers: write it as [x, y].")
    x, y = pair
    for share in (x, y):
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise OutlineRefused(f"Corner {number} is no pair of numbers: write it as [x, y].")
        if not 0 <= share <= 1:  # nor is what is no number
            raise OutlineRefused(f"Corner {number} lies outside the picture: its shares go from 0 to 1.")
    return round(float(x), DIGITS), round(float(y), DIGITS)


def _without_repeats(corners: Sequence[Corner]) -> list[Corner]:
    """A corner pressed twice is one, and an outline may end where it began."""
    kept = [one for one, following in pairwise([*corners, None]) if one is not None and one != following]
    return kept[:-1] if len(kept) > 1 and kept[0] == kept[-1] else kept


def _where(polygon: Polygon) -> str:
    """ " near 40 % across, 20 % down", as the one who explains knows it."""
    _, _, place = explain_validity(polygon).partition("[")
    try:
        across, down = (round(100 * float(share)) for share in place.rstrip("]").split())
    except ValueError:
        return ""
    return f" near {across} % across, {down} % down"
