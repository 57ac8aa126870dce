"""What the demo's three cameras look at when nobody is there. Each is drawn once and kept."""

from __future__ import annotations

from functools import cache

import numpy as np

from cameras.demo.canvas import HEIGHT, WIDTH, Canvas, Colour

HORIZON_Y = 430
PETALS: tuple[Colour, ...] = ((120, 100, 226), (240, 240, 250), (90, 190, 244))


@cache
def front_door() -> Canvas:
    """A pale house by day: door, window, path, lawn, hedge."""
    canvas = Canvas()
    canvas.gradient(0, HORIZON_Y, (236, 206, 160), (246, 236, 222))
    _clouds(canvas)
    _tree(canvas, 1170, 400)
    _hedge(canvas, 880, WIDTH, 346, (70, 122, 84))
    canvas.rectangle(0, 0, 900, HORIZON_Y, (196, 214, 224))
    for y in range(40, HORIZON_Y, 26):
        canvas.line([(0, y), (900, y)], 1, (186, 204, 215))
    canvas.polygon([(0, 0), (960, 0), (930, 46), (0, 46)], (92, 96, 108))
    canvas.rectangle(0, 46, 930, 54, (220, 226, 230))
    _door(canvas, 330, frame=(214, 222, 226), leaf=(128, 112, 82))
    _window(canvas, 560, 140, 800, 290, frame=(222, 228, 232), glass=(186, 170, 146))
    _window(canvas, 60, 140, 220, 290, frame=(222, 228, 232), glass=(186, 170, 146))
    canvas.gradient(HORIZON_Y, HEIGHT, (104, 168, 122), (66, 132, 86))
    _grass(canvas, (84, 150, 104), 1)
    canvas.polygon([(318, 430), (492, 430), (800, 720), (330, 720)], (176, 184, 190))
    for near in (0.1, 0.28, 0.55):
        joint = 430 + near * 290
        canvas.line([(318 + 12 * near, joint), (492 + 308 * near, joint)], 2, (160, 168, 174))
    canvas.glow((405, 436), 120, 14, 0.5)
    for x in (590, 640, 700, 760):
        _shrub(canvas, x, 432, 34, (62, 128, 76), seed=x)
        _flowers(canvas, x, 414, seed=x)
    return canvas


@cache
def driveway() -> Canvas:
    """A garage and a parked car at dusk; the lamp beside the gate is lit."""
    canvas = Canvas()
    canvas.gradient(0, HORIZON_Y, (120, 78, 58), (112, 150, 224))
    _skyline(canvas, (74, 62, 62))
    canvas.rectangle(0, 120, 520, HORIZON_Y, (112, 120, 140))
    canvas.polygon([(0, 60), (560, 120), (560, 138), (0, 138)], (58, 56, 66))
    canvas.rectangle(110, 205, 420, HORIZON_Y, (138, 140, 152))
    for y in range(240, HORIZON_Y, 38):
        canvas.line([(110, y), (420, y)], 2, (124, 126, 138))
    canvas.gradient(HORIZON_Y, HEIGHT, (86, 88, 98), (66, 66, 76))
    canvas.polygon([(930, 430), (1280, 430), (1280, 720), (1180, 720)], (58, 84, 70))
    canvas.polygon([(0, 430), (70, 430), (0, 540)], (58, 84, 70))
    _fence(canvas, 880, WIDTH, 330, HORIZON_Y + 4, (86, 92, 108))
    _car(canvas, 150, 470, (120, 92, 74))
    _lamp(canvas, 690)
    return canvas


@cache
def back_garden() -> Canvas:
    """A lawn, a fence and a shed as an infrared camera sees them at night: grey, bright in the middle."""
    canvas = Canvas()
    canvas.gradient(0, HORIZON_Y, (18, 18, 18), (34, 34, 34))
    _fence(canvas, 0, WIDTH, 210, HORIZON_Y, (66, 66, 66))
    canvas.polygon([(60, 210), (190, 150), (330, 210)], (58, 58, 58))
    canvas.rectangle(80, 210, 310, HORIZON_Y, (76, 76, 76))
    canvas.rectangle(160, 270, 240, HORIZON_Y, (64, 64, 64))
    canvas.rectangle(1090, 40, WIDTH, HORIZON_Y + 20, (88, 88, 88))
    _window(canvas, 1130, 120, 1250, 260, frame=(96, 96, 96), glass=(206, 206, 206))
    canvas.gradient(HORIZON_Y, HEIGHT, (74, 74, 74), (112, 112, 112))
    _grass(canvas, (90, 90, 90), 2)
    for x, size in ((400, 40), (470, 54), (980, 46)):
        _shrub(canvas, x, 436, size, (58, 58, 58), seed=x)
    canvas.glow((660, 560), 700, 330, 0.14, (255, 255, 255))
    for x, y in ((0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT)):
        canvas.glow((x, y), 620, 480, 0.85)
    return canvas


def _clouds(canvas: Canvas) -> None:
    for x, y, size in ((1010, 90, 46), (1060, 80, 60), (1120, 96, 44), (1230, 170, 36), (1262, 164, 40)):
        canvas.ellipse((x, y), size, size * 0.42, (250, 246, 240))


def _tree(canvas: Canvas, x: float, foot_y: float) -> None:
    canvas.line([(x, foot_y), (x - 4, foot_y - 150)], 26, (66, 88, 112))
    dice = np.random.default_rng(7)
    for _ in range(90):
        spot = (x + dice.normal(0, 52), foot_y - 205 + dice.normal(0, 38))
        canvas.ellipse(spot, 30, 24, _varied((72, 138, 92), dice, 14))


def _flowers(canvas: Canvas, x: float, y: float, *, seed: int) -> None:
    dice = np.random.default_rng(seed + 1)
    for _ in range(9):
        colour = PETALS[dice.integers(len(PETALS))]
        canvas.ellipse((x + dice.uniform(-26, 26), y + dice.uniform(-18, 12)), 3.5, 3.5, colour)


def _lamp(canvas: Canvas, x: float) -> None:
    warm = (150, 214, 255)
    canvas.line([(x, 432), (x, 214)], 7, (48, 46, 52))
    canvas.glow((x, 204), 170, 150, 0.5, warm)
    canvas.ellipse((x, 204), 12, 15, (206, 240, 255))
    canvas.glow((x, 470), 280, 70, 0.3, warm)


def _hedge(canvas: Canvas, left: int, right: int, top: int, colour: Colour) -> None:
    canvas.rectangle(left, top, right, HORIZON_Y, colour)
    dice = np.random.default_rng(left)
    for x in range(left, right, 14):
        canvas.ellipse((x, top + dice.uniform(-4, 6)), 18, 14, _varied(colour, dice))


def _shrub(canvas: Canvas, x: float, y: float, size: float, colour: Colour, *, seed: int) -> None:
    dice = np.random.default_rng(seed)
    for _ in range(26):
        spot = (x + dice.normal(0, size * 0.4), y - abs(dice.normal(0, size * 0.4)))
        canvas.ellipse(spot, size * 0.28, size * 0.22, _varied(colour, dice))


def _grass(canvas: Canvas, colour: Colour, seed: int) -> None:
    dice = np.random.default_rng(seed)
    for _ in range(2600):
        x, y = dice.uniform(0, WIDTH), dice.uniform(HORIZON_Y + 4, HEIGHT)
        blade = 3 + (y - HORIZON_Y) / 60
        canvas.line([(x, y), (x + dice.uniform(-2, 2), y - blade)], 1, _varied(colour, dice))


def _door(canvas: Canvas, left: float, *, frame: Colour, leaf: Colour) -> None:
    canvas.rectangle(left - 10, 168, left + 140, HORIZON_Y, frame)
    canvas.rectangle(left, 178, left + 130, HORIZON_Y, leaf)
    for top, bottom in ((196, 286), (304, 412)):
        for x in (left + 14, left + 72):
            canvas.rectangle(x, top, x + 44, bottom, _varied(leaf, np.random.default_rng(3)))
    canvas.ellipse((left + 118, 312), 5, 5, (150, 200, 220))
    canvas.ellipse((left + 168, 230), 11, 16, (210, 236, 246))
    canvas.rectangle(left - 24, HORIZON_Y - 8, left + 154, HORIZON_Y + 6, (170, 178, 184))


def _window(canvas: Canvas, left: int, top: int, right: int, bottom: int, *, frame: Colour, glass: Colour) -> None:
    canvas.rectangle(left - 8, top - 8, right + 8, bottom + 8, frame)
    canvas.rectangle(left, top, right, bottom, glass)
    light = _lighter(glass)
    for start in (0.12, 0.56):
        x, lean = left + start * (right - left), 0.18 * (right - left)
        canvas.polygon([(x + lean, top), (x + 1.5 * lean, top), (x + 0.5 * lean, bottom), (x, bottom)], light)
    middle = (left + right) / 2
    canvas.rectangle(middle - 3, top, middle + 3, bottom, frame)
    canvas.rectangle(left, (top + bottom) / 2 - 3, right, (top + bottom) / 2 + 3, frame)
    canvas.rectangle(left - 16, bottom + 8, right + 16, bottom + 16, frame)


def _skyline(canvas: Canvas, colour: Colour) -> None:
    for left, right, top in ((520, 640, 330), (640, 820, 356), (820, 960, 318), (960, 1130, 350), (1130, 1280, 326)):
        canvas.rectangle(left, top, right, HORIZON_Y, colour)
        canvas.polygon([(left - 6, top), ((left + right) / 2, top - 44), (right + 6, top)], colour)
        canvas.rectangle(left + 40, top + 26, left + 58, top + 48, (120, 190, 236))


def _fence(canvas: Canvas, left: int, right: int, top: int, bottom: int, colour: Colour) -> None:
    dice = np.random.default_rng(top)
    for x in range(left, right, 26):
        canvas.rectangle(x, top + dice.uniform(-2, 2), x + 24, bottom, _varied(colour, dice, 3))
    canvas.rectangle(left, top + 22, right, top + 28, _varied(colour, dice, 3))


def _car(canvas: Canvas, left: float, ground: float, colour: Colour) -> None:
    """A hatchback in profile, 300 px long."""

    def at(x: float, up: float) -> tuple[float, float]:
        return left + x, ground - up

    canvas.glow(at(150, 0), 190, 20, 0.8)
    body = [(0, 24), (2, 62), (40, 74), (88, 116), (196, 118), (252, 78), (296, 66), (302, 26), (300, 18), (4, 18)]
    canvas.polygon([at(*point) for point in body], colour)
    glass = (150, 128, 112)
    canvas.polygon([at(56, 76), at(96, 108), at(142, 110), at(142, 76)], glass)
    canvas.polygon([at(152, 76), at(152, 110), at(192, 110), at(234, 78)], glass)
    canvas.line([at(147, 24), at(147, 108)], 2, (92, 70, 58))
    for x in (62, 240):
        canvas.ellipse(at(x, 20), 29, 29, (34, 32, 34))
        canvas.ellipse(at(x, 20), 15, 15, (132, 132, 136))
    canvas.ellipse(at(294, 52), 9, 7, (214, 240, 250))
    canvas.ellipse(at(6, 54), 6, 8, (52, 44, 190))


def _lighter(colour: Colour) -> Colour:
    blue, green, red = (round(part + (255 - part) * 0.16) for part in colour)
    return blue, green, red


def _varied(colour: Colour, dice: np.random.Generator, by: int = 10) -> Colour:
    change = int(dice.integers(-by, by + 1))
    blue, green, red = (max(0, min(255, part + change)) for part in colour)
    return blue, green, red
