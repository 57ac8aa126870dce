"""Pictures people see: a thumbnail of each detection with its box, a clean preview of each capture.

Files are written under a temporary name and renamed, before the rows that name them are committed: a retry
overwrites, and a row never names a missing file.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from django.conf import settings

from cameras.models import Capture
from inference.protocols import Box, Image

THUMBNAIL_SIZE = (320, 240)
PREVIEW_WIDTH = 960
# Blue, green, red. The dark one is the pages' darkest text.
BOX_LIGHT, BOX_DARK = (255, 255, 255), (31, 24, 20)
JPEG_QUALITY = 85


def thumbnail_path(capture: Capture, number: int) -> str:
    """Path relative to DATA_DIR of the thumbnail of a capture's n-th detection."""
    return f"thumbnails/{capture.captured_at:%Y-%m-%d}/{capture.pk}-{number}.jpg"


def preview_path(capture: Capture) -> str:
    """Path relative to DATA_DIR of a capture's preview."""
    return f"previews/{capture.captured_at:%Y-%m-%d}/{capture.pk}.jpg"


def write_thumbnail(image: Image, box: Box, relative: str) -> None:
    """The whole picture on 320×240, letterboxed, with the box. Raises OSError where the disk refuses."""
    width, height = THUMBNAIL_SIZE
    scale = min(width / image.shape[1], height / image.shape[0])
    shown = cv2.resize(
        image,
        (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))),
        interpolation=cv2.INTER_AREA,
    )
    left, top = (width - shown.shape[1]) // 2, (height - shown.shape[0]) // 2
    canvas = np.full((height, width, 3), BOX_DARK, dtype=np.uint8)
    canvas[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    corner = (left + round(box.x * scale), top + round(box.y * scale))
    opposite = (left + round((box.x + box.width) * scale) - 1, top + round((box.y + box.height) * scale) - 1)
    cv2.rectangle(canvas, corner, opposite, BOX_DARK, 3)
    cv2.rectangle(canvas, corner, opposite, BOX_LIGHT, 1)
    _write_jpeg(canvas, relative)


def write_preview(image: Image, relative: str) -> None:
    """The picture without boxes, at most 960 pixels wide. Raises OSError where the disk refuses."""
    scale = min(1.0, PREVIEW_WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    shown = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _write_jpeg(shown, relative)


def _write_jpeg(image: cv2.typing.MatLike, relative: str) -> None:
    done, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise OSError(f"{relative} could not be encoded")
    path = Path(settings.DATA_DIR) / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.part")  # always the same: a retry takes what a killed worker left there
    try:
        arriving.write_bytes(content.tobytes())
        arriving.replace(path)
    except FileNotFoundError:
        if not path.exists():  # else a worker that had stalled with the same picture has renamed it
            raise
    finally:
        arriving.unlink(missing_ok=True)
