"""From a capture's file to the images a detector looks at: one for a picture, up to twenty for a video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.error
import cv2
import numpy as np
from django.conf import settings

from cameras.models import Capture
from cameras.video import open_video
from detections.sampling import sample_offsets
from inference.protocols import Image

# Further apart than this, seeking to each frame is faster than decoding all between.
SEEK_BEYOND_S = 4.0


class UnreadableInput(Exception):
    """The file's content cannot be decoded; counts as a failed try of this input."""


@dataclass(frozen=True)
class Frame:
    """One image of a capture; `offset_s` counts from the start of a video and is None for a picture."""

    capture: Capture
    image: Image
    offset_s: float | None = None


def frames_of(capture: Capture) -> Iterator[Frame]:
    """The images to look at, in order of time, one in memory at a time.

    Raises UnreadableInput where the file cannot be read or decoded, OSError where the disk is away.
    """
    try:
        if capture.media_type == Capture.MediaType.VIDEO:
            yield from _video_frames(capture)
        else:
            yield Frame(capture, _picture(capture))
    except OSError as error:
        if root_answers():
            raise UnreadableInput(f"the file could not be read: {error.strerror}") from error
        raise


def root_answers() -> bool:
    """Whether the camera folders can be listed: if so, an error of one file is that file's, not the disk's."""
    try:
        with os.scandir(settings.CAMERA_ROOT):
            return True
    except OSError:
        return False


def _picture(capture: Capture) -> Image:
    content = np.fromfile(capture.path, dtype=np.uint8)
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise UnreadableInput(f"the picture could not be decoded: {error.err}") from error
    if image is None:
        raise UnreadableInput("the picture could not be decoded")
    return image.astype(np.uint8, copy=False)


def _video_frames(capture: Capture) -> Iterator[Frame]:
    offsets = sample_offsets(capture.duration)
    found = False
    try:
        with capture.path.open("rb") as file, open_video(file, capture.file_type) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            far_apart = len(offsets) > 1 and offsets[1] - offsets[0] > SEEK_BEYOND_S
            pick = _seek_frames if far_apart else _next_frames
            for offset, frame in pick(container, stream, offsets):
                found = True
                yield Frame(capture, frame.to_ndarray(format="bgr24").astype(np.uint8, copy=False), offset)
    except av.error.FFmpegError as error:
        raise UnreadableInput(f"the video could not be decoded: {error}") from error
    if not found:
        raise UnreadableInput("the video holds no pictures")


def _next_frames(
    container: av.container.InputContainer, stream: av.VideoStream, offsets: list[float]
) -> Iterator[tuple[float, av.VideoFrame]]:
    """The first frame at or after each offset, decoding everything on the way."""
    wanted = iter(offsets)
    offset = next(wanted, None)
    start: float | None = None
    for frame in container.decode(stream):
        moment = frame.time or 0.0
        start = moment if start is None else start
        if offset is None:
            return
        if moment - start >= offset - 0.001:
            yield round(moment - start, 3), frame
            while offset is not None and offset <= moment - start:
                offset = next(wanted, None)


def _seek_frames(
    container: av.container.InputContainer, stream: av.VideoStream, offsets: list[float]
) -> Iterator[tuple[float, av.VideoFrame]]:
    """The frame at each offset, reached from the key frame before it."""
    start = float((stream.start_time or 0) * (stream.time_base or 0))
    for offset in offsets:
        container.seek(int((start + offset) * av.time_base))
        for frame in container.decode(stream):
            if (frame.time or 0.0) - start >= offset - 0.001:
                yield round((frame.time or 0.0) - start, 3), frame
                break
