"""Pictures of two kinds of figures, with the truth of where they stand: what the tests' own detector is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from inference.protocols import Image

LABELS = ("person", "car")


@dataclass(frozen=True)
class Figure:
    """One drawn thing; edges are pixels of its picture."""

    label: str
    left: int
    top: int
    right: int
    bottom: int


def draw(seed: int, width: int, height: int) -> tuple[Image, list[Figure]]:
    """A picture of coarse ground with one to three figures that do not touch, each seed another one."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (6, 8, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)
    figures: list[Figure] = []
    for _ in range(int(rng.integers(1, 4))):
        figure = _place(rng, width, height)
        if not any(_touch(figure, other) for other in figures):
            (_draw_person if figure.label == "person" else _draw_car)(picture, figure, rng)
            figures.append(figure)
    return picture, figures


def _place(rng: np.random.Generator, width: int, height: int) -> Figure:
    label = LABELS[int(rng.integers(len(LABELS)))]
    tall = int(rng.uniform(0.22, 0.5) * min(width, height))
    size = (max(8, int(tall * 0.4)), tall) if label == "person" else (tall, max(8, int(tall * 0.5)))
    left, top = (int(rng.integers(0, room - extent)) for room, extent in zip((width, height), size, strict=True))
    return Figure(label, left, top, left + size[0], top + size[1])


def _touch(one: Figure, other: Figure) -> bool:
    return one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom


def _draw_person(picture: Image, figure: Figure, rng: np.random.Generator) -> None:
    width, height = figure.right - figure.left, figure.bottom - figure.top
    middle, head = (figure.left + figure.right) // 2, height // 4
    shirt, skin = _colour(rng), (150, 180, 225)
    cv2.ellipse(picture, (middle, figure.top + head // 2), (width // 4, head // 2), 0, 0, 360, skin, -1)
    cv2.rectangle(picture, (figure.left, figure.top + head), (figure.right - 1, figure.top + 2 * head), shirt, -1)
    for left in (figure.left, figure.right - width // 3):
        legs = (left, figure.top + 2 * head), (left + width // 3 - 1, figure.bottom - 1)
        cv2.rectangle(picture, *legs, (40, 30, 30), -1)


def _draw_car(picture: Image, figure: Figure, rng: np.random.Generator) -> None:
    width, height = figure.right - figure.left, figure.bottom - figure.top
    paint, wheel = _colour(rng), height // 4
    roof = (figure.left + width // 4, figure.top), (figure.right - width // 4, figure.top + height // 2)
    cv2.rectangle(picture, *roof, (90, 80, 70), -1)
    body = (figure.left, figure.top + height // 3), (figure.right - 1, figure.bottom - wheel)
    cv2.rectangle(picture, *body, paint, -1)
    for middle in (figure.left + width // 4, figure.right - width // 4):
        cv2.circle(picture, (middle, figure.bottom - wheel), wheel, (20, 20, 20), -1)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Strong ones: one channel high, another low."""
    channels = rng.permutation([int(rng.integers(200, 256)), int(rng.integers(0, 60)), int(rng.integers(0, 256))])
    return int(channels[0]), int(channels[1]), int(channels[2])
