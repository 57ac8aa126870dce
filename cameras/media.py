"""What a file holds, and whether it is all there: the content decides, not its name, size or age.

Called by intake before a file becomes a capture. Reading is bounded: pixels, and bytes for pictures.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

import av
import av.error
from PIL import Image, UnidentifiedImageError

from cameras.capture_time import exif_time

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".dav"})
KINDS_IN_WORDS = "jpg, jpeg, png, webp, mp4, mkv, avi, mov, dav"
MAX_PIXELS = 50_000_000
MAX_BYTES = 2 * 1024**3
HEADER_BYTES = 16
# How what we read begins, of a file too short to tell more.
BEGINNINGS = (b"\xff", b"\x89", b"R", b"\x1a", b"D", b"\0")
# A clip may end a little before its header says: the last frame's length is often not counted.
END_TOLERANCE_S = 1.5

Image.MAX_IMAGE_PIXELS = None  # ours, MAX_PIXELS, is checked before a pixel is decoded and has its own words


class Incomplete(Exception):
    """The right kind of file, but not all of it is there yet. The message finishes "rejected: …"."""


class Unacceptable(Exception):
    """Not a file we read, and waiting will not change it. The message finishes "rejected: …"."""


@dataclass(frozen=True)
class MediaFacts:
    """What a complete file is. `width` and `height` are pixels as shown (EXIF orientation applied)."""

    mime_type: str
    is_video: bool
    sha256: str
    width: int
    height: int
    duration_s: float | None = None
    codec: str = ""
    exif_at: datetime | None = None


@dataclass(frozen=True)
class VideoFormat:
    mime_type: str
    demuxer: str
    """The one FFmpeg demuxer allowed for it: guessing would let a playlist open other files."""


MP4 = VideoFormat("video/mp4", "mov")
MATROSKA = VideoFormat("video/x-matroska", "matroska")
AVI = VideoFormat("video/x-msvideo", "avi")
DAHUA = VideoFormat("video/x-dav", "dhav")


def is_readable_kind(name: str) -> bool:
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES | VIDEO_SUFFIXES


def is_video_name(name: str) -> bool:
    return PurePath(name).suffix.lower() in VIDEO_SUFFIXES


def inspect(path: Path) -> MediaFacts:
    """Read the file whole and tell what it is.

    Raises Incomplete or Unacceptable with a reason for a person, OSError where the disk refuses.
    """
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if not header:
            raise Incomplete("the file is empty")
        if not any(header):
            raise Incomplete("the file begins with nothing but zeros")
        if len(header) < HEADER_BYTES and header.startswith(BEGINNINGS):
            raise Incomplete("only the first bytes of the file arrived")
        file.seek(0)
        if is_video_name(path.name):
            return _inspect_video(file, _video_format(header, path.name))
        return _inspect_picture(file, _picture_type(header, path.name))


def _picture_type(header: bytes, name: str) -> str:
    if header.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if header.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if header.startswith(b"RIFF") and header[8:12] == b"WEBP":
        return "image/webp"
    raise Unacceptable(f"named {PurePath(name).suffix}, but what is inside is no picture")


def _video_format(header: bytes, name: str) -> VideoFormat:
    if header[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return MP4
    if header.startswith(b"\x1aE\xdf\xa3"):
        return MATROSKA
    if header.startswith(b"RIFF") and header[8:12] == b"AVI ":
        return AVI
    if header.startswith((b"DHAV", b"DAHUA")):
        return DAHUA
    raise Unacceptable(f"named {PurePath(name).suffix}, but what is inside is no video")


def _inspect_picture(file: io.BufferedReader, mime_type: str) -> MediaFacts:
    content = file.read()
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image:
            width, height = image.size
            _refuse_too_many_pixels(width, height)
            exif_at = exif_time(image)
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # EXIF orientation: turned by a quarter
                width, height = height, width
            image.draft(
                "L", (max(1, width // 8), max(1, height // 8))
            )  # a JPEG is still read to its end, at an eighth of the size
            image.load()
    except UnidentifiedImageError as error:
        raise Incomplete("only the first part of the picture arrived") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise Incomplete("the picture ends too early or is damaged") from error
    return MediaFacts(
        mime_type=mime_type,
        is_video=False,
        sha256=hashlib.sha256(content).hexdigest(),
        width=width,
        height=height,
        exif_at=exif_at,
    )


def _inspect_video(file: io.BufferedReader, video_format: VideoFormat) -> MediaFacts:
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    try:
        with open_video(file, video_format.mime_type) as container:
            stream = _only_video_stream(container)
            if stream.codec_context is None:
                raise Unacceptable("its pictures are coded in a way that is not known here")
            _refuse_too_many_pixels(stream.codec_context.width, stream.codec_context.height)
            duration_s = _duration_s(container, stream)
            end_s = _last_moment_s(container, stream)
            if duration_s is not None and end_s < duration_s - max(END_TOLERANCE_S, 0.05 * duration_s):
                raise Incomplete(f"the video says {duration_s:.0f} s but holds {end_s:.0f} s")
            codec = stream.codec_context.name
            container.seek(0)
            frame = next(container.decode(stream), None)
    except av.error.FFmpegError as error:
        raise Incomplete("the video is not complete or damaged") from error
    if frame is None:
        raise Incomplete("the video holds no pictures")
    return MediaFacts(
        mime_type=video_format.mime_type,
        is_video=True,
        sha256=sha256,
        width=frame.width,
        height=frame.height,
        duration_s=duration_s if duration_s is not None else end_s,
        codec=codec,
    )


@contextmanager
def open_video(file: io.BufferedReader, mime_type: str) -> Iterator[av.container.InputContainer]:
    """The container of an inspected video, with only the demuxer its kind allows."""
    demuxer = next(f.demuxer for f in (MP4, MATROSKA, AVI, DAHUA) if f.mime_type == mime_type)
    with av.open(file, mode="r", format=demuxer, metadata_errors="replace") as container:
        yield container


def _only_video_stream(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise Incomplete("the video holds no pictures")
    return container.streams.video[0]


def _duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Length the header tells, in seconds; None where it tells none."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _last_moment_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """End of the last packet counted from the first, in seconds; reads the whole file without decoding it."""
    first: int | None = None
    end = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise Incomplete("the video is cut off in the middle of a picture")
        moment = packet.pts if packet.pts is not None else packet.dts
        if moment is None:
            continue
        first = moment if first is None else min(first, moment)
        end = max(end, moment + (packet.duration or 0))
    if first is None or stream.time_base is None:
        raise Incomplete("the video holds no pictures")
    return float((end - first) * stream.time_base)


def _refuse_too_many_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unacceptable(
            f"{width}×{height} is {width * height / 1e6:.0f} million pixels; at most {MAX_PIXELS / 1e6:.0f} are read"
        )
    if width < 1 or height < 1:
        raise Unacceptable("the picture has no size")
