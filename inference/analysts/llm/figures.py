"""Whether the numbers in a model's words are those of the visit: how many at once, at what time, for how long.

Called by the analyst, beside `grounding.py`. Only what is plainly wrong counts: more of a class than any picture shows,
a time outside of the visit, a stay much longer than all of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from inference.analysts.llm.grounding import DENIED_BEFORE, MEANS
from inference.protocols import EventContext

SMALL = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBERS = {word: number for number, word in enumerate(SMALL, start=1)}
NUMBERS |= {"both": 2, "a couple of": 2, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "sixty": 60}
NUMBER = rf"(?<![\w:.,#-])(\d{{1,4}}|{'|'.join(NUMBERS)})"
PLURAL_ALREADY = ("people", "passers-by", "passersby", "children", "buses")
MANY: dict[str, frozenset[str]] = {
    word if word in PLURAL_ALREADY else f"{word}s": classes
    for classes, words in MEANS.items()
    for word in words.split()
}
"""Words for several, with the classes they may be of."""
COUNTED = re.compile(
    rf"{NUMBER} (?:(?:parked|different|other|more|unknown|adult|young|large|small) )?({'|'.join(MANY)})\b"
)
CLOCK = re.compile(r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?!\d)")
LASTING = re.compile(rf"{NUMBER}[ -]?(s|h|min|(?:second|minute|hour)s?)\b")
SECONDS = {"s": 1, "m": 60, "h": 3600}
AT_MOST = re.compile(r"\b(?:than|under|within|below|most|up to)\W+$")
MORE = re.compile(r"\b(?:more|longer) than\W+$")
HALF_A_DAY_MIN = 12 * 60
"""Clocks with twelve hours are understood, too."""
MUCH_LONGER, SPARE_S = 1.5, 30
"""Words may round: a minute and a half is "about two minutes"."""


def wrong_figures_in(text: str, context: EventContext) -> tuple[str, ...]:
    """Numbers in the text that the visit does not bear out, with what they count."""
    text = " ".join(text.casefold().split())
    told = [*_too_many(text, context)]
    if moments := [*(one.seen_at for one in context.sightings), *(moment for _, moment in context.frames)]:
        first, last = min(moments, key=datetime.timestamp), max(moments, key=datetime.timestamp)
        told += [*_other_times(text, first, last), *_too_long(text, first, last)]
    return tuple(dict.fromkeys(told))


def _too_many(text: str, context: EventContext) -> Iterator[str]:
    for match in COUNTED.finditer(text):
        is_denied = DENIED_BEFORE.search(text[: match.start()])
        if not is_denied and _number(match[1]) > _most_at_once(MANY[match[2]], context):
            yield match.group()


def _most_at_once(classes: frozenset[str], context: EventContext) -> int:
    together = Counter((one.capture_id, one.seen_at) for one in context.sightings if one.label in classes)
    return max(together.values(), default=0)


def _other_times(text: str, first: datetime, last: datetime) -> Iterator[str]:
    """Counted from both ends: in autumn clocks go back in between."""
    lasts = last.timestamp() // 60 - first.timestamp() // 60
    for match in CLOCK.finditer(text):
        told = int(match[1]) * 60 + int(match[2])
        after, before = told - _minute_of_day(first), _minute_of_day(last) - told
        if min(after % HALF_A_DAY_MIN, before % HALF_A_DAY_MIN) > lasts:
            yield match.group()


def _minute_of_day(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _too_long(text: str, first: datetime, last: datetime) -> Iterator[str]:
    longest = MUCH_LONGER * (last.timestamp() - first.timestamp()) + SPARE_S
    for match in LASTING.finditer(text):
        before = text[: match.start()]
        is_at_most = AT_MOST.search(before) and not MORE.search(before)
        if not is_at_most and _number(match[1]) * SECONDS[match[2][0]] > longest:
            yield match.group()


def _number(told: str) -> int:
    return int(told) if told.isdecimal() else NUMBERS[told]
