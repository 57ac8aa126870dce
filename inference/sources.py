"""Where the usual models are published by their makers: the only addresses anything is fetched from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.model_files import locate
from inference.protocols import EngineUnavailable

if TYPE_CHECKING:
    from security_site.config import Config

ULTRALYTICS_RELEASE = "https://github.com/ultralytics/assets/releases/download/v8.4.0/"
DETECTION_WEIGHTS = re.compile(r"rtdetr-[lx]\.pt|yolo(26|11|12|v8)[nsmlx]\.pt|yolov9[tsmce]\.pt|yolov10[nsmblx]\.pt")
NEMOTRON = "NVIDIA-Nemotron3-Nano-4B-Q4_K_M.gguf"
NEMOTRON_RELEASE = "https://huggingface.co/nvidia/NVIDIA-Nemotron-3-Nano-4B-GGUF/resolve/main/"


@dataclass(frozen=True)
class Source:
    """A model file at its makers' own address."""

    name: str
    url: str


class NotPublished(Exception):
    """What the settings name is nothing that its makers publish; the message says what to do."""


class NothingToFetch(Exception):
    """What the settings name is somebody's own, and at hand; the message says so."""


def detector_source(config: Config) -> Source:
    """The weights that DETECTOR_WEIGHTS names. Raises NotPublished, or NothingToFetch."""
    name = config.DETECTOR_WEIGHTS
    if not DETECTION_WEIGHTS.fullmatch(name):
        _check_whether_there(name, config)
        raise NotPublished(
            f"DETECTOR_WEIGHTS={name} is none of the published weights, such as rtdetr-l.pt or yolo26n.pt: "
            f"put your own into {config.models}, or name it by its absolute path"
        )
    return Source(name, ULTRALYTICS_RELEASE + name)


def llm_source(config: Config) -> Source:
    """NVIDIA's small Nemotron, unless the settings name another model. Raises NotPublished, or NothingToFetch."""
    if config.LLM_URL:
        raise NothingToFetch(f"The language model runs at LLM_URL={config.LLM_URL}: nothing to fetch.")
    if config.LLM_MODEL not in ("", NEMOTRON):
        _check_whether_there(config.LLM_MODEL, config)
        raise NotPublished(
            f"LLM_MODEL={config.LLM_MODEL} is your own choice: put it into {config.models}, or name it by its absolute "
            f"path. Fetched is {NEMOTRON} only"
        )
    return Source(NEMOTRON, NEMOTRON_RELEASE + NEMOTRON)


def _check_whether_there(name: str, config: Config) -> None:
    """Raises NothingToFetch where a model of one's own is at hand."""
    try:
        path = locate(name, config.models)
    except EngineUnavailable:
        return
    raise NothingToFetch(f"{path} is your own, and there: nothing to fetch.")
