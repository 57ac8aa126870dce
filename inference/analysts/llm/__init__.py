"""The analyst that reads a visit with a language model, between the floor and the ceiling of the rules.

Tell the facts (`facts.py`, `prompt.py`), ask (`in_process.py`, `over_http.py`), believe nothing (`answer.py`,
`grounding.py`).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from inference import model_files
from inference.analysts.llm.analyst import LlmAnalyst
from inference.analysts.llm.prompt import LONGEST_INSTRUCTIONS, shipped_instructions
from inference.protocols import EngineUnavailable

if TYPE_CHECKING:
    from inference.analysts.llm.language_model import LanguageModel
    from security_site.config import Config

__all__ = ["LONGEST_INSTRUCTIONS", "LlmAnalyst", "load", "shipped_instructions", "why_not"]


def why_not(config: Config) -> str:
    """Why no language model can be asked here, as far as that shows without asking one; empty where one can."""
    if config.LLM_URL:
        return ""
    if not config.LLM_MODEL:
        return "neither LLM_MODEL nor LLM_URL is set"
    if find_spec("llama_cpp") is None:
        return "llama-cpp-python is not installed; `make models` installs it"
    try:
        model_files.locate(config.LLM_MODEL, config.models)
    except EngineUnavailable as missing:
        return str(missing)
    return ""


def load(config: Config) -> LlmAnalyst:
    """The analyst with the model that the settings name. Raises EngineUnavailable where it cannot be had."""
    if why := why_not(config):
        raise EngineUnavailable(why)
    return LlmAnalyst(_language_model(config))


def _language_model(config: Config) -> LanguageModel:
    if config.LLM_URL:
        from inference.analysts.llm.over_http import ServedModel

        return ServedModel(config)
    from inference.analysts.llm.in_process import LocalModel  # loads llama.cpp: only for who runs it

    return LocalModel(config)
