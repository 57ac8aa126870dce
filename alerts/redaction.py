"""Takes everything of a channel's URL out of what a service or a library said, before anybody keeps or sees it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from html import escape
from urllib.parse import quote, quote_plus, unquote, unquote_plus

MARK = "…"
SEPARATORS = re.compile(r"[/:@?&=#+,;\s\[\]]+")
# Names of values, such as user=, are no secrets, and would be missed in an answer.
NAMES = re.compile(r"(?<=[?&])[a-z]{1,10}=")
# Shorter ones are taken out as words only: a user named "a" would leave no word whole.
SHORT = 4


def redact(text: str, url: str, keys: Collection[str] = ()) -> str:
    """The text without any piece of the URL behind its scheme, in whatever way it is written, and without the keys."""
    pieces = sorted({form for piece in (*_pieces(url), *keys) for form in _forms(piece)}, key=len, reverse=True)
    if not pieces:
        return text
    anywhere = [re.escape(piece) for piece in pieces if len(piece) >= SHORT]
    as_words = [rf"(?<!\w){re.escape(piece)}(?!\w)" for piece in pieces if len(piece) < SHORT]
    return re.sub("|".join(anywhere + as_words), MARK, text, flags=re.IGNORECASE)


def _pieces(url: str) -> Iterator[str]:
    """What stands behind the scheme, whole, and each part of it: user, password, host, port, path, values."""
    _, _, rest = url.partition("://")
    yield rest
    login, at, host = rest.partition("@")
    if at:
        yield from (login, re.split(r"[/?]", host, maxsplit=1)[0])
        yield base64.b64encode(unquote(login).encode(errors="replace")).decode()
    for part in SEPARATORS.split(NAMES.sub("", rest)):
        for text in (part, unquote(part), unquote_plus(part)):
            yield text
            yield from SEPARATORS.split(text)


def _forms(piece: str) -> Iterator[str]:
    """The piece as it may be written elsewhere. Nothing, where it holds no letter and no digit."""
    if any(character.isalnum() for character in piece):
        as_json = json.dumps(piece)[1:-1]
        yield from (piece, quote(piece), quote(piece, safe=""), quote_plus(piece), as_json, escape(piece))
        yield from (repr(piece)[1:-1], piece.upper())  # an ß becomes two letters
