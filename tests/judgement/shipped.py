"""The situations that come with the project: those the rules are tuned on, and those held out from tuning."""

from __future__ import annotations

from pathlib import Path

from tests.judgement.situations import CalibrationSet, load

FOLDER = Path(__file__).parent / "situations"
HELD_OUT = "held_out*.yaml"


def tuned() -> CalibrationSet:
    return load("tuned", sorted(set(FOLDER.glob("*.yaml")) - set(FOLDER.glob(HELD_OUT))))


def held_out() -> CalibrationSet:
    return load("held out", sorted(FOLDER.glob(HELD_OUT)))
