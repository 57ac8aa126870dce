"""Every engine answers to the name it is chosen by."""

from __future__ import annotations

from inference.registry import ANALYSTS, DETECTORS, choose_analyst, choose_detector, load_analyst, load_detector


def test_engines_are_called_what_the_registry_calls_them() -> None:
    assert {name: load_detector(name).name for name in DETECTORS} == {name: name for name in DETECTORS}
    assert {name: load_analyst(name).name for name in ANALYSTS} == {name: name for name in ANALYSTS}


def test_auto_takes_what_is_there_and_says_why() -> None:
    assert choose_detector("auto").name in DETECTORS
    assert "standing people only" in choose_detector("auto").why
    assert choose_analyst("auto").name in ANALYSTS


def test_a_setting_decides_and_is_named_as_the_reason() -> None:
    assert choose_detector("builtin").why == "DETECTOR=builtin"
    assert choose_analyst("rules").why == "ANALYST=rules"


def test_an_engine_is_loaded_once_in_a_process() -> None:
    assert load_detector("builtin") is load_detector("builtin")
    assert load_analyst("rules") is load_analyst("rules")
