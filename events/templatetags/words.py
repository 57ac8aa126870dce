"""Times, scores and levels in words, for templates."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django import template
from django.utils import timezone

from cameras import words
from cameras.models import Camera
from cameras.names import TURNS_TEXT, decode_path
from cameras.tiles import picture_url
from inference.analysts.rules.phrases import percent
from inference.scale import Level

register = template.Library()
NUMBER_AND_UNIT = re.compile(r"(\d) (s|min|h|%)(?!\w)")

SHAPES = {Level.LOW: "○", Level.MEDIUM: "◐", Level.HIGH: "●", Level.CRITICAL: "▲"}

register.filter("age", words.age_words)
register.filter("span", words.span_words)
register.filter("listed", words.list_words)
register.filter("picture_url", picture_url)
register.filter("percent", percent)


@register.filter
def clock(moment: datetime, camera: Camera) -> str:
    """The time by the camera's clock: "14:02", "yesterday 14:02"."""
    return words.clock_words(moment, camera.zone)


@register.filter
def clock_s(moment: datetime, camera: Camera) -> str:
    """The same with seconds."""
    return words.clock_words(moment, camera.zone, seconds=True)


@register.filter
def home_clock(moment: datetime) -> str:
    """The time by the clock at home."""
    return words.clock_words(moment, timezone.get_current_timezone())


@register.filter
def home_clock_s(moment: datetime) -> str:
    """The same with seconds."""
    return words.clock_words(moment, timezone.get_current_timezone(), seconds=True)


@register.filter
def clock_error(offset: timedelta | int) -> str:
    """ "61 min behind" for a clock to whose times 61 minutes must be added; seconds may be given as a number."""
    return words.clock_error_words(offset.total_seconds() if isinstance(offset, timedelta) else offset)


@register.filter
def unbroken(sentence: str) -> str:
    """The sentence with no line break between a number and its unit."""
    return NUMBER_AND_UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", sentence)


@register.filter
def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@register.filter
def shape(level: str) -> str:
    """The level's sign, so that colour never stands alone."""
    return SHAPES[Level(level)]


@register.filter
def waiting(stage: str) -> str:
    """What a paused stage keeps waiting."""
    known = {
        "intake": "New files wait",
        "detect": "Pictures wait to be looked at",
        "analyze": "Visits wait for the language model",
    }
    return known.get(stage, f"{stage} waits")


@register.filter
def took(milliseconds: int) -> str:
    """ "12 ms", "2.3 s"."""
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


@register.filter
def signed(points: int) -> str:
    """ "+22", "−14", with a real minus."""
    return f"{points:+d}".replace("-", "−")


@register.filter
def readable(stored_path: str) -> str:
    """A file's name as a reader knows it; what is no UTF-8 or would turn the text around it becomes a sign of that."""
    name = decode_path(stored_path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join("�" if character in TURNS_TEXT else character for character in name)
