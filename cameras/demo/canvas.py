"""A sheet to draw on in picture coordinates. It is twice as fine as the picture, so that all edges come out soft."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Point = tuple[float, float]

WIDTH, HEIGHT = 1280, 720
BLACK: Colour = (0, 0, 0)
_FINENESS = 2


class Canvas:
    """Colours are (blue, green, red); coordinates, widths and radii are pixels of the finished picture."""

    def __init__(self, pixels: Pixels | None = None) -> None:
        if pixels is None:
            pixels = np.zeros((HEIGHT * _FINENESS, WIDTH * _FINENESS, 3), np.uint8)
        self._pixels = pixels

    def copy(self) -> Canvas:
        return Canvas(self._pixels.copy())

    def picture(self) -> Pixels:
        small = cv2.resize(self._pixels, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        corners = np.array([_fine(point) for point in points], np.int32)
        cv2.fillPoly(self._pixels, [corners], colour, cv2.LINE_AA)

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        cv2.rectangle(self._pixels, _fine((left, top)), _fine((right, bottom)), colour, cv2.FILLED)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """A stroke through the points, round at joints and ends."""
        fine_width = max(1, round(width * _FINENESS))
        for start, end in pairwise(points):
            cv2.line(self._pixels, _fine(start), _fine(end), colour, fine_width, cv2.LINE_AA)

    def ellipse(self, centre: Point, across: float, down: float, colour: Colour, *, angle: float = 0) -> None:
        radii = (max(1, round(across * _FINENESS)), max(1, round(down * _FINENESS)))
        cv2.ellipse(self._pixels, _fine(centre), radii, angle, 0, 360, colour, cv2.FILLED, cv2.LINE_AA)

    def gradient(self, top: float, bottom: float, above: Colour, below: Colour) -> None:
        """Fill the full width between two heights, fading from one colour to the other."""
        first, last = round(top * _FINENESS), round(bottom * _FINENESS)
        share = np.linspace(0, 1, last - first)[:, None]
        rows = np.array(above) * (1 - share) + np.array(below) * share
        self._pixels[first:last] = rows[:, None, :].round().astype(np.uint8)

    def glow(self, centre: Point, across: float, down: float, strength: float, colour: Colour = BLACK) -> None:
        """A soft ellipse of light, or of shadow, on what is there already; strength 0–1, strongest in the middle."""
        (x, y), reach_x, reach_y = _fine(centre), round(across * _FINENESS), round(down * _FINENESS)
        height, width = self._pixels.shape[:2]
        left, right = max(0, x - reach_x), min(width, x + reach_x)
        top, bottom = max(0, y - reach_y), min(height, y + reach_y)
        if left >= right or top >= bottom:
            return
        rows, columns = np.ogrid[top:bottom, left:right]
        distance = ((columns - x) / reach_x) ** 2 + ((rows - y) / reach_y) ** 2
        amount = (np.clip(1 - distance, 0, 1) ** 2 * strength)[:, :, None]
        part = self._pixels[top:bottom, left:right]
        part[:] = (part * (1 - amount) + np.array(colour) * amount).astype(np.uint8)


def _fine(point: Point) -> tuple[int, int]:
    return round(point[0] * _FINENESS), round(point[1] * _FINENESS)
