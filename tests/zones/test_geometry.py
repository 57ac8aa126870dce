"""Which outlines can be zones, and what is in them: held against exact arithmetic."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from shapely import Polygon

from tests.zones.exact import holds, points, share_within
from zones.geometry import Area, OutlineRefused, corners_of, is_rectangle, outline, shares_within, zones_of_boxes

WIDTH, HEIGHT = 1024, 512
GRID = 64
"""Corners lie on a grid that pixels lie on, too: feet on edges are common."""
SQUARE = [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]


def box_of(left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
    return left, top, right - left, bottom - top


@st.composite
def boxes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """In pixels; often with the foot on the grid, often at the lower edge of the picture."""
    step = draw(st.sampled_from([1, 8, 16]))
    left, right = sorted(draw(st.lists(st.integers(0, WIDTH // step), min_size=2, max_size=2, unique=True)))
    top, bottom = sorted(draw(st.lists(st.integers(0, HEIGHT // step), min_size=2, max_size=2, unique=True)))
    return box_of(left * step, top * step, right * step, draw(st.sampled_from([bottom * step, HEIGHT])))


@st.composite
def stars(draw: st.DrawFn) -> list[list[float]]:
    """Simple polygons, mostly concave: corners around a middle, in the order of their directions."""
    spots = st.tuples(st.integers(0, GRID), st.integers(0, GRID))
    around = draw(st.lists(spots, min_size=3, max_size=9, unique=True))
    middle_x, middle_y = sum(x for x, _ in around) / len(around), sum(y for _, y in around) / len(around)
    in_turn = sorted(around, key=lambda spot: math.atan2(spot[1] - middle_y, spot[0] - middle_x))
    corners = [[x / GRID, y / GRID] for x, y in in_turn]
    try:
        outline(corners)
    except OutlineRefused:
        assume(False)
    return corners


def is_in(corners: list[list[float]], box: tuple[int, int, int, int], min_overlap: float | None = None) -> bool:
    area = Area(Polygon(corners), min_overlap)
    return bool(zones_of_boxes([area], [box], [(WIDTH, HEIGHT)])[0, 0])


class TestFeet:
    @given(stars(), boxes())
    @example(SQUARE, box_of(256, 100, 256 + 2, 128))  # a corner
    @example([[0, 0.5], [1, 0.5], [1, 1], [0, 1]], box_of(0, 0, 1024, 512))  # the lower edge of the picture
    def test_a_box_is_in_a_zone_when_the_middle_of_its_lower_edge_is(
        self, corners: list[list[float]], box: tuple[int, int, int, int]
    ) -> None:
        x, y, width, height = box
        foot_x, foot_y = Fraction(2 * x + width, 2 * WIDTH), Fraction(y + height, HEIGHT)
        assert is_in(corners, box) == holds(points(corners), foot_x, foot_y)

    @given(st.lists(st.tuples(st.integers(0, GRID), st.integers(0, GRID)), min_size=2, max_size=2), boxes())
    def test_in_a_rectangle_it_is_a_matter_of_four_comparisons(
        self, ends: list[tuple[int, int]], box: tuple[int, int, int, int]
    ) -> None:
        (x1, y1), (x2, y2) = ends
        left, right = min(x1, x2) / GRID, max(x1, x2) / GRID
        top, bottom = min(y1, y2) / GRID, max(y1, y2) / GRID
        assume(left < right and top < bottom)
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        assert is_rectangle(outline(corners))
        x, y, width, height = box
        expected = left <= (x + width / 2) / WIDTH <= right and top <= (y + height) / HEIGHT <= bottom
        assert is_in(corners, box) == expected

    def test_a_box_that_ends_a_little_below_the_picture_stands_on_its_lower_edge(self) -> None:
        assert is_in([[0, 0.9], [1, 0.9], [1, 1], [0, 1]], (500, 100, 20, HEIGHT - 100 + 3))

    def test_head_and_shoulders_do_not_count(self) -> None:
        assert not is_in([[0, 0], [1, 0], [1, 0.5], [0, 0.5]], (500, 100, 20, 300))


class TestShares:
    @given(stars(), boxes())
    def test_it_is_what_exact_arithmetic_makes_of_it(
        self, corners: list[list[float]], box: tuple[int, int, int, int]
    ) -> None:
        x, y, width, height = box
        left, right = Fraction(x, WIDTH), Fraction(x + width, WIDTH)
        top, bottom = Fraction(y, HEIGHT), Fraction(y + height, HEIGHT)
        exact = share_within(points(corners), left, top, right, bottom)
        found = shares_within(Polygon(corners), np.array([[float(edge) for edge in (left, top, right, bottom)]]))[0]
        assert found == pytest.approx(float(exact), abs=1e-9)

    @given(boxes())
    def test_the_whole_picture_holds_every_box_whole(self, box: tuple[int, int, int, int]) -> None:
        assert is_in([[0, 0], [1, 0], [1, 1], [0, 1]], box, min_overlap=1.0)

    @pytest.mark.parametrize(("share", "expected"), [(0.25, True), (0.5, True), (0.51, False), (1.0, False)])
    def test_half_a_box_is_half(self, share: float, expected: bool) -> None:
        assert is_in([[0, 0], [0.5, 0], [0.5, 1], [0, 1]], box_of(412, 100, 612, 200), share) == expected

    def test_feet_do_not_matter_then(self) -> None:
        assert is_in([[0, 0], [1, 0], [1, 0.5], [0, 0.5]], box_of(100, 0, 200, 300), 0.8)


class TestOutlines:
    @given(stars())
    def test_what_is_accepted_is_kept_as_it_was_drawn(self, corners: list[list[float]]) -> None:
        kept = corners_of(outline(corners))
        assert kept == corners
        assert corners_of(outline(kept)) == kept

    def test_a_corner_pressed_twice_is_one_and_an_outline_may_end_where_it_began(self) -> None:
        assert corners_of(outline([SQUARE[0], *SQUARE, SQUARE[3], SQUARE[0]])) == SQUARE

    def test_a_corner_is_kept_to_a_millionth(self) -> None:
        assert corners_of(outline([[1 / 3, 0], [1, 5e-324], [1, 1]])) == [[0.333333, 0], [1, 0], [1, 1]]

    @pytest.mark.parametrize(
        ("coordinates", "why"),
        [
            ("all of it", "are a list of pairs"),
            (None, "are a list of pairs"),
            ({"x": 1}, "are a list of pairs"),
            ([], "three corners at least"),
            ([[0, 0], [1, 1]], "three corners at least"),
            ([[0, 0], [1, 1], [0, 0], [1, 1]], "three corners at least"),
            ([[0, 0], [1, 1], [1]], "Corner 3 is no pair"),
            ([[0, 0], [1, 1], "01"], "Corner 3 is no pair"),
            ([[0, 0], [1, 1], [0, "1"]], "Corner 3 is no pair"),
            ([[0, 0], [1, 1], [0, True]], "Corner 3 is no pair"),
            ([[0, 0], [1, 1], [0, None]], "Corner 3 is no pair"),
            ([[0, 0], [1, 1], [0, 1.001]], "Corner 3 lies outside the picture"),
            ([[-0.1, 0], [1, 1], [0, 1]], "Corner 1 lies outside the picture"),
            ([[0, 0], [1, 1], [0, float("nan")]], "Corner 3 lies outside"),
            ([[0, 0], [1, 1], [0, float("inf")]], "Corner 3 lies outside"),
            ([[0, 0], [1, 1], [0, 10**400]], "Corner 3 lies outside"),
            ([[0, 0], [0.5, 0.5], [1, 1]], "hardly anything inside"),
            ([[0, 0], [0.005, 0], [0.005, 0.005]], "hardly anything inside"),
            ([[0, 0], [1, 1], [1, 0], [0, 1]], "crosses or touches itself near 50 % across, 50 % down"),
            ([[0, 0], [1, 0], [0.5, 0.5], [1, 1], [0, 1], [0.5, 0.5]], "crosses or touches itself"),
            ([[0, 0], [1, 0], [0.5, 0], [0.5, 1]], "crosses or touches itself"),
            ([[number / 200, number % 2] for number in range(101)], "101 corners are too many"),
            ([[0, 0]] * 5000, "5000 corners are too many"),
        ],
    )
    def test_what_is_no_zone_is_refused_with_the_reason(self, coordinates: Any, why: str) -> None:
        with pytest.raises(OutlineRefused, match=why):
            outline(coordinates)

    @pytest.mark.parametrize(
        ("corners", "expected"),
        [
            (SQUARE, True),
            (SQUARE[::-1], True),
            (SQUARE[2:] + SQUARE[:2], True),
            (SQUARE[:3], False),
            ([[0, 0.5], [0.5, 0], [1, 0.5], [0.5, 1]], False),
            ([[0, 0], [1, 0], [1, 1], [0, 0.9]], False),
            ([[0, 0], [0.5, 0], [1, 0], [1, 1], [0, 1]], False),
        ],
    )
    def test_a_rectangle_is_four_corners_with_straight_sides(self, corners: list[list[float]], expected: bool) -> None:
        assert is_rectangle(outline(corners)) == expected

    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=12))
    def test_whatever_is_sent_is_an_outline_or_refused(self, anything: Any) -> None:
        with suppress(OutlineRefused):
            assert outline(anything).is_valid


@pytest.mark.parametrize("min_overlap", [None, 0.5])
def test_a_thousand_boxes_in_twenty_zones_take_less_than_ten_milliseconds(min_overlap: float | None) -> None:
    chance = np.random.default_rng(1)
    areas = []
    for _ in range(20):
        directions, reaches = np.sort(chance.uniform(0, 2 * math.pi, 10)), chance.uniform(0.1, 0.5, 10)
        corners = 0.5 + np.stack([np.cos(directions), np.sin(directions)], axis=1) * reaches[:, None]
        areas.append(Area(Polygon(corners), min_overlap))
    found = np.stack([chance.integers(20, limit, 1000) for limit in (1700, 900, 400, 600)], axis=1)
    sizes = np.tile((1920, 1080), (1000, 1))
    took = []
    for _ in range(20):
        started = time.perf_counter()
        inside = zones_of_boxes(areas, found, sizes)
        took.append(time.perf_counter() - started)
    assert inside.any() and not inside.all()
    assert min(took) < 0.01
