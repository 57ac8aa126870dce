"""RT-DETR and YOLO through ultralytics. This module is light: it says whether the engine can run here.

`detector.py` runs it, `library.py` keeps the library from whatever is not its business.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from inference.model_files import locate, signature
from inference.protocols import Detector, EngineUnavailable

if TYPE_CHECKING:
    from security_site.config import Config

LIBRARIES = ("torch", "torchvision", "ultralytics")
OPENVINO_FOLDER = "_openvino_model"
CPU_ADVICE = (
    "RT-DETR takes from half a second to several for a picture on a CPU. A small YOLO is ten times as fast: set "
    "DETECTOR_WEIGHTS=yolo26n.pt, run manage.py fetch_models, and start the program again."
)
NEEDED_BY_FORMAT = {".pt": "torch", ".onnx": "onnxruntime", ".engine": "tensorrt", OPENVINO_FOLDER: "openvino"}

_refused: dict[object, str] = {}
"""Weights that are of no use, as they were then: they are tried again once they changed."""


class WeightsRefused(EngineUnavailable):
    """The weights are at fault, so another try with the same ones would end the same."""


def why_not(config: Config) -> str:
    """Why this engine cannot run here, empty where it can. Imports nothing heavy."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; run: make models"
    try:
        path = locate(config.DETECTOR_WEIGHTS, config.models)
    except EngineUnavailable as missing_file:
        return str(missing_file)
    needed = NEEDED_BY_FORMAT.get(format_of(path))
    if needed is None:
        return f"{path.name} is none of .pt, .onnx, .engine, or a folder whose name ends in {OPENVINO_FOLDER}"
    if find_spec(needed) is None:
        return f"{path.name} needs {needed}, which is not installed; run: .venv/bin/pip install {needed}"
    return ""


def load(config: Config) -> Detector:
    """The detector with its weights on the device. Raises EngineUnavailable, at once for weights that were refused."""
    if reason := why_not(config):
        raise EngineUnavailable(reason)
    from inference.detectors.ultralytics.detector import load_weights  # with all of torch

    try:
        state = (config, signature(locate(config.DETECTOR_WEIGHTS, config.models)))
    except OSError as error:
        raise EngineUnavailable(f"{config.DETECTOR_WEIGHTS} cannot be read: {error.strerror or error}") from error
    if state in _refused:
        raise WeightsRefused(_refused[state])
    try:
        return load_weights(config)
    except WeightsRefused as refusal:
        _refused.clear()
        _refused[state] = str(refusal)
        raise


def format_of(path: Path) -> str:
    """The suffix that tells the format of weights; that of a folder is the end of its name."""
    if path.is_dir():
        return OPENVINO_FOLDER if path.name.lower().endswith(OPENVINO_FOLDER) else ""
    return path.suffix.lower()
