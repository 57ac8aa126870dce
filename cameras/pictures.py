"""The bytes of a capture's picture, given out only while they are what was taken in. For the media views and the API.

Our own previews lie below DATA_DIR, the cameras' files below the camera root.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db.models import Q

from cameras.models import Capture, CaptureQuerySet
from cameras.names import decode_path
from cameras.stored_files import NotThere, open_below
from cameras.tiles import HAS_PICTURE

PREVIEW_TYPE = "image/jpeg"
MTIME_TOLERANCE = timedelta(milliseconds=1)
# A camera that overwrites one file for ever leaves many captures whose picture is gone.
CANDIDATES = 10
# It is read into memory whole, and whatever follows a picture's end counts as the file's.
MOST_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Picture:
    capture: Capture
    content: bytes
    content_type: str


def newest_picture(captures: CaptureQuerySet) -> Picture | None:
    """The picture taken last of these captures, of those that are there still: its preview, else the file itself."""
    handy = captures.filter(HAS_PICTURE).filter(~Q(preview_path="") | Q(size__lte=MOST_BYTES))
    newest = handy.order_by("-captured_at", "-id")[:CANDIDATES]
    return next((picture for capture in newest if (picture := _picture_of(capture)) is not None), None)


def _picture_of(capture: Capture) -> Picture | None:
    try:
        if capture.preview_path:
            return Picture(capture, read_preview(capture.preview_path), PREVIEW_TYPE)
        with open_original(capture) as file:
            return Picture(capture, file.read(), capture.file_type)
    except NotThere:
        return None


def read_preview(path: str) -> bytes:
    """A preview or a thumbnail. Raises NotThere."""
    with open_below(Path(settings.DATA_DIR), path) as file:
        return file.read()


def open_original(capture: Capture) -> BinaryIO:
    """The camera's own file. Raises NotThere, also where other content lies in its place."""
    file = open_below(Path(settings.CAMERA_ROOT), decode_path(capture.file_path))
    status = os.fstat(file.fileno())
    changed_by_s = abs(status.st_mtime - capture.mtime.timestamp())
    if status.st_size != capture.size or changed_by_s > MTIME_TOLERANCE.total_seconds():
        file.close()
        raise NotThere(capture.file_path)
    return file
