"""Visits as cards and rows show them. Called by the live page, the list and the page of one visit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypedDict

from django.db.models import QuerySet
from django.urls import reverse

from cameras.models import OLD_AT_ARRIVAL
from detections.models import Detection
from events.assessment import newest_readings, reading_of
from events.models import Assessment, Event
from inference.analysts.rules.phrases import percent
from inference.scale import Level, level_of

DECIDES_THE_READING = ("source", "score", "floor", "grounded", "detection_count", "error", "is_replay")
"""What `reading_of` and `is_by_model` look at."""
ON_ITS_WAY = (Event.AnalysisState.PENDING, Event.AnalysisState.RUNNING)
LABEL_SHARE = 36
"""A box's label is this fraction of the picture's width high: it reads the same on every camera."""


class Part(TypedDict):
    """One reason of a score, as an assessment keeps it."""

    name: str
    points: int
    why: str
    detection_ids: list[int]


@dataclass(frozen=True)
class Box:
    """A detection drawn over its picture, in pixels of the source."""

    detection: Detection
    picture_width: int
    is_lit: bool = False

    @property
    def label(self) -> str:
        return f"{self.detection.object_type} {percent(self.detection.confidence)}"

    @property
    def label_size(self) -> int:
        """Height of the letters."""
        return max(self.picture_width // LABEL_SHARE, 8)

    @property
    def text_width(self) -> int:
        return round(0.58 * self.label_size * len(self.label))

    @property
    def label_width(self) -> int:
        return self.text_width + self.label_size

    @property
    def label_height(self) -> int:
        return round(1.5 * self.label_size)

    @property
    def label_x(self) -> int:
        """Flush with the box, moved left where it would leave the picture."""
        return max(min(self.detection.bbox_x, self.picture_width - self.label_width), 0)

    @property
    def label_y(self) -> int:
        """Above the box, below it where there is no room above."""
        gap = self.label_size // 4
        above = self.detection.bbox_y - self.label_height - gap
        return above if above >= 0 else self.detection.bbox_y + self.detection.bbox_height + gap

    @property
    def text_x(self) -> int:
        return self.label_x + self.label_size // 2

    @property
    def text_y(self) -> int:
        """Base line of the letters."""
        return self.label_y + round(1.1 * self.label_size)


@dataclass(frozen=True)
class ScoreBefore:
    """The last score a visit was shown with that lay in another band: what a reader may have seen before."""

    score: int
    model_has_looked: bool
    """Since then, and its reading is the one that counts now."""


@dataclass(frozen=True)
class Card:
    """One visit. `assessments` are all of it that were asked for."""

    event: Event
    assessments: tuple[Assessment, ...] = ()
    before: ScoreBefore | None = None

    @property
    def version(self) -> str:
        """Changes whenever anything visible does: pages leave a card of the same version alone."""
        return f"{self.event.pk}.{self.event.revision}"

    @property
    def level(self) -> Level:
        return level_of(self.event.risk_score)

    @property
    def order(self) -> int:
        """Its place among the cards that want a look, highest first: by level, then the newest."""
        return list(Level).index(self.level) * 10**12 + self.event.pk

    @property
    def is_old(self) -> bool:
        """Came in long after it was seen: told as "taken …", never as now."""
        return self.event.created_at - self.event.ended_at > OLD_AT_ARRIVAL

    @property
    def is_now(self) -> bool:
        return self.event.state == Event.State.OPEN and not self.is_old

    @cached_property
    def assessment(self) -> Assessment | None:
        return reading_of(self.assessments)

    @property
    def largest_part(self) -> Part | None:
        """The part of the score that says most: the largest that raised it, of a score that anything raised."""
        parts: list[Part] = self.assessment.parts if self.assessment else []
        raising = [part for part in parts if part["points"] > 0]
        return max(raising, key=lambda part: part["points"], default=None)

    @property
    def by_whom(self) -> str:
        if self.assessment is None:
            return ""
        return self.assessment.model if is_by_model(self.assessment) else "rules"

    @property
    def model_words(self) -> str:
        """What became of the language model's look; empty where there is nothing to say.

        Of the event's row alone, since a card is swapped when that changes: a pause is told at the head of the page.
        """
        if self.event.analysis_state in ON_ITS_WAY:
            has_looked = any(one.source == Assessment.Source.LLM for one in self.assessments)
            who = "" if is_by_model(self.assessment) else "the model "
            return f"{who}has not {'seen the latest' if has_looked else 'looked'} yet"
        if self.event.analysis_state == Event.AnalysisState.FAILED:
            owner = "its latest" if is_by_model(self.assessment) else "the model’s"
            return f"{owner} answer could not be kept"
        if self.assessment and not self.assessment.grounded:
            return "the model said what was not detected"
        return ""

    @property
    def picture_url(self) -> str:
        """The picture of the deciding detection, without boxes."""
        key = self.event.key_detection
        if key is None:
            return ""
        if key.capture.preview_path and _is_on_preview(key):
            return reverse("preview", args=[key.capture_id])
        return self.thumbnail_url

    @property
    def thumbnail_url(self) -> str:
        return reverse("thumbnail", args=[self.event.key_detection_id]) if self.event.key_detection_id else ""

    @property
    def is_wide(self) -> bool:
        """Whether the picture is as wide as a row's frame, or wider."""
        capture = self.event.key_detection.capture if self.event.key_detection else None
        return bool(capture and capture.width and capture.height and 9 * capture.width >= 16 * capture.height)

    @property
    def boxes(self) -> list[Box]:
        """Only the deciding one; none over a thumbnail, which has it drawn in."""
        key = self.event.key_detection
        if key is None or not key.capture.preview_path or not key.capture.width or not _is_on_preview(key):
            return []
        return [Box(key, key.capture.width)]


def _is_on_preview(detection: Detection) -> bool:
    """Whether a capture's preview shows the moment of this detection; of a video it shows one moment only."""
    return detection.frame_offset is None or detection.frame_offset == detection.capture.preview_offset


def on_preview(detections: Iterable[Detection]) -> list[Detection]:
    """Those of one capture's detections that its preview shows."""
    return [detection for detection in detections if _is_on_preview(detection)]


@dataclass(frozen=True)
class Fold:
    """Neighbouring quiet visits in one line, newest first."""

    cards: tuple[Card, ...]

    @property
    def key(self) -> int:
        """The oldest visit's id, which stays while newer ones join."""
        return self.cards[-1].event.pk

    @property
    def first(self) -> Event:
        return min((card.event for card in self.cards), key=lambda event: event.started_at)

    @property
    def last(self) -> Event:
        return max((card.event for card in self.cards), key=lambda event: event.ended_at)

    @property
    def title(self) -> str:
        events = [card.event for card in self.cards]
        places = {event.camera.place for event in events}
        kinds = {event.object_types for event in events}
        if kinds == {"person"} and places == {"street"}:
            return f"{len(events)} passers-by"
        names = {"person": "people", "cat": "cats", "dog": "dogs", "bird": "birds", "car": "cars"}
        only = names.get(kinds.pop()) if len(kinds) == 1 else None
        return f"{len(events)} quiet visits{f' by {only}' if only else ''}"

    @property
    def camera_names(self) -> list[str]:
        return sorted({card.event.camera.name for card in self.cards})


def with_pictures(events: QuerySet[Event]) -> QuerySet[Event]:
    """Everything a card needs of an event, in one query."""
    return events.select_related("camera", "key_detection__capture").defer("search_vector")


def first_with_pictures(events: QuerySet[Event], most: int) -> list[Event]:
    """The first of `events` with all that their cards need. Picked before anything is joined to them. One query."""
    picked = Event.objects.filter(pk__in=events[:most].values("pk"))
    return list(with_pictures(picked).order_by(*events.query.order_by))


def cards_of(events: Sequence[Event]) -> list[Card]:
    """Cards with their readings' parts. Two queries."""
    readings: dict[int, list[Assessment]] = {}
    for one in newest_readings(Assessment.objects.filter(event__in=events)):
        readings.setdefault(one.event_id, []).append(one)
    return [replace(card, assessments=tuple(readings.get(card.event.pk, ()))) for card in rows_of(events)]


def card_with_history(event: Event) -> Card:
    """The card of one event with every judgement there has been, oldest first. One query."""
    history = tuple(event.assessments.select_related("prompt_version").defer("prompt_version__text").order_by("id"))
    return Card(event, history, score_before(history, event.risk_score))


def rows_of(events: Sequence[Event]) -> list[Card]:
    """Cards without assessments, for lists; with the score a visit had before, of those that changed. One query."""
    history: dict[int, list[Assessment]] = {}
    found = Assessment.objects.filter(event__in=events, error="", is_replay=False).order_by("id")
    for one in found.only("event_id", *DECIDES_THE_READING):
        history.setdefault(one.event_id, []).append(one)
    return [Card(event, (), score_before(history.get(event.pk, ()), event.risk_score)) for event in events]


def score_before(history: Iterable[Assessment], score: int) -> ScoreBefore | None:
    """Goes through what was the visit's reading after each judgement, oldest first."""
    newest: dict[str, Assessment] = {}
    before = reading = None
    for one in history:
        if reading_of([one]) is None:
            continue  # failed, or a replay
        newest[one.source] = one
        reading = reading_of(newest.values())
        if reading and reading.score is not None and level_of(reading.score) != level_of(score):
            before = reading
    if before is None or reading is None or before.score is None:
        return None
    return ScoreBefore(before.score, model_has_looked=is_by_model(reading) and not is_by_model(before))


def is_by_model(assessment: Assessment | None) -> bool:
    """Whether the score is a language model's own: one that said what was not detected is not believed in anything."""
    return assessment is not None and assessment.source == Assessment.Source.LLM and assessment.grounded


def fold_neighbours(cards: Sequence[Card], fewest: int = 3) -> list[Card | Fold]:
    """Runs of at least `fewest` low, closed visits become one line each."""
    items: list[Card | Fold] = []
    run: list[Card] = []
    for card in [*cards, None]:
        if card and card.level == Level.LOW and not card.is_now:
            run.append(card)
            continue
        items += [Fold(tuple(run))] if len(run) >= fewest else run
        run = []
        if card:
            items.append(card)
    return items
