"""What is measured of an analyst: how often its bands are those a householder expects, and how sure that number is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inference.protocols import Analyst, AnswerRefused, Verdict
from inference.scale import RISK_BANDS, Level, level_of, rank_of
from tests.judgement.scenes import context_of
from tests.judgement.situations import LEVELS, CalibrationSet, Pair, Situation

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Rate:
    """So many of so many, with Wilson's interval."""

    hits: int
    of: int

    @property
    def percent(self) -> float:
        return 100 * self.hits / self.of if self.of else math.nan

    def __str__(self) -> str:
        if not self.of:
            return "– (0 of 0)"
        low, high = wilson(self.hits, self.of)
        return f"{self.percent:.1f} % ({100 * low:.1f}–{100 * high:.1f}, {self.hits} of {self.of})"


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Wilson's score interval of a share, 95 %: honest where the share is near 0 or 1, or the cases few."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, Z_95**2 / of
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    # At the ends the bound is the share itself, which rounding would miss by a hair.
    return (0.0 if hits == 0 else middle - reach), (1.0 if hits == of else middle + reach)


@dataclass(frozen=True)
class Judged:
    """A situation with what the analyst made of it; no verdict where its answer could not be kept."""

    situation: Situation
    verdict: Verdict | None

    @property
    def given(self) -> Level | None:
        return level_of(self.verdict.score) if self.verdict else None

    @property
    def is_agreed(self) -> bool:
        return self.given in self.situation.expect

    @property
    def is_false_alarm(self) -> bool:
        return self.situation.is_benign and self.given not in (Level.LOW, None)

    @property
    def is_caught(self) -> bool:
        """At or above the band expected, the milder one where two are."""
        return self.verdict is not None and rank_of(self.verdict.score) >= LEVELS.index(self.situation.expect[0])

    @property
    def is_near_reference(self) -> bool:
        lowest, highest = self.situation.score or (0, 100)
        return self.verdict is not None and lowest <= self.verdict.score <= highest


@dataclass(frozen=True)
class JudgedPair:
    pair: Pair
    first: Verdict | None
    second: Verdict | None

    @property
    def is_in_order(self) -> bool:
        if self.first is None or self.second is None:
            return False
        return self.pair.is_in_order(self.first.score, self.second.score)


@dataclass(frozen=True)
class Measured:
    """A calibration set with everything an analyst said of it."""

    name: str
    situations: tuple[Judged, ...]
    pairs: tuple[JudgedPair, ...]

    @property
    def agreement(self) -> Rate:
        return _rate(judged.is_agreed for judged in self.situations)

    @property
    def agreement_on_one(self) -> Rate:
        """Of the situations that allow a single band."""
        return _rate(judged.is_agreed for judged in self.situations if len(judged.situation.expect) == 1)

    @property
    def false_alarms(self) -> Rate:
        return _rate(judged.is_false_alarm for judged in self.situations if judged.situation.is_benign)

    @property
    def caught(self) -> Rate:
        return _rate(judged.is_caught for judged in self.situations if judged.situation.is_incident)

    @property
    def in_order(self) -> Rate:
        return _rate(judged.is_in_order for judged in self.pairs)

    @property
    def near_reference(self) -> Rate:
        return _rate(judged.is_near_reference for judged in self.situations if judged.situation.score)

    @property
    def broken_promises(self) -> list[str]:
        """What the held-out part must keep and does not, in words."""
        promises = {
            "band agreement under 85 %": self.agreement.percent >= 85,
            "false alarms over 5 %": self.false_alarms.percent <= 5,
            "incidents caught under 90 %": self.caught.percent >= 90,
            "pairs in order under 95 %": self.in_order.percent >= 95,
        }
        return [broken for broken, is_kept in promises.items() if not is_kept]


def _rate(answers: Iterable[bool]) -> Rate:
    told = list(answers)
    return Rate(sum(told), len(told))


def measure(analyst: Analyst, calibration: CalibrationSet) -> Measured:
    """Judge every situation and both visits of every pair. Raises EngineUnavailable where the analyst cannot run."""
    return Measured(
        calibration.name,
        tuple(Judged(situation, _verdict(analyst, situation)) for situation in calibration.situations),
        tuple(
            JudgedPair(pair, _verdict(analyst, pair.first), _verdict(analyst, pair.second, looks_like=pair.first.name))
            for pair in calibration.pairs
        ),
    )


def _verdict(analyst: Analyst, situation: Situation, looks_like: str | None = None) -> Verdict | None:
    try:
        return analyst.assess(context_of(situation, seed=looks_like))
    except AnswerRefused:
        return None


@dataclass(frozen=True)
class Shares:
    """How many visits of a week fell into each band."""

    counts: Mapping[Level, int]

    def percent(self, level: Level) -> float:
        return 100 * self.counts.get(level, 0) / sum(self.counts.values())

    @property
    def keeps_its_ceilings(self) -> bool:
        """Those of any week."""
        return (
            self.percent(Level.LOW) >= 80
            and self.percent(Level.MEDIUM) <= 15
            and self.percent(Level.HIGH) <= 4
            and self.percent(Level.CRITICAL) <= 1
        )

    @property
    def is_ordinary(self) -> bool:
        """Those of an ordinary week with zones drawn besides."""
        return (
            self.keeps_its_ceilings and self.counts.get(Level.HIGH, 0) <= 1 and self.counts.get(Level.CRITICAL, 0) == 0
        )

    def __str__(self) -> str:
        shares = (f"{band.level} {self.percent(band.level):.1f} %" for band in RISK_BANDS)
        return f"{', '.join(shares)} of {sum(self.counts.values())} visits"
