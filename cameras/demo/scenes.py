"""Pictures as the demo's three cameras take them. Used by the demo and by tests that need a picture of somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from io import BytesIO
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from cameras.demo import backgrounds
from cameras.demo.canvas import HEIGHT, WIDTH, Canvas, Pixels
from cameras.demo.figures import Outfit, Person, Subject

FRAMES_PER_SECOND = 10


@dataclass(frozen=True)
class Scene:
    """One camera's view. People stand between the heights `far_y` and `near_y` of the picture."""

    title: str
    background: Callable[[], Canvas]
    outfits: tuple[Outfit, ...]
    far_y: float = 470
    near_y: float = 640
    noise: float = 2.5

    def person(
        self, x: float, depth: float, outfit: int = 0, *, stride: float = 0.0, carries_parcel: bool = False
    ) -> Person:
        """Somebody at x; `depth` 0 is far, 1 near."""
        feet_y = self.far_y + depth * (self.near_y - self.far_y)
        height = 205 + 52 * depth
        worn = self.outfits[outfit % len(self.outfits)]
        return Person(x, feet_y, height, worn, stride, carries_parcel)

    def picture(self, at: datetime, subjects: Sequence[Subject] = (), *, seed: int, rain: bool = False) -> Pixels:
        """What the camera sees, far subjects behind near ones; each seed has its own grain."""
        canvas = self.background().copy()
        for subject in sorted(subjects, key=lambda subject: subject.feet_y):
            subject.draw(canvas)
        dice = np.random.default_rng(seed)
        picture = canvas.picture()
        if rain:
            _draw_rain(picture, dice)
        grain = dice.normal(0, self.noise, picture.shape[:2])[:, :, None]
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
        _write(picture, at.strftime("%Y-%m-%d %H:%M:%S"), (28, 44))
        _write(picture, self.title, (28, HEIGHT - 28))
        return picture


FRONT_DOOR = Scene(
    "FRONT DOOR",
    backgrounds.front_door,
    (
        Outfit(coat=(92, 52, 36), trousers=(58, 48, 44)),
        Outfit(coat=(44, 44, 132), trousers=(70, 52, 40), hair=(40, 66, 92)),
        Outfit(coat=(60, 72, 44), trousers=(40, 42, 50), skin=(92, 116, 158), hair=(22, 24, 28)),
    ),
)
DRIVEWAY = Scene(
    "DRIVEWAY",
    backgrounds.driveway,
    (
        Outfit(coat=(30, 26, 26), trousers=(26, 22, 24), skin=(118, 138, 172)),
        Outfit(coat=(26, 28, 74), trousers=(30, 24, 22), skin=(96, 116, 148), hair=(24, 26, 32)),
        Outfit(coat=(64, 38, 24), trousers=(22, 22, 26), skin=(118, 138, 172), hair=(52, 74, 96)),
        Outfit(coat=(30, 52, 38), trousers=(28, 26, 30), skin=(112, 132, 166)),
    ),
    noise=4,
)
BACK_GARDEN = Scene(
    "BACK GARDEN",
    backgrounds.back_garden,
    (
        Outfit(
            coat=(176, 176, 176),
            trousers=(150, 150, 150),
            hair=(128, 128, 128),
            skin=(220, 220, 220),
            shoes=(138, 138, 138),
        ),
    ),
    noise=5,
)


def encode_jpeg(picture: Pixels) -> bytes:
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return encoded.tobytes()


def write_mp4(frames: Iterator[Pixels], target: BinaryIO | BytesIO) -> None:
    """H.264 in MP4, ten frames a second."""
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(FRAMES_PER_SECOND), options={"preset": "veryfast", "crf": "28"}
        )
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode())


def walk(scene: Scene, at: datetime, seconds: float, *, seed: int) -> Iterator[Pixels]:
    """The frames of somebody who crosses the picture from left to right."""
    count = round(seconds * FRAMES_PER_SECOND)
    for index in range(count):
        share = index / max(1, count - 1)
        stride = np.sin(index * 0.9)
        walker = scene.person(560 + 420 * share, 0.7, seed, stride=float(stride))
        yield scene.picture(at + timedelta(seconds=index / FRAMES_PER_SECOND), [walker], seed=seed + index)


def _draw_rain(picture: Pixels, dice: np.random.Generator) -> None:
    for x, y, length in zip(
        dice.integers(0, WIDTH, 260), dice.integers(0, HEIGHT, 260), dice.integers(10, 26, 260), strict=True
    ):
        cv2.line(picture, (int(x), int(y)), (int(x - length // 4), int(y + length)), (170, 170, 170), 1, cv2.LINE_AA)


def _write(picture: Pixels, text: str, place: tuple[int, int]) -> None:
    for colour, width in (((24, 24, 24), 5), ((244, 244, 244), 2)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, width, cv2.LINE_AA)
