"""Wilson's interval against published values, and what holds of it always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judgement.measure import Rate, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_it_gives_the_published_intervals(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=5e-5)


def test_nothing_measured_tells_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert str(Rate(0, 0)) == "– (0 of 0)"


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    of = draw(st.integers(1, 100_000))
    return draw(st.integers(0, of)), of


@given(counts())
def test_it_holds_the_share_and_mirrors(told: tuple[int, int]) -> None:
    hits, of = told
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1
    assert wilson(of - hits, of) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(counts())
def test_more_of_the_same_is_surer(told: tuple[int, int]) -> None:
    hits, of = told
    (low, high), (surer_low, surer_high) = wilson(hits, of), wilson(2 * hits, 2 * of)
    assert surer_high - surer_low < high - low


def test_a_rate_is_written_with_its_interval_and_counts() -> None:
    assert str(Rate(93, 102)) == "91.2 % (84.1–95.3, 93 of 102)"
