"""A language model that is chosen, and one that answers by a script."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from tests.events.model import ScriptedModel, verdict


@pytest.fixture
def chosen(settings: Settings) -> None:
    """Visits are to be judged by a language model."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm"})


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, chosen: None) -> ScriptedModel:
    """That model, as the analyze worker meets it. It judges well until told otherwise."""
    scripted = ScriptedModel([verdict()])
    monkeypatch.setattr("events.analysis.load_analyst", lambda name, config: scripted)
    return scripted
