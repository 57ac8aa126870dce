"""What a file holds, and whether it is all there: the content decides, not its name, size or age.

Called by intake before a file becomes a capture. Reading is bounded: pixels, and bytes for pictures.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

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


def inspect(path: Path, name: str = "") -> MediaFacts:
    """Read the file whole and tell what it is. `name` is the one it shall have, where that is another.

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
        name = name or path.name
        if is_video_name(name):
            from cameras.video import inspect_video  # FFmpeg is large, and most homes' cameras send pictures

            return inspect_video(file, _video_format(header, name))
        return _inspect_picture(file, _picture_type(header, name))


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
            refuse_too_many_pixels(width, height)
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


def refuse_too_many_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unacceptable(
            f"{width}×{height} is {width * height / 1e6:.0f} million pixels; at most {MAX_PIXELS / 1e6:.0f} are read"
        )
    if width < 1 or height < 1:
        raise Unacceptable("the picture has no size")
