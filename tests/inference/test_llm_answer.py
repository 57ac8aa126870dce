"""Reading an answer: what is not exactly an answer is refused with words that say why, and nothing else is raised."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.analysts.llm.answer import (
    LONGEST_CHANGE,
    LONGEST_REASONING,
    LONGEST_SUMMARY,
    MOST_CITED,
    Answer,
    AnswerWrong,
    parse_answer,
)
from tests.inference.llm_server import REASONING, SUMMARY, verdict_text

KNOWN = range(1, 21)
ANSWER = Answer(34, "it stayed for a while", SUMMARY, REASONING, (1,))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
ALMOST_AN_ANSWER = st.fixed_dictionaries(
    {},
    optional={
        "score": st.integers(-5, 200) | st.floats() | st.booleans() | JSON,
        "change": st.text(max_size=150) | JSON,
        "summary": st.text(max_size=150) | JSON,
        "reasoning": st.text(max_size=600) | JSON,
        "detections": st.lists(st.integers(-2, 30) | st.booleans(), max_size=15) | JSON,
    },
)


def wrong(text: str) -> str:
    with pytest.raises(AnswerWrong) as refused:
        parse_answer(text, KNOWN)
    return str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        verdict_text(),
        f"\n {verdict_text()} \n",
        f"```json\n{verdict_text()}\n```",
        f"```{verdict_text()}```",
        f"<think>Is it {{late}}? No.</think>\n\n{verdict_text()}",
        f"It begins within the question.</think>{verdict_text()}",
        f"<think></think>```json\n{verdict_text()}\n```",
        verdict_text(34.0),
        verdict_text(risk_level="critical"),
        verdict_text(detections=[1, 1]),
        verdict_text(summary=f"  {SUMMARY.replace(' ', '  ')}\n"),
    ],
)
def test_an_answer_is_found_in_what_models_put_around_it(text: str) -> None:
    assert parse_answer(text, KNOWN) == ANSWER


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not one JSON object"),
        ("I think it is 34.", "not one JSON object"),
        (f"Here you are: {verdict_text()}", "not one JSON object"),
        (verdict_text() + verdict_text(), "not one JSON object"),
        (verdict_text()[:-9], "not one JSON object"),
        ("<think>" + verdict_text(), "not one JSON object"),
        ("[" * 9_000, "not one JSON object"),
        (f"[{verdict_text()}]", "not an object"),
        ("A" * 30_000, "30000 characters"),
        ('{"score": ' + "9" * 5_000 + "}", "not one JSON object"),
        ("{}", '"score" is missing'),
        (verdict_text(True), '"score" is not a whole number'),
        (verdict_text("34"), '"score" is not a whole number'),
        (verdict_text(34.5), '"score" is not a whole number'),
        (verdict_text(float("nan")), '"score" is not a whole number'),
        (verdict_text(float("inf")), '"score" is not a whole number'),
        (verdict_text(101), '"score" is not within 0 to 100'),
        (verdict_text(-1), '"score" is not within 0 to 100'),
        (verdict_text(summary=None), '"summary" is not text'),
        (verdict_text(summary=" "), '"summary" is empty'),
        (verdict_text(summary="a" * 91), '"summary" has 91 characters'),
        (verdict_text(reasoning="a" * 401), '"reasoning" has 401 characters'),
        (verdict_text(reasoning="One. Two. Three. Four."), '"reasoning" has more than 3 sentences'),
        (verdict_text(change="a" * 101), '"change" has 101 characters'),
        (verdict_text(summary="A person\u202enosrep"), '"summary" holds control characters'),
        (verdict_text(summary="A per\u200bson"), '"summary" holds control characters'),
        (verdict_text(summary="A person\x00"), '"summary" holds control characters'),
        (verdict_text(summary="A person \x1b[31m"), '"summary" holds control characters'),
        (verdict_text(summary="A person \ud800"), '"summary" holds control characters'),
        (verdict_text(summary="<b>A person</b>"), '"summary" is not plain words'),
        (verdict_text(summary="A person, see http://example.org"), '"summary" is not plain words'),
        (verdict_text(reasoning="[Look](here) at **it**"), '"reasoning" is not plain words'),
        (verdict_text(detections="1"), '"detections" is not a list'),
        (verdict_text(detections=[True]), '"detections" is not a list of whole numbers'),
        (verdict_text(detections=[1.0]), '"detections" is not a list of whole numbers'),
        (verdict_text(detections=list(range(1, 14))), '"detections" names more than 12'),
        (verdict_text(detections=[1, 21]), '"detections" names #21'),
    ],
)
def test_anything_else_is_refused_and_it_is_said_why(text: str, why: str) -> None:
    assert why in wrong(text)


@given(st.text() | JSON.map(json.dumps) | ALMOST_AN_ANSWER.map(json.dumps))
@settings(max_examples=400, deadline=None)
def test_nothing_that_a_model_says_raises_anything_else(text: str) -> None:
    try:
        answer = parse_answer(text, KNOWN)
    except AnswerWrong:
        return
    assert_it_obeys_all_bounds(answer)


@given(
    st.integers(0, 100),
    st.text(max_size=100),
    st.text(min_size=1, max_size=90),
    st.text(min_size=1, max_size=400),
    st.lists(st.integers(1, 20), max_size=12),
)
@settings(max_examples=400, deadline=None)
def test_what_is_accepted_obeys_all_bounds(
    score: int, change: str, summary: str, reasoning: str, detections: list[int]
) -> None:
    try:
        answer = parse_answer(verdict_text(score, summary, reasoning, change, detections), KNOWN)
    except AnswerWrong:
        return
    assert_it_obeys_all_bounds(answer)
    assert answer.score == score


def assert_it_obeys_all_bounds(answer: Answer) -> None:
    assert type(answer.score) is int
    assert 0 <= answer.score <= 100
    bounds: list[tuple[Any, int]] = [
        (answer.summary, LONGEST_SUMMARY),
        (answer.reasoning, LONGEST_REASONING),
        (answer.change, LONGEST_CHANGE),
    ]
    for text, longest in bounds:
        assert len(text) <= longest
        assert text == text.strip()
        assert all(unicodedata.category(character)[0] != "C" for character in text)
        assert not set("<>`{}|\\") & set(text)
        text.encode()
    assert answer.summary
    assert answer.reasoning
    assert len(answer.detections) == len(set(answer.detections)) <= MOST_CITED
    assert set(answer.detections) <= set(KNOWN)
