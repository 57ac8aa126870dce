"""Makes the weights that the tests of the detector load, in a process of its own: `python -m … FOLDER`.

A small YOLO learns the figures of `figures.py`; an RT-DETR of full size has random weights, which show the way through
it and nothing else.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import cv2

from inference.detectors.ultralytics.library import import_ultralytics
from tests.inference.figures import LABELS, Figure, draw

SIDE = 160
SIZES = ((160, 120), (160, 90), (120, 160), (160, 160))
PICTURES = 200
EPOCHS = 16
NETWORK = """
nc: 2
backbone:
  - [-1, 1, Conv, [16, 3, 2]]
  - [-1, 1, Conv, [24, 3, 2]]
  - [-1, 1, C2f, [24, True]]
  - [-1, 1, Conv, [48, 3, 2]]
  - [-1, 1, C2f, [48, True]]
  - [-1, 1, Conv, [64, 3, 2]]
  - [-1, 1, C2f, [64, True]]
  - [-1, 1, SPPF, [64, 5]]
head:
  - [-1, 1, nn.Upsample, [None, 2, nearest]]
  - [[-1, 4], 1, Concat, [1]]
  - [-1, 1, C2f, [48]]
  - [[10, 7], 1, Detect, [nc]]
"""


def make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # of a maker that was killed
    work = folder / "work"
    work.mkdir(parents=True)
    ultralytics = import_ultralytics(work)
    _train(ultralytics, work).replace(folder / "figures.pt")
    _export(ultralytics, folder / "figures.pt", folder / "figures-dynamic.onnx", dynamic=True)
    _export(ultralytics, folder / "figures.pt", folder / "figures.onnx")
    _save_random_rtdetr(ultralytics, folder / "rtdetr.pt")
    _export(ultralytics, folder / "rtdetr.pt", folder / "rtdetr.onnx")
    _save_classifier(ultralytics, folder / "classifier.pt")
    shutil.rmtree(work)


def _train(ultralytics: Any, work: Path) -> Path:
    for number in range(PICTURES):
        _keep(work, number, *SIZES[number % len(SIZES)])
    names = "".join(f"  {number}: {label}\n" for number, label in enumerate(LABELS))
    (work / "data.yaml").write_text(f"path: {work}\ntrain: images\nval: images\nnames:\n{names}")
    (work / "network.yaml").write_text(NETWORK)
    model = ultralytics.YOLO(str(work / "network.yaml"))
    how = {"optimizer": "AdamW", "lr0": 0.003, "warmup_epochs": 1, "mosaic": 0.0, "scale": 0.3, "erasing": 0.0}
    quiet = {"val": False, "plots": False, "verbose": False, "workers": 0, "device": "cpu", "seed": 1}
    size = {"imgsz": SIDE, "batch": 8, "nbs": 8, "epochs": EPOCHS, "cache": "ram"}
    model.train(data=str(work / "data.yaml"), project=str(work / "runs"), name="figures", **size, **how, **quiet)
    return work / "runs" / "figures" / "weights" / "last.pt"


def _keep(work: Path, number: int, width: int, height: int) -> None:
    picture, figures = draw(number, width, height)
    (work / "images").mkdir(parents=True, exist_ok=True)
    (work / "labels").mkdir(exist_ok=True)
    cv2.imwrite(str(work / "images" / f"{number}.png"), picture)
    (work / "labels" / f"{number}.txt").write_text("".join(_label(figure, width, height) for figure in figures))


def _label(figure: Figure, width: int, height: int) -> str:
    x, y = (figure.left + figure.right) / 2 / width, (figure.top + figure.bottom) / 2 / height
    across, down = (figure.right - figure.left) / width, (figure.bottom - figure.top) / height
    return f"{LABELS.index(figure.label)} {x} {y} {across} {down}\n"


def _save_random_rtdetr(ultralytics: Any, path: Path) -> None:
    model = ultralytics.RTDETR("rtdetr-l.yaml")
    names = ["person", "car", *(f"thing {number}" for number in range(78))]
    model.model.names = dict(enumerate(names))
    for layer in model.model.model[-1].dec_score_head:
        layer.bias.data.fill_(-4.0)
        layer.bias.data[:2] = 1.0  # sure of a person or a car everywhere
    model.ckpt = {"train_args": {"imgsz": SIDE}}
    model.save(str(path))


def _save_classifier(ultralytics: Any, path: Path) -> None:
    ultralytics.YOLO("yolo11n-cls.yaml").save(str(path))


def _export(ultralytics: Any, weights: Path, target: Path, **options: Any) -> None:
    Path(ultralytics.YOLO(str(weights)).export(format="onnx", simplify=False, imgsz=SIDE, **options)).replace(target)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
