"""Which engine runs, and why that one. Adding an engine = one module, and one line here that names it.

An engine's module has `load(config)`, and, unless the engine is always there, `why_not(config)`: why it cannot run
here, in words, empty where it can. What is heavy is imported by `load`: most processes only ask for names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from inference.protocols import Analyst, Detector, EngineUnavailable

if TYPE_CHECKING:
    from security_site.config import Config

DETECTORS = {"ultralytics": "inference.detectors.ultralytics", "builtin": "inference.detectors.builtin"}
ANALYSTS = {"llm": "inference.analysts.llm", "rules": "inference.analysts.rules"}


@dataclass(frozen=True)
class Choice:
    """An engine's name and the reason it was chosen, as the pages tell it."""

    name: str
    why: str


def choose_detector(config: Config) -> Choice:
    """The detector that DETECTOR asks for; `auto` takes the best that can run here."""
    if config.DETECTOR != "auto":
        return Choice(config.DETECTOR, f"DETECTOR={config.DETECTOR}")
    if why_not := _why_not(DETECTORS["ultralytics"], config):
        return Choice("builtin", f"always there, but sees standing people only; ultralytics is not used: {why_not}")
    return Choice("ultralytics", f"installed, and {config.DETECTOR_WEIGHTS} is there")


def choose_analyst(config: Config) -> Choice:
    """Who judges besides the rules: what ANALYST asks for; `auto` takes the language model if one is named."""
    if config.ANALYST != "auto":
        return Choice(config.ANALYST, f"ANALYST={config.ANALYST}")
    if why_not := _why_not(ANALYSTS["llm"], config):
        return Choice("rules", f"always there; no language model is used: {why_not}")
    return Choice("llm", "LLM_URL names its server" if config.LLM_URL else "LLM_MODEL names its file")


def _why_not(module: str, config: Config) -> str:
    return cast("str", import_module(module).why_not(config))


def load_detector(config: Config) -> Detector:
    """The chosen detector, loaded once in a process, and anew once another one would be chosen.

    Raises EngineUnavailable where it cannot run here.
    """
    return _detector(choose_detector(config).name, config)


@lru_cache(maxsize=1)
def _detector(name: str, config: Config) -> Detector:
    return cast("Detector", import_module(DETECTORS[name]).load(config))


@lru_cache(maxsize=len(ANALYSTS))
def load_analyst(name: str, config: Config) -> Analyst:
    """An analyst by name, loaded once in a process. Raises EngineUnavailable where it cannot run here."""
    return cast("Analyst", import_module(ANALYSTS[name]).load(config))


def what_runs(choice: Choice, load: Callable[[], Detector | Analyst]) -> dict[str, object]:
    """As a worker tells it of itself: the engine, why that one, its model and device, or why it cannot run."""
    told: dict[str, object] = {"engine": choice.name, "why": choice.why}
    try:
        return told | asdict(load().facts)
    except EngineUnavailable as missing:
        return told | {"note": f"It cannot run: {missing}"}
