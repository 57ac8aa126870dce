"""A detector whose findings the test scripts: the double stands at the edge, where the model would."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from inference.protocols import Box, EngineFacts, Image


class ScriptedDetector:
    name = "scripted"
    facts = EngineFacts("script")
    nothing_found = "Nothing found (looked for whatever the test says)"

    def __init__(self) -> None:
        self.answer: Callable[[Image], list[Box]] = lambda image: [Box("person", 0.8, 10, 20, 30, 60)]
        self.passes: list[int] = []

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        self.passes.append(len(images))
        return [self.answer(image) for image in images]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> ScriptedDetector:
    scripted = ScriptedDetector()
    monkeypatch.setattr("detections.detect.load_detector", lambda config: scripted)
    return scripted
