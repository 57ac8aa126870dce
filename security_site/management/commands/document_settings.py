"""`manage.py document_settings`: write docs/settings.md from the typed settings, so that it is always true."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from django.core.management.base import BaseCommand
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from security_site.config import BASE_DIR, Config

PAGE = BASE_DIR / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

Each is an environment variable, or a line `NAME=value` in a file `.env` in the project's folder; the
environment wins. An empty value counts as not given; an unknown or malformed one stops the program at start
and is named. Relative folders count from the project's folder. A change takes effect at the next start.

This page is written by `manage.py document_settings`.

| Setting | Type | Default | Meaning |
|---|---|---|---|
"""
COMPUTED_DEFAULTS = {"TIME_ZONE": "the machine's own, else `UTC`"}
TYPE_NAMES = {
    str: "text",
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    Path: "folder",
    tuple: "list",
}


class Command(BaseCommand):
    help = "Write docs/settings.md from the settings' definitions."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        PAGE.write_text(settings_page())
        self.stdout.write(f"Wrote {PAGE.relative_to(BASE_DIR)}.")


def settings_page() -> str:
    return INTRODUCTION + "".join(_row(name, field) for name, field in Config.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    return f"| `{name}` | {_type(field)} | {_default(name, field)} | {field.description} |\n"


def _type(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) in {Union, types.UnionType}:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    least = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    most = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    if least is None:
        return TYPE_NAMES[get_origin(kind) or kind]
    limits = f"{least} to {most}" if most is not None else f"{least} or more"
    return f"{TYPE_NAMES[kind]}, {limits}"


def _default(name: str, field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, Path):
        default = default.relative_to(BASE_DIR)
    if isinstance(default, bool):
        default = str(default).lower()
    if default is PydanticUndefined:
        return COMPUTED_DEFAULTS[name]
    return "" if default in (None, "", ()) else f"`{default}`"
