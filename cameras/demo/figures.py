"""Whoever walks through the demo's pictures: people, a cat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from cameras.demo.canvas import Canvas, Colour, Point


class Subject(Protocol):
    @property
    def feet_y(self) -> float: ...

    def draw(self, canvas: Canvas) -> None: ...


@dataclass(frozen=True)
class Outfit:
    """Colours of a person, (blue, green, red)."""

    coat: Colour
    trousers: Colour
    hair: Colour = (38, 44, 58)
    skin: Colour = (150, 176, 214)
    shoes: Colour = (30, 30, 34)


@dataclass(frozen=True)
class Person:
    """Somebody upright, 180–260 px high. `stride` −1…1 is how far the legs are apart, and which is in front."""

    x: float
    feet_y: float
    height: float
    outfit: Outfit
    stride: float = 0.0
    carries_parcel: bool = False

    def draw(self, canvas: Canvas) -> None:
        canvas.glow((self.x + 0.04 * self.height, self.feet_y), 0.3 * self.height, 0.05 * self.height, 0.65)
        self._leg(canvas, -1)
        self._leg(canvas, 1)
        self._arm(canvas, -1)
        self._arm(canvas, 1)
        self._torso(canvas)
        self._head(canvas)
        if self.carries_parcel:
            self._parcel(canvas)

    def _at(self, across: float, up: float) -> Point:
        """A point of the body in shares of the body's height: from the middle, and from the ground."""
        return self.x + across * self.height, self.feet_y - up * self.height

    def _leg(self, canvas: Canvas, side: int) -> None:
        swing = side * self.stride
        lift = 0.025 * max(0.0, swing)
        hip, knee = self._at(0.045 * side, 0.5), self._at(0.055 * side + 0.045 * swing, 0.27 + lift)
        ankle = self._at(0.06 * side + 0.06 * swing, 0.05 + lift)
        canvas.line([hip, knee], 0.088 * self.height, self.outfit.trousers)
        canvas.line([knee, ankle], 0.07 * self.height, self.outfit.trousers)
        foot = (ankle[0] + 0.014 * side * self.height, ankle[1] + 0.03 * self.height)
        canvas.ellipse(foot, 0.048 * self.height, 0.024 * self.height, self.outfit.shoes)

    def _arm(self, canvas: Canvas, side: int) -> None:
        swing = -side * self.stride
        shoulder, elbow = self._at(0.115 * side, 0.79), self._at(0.15 * side + 0.015 * swing, 0.63)
        hand = self._at(0.15 * side + 0.04 * swing, 0.48)
        sleeve = _darker(self.outfit.coat, 0.86)
        canvas.line([shoulder, elbow, hand], 0.066 * self.height, sleeve)
        canvas.ellipse(
            (hand[0], hand[1] + 0.012 * self.height), 0.026 * self.height, 0.032 * self.height, self.outfit.skin
        )

    def _torso(self, canvas: Canvas) -> None:
        outline = [(-0.06, 0.845), (0.06, 0.845), (0.135, 0.8), (0.118, 0.62), (0.108, 0.47)]
        outline += [(-0.108, 0.47), (-0.118, 0.62), (-0.135, 0.8)]
        canvas.polygon([self._at(*point) for point in outline], self.outfit.coat)
        shadow = [(0.05, 0.84), (0.135, 0.8), (0.118, 0.62), (0.108, 0.47), (0.055, 0.47)]
        canvas.polygon([self._at(*point) for point in shadow], _darker(self.outfit.coat, 0.88))
        canvas.line([self._at(0, 0.84), self._at(0, 0.48)], 0.008 * self.height, _darker(self.outfit.coat, 0.7))

    def _head(self, canvas: Canvas) -> None:
        canvas.line([self._at(0, 0.83), self._at(0, 0.88)], 0.058 * self.height, _darker(self.outfit.skin, 0.8))
        canvas.ellipse(self._at(0, 0.93), 0.056 * self.height, 0.07 * self.height, self.outfit.hair)
        canvas.ellipse(self._at(0, 0.916), 0.046 * self.height, 0.054 * self.height, self.outfit.skin)

    def _parcel(self, canvas: Canvas) -> None:
        left, top = self._at(-0.12, 0.66)
        right, bottom = self._at(0.12, 0.5)
        canvas.rectangle(left, top, right, bottom, (92, 140, 186))
        canvas.rectangle(self.x - 0.015 * self.height, top, self.x + 0.015 * self.height, bottom, (140, 180, 214))


@dataclass(frozen=True)
class Cat:
    """A cat in profile; `facing` 1 looks right, −1 left."""

    x: float
    feet_y: float
    length: float
    colour: Colour
    facing: int = 1

    def draw(self, canvas: Canvas) -> None:
        canvas.glow((self.x, self.feet_y), 0.6 * self.length, 0.1 * self.length, 0.6)
        for across in (-0.3, -0.2, 0.2, 0.29):
            canvas.line(
                [self._at(across, 0.3), self._at(across + 0.03, 0.03)], 0.07 * self.length, _darker(self.colour, 0.8)
            )
        canvas.ellipse(self._at(0, 0.36), 0.38 * self.length, 0.15 * self.length, self.colour)
        tail = [self._at(-0.34 - 0.05 * step, 0.4 + 0.22 * math.sin(step / 2.2)) for step in range(6)]
        canvas.line(tail, 0.06 * self.length, self.colour)
        canvas.ellipse(self._at(0.42, 0.5), 0.13 * self.length, 0.12 * self.length, self.colour)
        for across in (0.35, 0.47):
            ear = [self._at(across - 0.05, 0.58), self._at(across + 0.05, 0.58), self._at(across, 0.72)]
            canvas.polygon(ear, self.colour)

    def _at(self, across: float, up: float) -> Point:
        return self.x + self.facing * across * self.length, self.feet_y - up * self.length


def _darker(colour: Colour, share: float) -> Colour:
    blue, green, red = colour
    return round(blue * share), round(green * share), round(red * share)
