"""Which engine runs, and why that one. Adding an engine = one module, and one line here that names its class.

An engine's module is imported when it is loaded: what lies beneath it is heavy, and most processes only ask for names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pkgutil import resolve_name

from inference.protocols import Analyst, Detector

DETECTORS = {"builtin": "inference.detectors.builtin:BuiltinDetector"}
ANALYSTS = {"rules": "inference.analysts.rules:RulesAnalyst"}


@dataclass(frozen=True)
class Choice:
    """An engine's name and the reason it was chosen, as the pages tell it."""

    name: str
    why: str


def choose_detector(setting: str) -> Choice:
    """The detector that DETECTOR asks for; `auto` takes the best that is installed."""
    if setting != "auto":
        return Choice(setting, f"DETECTOR={setting}")
    return Choice("builtin", "the only detector installed; it sees standing people only")


def choose_analyst(setting: str) -> Choice:
    """The analyst that ANALYST asks for; `auto` takes the best that is installed."""
    if setting != "auto":
        return Choice(setting, f"ANALYST={setting}")
    return Choice("rules", "the only analyst installed")


@lru_cache(maxsize=1)
def load_detector(name: str) -> Detector:
    """The detector of this process, loaded once. Raises EngineUnavailable where it cannot run here."""
    detector: Detector = resolve_name(DETECTORS[name])()
    return detector


@lru_cache(maxsize=1)
def load_analyst(name: str) -> Analyst:
    """The analyst of this process, loaded once."""
    analyst: Analyst = resolve_name(ANALYSTS[name])()
    return analyst
