"""Every engine answers to the name it is chosen by, and a choice says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference.registry import choose_analyst, choose_detector, load_analyst, load_detector
from security_site.config import BASE_DIR, Config
from tests.inference.checkpoints import checkpoints

ASK = """
import sys
from inference.registry import choose_analyst, choose_detector
from security_site.config import load_config
config = load_config()
print(choose_detector(config).name, choose_analyst(config).name, *{"torch", "ultralytics", "cv2"} & set(sys.modules))
"""


@pytest.fixture
def models(data_dir: Path) -> Path:
    folder = data_dir / "models"
    folder.mkdir(parents=True)
    return folder


def config(models: Path, **settings: Any) -> Config:
    return Config(DATA_DIR=models.parent, **settings)


def test_engines_are_called_what_the_registry_calls_them(models: Path) -> None:
    weights = str(checkpoints() / "figures.pt")
    for name in ("builtin", "ultralytics"):
        assert load_detector(config(models, DETECTOR=name, DETECTOR_WEIGHTS=weights)).name == name
    assert load_analyst("rules", config(models)).name == "rules"


def test_auto_takes_the_built_in_detector_while_there_are_no_weights(models: Path) -> None:
    choice = choose_detector(config(models))
    assert choice.name == "builtin"
    assert "sees standing people only; ultralytics is not used: rtdetr-l.pt is not in" in choice.why
    assert choose_analyst(config(models)).name == "rules"


def test_auto_takes_the_weights_once_they_are_there(models: Path) -> None:
    auto = config(models, DETECTOR_WEIGHTS="figures.pt")
    assert load_detector(auto).name == "builtin"
    (models / "figures.pt").write_bytes((checkpoints() / "figures.pt").read_bytes())
    assert choose_detector(auto).why == "installed, and figures.pt is there"
    assert load_detector(auto).facts.model == "figures.pt"


def test_asking_which_engines_would_run_loads_nothing_heavy(models: Path) -> None:
    (models / "figures.onnx").write_bytes((checkpoints() / "figures.onnx").read_bytes())
    settings = {"DATA_DIR": str(models.parent), "DETECTOR_WEIGHTS": "figures.onnx", "ENV_FILE": os.devnull}
    told = subprocess.run([sys.executable, "-c", ASK], cwd=BASE_DIR, env=settings, capture_output=True, check=True)
    assert told.stdout.split() == [b"ultralytics", b"rules"]


def test_a_setting_decides_and_is_named_as_the_reason(models: Path) -> None:
    assert choose_detector(config(models, DETECTOR="builtin")).why == "DETECTOR=builtin"
    assert choose_detector(config(models, DETECTOR="ultralytics")).why == "DETECTOR=ultralytics"
    assert choose_analyst(config(models, ANALYST="rules")).why == "ANALYST=rules"


def test_an_engine_is_loaded_once_in_a_process(models: Path) -> None:
    builtin = config(models, DETECTOR="builtin")
    assert load_detector(builtin) is load_detector(builtin)
    assert load_analyst("rules", builtin) is load_analyst("rules", builtin)
