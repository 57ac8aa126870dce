"""Draws thumbnails and previews that are missing again, from the original. Called by `verify`."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from cameras.models import Capture
from cameras.names import decode_path
from cameras.stored_files import NotThere, look_below
from detections.frames import Frame, UnreadableInput, frames_of
from detections.models import Detection
from detections.pictures import write_preview, write_thumbnail
from inference.protocols import Box

# Decoded anew, a frame may be told to come a millisecond earlier or later.
SAME_FRAME_S = 0.01


def redraw(capture: Capture, missing: set[str]) -> set[str]:
    """Draw what is missing of a capture's pictures, if its original is still the one that was looked at.

    `missing` and the answer, what was drawn, are paths relative to DATA_DIR.
    """
    drawn: set[str] = set()
    if not _is_unchanged(capture):
        return drawn
    try:
        for frame in frames_of(capture):
            drawn |= _draw_from(frame, capture, missing - drawn)
            if drawn == missing:
                break
    except (UnreadableInput, OSError):
        return drawn
    return drawn


def _draw_from(frame: Frame, capture: Capture, missing: set[str]) -> set[str]:
    drawn = set()
    for detection in capture.detections.all():
        if detection.thumbnail_path in missing and _is_frame_at(frame, detection.frame_offset):
            write_thumbnail(frame.image, _box_of(detection), detection.thumbnail_path)
            drawn.add(detection.thumbnail_path)
    if capture.preview_path in missing and _is_frame_at(frame, capture.preview_offset):
        write_preview(frame.image, capture.preview_path)
        drawn.add(capture.preview_path)
    return drawn


def _is_unchanged(capture: Capture) -> bool:
    try:
        status = look_below(Path(settings.CAMERA_ROOT), decode_path(capture.file_path))
    except (NotThere, OSError):
        return False
    return capture.is_as_taken_in(status)


def _is_frame_at(frame: Frame, offset_s: float | None) -> bool:
    return offset_s is None or frame.offset_s is None or abs(frame.offset_s - offset_s) < SAME_FRAME_S


def _box_of(detection: Detection) -> Box:
    return Box(
        detection.object_type,
        detection.confidence,
        detection.bbox_x,
        detection.bbox_y,
        detection.bbox_width,
        detection.bbox_height,
    )
