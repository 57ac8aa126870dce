"""The two protocols every engine implements, and the plain facts that go in and out of them.

No database here: arrays and dataclasses in, dataclasses out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:  # most processes pass no image on
    import numpy as np
    from numpy.typing import NDArray

Image: TypeAlias = "NDArray[np.uint8]"

KEPT_CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "bird", "cat", "dog")
PlaceName = Literal["street", "front", "back", "side", "driveway", "inside"]
ZoneKind = Literal["entry_point", "driveway", "sidewalk", "yard", "other"]


class EngineUnavailable(Exception):
    """An engine cannot run here now; the message says why and what to do. It pauses its stage, nothing fails."""


class EngineLost(EngineUnavailable):
    """It ran, and cannot run again in this process, as after an error of a graphics card: a new process can."""


@dataclass(frozen=True)
class Effort:
    """What an answer of a language model took: tokens of all its tries together."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt: those that the server or the library had evaluated for an earlier prompt."""
    completion_tokens: int = 0


class AnswerRefused(Exception):
    """A model answered, but not in a way that can be kept; the message says what is wrong with the last answer.

    It counts against the visit, not against the model: another try would give the same.
    """

    def __init__(self, reason: str, *, raw_answer: str, model: str, effort: Effort) -> None:
        super().__init__(reason)
        self.raw_answer = raw_answer
        self.model = model
        self.effort = effort


@dataclass(frozen=True)
class Box:
    """One thing in one picture; x, y, width, height are pixels of that picture, confidence is 0–1."""

    label: str
    confidence: float
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class EngineFacts:
    """What an engine runs: its model by name, the SHA-256 of its weights, and what computes it."""

    model: str
    sha256: str = ""
    """Empty where there is no file of weights, or it lies on another machine."""
    device: str = "CPU"
    note: str = ""
    """What a person should know of how it runs here, in a sentence or two."""


class Detector(Protocol):
    name: str
    facts: EngineFacts
    nothing_found: str
    """The receipt of a picture in which it found nothing, with what it can see at all, as a person reads it."""

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        """Boxes of each image (BGR uint8, height×width×3), one list per image, in pixels of that image.

        Raises EngineUnavailable where the engine, not the picture, is at fault.
        """
        ...


@dataclass(frozen=True)
class Sighting:
    """One detection as an analyst sees it. `box` is x, y, width, height as shares 0–1 of the picture."""

    detection_id: int
    capture_id: int
    seen_at: datetime
    label: str
    confidence: float
    box: tuple[float, float, float, float]
    aspect: float = 16 / 9
    """Width ÷ height of the picture, to compare distances across and down."""
    parked: bool = False
    zones: tuple[str, ...] = ()
    """Ids of those it was in, the most telling first."""


@dataclass(frozen=True)
class ZoneFact:
    id: str
    name: str
    kind: ZoneKind


@dataclass(frozen=True)
class UsualFact:
    """What is usual here: on `days_seen` of `days_watched` days the class was seen within an hour of this one."""

    label: str
    days_seen: int
    days_watched: int


@dataclass(frozen=True)
class HouseholdFact:
    """Whether anybody is home, where that is known."""

    away: bool


@dataclass(frozen=True)
class EventContext:
    """Everything that is known of a visit so far. `sightings` are in order of time; times carry the camera's zone.

    `zones`, `usual` and `household` are None where nothing is known of them: an analyst must not guess.
    `frames` are the (capture id, moment) of every picture or video frame of the visit that was looked at,
    in order of time, those with nothing in them included.
    """

    camera_name: str
    place: PlaceName
    sightings: tuple[Sighting, ...]
    frames: tuple[tuple[int, datetime], ...]
    zones: tuple[ZoneFact, ...] | None = None
    usual: tuple[UsualFact, ...] | None = None
    household: HouseholdFact | None = None


@dataclass(frozen=True)
class Part:
    """One reason of a score: signed points, the reason in words, and the detections it rests on."""

    name: str
    points: int
    why: str
    detection_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What an analyst says of a visit. `score` = `raw_score` held between `floor` and `ceiling`, in 0–100."""

    model: str
    raw_score: int
    score: int
    parts: tuple[Part, ...]
    summary: str
    reasoning: str
    floor: int = 0
    floor_why: str = ""
    ceiling: int = 100
    ceiling_why: str = ""
    not_known: tuple[str, ...] = ()
    key_detection_id: int | None = None
    cited_detection_ids: tuple[int, ...] = ()
    grounded: bool = True
    """False where the model's words told what was not detected, and the rules' sentence stands in their place."""
    raw_answer: str = ""
    """Of a language model, as it came."""
    effort: Effort = Effort()


class Analyst(Protocol):
    name: str
    facts: EngineFacts

    def assess(self, context: EventContext) -> Verdict:
        """Judge the whole visit so far.

        Raises EngineUnavailable where the engine is at fault, AnswerRefused where its answer cannot be kept.
        """
        ...


class PromptedAnalyst(Analyst, Protocol):
    """An analyst that is told in words how to judge."""

    def with_instructions(self, instructions: str) -> PromptedAnalyst:
        """The same model, told otherwise. Costs nothing: what is loaded is shared."""
        ...
