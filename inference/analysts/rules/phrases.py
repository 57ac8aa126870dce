"""Small pieces of sentences: clocks, durations, counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from inference.analysts.rules.subjects import Kind, Seen, Subject

PLURALS = {"person": "people", "bus": "buses"}


def clock(one: Seen) -> str:
    return f"{one.sighting.seen_at:%H:%M}"


def span(first: Seen, last: Seen) -> str:
    return f"{clock(first)} to {clock(last)}"


def duration(seconds: float) -> str:
    """In seconds up to two minutes, then in whole minutes."""
    if seconds < 120:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def percent(share: float) -> str:
    """Rounded down: what is said to be 60 % sure is."""
    return f"{math.floor(share * 100 + 1e-9)} %"


def plural(noun: str) -> str:
    return PLURALS.get(noun, f"{noun}s")


def counted(count: int, noun: str) -> str:
    return f"a {noun}" if count == 1 else f"{count} {plural(noun)}"


def noun_of(subject: Subject) -> str:
    """Its class, or "vehicle" where several were seen at once that are not all of one class."""
    labels = {one.sighting.label for one in subject.seen}
    is_mixed = subject.kind is Kind.VEHICLE and subject.most_at_once > 1 and len(labels) > 1
    return "vehicle" if is_mixed else subject.label


def named(subject: Subject) -> str:
    """How many of it there were: no more than one picture shows at once, for two boxes may be one person."""
    most = subject.most_at_once
    noun = noun_of(subject)
    is_steady = most == subject.least_at_once
    return counted(most, noun) if is_steady or most == 1 else f"up to {counted(most, noun)}"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
