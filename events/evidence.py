"""Everything the page of one visit shows: its pictures, and the score taken apart and tied to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.urls import reverse

from accounts.models import User
from cameras.models import Capture
from cameras.words import span_words
from detections.models import Detection
from events import model_words
from events.assessment import reading_of
from events.cards import Box, Card, Part, card_with_history, on_preview, with_pictures
from events.models import Assessment, Event


@dataclass(frozen=True)
class Picture:
    """One capture of the visit with what was found in it."""

    capture: Capture
    detections: tuple[Detection, ...]
    lit_ids: frozenset[int] = frozenset()

    @property
    def seen_at(self) -> datetime:
        return self.detections[0].detected_at

    @property
    def thumbnail_url(self) -> str:
        return reverse("thumbnail", args=[self.detections[0].pk])

    @property
    def url(self) -> str:
        return reverse("preview", args=[self.capture.pk]) if self.capture.preview_path else self.thumbnail_url

    @property
    def boxes(self) -> list[Box]:
        if not self.capture.preview_path or not self.capture.width or not self.capture.height:
            return []
        shown = on_preview(self.detections)
        return [Box(detection, self.capture.width, detection.pk in self.lit_ids) for detection in shown]

    @property
    def seen_elsewhere(self) -> int:
        """Detections of a video at other moments than the one that is shown."""
        return len(self.detections) - len(on_preview(self.detections))


@dataclass(frozen=True)
class Reason:
    """One part of the score, with the picture that shows it best."""

    number: int
    why: str
    points: int
    bar_width: int
    picture_id: int | None
    is_lit: bool


@dataclass(frozen=True)
class Step:
    """A moment on the timing rail, and how long after the one before."""

    name: str
    at: datetime
    after: timedelta | None

    @property
    def after_words(self) -> str:
        """Tenths count here: this is where a slow stage shows."""
        if self.after is None:
            return ""
        seconds = self.after.total_seconds()
        if abs(seconds) < 60:
            return f"{seconds:+.1f} s".replace("-", "−")
        return f"{'+' if seconds > 0 else '−'}{span_words(abs(self.after))}"


@dataclass(frozen=True)
class Evidence:
    card: Card
    pictures: list[Picture]
    shown: Picture | None
    reasons: list[Reason]
    limits: list[str]
    both_scores: str
    model_words: str
    """What became of the language model's look; empty where there is nothing to say."""
    steps: list[Step]
    continued_by: list[Event]

    @property
    def event(self) -> Event:
        return self.card.event

    @property
    def assessment(self) -> Assessment | None:
        return self.card.assessment

    @property
    def answers(self) -> list[Assessment]:
        """Judgements with what a language model answered, the newest first."""
        return [one for one in reversed(self.card.assessments) if one.raw_answer]

    @property
    def position(self) -> int:
        """Number of the shown picture on the film strip, from 1."""
        return next(
            (n for n, one in enumerate(self.pictures, 1) if self.shown and one.capture.pk == self.shown.capture.pk), 0
        )


def evidence_of(user: User, event_id: int, picture_id: int | None, reason: int | None) -> Evidence | None:
    """The page of a visit, with the asked picture and the asked reason's boxes lit; None where there is none to see."""
    event = with_pictures(Event.objects.for_user(user)).select_related("continues").filter(pk=event_id).first()
    if event is None:
        return None
    card = card_with_history(event)
    detections = event.detections.select_related("capture").order_by("capture__captured_at", "capture_id", "pk")
    parts = _parts_of(card.assessment)
    lit = frozenset(parts[reason]["detection_ids"]) if reason is not None and reason < len(parts) else frozenset()
    pictures = [
        Picture(found[0].capture, tuple(found), lit)
        for _, group in groupby(detections, lambda detection: detection.capture_id)
        for found in [list(group)]
    ]
    shown = _shown(pictures, picture_id, event)
    return Evidence(
        card=card,
        pictures=pictures,
        shown=shown,
        reasons=_reasons(parts, pictures, event.key_detection_id, reason),
        limits=limits_of(card.assessment) if card.assessment else [],
        both_scores=model_words.both_scores(card.assessments),
        model_words=model_words.sentence(user, event, card.assessments),
        steps=_steps(shown.capture, card.assessments) if shown else [],
        continued_by=list(Event.objects.for_user(user).filter(continues=event).defer("search_vector").order_by("pk")),
    )


def _parts_of(assessment: Assessment | None) -> list[Part]:
    """The parts of the score, the one that moved it most first."""
    parts: list[Part] = assessment.parts if assessment else []
    return sorted(parts, key=lambda part: -abs(part["points"]))


def _reasons(parts: Sequence[Part], pictures: Sequence[Picture], key_id: int | None, lit: int | None) -> list[Reason]:
    capture_of = {detection.pk: picture.capture.pk for picture in pictures for detection in picture.detections}
    most = max((abs(part["points"]) for part in parts), default=0) or 1
    reasons = []
    for number, part in enumerate(parts):
        known = [pk for pk in part["detection_ids"] if pk in capture_of]
        best = key_id if key_id in known else (known[0] if known else None)
        reasons.append(
            Reason(
                number=number,
                why=part["why"],
                points=part["points"],
                bar_width=round(100 * abs(part["points"]) / most),
                picture_id=capture_of[best] if best else None,
                is_lit=number == lit,
            )
        )
    return reasons


def limits_of(assessment: Assessment) -> list[str]:
    """The limits that changed the score, each in a line; those that bound nothing are left out."""
    limits: list[str] = []
    if assessment.raw_score is None:
        return limits
    if assessment.raw_score > assessment.ceiling:
        limits.append(f"Held at {assessment.ceiling}: {assessment.ceiling_why}")
    if assessment.raw_score < assessment.floor:
        limits.append(f"Raised to {assessment.floor}: {assessment.floor_why}")
    return limits


def _shown(pictures: Sequence[Picture], picture_id: int | None, event: Event) -> Picture | None:
    """The asked picture, else the deciding one, else the first."""
    by_capture = {picture.capture.pk: picture for picture in pictures}
    deciding = event.key_detection.capture_id if event.key_detection else None
    for wanted in (picture_id, deciding):
        if wanted in by_capture:
            return by_capture[wanted]
    return pictures[0] if pictures else None


def _steps(capture: Capture, assessments: Sequence[Assessment]) -> list[Step]:
    """The way of a capture through the program, from the camera to the score."""
    moments = [
        ("Captured", capture.captured_at),
        ("Arrived", capture.arrived_at),
        ("Looked at", capture.detecting_at),
        ("Detected", capture.processed_at),
        ("Placed in this visit", capture.placed_at),
        ("Judged by the rules", _judged_at(capture, assessments, Assessment.Source.RULES)),
        ("Judged by the model", _judged_at(capture, assessments, Assessment.Source.LLM)),
    ]
    steps: list[Step] = []
    for name, at in moments:
        if at is not None:
            steps.append(Step(name, at, at - steps[-1].at if steps else None))
    return steps


def _judged_at(capture: Capture, assessments: Sequence[Assessment], source: Assessment.Source) -> datetime | None:
    """The first judgement after the capture was placed; failed ones and replays are none."""
    placed_at = capture.placed_at
    if placed_at is None:
        return None
    judged = (one for one in assessments if one.source == source and reading_of([one]))
    return next((one.created_at for one in judged if one.created_at >= placed_at), None)
