"""The key under which a rule tells only once in its cooldown, made from a template a person wrote. Pure.

Nothing is formatted: of a template only bare names of these fields are filled in, in one pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

FIELDS = ("camera_id", "rule_id", "object_type", "zone_id", "risk_level")
LONGEST_TEMPLATE = 255
KNOWN = ", ".join(f"{{{name}}}" for name in FIELDS)


class TemplateRefused(Exception):
    """No key can be made from this template; the message says what to do."""


def parse_template(template: str) -> tuple[tuple[str, str | None], ...]:
    """Pieces of text, each with the field that follows it. Raises TemplateRefused."""
    if not template.strip() or len(template) > LONGEST_TEMPLATE:
        raise TemplateRefused(f"It has 1 to {LONGEST_TEMPLATE} characters.")
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in template):
        raise TemplateRefused("It cannot hold control characters.")
    try:
        pieces = list(Formatter().parse(template))
    except ValueError as error:
        raise TemplateRefused(f"Its braces do not match. Known are: {KNOWN}.") from error
    for _, field, specification, conversion in pieces:
        if field is not None and (field not in FIELDS or specification or conversion):
            raise TemplateRefused(f"“{{{field[:32]}}}” is no field of it. Known are: {KNOWN}.")
    if "".join(_as_written(text, field) for text, field, *_ in pieces) != template:
        raise TemplateRefused(f"Only bare names go between braces. Known are: {KNOWN}.")  # "{camera_id:}"
    return tuple((text, field) for text, field, *_ in pieces)


def fill(pieces: tuple[tuple[str, str | None], ...], values: Mapping[str, str]) -> str:
    return "".join(text + (values[field] if field else "") for text, field in pieces)


def _as_written(text: str, field: str | None) -> str:
    escaped = text.replace("{", "{{").replace("}", "}}")
    return escaped if field is None else f"{escaped}{{{field}}}"
