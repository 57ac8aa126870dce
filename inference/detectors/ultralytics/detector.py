"""Loads weights of RT-DETR or YOLO and looks at pictures with them. Imported after the detect worker's fork only.

What a file holds is told by its content, not its name: a `.pt` by its model's classes, an export by the metadata that
ultralytics wrote into it.
"""

from __future__ import annotations

import ast
import logging
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.detectors.looked_for import looked_for
from inference.detectors.ultralytics import CPU_ADVICE, WeightsRefused, format_of
from inference.detectors.ultralytics.library import import_ultralytics, usable_cores
from inference.model_files import verified
from inference.protocols import Box, EngineFacts, EngineLost, EngineUnavailable, Image

if TYPE_CHECKING:
    from security_site.config import Config

logger = logging.getLogger(__name__)

USUAL_SIDE = 640
USUAL_STRIDE = 32
USUAL_PICTURE = (1080, 1920, 3)
TOLD = ("names", "imgsz", "stride", "args")
"""What is read of an export's metadata."""
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "failed to allocate memory",
    "bad allocation",
    "bad_alloc",
    "alloc_failed",  # cuBLAS and cuDNN
    "allocation_failed",
)
DEVICE_ERRORS = ("cuda", "cudnn", "cublas", "tensorrt", "acceleratorerror")


def load_weights(config: Config) -> UltralyticsDetector:
    """The detector that DETECTOR_WEIGHTS names, warmed up. Raises EngineUnavailable in words."""
    with verified(config.DETECTOR_WEIGHTS, config.models) as (path, sha256):
        try:
            ultralytics = import_ultralytics(config.models / ".ultralytics")
        except (ImportError, OSError, RuntimeError) as error:  # as torch and torchvision of two versions fail
            raise EngineUnavailable(f"ultralytics cannot be loaded: {_first_line(error)}; run: make models") from error
        network = _network(ultralytics, path, config)
        detector = UltralyticsDetector(network, EngineFacts(path.name, sha256), config)
        detector.warm_up()
    return detector


@dataclass(frozen=True)
class Network:
    """A loaded model of ultralytics, and how it is to be asked."""

    model: Any
    labels: dict[int, str]
    """Those of its classes that are looked for, by its own number."""
    side: int
    stride: int
    """Height and width of what goes through it are multiples of this."""
    stretches: bool
    """RT-DETR stretches every picture to a square; YOLO keeps the proportions and pads."""
    has_any_shape: bool
    """Whether it takes other shapes than the square: a `.pt`, and exports that were made so."""
    on_card: bool
    """A graphics card computes, with half precision."""


def _network(ultralytics: Any, path: Path, config: Config) -> Network:
    import torch

    try:
        model = ultralytics.YOLO(str(path))  # turns into an RTDETR where the content is one
        about = _about(model) if format_of(path) == ".pt" else _metadata(path)
        labels = {int(number): str(name).strip().casefold() for number, name in (about.get("names") or {}).items()}
        size = about.get("imgsz") or USUAL_SIDE
        side = max(size) if isinstance(size, list | tuple) else int(size)
        stride = max(int(about.get("stride") or USUAL_STRIDE), USUAL_STRIDE)
        is_dynamic = bool((about.get("args") or {}).get("dynamic"))
    except Exception as error:
        raise WeightsRefused(f"{path.name} cannot be loaded: {_first_line(error)}") from error
    if model.task != "detect":
        raise WeightsRefused(f"{path.name} is no detector: its task is {model.task!r}")
    if not labels:
        raise WeightsRefused(f"{path.name} does not tell its classes; export it with ultralytics, which writes them")
    wanted = {number: label for number, label in labels.items() if label in config.DETECT_CLASSES}
    if not wanted:
        raise WeightsRefused(
            f"{path.name} knows none of what is looked for ({', '.join(config.DETECT_CLASSES)}), "
            f"but {', '.join(list(labels.values())[:5])}"
        )
    return Network(
        model=model,
        labels=wanted,
        side=side,
        stride=stride,
        stretches=isinstance(model, ultralytics.RTDETR),
        has_any_shape=format_of(path) == ".pt" or is_dynamic,
        on_card=torch.cuda.is_available(),
    )


def _about(model: Any) -> dict[str, Any]:
    """Of a `.pt`, what an export tells in its metadata."""
    return {"names": model.names, "imgsz": model.overrides.get("imgsz"), "stride": model.model.stride.max()}


def _metadata(path: Path) -> dict[str, Any]:
    """What an export tells of itself; the formats that hold only text hold Python literals."""
    from ultralytics.nn.backends.base import BaseBackend

    told = BaseBackend.read_metadata(path)
    known = {key: told[key] for key in TOLD if key in told}
    return {key: ast.literal_eval(value) if isinstance(value, str) else value for key, value in known.items()}


class UltralyticsDetector:
    name = "ultralytics"

    def __init__(self, network: Network, facts: EngineFacts, config: Config) -> None:
        self.facts = facts
        self.nothing_found = f"Nothing found (looked for {looked_for(network.labels.values())})"
        self._network = network
        self._confidence = config.DETECT_CONFIDENCE
        self._asked_gpu = config.DETECT_GPU
        self._at_once = config.DETECT_BATCH
        self._notes: dict[str, str] = {}

    def warm_up(self) -> None:
        """One pass, so that the first picture is not the slow one; on a GPU a full batch, to see that it fits."""
        import torch

        count = self._at_once if torch.cuda.is_available() else 1
        try:
            self.detect([np.zeros(USUAL_PICTURE, np.uint8)] * count)
        except EngineUnavailable:
            raise
        except Exception as error:
            raise WeightsRefused(f"{self.facts.model} cannot run here: {_first_line(error)}") from error
        device = self._network.model.predictor.device
        is_gpu = getattr(device, "type", "cpu") == "cuda"
        if not is_gpu:
            # The library leaves a core idle, of two as of twenty.
            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or usable_cores()))
        self.facts = replace(self.facts, device=torch.cuda.get_device_name(device) if is_gpu else "CPU")
        if not is_gpu and self._network.stretches:
            self._note("speed", CPU_ADVICE)
        if not is_gpu and torch.cuda.is_available():
            self._note("device", "The graphics card is not used: onnxruntime has no CUDA here; see docs/models.md.")
        elif not is_gpu and self._asked_gpu not in ("", "-1"):
            self._note("device", f"DETECT_GPU={self._asked_gpu}, but no such GPU can be used here, so the CPU does it.")

    def detect(self, images: Sequence[Image]) -> list[list[Box]]:
        found: dict[int, list[Box]] = {}
        for shape, places in self._by_shape(images).items():
            left = places
            while left:
                now = left[: self._at_once]
                results = self._pass([images[place] for place in now], shape)
                if results is None:
                    self._halve(len(now))
                    continue
                found |= dict(zip(now, results, strict=True))
                left = left[len(now) :]
        return [found[place] for place in range(len(images))]

    def _by_shape(self, images: Sequence[Image]) -> dict[tuple[int, int], list[int]]:
        """Which images can go through the network together: those that have one shape after scaling and padding.

        Each then looks to the network as if it were alone, so that what is found in it does not depend on the others.
        """
        groups = defaultdict(list)
        for place, image in enumerate(images):
            groups[self._shape_for(*image.shape[:2])].append(place)
        return dict(groups)

    def _shape_for(self, height: int, width: int) -> tuple[int, int]:
        side = self._network.side
        if self._network.stretches or not self._network.has_any_shape:
            return side, side
        factor, stride = side / max(height, width), self._network.stride
        return _padded(height * factor, stride), _padded(width * factor, stride)

    def _pass(self, images: list[Image], shape: tuple[int, int]) -> list[list[Box]] | None:
        """Boxes of each image by one pass; None where there was not enough memory."""
        try:
            results = self._network.model.predict(
                images,
                imgsz=list(shape),
                conf=self._confidence,
                classes=list(self._network.labels),
                quantize=16 if self._network.on_card else None,
                verbose=False,
                save=False,
            )
        except Exception as error:
            if _is_out_of_memory(error):
                return None
            if self._network.on_card and _is_of_the_device(error):
                raise EngineLost(
                    f"the graphics card failed ({_first_line(error)}); it is tried again by a new process. If this "
                    "stays, look at nvidia-smi and restart the machine; DETECT_GPU=-1 keeps the detector off the card"
                ) from error
            raise
        return [
            _boxes(result.boxes.data.cpu().numpy(), self._network.labels, image)
            for result, image in zip(results, images, strict=True)
        ]

    def _halve(self, count: int) -> None:
        """Fewer at once from now on. Raises EngineUnavailable where a single one is too many."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if count == 1:
            owner = torch.cuda.get_device_name() if self._network.on_card else "this machine"
            raise EngineUnavailable(
                f"one picture is too much for the memory of {owner}; "
                f"end what else uses it, or choose smaller weights than {self.facts.model}"
            )
        self._at_once = count // 2
        self._note("batch", f"Not enough memory for {count} pictures at once, so it takes {self._at_once}.")

    def _note(self, about: str, sentence: str) -> None:
        """Say it in the log, and from now on among the facts; of one thing only the last."""
        logger.warning(sentence)
        self._notes[about] = sentence
        self.facts = replace(self.facts, note=" ".join(self._notes.values()))


def _boxes(rows: np.ndarray[Any, np.dtype[Any]], labels: dict[int, str], image: Image) -> list[Box]:
    """Boxes in whole pixels within the image, of rows of left, top, right, bottom, confidence, class."""
    height, width = image.shape[:2]
    return [
        box
        for row in rows
        if np.isfinite(row).all() and int(row[5]) in labels
        if (box := _box(row, labels[int(row[5])], width, height)).width > 0 and box.height > 0
    ]


def _box(row: Iterable[Any], label: str, width: int, height: int) -> Box:
    left, top, right, bottom, confidence, _ = (float(value) for value in row)
    x, beyond_x = (round(min(max(edge, 0), width)) for edge in (left, right))
    y, beyond_y = (round(min(max(edge, 0), height)) for edge in (top, bottom))
    return Box(label, min(confidence, 1.0), x, y, beyond_x - x, beyond_y - y)


def _padded(length: float, stride: int) -> int:
    return max(1, math.ceil(round(length) / stride)) * stride


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in OUT_OF_MEMORY)


def _is_of_the_device(error: Exception) -> bool:
    return any(word in f"{type(error).__name__} {error}".lower() for word in DEVICE_ERRORS)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
