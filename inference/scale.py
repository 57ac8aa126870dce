"""The scale of worry, 0–100, and the words for its bands. The one place that knows them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Band:
    level: Level
    top: int


RISK_BANDS = (Band(Level.LOW, 29), Band(Level.MEDIUM, 59), Band(Level.HIGH, 84), Band(Level.CRITICAL, 100))


def level_of(score: int) -> Level:
    """The level of a score. Raises ValueError outside 0–100."""
    return RISK_BANDS[rank_of(score)].level


def rank_of(score: int) -> int:
    """Which band a score lies in, counted from 0 for low, to compare bands. Raises ValueError outside 0–100."""
    if not 0 <= score <= 100:
        raise ValueError(f"a score lies in 0–100, not {score}")
    return sum(score > band.top for band in RISK_BANDS)
