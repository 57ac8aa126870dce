"""Times and spans as people read them, and when silence is unusual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cameras.silence import unusual_silence
from cameras.words import age_words, clock_error_words, clock_words, list_words, span_words
from events.templatetags.words import readable, shape, signed
from inference.analysts.rules.phrases import percent

NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (34.9, "34 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (4800, "1 h 20 min"),
        (7200, "2 h"),
        (8 * 3600 + 1200, "8 h"),
        (86_400, "1 day"),
        (3 * 86_400, "3 days"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert span_words(timedelta(seconds=seconds)) == words


def test_ages() -> None:
    assert age_words(NOON - timedelta(seconds=2), NOON) == "just now"
    assert age_words(NOON + timedelta(seconds=2), NOON) == "just now"  # clocks differ a little
    assert age_words(NOON - timedelta(seconds=40), NOON) == "40 s ago"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (NOON, "13:00"),
        (NOON - timedelta(days=1), "yesterday 13:00"),
        (NOON - timedelta(hours=14), "yesterday 23:00"),
        (NOON - timedelta(days=3), "Wed 13:00"),
        (NOON - timedelta(days=18), "3 Nov 13:00"),
        (NOON - timedelta(days=365), "21 Nov 2025 13:00"),
        (NOON + timedelta(days=1), "22 Nov 13:00"),
    ],
)
def test_the_clock_says_as_much_of_the_day_as_is_needed(moment: datetime, words: str) -> None:
    assert clock_words(moment, ZoneInfo("Europe/Berlin"), now=NOON) == words


def test_the_clock_can_tell_seconds() -> None:
    assert clock_words(NOON, UTC, seconds=True, now=NOON) == "12:00:30"


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [
        (3660, "61 min behind"),
        (-3600, "1 h ahead"),
        (7200, "2 h behind"),
        (170, "3 min behind"),
        (5 * 3600 + 600, "5 h 10 min behind"),
    ],
)
def test_how_far_a_clock_is_off(offset_s: float, words: str) -> None:
    assert clock_error_words(offset_s) == words


@pytest.mark.parametrize(
    ("words", "sentence"), [([], ""), (["cat"], "cat"), (["cat", "dog"], "cat and dog"), (list("abc"), "a, b and c")]
)
def test_lists(words: list[str], sentence: str) -> None:
    assert list_words(words) == sentence


def test_scores_and_levels() -> None:
    assert (signed(22), signed(-14), signed(0)) == ("+22", "−14", "+0")
    assert percent(0.914) == "91 %"
    assert [shape(level) for level in ("low", "medium", "high", "critical")] == ["○", "◐", "●", "▲"]


def test_a_name_that_is_not_unicode_can_be_read() -> None:
    assert readable("caf\\xe9.jpg") == "caf\N{REPLACEMENT CHARACTER}.jpg"


def arrivals(*ages_in_minutes: float) -> list[datetime]:
    return [NOON - timedelta(minutes=age) for age in ages_in_minutes]


def test_a_name_does_not_turn_the_text_around_it() -> None:
    assert readable("front/\u202egpj.exe.jpg") == "front/�gpj.exe.jpg"


def test_a_camera_that_sends_regularly_is_missed_after_a_while() -> None:
    silence = unusual_silence(arrivals(*range(180, 400, 20)), NOON)
    assert silence is not None
    assert (silence.usual, silence.lasting) == (timedelta(minutes=20), timedelta(hours=3))


def test_a_short_pause_is_none() -> None:
    assert unusual_silence(arrivals(*range(50, 400, 20)), NOON) is None


def test_a_night_is_no_silence_to_a_camera_that_has_nights() -> None:
    day = [minutes for start in range(0, 5 * 1440, 1440) for minutes in range(start + 500, start + 900, 40)]
    assert unusual_silence(arrivals(*day), NOON) is None


def test_a_burst_counts_once() -> None:
    burst = [180 + number / 30 for number in range(200)]
    assert unusual_silence(arrivals(*burst), NOON) is None


@given(some.lists(some.floats(0, 100_000), max_size=60))
def test_any_history_has_an_answer(ages: list[float]) -> None:
    silence = unusual_silence(sorted(arrivals(*ages), reverse=True), NOON)
    assert silence is None or silence.lasting >= timedelta(hours=1)
