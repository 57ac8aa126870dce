"""File names as the disk has them and as the database can keep them.

PostgreSQL stores neither lone surrogates nor bytes that are not UTF-8: those are escaped as `\\xNN`, and a
backslash as two, so that the way back is exact.
"""

from __future__ import annotations

import re
import unicodedata

# Marks that turn the direction of the text around them, of whole sentences on a page too.
TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

_ESCAPE = re.compile(r"\\(\\|x[0-9a-f]{2})")


def is_plain(name: str) -> bool:
    """Whether a name that a person gave holds no control characters and nothing that turns the text around it."""
    return not any(unicodedata.category(character) in ("Cc", "Cs") or character in TURNS_TEXT for character in name)


def encode_path(path: str) -> str:
    """A path as `os` gives it (surrogates for bytes that are not UTF-8) → text for the database."""
    raw = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def decode_path(stored: str) -> str:
    """The inverse of `encode_path`."""
    pieces = []
    position = 0
    for match in _ESCAPE.finditer(stored):
        pieces.append(stored[position : match.start()].encode())
        pieces.append(b"\\" if match[1] == "\\" else bytes.fromhex(match[1][1:]))
        position = match.end()
    pieces.append(stored[position:].encode())
    return b"".join(pieces).decode("utf-8", "surrogateescape")
