"""The form of an answer, and the reading of one: nothing is believed that was not looked at, whoever promised it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

LONGEST_SUMMARY = 90
LONGEST_CHANGE = 100
LONGEST_REASONING = 400
MOST_SENTENCES = 3
MOST_CITED = 12
LONGEST_TEXT = 20_000

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
        "change": {"type": "string", "maxLength": LONGEST_CHANGE},
        "summary": {"type": "string", "minLength": 1, "maxLength": LONGEST_SUMMARY},
        "reasoning": {"type": "string", "minLength": 1, "maxLength": LONGEST_REASONING},
        "detections": {"type": "array", "items": {"type": "integer"}, "maxItems": MOST_CITED},
    },
    "required": ["score", "change", "summary", "reasoning", "detections"],
    "additionalProperties": False,
}

THINKING = re.compile(r"(?:<think>|(?![{`])).*?</think>\s*", re.DOTALL)
"""What a reasoning model says first; some begin it within the question."""
FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
MARKUP = re.compile(r"[<>`{}|\\]|\*\*|__|\]\(|://|\bwww\.", re.IGNORECASE)
REFUSED_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Control characters, marks that turn the direction of writing or take no room, and what is no character at all."""
SENTENCE_END = re.compile(r"[.!?](?=\s+\S)")


class AnswerWrong(Exception):
    """An answer cannot be used; the message says what is wrong, in words that the model is told."""


@dataclass(frozen=True)
class Answer:
    """What a model says of a visit. `detections` are numbers of the facts it was given."""

    score: int
    change: str
    """Why its score differs from the rules'; may be empty."""
    summary: str
    reasoning: str
    detections: tuple[int, ...]


def parse_answer(text: str, known: Collection[int]) -> Answer:
    """The answer in what a model said; `known` are the numbers of detections it may cite. Raises AnswerWrong."""
    found = _object_in(text)
    return Answer(
        score=_score(found),
        change=_words(found, "change", LONGEST_CHANGE, may_be_empty=True),
        summary=_words(found, "summary", LONGEST_SUMMARY),
        reasoning=_sentences(found, "reasoning", LONGEST_REASONING),
        detections=_detections(found, known),
    )


def _object_in(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_TEXT:
        raise AnswerWrong(f"it is {len(text)} characters long")
    text = text.strip()
    thinking = THINKING.match(text)
    text = text[thinking.end() :] if thinking else text
    fenced = FENCED.fullmatch(text.strip())
    try:
        found = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError) as error:
        raise AnswerWrong("it is not one JSON object and nothing else") from error
    if not isinstance(found, dict):
        raise AnswerWrong("it is JSON, but not an object")
    return found


def _field(found: dict[str, Any], name: str) -> Any:
    if name not in found:
        raise AnswerWrong(f'"{name}" is missing')
    return found[name]


def _score(found: dict[str, Any]) -> int:
    score = _field(found, "score")
    if isinstance(score, float) and score.is_integer():
        score = int(score)
    if type(score) is not int:
        raise AnswerWrong('"score" is not a whole number')
    if not 0 <= score <= 100:
        raise AnswerWrong('"score" is not within 0 to 100')
    return score


def _words(found: dict[str, Any], name: str, longest: int, *, may_be_empty: bool = False) -> str:
    value = _field(found, name)
    if not isinstance(value, str):
        raise AnswerWrong(f'"{name}" is not text')
    text = re.sub(r"[ \t\r\n]+", " ", value).strip()
    if not text and not may_be_empty:
        raise AnswerWrong(f'"{name}" is empty')
    if len(text) > longest:
        raise AnswerWrong(f'"{name}" has {len(text)} characters, at most {longest} are allowed')
    if any(unicodedata.category(character) in REFUSED_CATEGORIES for character in text):
        raise AnswerWrong(f'"{name}" holds control characters')
    if MARKUP.search(text):
        raise AnswerWrong(f'"{name}" is not plain words: no markup, no addresses')
    return text


def _sentences(found: dict[str, Any], name: str, longest: int) -> str:
    text = _words(found, name, longest)
    if len(SENTENCE_END.findall(text)) >= MOST_SENTENCES:
        raise AnswerWrong(f'"{name}" has more than {MOST_SENTENCES} sentences')
    return text


def _detections(found: dict[str, Any], known: Collection[int]) -> tuple[int, ...]:
    numbers = _field(found, "detections")
    if not isinstance(numbers, list) or any(type(number) is not int for number in numbers):
        raise AnswerWrong('"detections" is not a list of whole numbers')
    cited = tuple(dict.fromkeys(numbers))
    if len(cited) > MOST_CITED:
        raise AnswerWrong(f'"detections" names more than {MOST_CITED}')
    if unknown := [number for number in cited if number not in known]:
        raise AnswerWrong(f'"detections" names #{unknown[0]}, which is not in the facts')
    return cited
