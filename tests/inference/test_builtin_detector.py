"""The built-in detector on drawn figures, on odd pictures, and on real footage where it lies beside the checkout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.detectors.builtin import BuiltinDetector, confidence_of
from inference.protocols import Box, Image

FOOTAGE = Path(__file__).parents[2].parent / "shared" / "data"
needs_footage = pytest.mark.skipif(not FOOTAGE.is_dir(), reason=f"the real footage is not at {FOOTAGE}")
STREETS = ("000000038829", "000000181542", "000000277005", "000000373353", "000000414673")
BEACH_WITH_A_DOG = "000000052891"


@pytest.fixture(scope="module")
def detector() -> BuiltinDetector:
    return BuiltinDetector()


def plain_ground(width: int = 1280, height: int = 720) -> Image:
    return np.full((height, width, 3), (205, 200, 195), np.uint8)


def with_figure(image: Image, x: int, feet: int, tall: int) -> Image:
    """A silhouette: head, shoulders, torso, two legs."""
    drawn, dark, top = image.copy(), (45, 40, 50), feet - tall

    def at(across: float, down: float) -> tuple[int, int]:
        return round(x + across * tall), round(top + down * tall)

    cv2.circle(drawn, at(0, 0.08), round(0.07 * tall), dark, -1, cv2.LINE_AA)
    cv2.ellipse(drawn, at(0, 0.24), (round(0.12 * tall), round(0.07 * tall)), 0, 0, 360, dark, -1, cv2.LINE_AA)
    cv2.rectangle(drawn, at(-0.12, 0.24), at(0.12, 0.55), dark, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.line(drawn, at(side * 0.06, 0.53), at(side * 0.1, 1), dark, round(0.08 * tall), cv2.LINE_AA)
    return drawn


def sure(boxes: list[Box]) -> list[Box]:
    return [box for box in boxes if box.confidence >= 0.5]


@pytest.mark.parametrize("tall", [180, 220, 260])
def test_a_drawn_figure_is_found_where_it_stands(detector: BuiltinDetector, tall: int) -> None:
    (person,) = sure(detector.detect([with_figure(plain_ground(), 600, 600, tall)])[0])
    assert person.label == "person"
    assert abs(person.x + person.width / 2 - 600) < 0.1 * tall
    assert abs(person.y + person.height / 2 - (600 - tall / 2)) < 0.1 * tall
    assert 0.9 * tall < person.height < 1.4 * tall


def test_two_figures_are_two_people(detector: BuiltinDetector) -> None:
    image = with_figure(with_figure(plain_ground(), 300, 600, 240), 900, 620, 220)
    assert len(sure(detector.detect([image])[0])) == 2


def test_one_list_for_each_picture_in_its_own_pixels(detector: BuiltinDetector) -> None:
    small = with_figure(plain_ground(), 600, 600, 240)
    large = cv2.resize(small, None, fx=2, fy=2)
    nobody, (in_small,), (in_large,) = (
        sure(boxes) for boxes in detector.detect([plain_ground(), small, np.asarray(large, np.uint8)])
    )
    assert nobody == []
    assert abs(in_large.x - 2 * in_small.x) < 40 and abs(in_large.height - 2 * in_small.height) < 60


def test_no_pictures_no_lists(detector: BuiltinDetector) -> None:
    assert detector.detect([]) == []


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (10, 10), (127, 63), (2, 3000), (3000, 2), (100, 4000), (3000, 4000)]
)
def test_odd_pictures_are_searched_without_harm(detector: BuiltinDetector, height: int, width: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    (boxes,) = detector.detect([noise])
    assert sure(boxes) == []


def test_a_figure_cut_by_the_edge_gets_a_box_inside_the_picture(detector: BuiltinDetector) -> None:
    image = with_figure(plain_ground(), 600, 600, 240)[:585]
    (person,) = sure(detector.detect([image])[0])
    assert person.width > 0 and person.height > 0
    assert person.y + person.height <= 585


@given(st.floats(0, 50), st.floats(0, 50))
def test_confidence_rises_with_the_margin_and_stays_below_the_fast_path(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert confidence_of(low) <= confidence_of(high) < 0.9


def test_a_margin_of_one_and_a_half_is_even_odds() -> None:
    assert confidence_of(1.5) == pytest.approx(0.5)


@needs_footage
def test_somebody_is_found_among_people_seen_from_above(detector: BuiltinDetector) -> None:
    clip = cv2.VideoCapture(str(FOOTAGE / "walkers-overhead.avi"))
    found = []
    for number in range(150):
        is_read, frame = clip.read()
        assert is_read
        if number % 50 == 0:
            found += [len(sure(detector.detect([np.asarray(frame, np.uint8)])[0]))]
    assert min(found) >= 2


@needs_footage
def test_people_are_found_in_three_streets_and_nobody_on_the_beach(detector: BuiltinDetector) -> None:
    pictures = [np.asarray(cv2.imread(str(FOOTAGE / f"{name}.jpg")), np.uint8) for name in (*STREETS, BEACH_WITH_A_DOG)]
    *in_streets, on_the_beach = detector.detect(pictures)
    assert sum(bool(sure(boxes)) for boxes in in_streets) >= 3
    assert sure(on_the_beach) == []
    for picture, boxes in zip(pictures, in_streets, strict=False):
        for box in boxes:
            assert 0 <= box.x < box.x + box.width <= picture.shape[1]
            assert 0 <= box.y < box.y + box.height <= picture.shape[0]
