"""The geometry of zones once more, slowly and in fractions: what `zones.geometry` is held against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

Point = tuple[Fraction, Fraction]


def points(corners: Sequence[Sequence[float]]) -> list[Point]:
    return [(Fraction(x), Fraction(y)) for x, y in corners]


def holds(polygon: Sequence[Point], x: Fraction, y: Fraction) -> bool:
    """Whether a point is within or on the edge: by counting the sides to its right."""
    sides = list(pairwise([*polygon, polygon[0]]))
    if any(_on_side(one, other, x, y) for one, other in sides):
        return True
    to_the_right = 0
    for (x1, y1), (x2, y2) in sides:
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            to_the_right += 1
    return to_the_right % 2 == 1


def _on_side(one: Point, other: Point, x: Fraction, y: Fraction) -> bool:
    (x1, y1), (x2, y2) = one, other
    is_in_line = (x2 - x1) * (y - y1) == (y2 - y1) * (x - x1)
    return is_in_line and min(x1, x2) <= x <= max(x1, x2) and min(y1, y2) <= y <= max(y1, y2)


def share_within(
    polygon: Sequence[Point], left: Fraction, top: Fraction, right: Fraction, bottom: Fraction
) -> Fraction:
    """How much of the box is in the polygon: the polygon cut off at each of its sides, then measured."""
    cut = list(polygon)
    for axis, limit, keeps in (
        (0, left, _at_least),
        (0, right, _at_most),
        (1, top, _at_least),
        (1, bottom, _at_most),
    ):
        cut = _cut(cut, axis, limit, keeps)
    return _area(cut) / ((right - left) * (bottom - top))


def _at_least(value: Fraction, limit: Fraction) -> bool:
    return value >= limit


def _at_most(value: Fraction, limit: Fraction) -> bool:
    return value <= limit


def _cut(polygon: list[Point], axis: int, limit: Fraction, keeps: Callable[[Fraction, Fraction], bool]) -> list[Point]:
    kept: list[Point] = []
    for one, other in pairwise([*polygon, polygon[0]]) if polygon else ():
        if keeps(one[axis], limit):
            kept.append(one)
        if keeps(one[axis], limit) != keeps(other[axis], limit):
            along = (limit - one[axis]) / (other[axis] - one[axis])
            kept.append((one[0] + along * (other[0] - one[0]), one[1] + along * (other[1] - one[1])))
    return kept


def _area(polygon: list[Point]) -> Fraction:
    sides = pairwise([*polygon, polygon[0]]) if polygon else ()
    return abs(sum((x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in sides), Fraction(0))) / 2
