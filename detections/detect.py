"""Looks at queued captures: claims them, runs the detector, stores what it found. Called by the detect task.

An error of the input counts against the capture; anything missing on our side (engine, memory, disk) pauses the stage
and leaves the captures queued.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from cameras.claims import (
    Claim,
    claim_captures,
    count_input_error,
    extend_lease,
    give_back,
    held,
    reject_claimed,
)
from cameras.intake import take_in
from cameras.models import OVERWRITTEN, REMOVED, Capture
from detections.frames import Frame, UnreadableInput, frames_of, root_answers
from detections.models import Detection
from detections.pace import Pace
from detections.pictures import preview_path, thumbnail_path, write_preview, write_thumbnail
from inference.protocols import Box, Detector, EngineLost, EngineUnavailable, Image
from inference.registry import load_detector
from telemetry.broadcast import broadcast
from telemetry.leases import RENEWED_EVERY_S
from telemetry.stages import hold_off, pause, resume, take_turn
from telemetry.wake import wake

logger = logging.getLogger(__name__)

STAGE = "detect"
LONGEST_TURN_S = 120.0

_pace = Pace()


class StageCannotRun(Exception):
    """Something of ours is missing; the message says what. Nothing is held against any capture."""


@dataclass
class Finding:
    """What one capture showed: each box with the frame it is in, and the frame that shows the surest one."""

    capture: Capture
    boxes: list[tuple[Box, float | None]] = field(default_factory=list)
    thumbnails: list[str] = field(default_factory=list)
    detect_ms: float = 0.0
    """The detector's own time for it: its share of the passes it was in."""
    best: tuple[float, Image, float | None] | None = None


def detect_queued(worker: str, most: int) -> int:
    """Work off due captures, at most about `most`; returns how many reached a final state or a retry.

    Where something of ours is missing the stage is paused, with its reason, and the captures stay queued.
    Raises EngineLost, after that, where only a new process can go on.
    """
    done = 0
    until = time.monotonic() + LONGEST_TURN_S
    turn = take_turn(STAGE)
    if turn is None:
        return done
    try:
        detector = load_detector(settings.CONFIG)
        while done < most and time.monotonic() < until:
            claim = claim_captures(worker, settings.CONFIG.DETECT_BATCH)
            if claim is not None:
                for camera_id in _detect_claim(claim, detector):
                    wake("events.place_detected", camera_id)
                done += len(claim.captures)
            resume(STAGE)
            if claim is None:
                break
    except EngineLost as lost:
        hold_off(turn, str(lost))  # a card that fails every new process must not be tried without end
        raise
    except (EngineUnavailable, StageCannotRun, MemoryError) as missing:
        pause(STAGE, str(missing) or "not enough memory")
    return done


def _detect_claim(claim: Claim, detector: Detector) -> set[str]:
    """Look at what the claim holds; returns the cameras that have something to place.

    Their placing is woken once for the whole claim: judging a visit anew for each of its pictures would cost more.
    """
    try:
        readable = [capture for capture in claim.captures if _is_unchanged(claim, capture)]
        if readable and readable[0].media_type == Capture.MediaType.VIDEO:
            stored = _detect_video(claim, readable[0], detector)
        else:
            stored = _detect_pictures(claim, readable, detector)
        return {finding.capture.camera_id for finding in stored if finding.boxes}
    except OSError as error:
        give_back(claim)
        raise StageCannotRun(f"the disk refuses: {error.strerror or error}") from error
    except (EngineUnavailable, StageCannotRun, MemoryError):
        give_back(claim)
        raise


def _is_unchanged(claim: Claim, capture: Capture) -> bool:
    """Whether the file is still the one that was taken in; where not, its row ends here with the reason."""
    try:
        status = capture.path.stat()
    except (FileNotFoundError, NotADirectoryError):
        if not Path(settings.CAMERA_ROOT).is_dir():
            raise StageCannotRun(f"{settings.CAMERA_ROOT} is not there; is its disk connected?") from None
        reject_claimed(claim, capture, REMOVED)
        return False
    except OSError as error:
        if not root_answers():
            raise
        count_input_error(claim, capture, f"the file could not be looked at: {error.strerror}")
        return False
    if capture.is_as_taken_in(status):
        return True
    if reject_claimed(claim, capture, OVERWRITTEN):
        take_in(capture.path)  # what lies there now is a capture of its own; the same content revives this one
    return False


def _detect_pictures(claim: Claim, captures: list[Capture], detector: Detector) -> list[Finding]:
    """One forward pass over all pictures of the claim that can be decoded, or as few as the time allows."""
    frames = []
    for capture in captures:
        try:
            frames += list(frames_of(capture))
        except UnreadableInput as error:
            count_input_error(claim, capture, str(error))
    findings = []
    for frame, boxes, took_ms in _look_at(claim, frames, detector):
        finding = Finding(frame.capture)
        _add(finding, frame, boxes, took_ms)
        _store(claim, finding, detector)
        findings.append(finding)
    return findings


def _detect_video(claim: Claim, capture: Capture, detector: Detector) -> list[Finding]:
    finding = Finding(capture)
    frames = _keeping_the_lease(claim, frames_of(capture))
    try:
        while batch := list(islice(frames, settings.CONFIG.DETECT_BATCH)):
            for frame, boxes, took_ms in _look_at(claim, batch, detector):
                _add(finding, frame, boxes, took_ms)
    except UnreadableInput as error:
        count_input_error(claim, capture, str(error))
        return []
    _store(claim, finding, detector)
    return [finding]


def _keeping_the_lease(claim: Claim, frames: Iterator[Frame]) -> Iterator[Frame]:
    """The same frames; the claim is renewed while they are decoded and looked at, however long that takes."""
    renewed_at = time.monotonic()
    for frame in frames:
        if time.monotonic() - renewed_at > RENEWED_EVERY_S:
            extend_lease(claim)
            renewed_at = time.monotonic()
        yield frame


def _look_at(claim: Claim, frames: list[Frame], detector: Detector) -> Iterator[tuple[Frame, list[Box], float]]:
    """What is kept of each frame, and how many milliseconds the detector took for it: its share of the pass."""
    while frames:
        count = _pace.at_once(len(frames))
        together, frames = frames[:count], frames[count:]
        started = time.monotonic()
        found = detector.detect([frame.image for frame in together])
        _pace.note(count, time.monotonic() - started)
        if frames:
            extend_lease(claim)
        for frame, boxes in zip(together, found, strict=True):
            yield frame, [box for box in boxes if _is_kept(box)], 1000 * _pace.seconds_each


def _is_kept(box: Box) -> bool:
    return box.label in settings.CONFIG.DETECT_CLASSES and box.confidence >= settings.CONFIG.DETECT_CONFIDENCE


def _add(finding: Finding, frame: Frame, boxes: list[Box], took_ms: float) -> None:
    """Note the boxes of one frame and write their thumbnails while its image is at hand."""
    finding.detect_ms += took_ms
    for box in boxes:
        relative = thumbnail_path(finding.capture, len(finding.boxes))
        write_thumbnail(frame.image, box, relative)
        finding.thumbnails.append(relative)
        finding.boxes.append((box, frame.offset_s))
        if finding.best is None or box.confidence > finding.best[0]:
            finding.best = (box.confidence, frame.image, frame.offset_s)


def _store(claim: Claim, finding: Finding, detector: Detector) -> None:
    """Detections and the capture's new state, together or not at all; discarded where the claim is lost."""
    capture = finding.capture
    preview, preview_offset = "", None
    if finding.best is not None:
        preview, preview_offset = preview_path(capture), finding.best[2]
        write_preview(finding.best[1], preview)
    with transaction.atomic():
        changed = Capture.objects.filter(held(claim), pk=capture.pk).update(
            state=Capture.State.DETECTED,
            claim_id=None,
            claimed_by="",
            lease_until=None,
            processed_at=Now(),
            # Nothing to place: its receipt is all there is.
            placed_at=None if finding.boxes else Now(),
            error="",
            detector=detector.name,
            detect_ms=round(finding.detect_ms),
            nothing_found="" if finding.boxes else detector.nothing_found,
            preview_path=preview,
            preview_offset=preview_offset,
        )
        if not changed:
            logger.warning("capture %s was taken over by another worker; this result is discarded", capture.pk)
            return
        # Read under the row's lock: its camera may have been merged into another while we looked.
        capture.camera_id = Capture.objects.values_list("camera_id", flat=True).get(pk=capture.pk)
        Detection.objects.bulk_create(_detections(finding))
        broadcast("capture", {"id": capture.pk, "camera_id": capture.camera_id, "state": Capture.State.DETECTED})


def _detections(finding: Finding) -> list[Detection]:
    capture = finding.capture
    return [
        Detection(
            capture=capture,
            camera_id=capture.camera_id,
            detected_at=capture.captured_at + timedelta(seconds=offset or 0),
            frame_offset=offset,
            object_type=box.label,
            confidence=box.confidence,
            bbox_x=box.x,
            bbox_y=box.y,
            bbox_width=box.width,
            bbox_height=box.height,
            thumbnail_path=thumbnail,
        )
        for (box, offset), thumbnail in zip(finding.boxes, finding.thumbnails, strict=True)
    ]
