"""Over an ordinary week worry has its ceilings."""

from __future__ import annotations

from inference.analysts.rules import RulesAnalyst
from inference.scale import Level
from tests.inference.ordinary_week import first_week, levels, ordinary_week


def test_a_learned_week_with_zones_holds_one_high_at_most_and_nothing_critical() -> None:
    week = ordinary_week()
    found = levels(RulesAnalyst(), week)
    assert found[Level.LOW] >= 0.8 * len(week)
    assert found[Level.MEDIUM] <= 0.15 * len(week)
    assert found[Level.HIGH] <= 1
    assert found[Level.CRITICAL] == 0


def test_the_first_week_without_zones_keeps_the_ceilings_on_worry() -> None:
    week = first_week()
    found = levels(RulesAnalyst(), week)
    assert found[Level.LOW] >= 0.8 * len(week)
    assert found[Level.MEDIUM] <= 0.15 * len(week)
    assert found[Level.HIGH] <= 0.04 * len(week)
    assert found[Level.CRITICAL] == 0
