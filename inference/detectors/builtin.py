from __future__ import annotations

from collections.abc import Sequence

from inference.protocols import Box, Image


class BuiltinDetector:
    name = "builtin"
    sees = "standing people"
    nothing_found = "Nothing found: the built-in detector sees standing people only"

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        return [[] for _ in images]
