"""The running program with a real model: weights that the tests made, and photographs that came with the library."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from tests.inference.checkpoints import checkpoints
from tests.inference.figures import Figure, draw
from tests.stack import Stack, eventually, running_stack, short_folder

pytestmark = pytest.mark.stack
UNSEEN = 10_001


@pytest.fixture(scope="module")
def photographs() -> list[Path]:
    """bus.jpg and zidane.jpg, as the package brings them."""
    library = find_spec("ultralytics")
    assert library is not None and library.submodule_search_locations
    return sorted((Path(library.submodule_search_locations[0]) / "assets").glob("*.jpg"))


@pytest.fixture(scope="module")
def stack(photographs: list[Path]) -> Iterator[Stack]:
    """The small YOLO, whose weights were put into the folder of models while the built-in detector was at work."""
    with short_folder() as folder, running_stack(folder, DETECTOR_WEIGHTS="figures.onnx") as running:
        assert detector_of(running)["name"] == "builtin"
        drop_photographs(running, "by_built_in", photographs)
        shutil.copy(checkpoints() / "figures.onnx", running.data_dir / "models")
        drop_figures(running, "first", 1)
        eventually(lambda: models_of(running) == ["figures.onnx"], within_s=60)
        yield running


def detector_of(stack: Stack) -> dict[str, Any]:
    """What the program tells of its detector."""
    key = {"X-API-Key": stack.api.headers["X-API-Key"]}
    told = httpx.get(f"{stack.url}/readyz", headers=key, timeout=10).json()
    (detector,) = [engine for engine in told["engines"] if engine["role"] == "detector"]
    assert isinstance(detector, dict)
    return detector


def models_of(stack: Stack) -> list[str]:
    """Those that its workers loaded to look at pictures."""
    return [loaded["model"] for loaded in detector_of(stack)["loaded"]]


def drop_figures(stack: Stack, camera: str, count: int) -> list[Figure]:
    """Drawn pictures, each whole under its name at once; the figures of the last."""
    folder = stack.camera(camera)
    folder.mkdir(parents=True)
    for number in range(count):
        picture, figures = draw(UNSEEN + number, 1280, 720)
        cv2.imwrite(str(folder / ".part.png"), picture)
        (folder / ".part.png").rename(folder / f"{number}.png")
    return figures


def drop_photographs(stack: Stack, camera: str, photographs: list[Path]) -> list[dict[str, Any]]:
    stack.camera(camera).mkdir(parents=True, exist_ok=True)
    for photograph in photographs:
        shutil.copy2(photograph, stack.camera(camera))
    return stack.settled(camera, len(photographs))


@pytest.mark.parametrize(
    ("camera", "nothing_found"),
    [
        ("by_built_in", "Nothing found: the built-in detector sees standing people only"),
        ("by_figures", "Nothing found (looked for people, cars)"),
    ],
)
def test_real_photographs_become_detected_captures_with_a_receipt_where_nothing_was_found(
    stack: Stack, photographs: list[Path], camera: str, nothing_found: str
) -> None:
    assert [path.name for path in photographs] == ["bus.jpg", "zidane.jpg"]
    captures = drop_photographs(stack, camera, photographs)
    assert {(capture["width"], capture["height"]) for capture in captures} == {(810, 1080), (1280, 720)}
    seen = {detection["capture_id"] for detection in stack.all("detections/", camera_id=camera)}
    for capture in captures:
        assert (capture["state"], capture["error"]) == ("detected", "")
        assert receipt_of(stack, capture) == ("" if capture["id"] in seen else nothing_found)


def receipt_of(stack: Stack, capture: dict[str, Any]) -> str:
    look = f"from cameras.models import Capture; print(Capture.objects.get(pk={capture['id']}).nothing_found)"
    return stack.command("shell", "--no-imports", "-c", look).strip()


def test_drawn_figures_become_a_visit_with_their_boxes_where_they_were_drawn(stack: Stack) -> None:
    figures = drop_figures(stack, "drawn", 1)
    stack.settled("drawn", 1)
    (event,) = eventually(lambda: stack.events("drawn"))
    detections = stack.all("detections/", camera_id="drawn")
    assert {d["id"] for d in detections} == set(event["detection_ids"])
    found = sorted((d["object_type"], d["bbox_x"], d["bbox_y"], d["bbox_width"], d["bbox_height"]) for d in detections)
    drawn = sorted((f.label, f.left, f.top, f.right - f.left, f.bottom - f.top) for f in figures)
    assert [label for label, *_ in found] == [label for label, *_ in drawn]
    for box, truth in zip(found, drawn, strict=True):
        assert box[1:] == pytest.approx(truth[1:], abs=40)


def test_it_is_told_which_weights_run(stack: Stack) -> None:
    detector = detector_of(stack)
    assert (detector["name"], detector["why"]) == ("ultralytics", "installed, and figures.onnx is there")
    (loaded,) = detector["loaded"]
    assert (loaded["device"], loaded["note"], len(loaded["sha256"])) == ("CPU", "", 64)


def test_a_killed_worker_loses_no_picture(stack: Stack) -> None:
    drop_figures(stack, "killed", 60)
    eventually(lambda: [capture for capture in stack.captures("killed") if capture["state"] == "detected"])
    stack.processes(r"-Q detect")[-1].kill()
    captures = stack.settled("killed", 60, within_s=120)
    assert {capture["state"] for capture in captures} == {"detected"}
    eventually(lambda: models_of(stack) == ["figures.onnx"])
