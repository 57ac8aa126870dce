"""`python -m benchmarks.detector`: the ultralytics detector, bare and in the running program.

First how many pictures a second a bare `model.predict` takes in at batch sizes 1 to 32, on the CPU and, where one is at
hand, on the graphics card. Then the same files once through `model.predict` from their paths, once dropped into camera
folders of the running program, in turns.

Without `--weights` the networks have random weights, made here: they compute as much as trained ones and find nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
from rich.progress import track

from benchmarks.home import draw_pictures
from benchmarks.overhead import BATCH, drop_on_cameras, last_stored, seconds_for
from benchmarks.report import Report
from inference.detectors.ultralytics.library import import_ultralytics
from inference.protocols import KEPT_CLASSES
from security_site.postgres_server import PostgresServer
from tests.stack import Stack, eventually, running_stack, short_folder

NETWORKS = ("yolo26n", "rtdetr-l")
BATCHES = (1, 2, 4, 8, 16, 32)
WARM_UP = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, action="append", help="trained weights to measure instead")
    parser.add_argument("--pictures", type=int, default=32, help="for each batch size, and in each round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with short_folder() as folder:
        ultralytics = import_ultralytics(folder / "library")
        weights = arguments.weights or list(_random_weights(ultralytics, folder))
        measure_batches(ultralytics, weights, arguments.pictures)
        measure_pipeline(ultralytics, weights, folder, arguments.pictures, arguments.rounds)


def _random_weights(ultralytics: Any, folder: Path) -> Iterator[Path]:
    for name in NETWORKS:
        model = (ultralytics.RTDETR if name.startswith("rtdetr") else ultralytics.YOLO)(f"{name}.yaml")
        model.model.names = {n: KEPT_CLASSES[n % len(KEPT_CLASSES)] for n in model.model.names}
        path = folder / f"{name}.pt"
        model.save(path)
        yield path


def devices() -> list[str]:
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def measure_batches(ultralytics: Any, weights: list[Path], pictures: int) -> None:
    """Pictures a second by batch size, of pictures that are decoded already."""
    pictures = max(pictures, *BATCHES)
    report = Report("detector-batches", f"Bare model.predict on {pictures} pictures of 1280×720, by batch size")
    contents = draw_pictures(pictures)
    images = [cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) for content in contents]
    for path in weights:
        for device in devices():
            model = ultralytics.YOLO(str(path))
            rates = {f"batch_{size}": _rate(model, images, size, device) for size in BATCHES}
            report.row(weights=path.name, device=_device_name(device), **rates)
    report.note("Pictures a second. Half precision on CUDA.")
    report.finish()


def _rate(model: Any, images: list[Any], size: int, device: str) -> float:
    for _ in range(WARM_UP):
        _predict(model, images[:size], device)
    began = time.perf_counter()
    for start in range(0, len(images), size):
        _predict(model, images[start : start + size], device)
    return len(images) / (time.perf_counter() - began)


def _predict(model: Any, source: list[Any], device: str) -> None:
    model.predict(source, device=device, quantize=16 if device == "cuda" else None, verbose=False)


def _device_name(device: str) -> str:
    import torch

    return str(torch.cuda.get_device_name()) if device == "cuda" else "CPU"


def measure_pipeline(ultralytics: Any, weights: list[Path], folder: Path, pictures: int, rounds: int) -> None:
    """The same files by `model.predict` from their paths, and through the program up to the last committed row."""
    report = Report("detector-pipeline", f"{pictures} pictures through the whole program, against bare model.predict")
    for path in weights:
        settings = {"DETECTOR": "ultralytics", "DETECTOR_WEIGHTS": str(path), "DETECT_BATCH": str(BATCH)}
        home = folder / path.stem
        home.mkdir()
        with running_stack(home, **settings) as stack:
            bare = ultralytics.YOLO(str(path))
            _take_turns(report, stack, bare, path.name, pictures, rounds)
    report.note(f"Batches of {BATCH}. Ratio: how fast the program is, of what the bare library gives.")
    report.finish()


def _take_turns(report: Report, stack: Stack, bare: Any, name: str, pictures: int, rounds: int) -> None:
    contents = draw_pictures((rounds + 1) * pictures)
    _through_the_program(stack, contents[:pictures])  # what is loaded on first use
    device = devices()[-1]
    ratios = []

    def look(files: list[Path]) -> None:
        _predict(bare, [str(file) for file in files], device)

    for number in track(range(1, rounds + 1), name):
        mine = contents[number * pictures : (number + 1) * pictures]
        before_s = seconds_for(stack, mine, look)
        program_s = _through_the_program(stack, mine)
        bare_s = (before_s + seconds_for(stack, mine, look)) / 2
        ratios.append(bare_s / program_s)
        report.row(
            weights=name,
            device=_device_name(device),
            round=number,
            bare_pictures_per_s=pictures / bare_s,
            program_pictures_per_s=pictures / program_s,
            ratio=ratios[-1],
        )
    report.note(f"{name}: ratio, median {statistics.median(ratios):.3f}.")


def _through_the_program(stack: Stack, contents: list[bytes]) -> float:
    began = datetime.now(UTC)
    drop_on_cameras(stack, contents)
    with psycopg.connect(PostgresServer(stack.data_dir).url) as connection:
        last = eventually(lambda: last_stored(connection, began, len(contents)), within_s=900)
    assert last is not None
    return (last - began).total_seconds()


if __name__ == "__main__":
    main()
