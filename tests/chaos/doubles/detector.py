"""The built-in detector, which dies, stalls or is away where a test asks for it: by a mark in a picture, or by a file.

Loaded in the real detect worker of one stack (see `sitecustomize.py`); tests use it through `Faults`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.detectors.builtin import BuiltinDetector
from inference.protocols import Box, EngineUnavailable, Image
from security_site.config import Config

FOLDER_VARIABLE = "HSI_TEST_FAULTS"
"""Names the folder in which files tell the detector what to do."""
AWAY, STALL, STALLING = "away", "stall", "stalling"
AWAY_REASON = "the model server does not answer; start it again"
# Blue, green, red of the upper left corner.
DEADLY, SLOW = (255, 0, 255), (255, 255, 0)
MARK_PIXELS = 24
COLOUR_TOLERANCE = 40


def load(_: Config) -> DetectorWithFaults:
    return DetectorWithFaults()


class DetectorWithFaults(BuiltinDetector):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ[FOLDER_VARIABLE])

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        if (self.folder / AWAY).exists():
            raise EngineUnavailable(AWAY_REASON)
        if any(_is_marked(image, DEADLY) for image in images):
            os._exit(1)
        if any(_is_marked(image, SLOW) for image in images):
            self._stall()
        return super().detect(images)

    def _stall(self) -> None:
        while (self.folder / STALL).exists():
            (self.folder / STALLING).touch()
            time.sleep(0.1)


def marked(image: Image, colour: tuple[int, int, int]) -> Image:
    """A copy of the picture with a mark that the double knows again after JPEG."""
    copy = image.copy()
    copy[:MARK_PIXELS, :MARK_PIXELS] = colour
    return copy


def _is_marked(image: Image, colour: tuple[int, int, int]) -> bool:
    corner = image[: MARK_PIXELS // 2, : MARK_PIXELS // 2].reshape(-1, 3).mean(axis=0)
    return bool(np.abs(corner - np.array(colour)).max() < COLOUR_TOLERANCE)
