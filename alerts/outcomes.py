"""What a rule decided with a visit, as it is kept on the event and given by the API. In words: `alerts.words`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypedDict


class Condition(StrEnum):
    """Why a rule did not tell: conditions of its own, in the order they are looked at, then what silenced it."""

    CAMERAS = "cameras"
    RISK_THRESHOLD = "risk_threshold"
    OBJECT_TYPES = "object_types"
    MIN_CONFIDENCE = "min_confidence"
    ZONES = "zones"
    SCHEDULE = "schedule"
    WHEN = "when"
    COOLDOWN = "cooldown"
    QUIET_HOURS = "quiet_hours"
    TOO_OLD = "too_old"


class Outcome(TypedDict):
    """`wanted` and `got` are plain values of the condition; where it could not be judged, got is {"problem": …}."""

    rule_id: str | None
    rule: str
    outcome: str
    condition: str | None
    wanted: Any
    got: Any


FIRED, NOT_MET, SUPPRESSED = "fired", "not_met", "suppressed"
