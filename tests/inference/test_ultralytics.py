"""The ultralytics engine on weights that the tests made: correct boxes, and every reason for which it cannot run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.detectors.ultralytics import WeightsRefused, load, why_not
from inference.detectors.ultralytics.detector import UltralyticsDetector
from inference.protocols import Box, EngineLost, EngineUnavailable, Image
from security_site.config import Config
from tests.inference.checkpoints import checkpoints
from tests.inference.figures import Figure, draw

SIZES = ((320, 240), (1280, 720), (360, 640), (500, 500), (640, 360), (1600, 900))
UNSEEN = 10_000
FIGURES = ("figures.pt", "figures.onnx", "figures-dynamic.onnx")
RTDETR = ("rtdetr.pt", "rtdetr.onnx")


def config_for(weights: Path | str, data_dir: Path, **settings: Any) -> Config:
    return Config(DATA_DIR=data_dir, DETECTOR="ultralytics", DETECTOR_WEIGHTS=str(weights), **settings)


def loaded(name: str, data_dir: Path, **settings: Any) -> UltralyticsDetector:
    detector = load(config_for(checkpoints() / name, data_dir, **settings))
    assert isinstance(detector, UltralyticsDetector)
    return detector


def scenes(count: int) -> list[tuple[Image, list[Figure]]]:
    """Pictures of different sizes, which the little model has never seen."""
    return [draw(UNSEEN + number, *SIZES[number % len(SIZES)]) for number in range(count)]


def overlap(figure: Figure, box: Box) -> float:
    """IoU; 0 where the labels differ."""
    across = min(figure.right, box.x + box.width) - max(figure.left, box.x)
    down = min(figure.bottom, box.y + box.height) - max(figure.top, box.y)
    shared = max(across, 0) * max(down, 0)
    whole = (figure.right - figure.left) * (figure.bottom - figure.top) + box.width * box.height
    return shared / (whole - shared) if box.label == figure.label else 0.0


def edges(box: Box) -> tuple[int, ...]:
    return box.x, box.y, box.width, box.height


def matched(figures: Sequence[Figure], boxes: Sequence[Box]) -> list[float]:
    return [max((overlap(figure, box) for box in boxes), default=0.0) for figure in figures]


@pytest.mark.parametrize("weights", FIGURES)
def test_every_figure_is_found_where_it_was_drawn(weights: str, data_dir: Path) -> None:
    detector, drawn = loaded(weights, data_dir), scenes(30)
    found = detector.detect([image for image, _ in drawn])
    overlaps = [each for (_, figures), boxes in zip(drawn, found, strict=True) for each in matched(figures, boxes)]
    assert np.mean([each >= 0.5 for each in overlaps]) > 0.95
    assert np.mean(overlaps) > 0.8
    assert sum(map(len, found)) <= 1.05 * len(overlaps)


@pytest.mark.parametrize("weights", FIGURES)
def test_a_picture_shows_the_same_alone_and_among_others_of_all_sizes(weights: str, data_dir: Path) -> None:
    detector = loaded(weights, data_dir)
    images = [image for image, _ in scenes(7)]
    alone = [boxes for image in images for boxes in detector.detect([image])]
    for several, single in zip(detector.detect(images), alone, strict=True):
        assert [box.label for box in several] == [box.label for box in single]
        for one, other in zip(several, single, strict=True):
            assert edges(one) == pytest.approx(edges(other), abs=2)
            assert one.confidence == pytest.approx(other.confidence, abs=0.02)


@pytest.mark.parametrize("weights", RTDETR)
def test_so_it_does_to_rt_detr(weights: str, data_dir: Path) -> None:
    """Random weights are as sure of one box as of the next, so their order says nothing."""
    detector = loaded(weights, data_dir)
    images = [image for image, _ in scenes(7)]
    alone = [boxes for image in images for boxes in detector.detect([image])]
    for several, single in zip(detector.detect(images), alone, strict=True):
        figures = [Figure(box.label, box.x, box.y, box.x + box.width, box.y + box.height) for box in single]
        assert len(several) >= 10
        assert np.mean([each > 0.9 for each in matched(figures, several)]) > 0.9


@pytest.mark.parametrize("weights", ["figures.pt", *RTDETR])
def test_boxes_lie_within_pictures_of_any_shape(weights: str, data_dir: Path) -> None:
    shapes = [(1, 1), (2, 900), (900, 2), (31, 33), (720, 1280)]
    images = [np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8) for shape in shapes]
    for boxes, (height, width) in zip(loaded(weights, data_dir).detect(images), shapes, strict=True):
        for box in boxes:
            assert box.label in {"person", "car"} and 0.5 <= box.confidence <= 1
            assert box.width > 0 and box.height > 0 and box.x >= 0 and box.y >= 0
            assert box.x + box.width <= width and box.y + box.height <= height


@pytest.mark.parametrize("weights", RTDETR)
def test_rt_detr_goes_all_the_way_and_is_told_by_its_content_alone(weights: str, data_dir: Path) -> None:
    renamed = data_dir / "models" / f"it's yolov5n{Path(weights).suffix}"
    renamed.parent.mkdir(parents=True)
    shutil.copy(checkpoints() / weights, renamed)
    detector = load(config_for(renamed.name, data_dir))
    (boxes,) = detector.detect([draw(1, 640, 360)[0]])
    assert boxes and {box.label for box in boxes} <= {"person", "car"}
    assert "RT-DETR takes" in detector.facts.note


def test_what_runs_is_told_with_the_checksum_of_its_weights(data_dir: Path) -> None:
    facts = loaded("figures.onnx", data_dir).facts
    assert (facts.model, facts.device, facts.note) == ("figures.onnx", "CPU", "")
    assert len(facts.sha256) == 64


def test_only_what_is_looked_for_is_found_and_the_receipt_says_so(data_dir: Path) -> None:
    drawn = [scene for scene in scenes(12) if {figure.label for figure in scene[1]} == {"person", "car"}]
    detector = loaded("figures.pt", data_dir, DETECT_CLASSES=("car", "dog"))
    assert {box.label for boxes in detector.detect([image for image, _ in drawn]) for box in boxes} == {"car"}
    assert detector.nothing_found == "Nothing found (looked for cars)"


def test_the_threshold_is_the_models_own(data_dir: Path) -> None:
    images = [image for image, _ in scenes(12)]
    sure = loaded("figures.pt", data_dir, DETECT_CONFIDENCE=0.8).detect(images)
    any_ = loaded("figures.pt", data_dir, DETECT_CONFIDENCE=0.1).detect(images)
    assert min(box.confidence for boxes in sure for box in boxes) >= 0.8
    assert min(box.confidence for boxes in any_ for box in boxes) < 0.8


def test_nothing_to_look_at_finds_nothing(data_dir: Path) -> None:
    assert loaded("figures.pt", data_dir).detect([]) == []


class LittleMemory:
    """Stands where the library's `predict` does, on a card that holds so many pictures and no more."""

    def __init__(self, detector: UltralyticsDetector, holds: int, error: Exception) -> None:
        self.model = detector._network.model
        self.predict, self.holds, self.error = self.model.predict, holds, error
        self.passes: list[int] = []
        self.model.predict = self

    def __call__(self, images: list[Image], **options: Any) -> Any:
        self.passes.append(len(images))
        if len(images) > self.holds:
            raise self.error
        return self.predict(images, **options)


def out_of_memory() -> Exception:
    import torch

    error: Exception = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    return error


def put_on_card(detector: UltralyticsDetector) -> UltralyticsDetector:
    """What a graphics card would compute, as far as this program knows."""
    detector._network = replace(detector._network, on_card=True)
    return detector


def test_without_enough_memory_fewer_go_through_at_once_and_it_says_so(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    detector = loaded("figures.pt", data_dir)
    images = [draw(number, 320, 240)[0] for number in range(9)]
    found = detector.detect(images)
    card = LittleMemory(detector, 3, out_of_memory())
    assert detector.detect(images) == found
    assert card.passes == [8, 4, 2, 2, 2, 2, 1]
    assert detector.facts.note == "Not enough memory for 4 pictures at once, so it takes 2."
    assert detector.facts.note in caplog.text
    card.passes.clear()
    detector.detect(images)
    assert card.passes == [2, 2, 2, 2, 1]


def test_a_picture_that_does_not_fit_alone_pauses_the_stage(data_dir: Path) -> None:
    detector = loaded("figures.pt", data_dir)
    LittleMemory(detector, 0, out_of_memory())
    with pytest.raises(EngineUnavailable, match="one picture is too much for the memory of this machine") as refusal:
        detector.detect([draw(1, 320, 240)[0]] * 2)
    assert not isinstance(refusal.value, EngineLost)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 123"),
    ],
    ids=["Python", "cuBLAS", "cuDNN", "C++", "onnxruntime"],
)
def test_a_lack_of_memory_is_known_whoever_tells_it(data_dir: Path, error: Exception) -> None:
    detector = put_on_card(loaded("figures.pt", data_dir))
    card = LittleMemory(detector, 2, error)
    detector.detect([draw(number, 320, 240)[0] for number in range(4)])
    assert card.passes == [4, 2, 2]


CARD_FAILS = "CUDA error: unspecified launch failure\nCUDA kernel errors might be…"


def test_a_card_that_fails_costs_the_process_not_the_pictures(data_dir: Path) -> None:
    detector = put_on_card(loaded("figures.pt", data_dir))
    LittleMemory(detector, 0, RuntimeError(CARD_FAILS))
    with pytest.raises(EngineLost, match=r"the graphics card failed \(CUDA error: unspecified launch failure\)"):
        detector.detect([draw(1, 320, 240)[0]])


def test_without_a_card_no_error_is_one_of_a_card(data_dir: Path) -> None:
    """An engine for TensorRT where there is no card says so, and a new process would end the same."""
    detector = loaded("figures.pt", data_dir)
    LittleMemory(detector, 0, RuntimeError("No CUDA GPUs are available"))
    with pytest.raises(WeightsRefused, match=r"figures\.pt cannot run here: No CUDA GPUs are available"):
        detector.warm_up()


def test_on_a_card_the_library_is_asked_for_half_precision(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.engine import predictor

    asked, backend = [], predictor.AutoBackend

    def made(*arguments: Any, **options: Any) -> Any:
        asked.append(options["fp16"])
        return backend(*arguments, **options)

    monkeypatch.setattr(predictor, "AutoBackend", made)
    detector = loaded("figures.pt", data_dir)
    detector._network.model.predictor = None  # as before the first pass
    put_on_card(detector).detect([draw(1, 320, 240)[0]])
    assert asked == [False, True]


@pytest.mark.parametrize(("has_card", "at_once"), [(True, 5), (False, 1)])
def test_it_is_warmed_up_with_what_a_camera_sends_and_on_a_card_with_a_full_batch(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, has_card: bool, at_once: int
) -> None:
    detector = loaded("figures.pt", data_dir, DETECT_BATCH=5)
    model = detector._network.model
    shapes: list[tuple[int, ...]] = []

    def predict(images: list[Image], **options: Any) -> Any:
        shapes.extend(image.shape for image in images)
        return real(images, **options)

    real, model.predict = model.predict, predict
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_card)
    detector.warm_up()
    assert shapes == [(1080, 1920, 3)] * at_once


def test_an_error_of_a_picture_is_no_error_of_the_engine(data_dir: Path) -> None:
    detector = loaded("figures.pt", data_dir)
    LittleMemory(detector, 0, ValueError("odd picture"))
    with pytest.raises(ValueError, match="odd picture"):
        detector.detect([draw(1, 320, 240)[0]])


class TestItCannotRun:
    def test_without_weights(self, data_dir: Path) -> None:
        refusal = why_not(config_for("rtdetr-l.pt", data_dir))
        assert refusal.startswith(f"rtdetr-l.pt is not in {data_dir / 'models'}; manage.py fetch_models brings")
        assert why_not(config_for("/nowhere/x.pt", data_dir)) == "/nowhere/x.pt is not there"

    def test_with_a_name_that_leads_out_of_the_folder(self, data_dir: Path) -> None:
        (data_dir / "models").mkdir(parents=True)
        (data_dir / "x.pt").touch()
        (data_dir / "models" / "link.pt").symlink_to(data_dir / "x.pt")
        for name in ("../x.pt", "link.pt"):
            assert "leads out of" in why_not(config_for(name, data_dir))

    def test_without_its_libraries(self, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("inference.detectors.ultralytics.find_spec", lambda name: None)
        assert why_not(config_for("x.pt", data_dir)) == (
            "torch and torchvision and ultralytics are not installed; run: make models"
        )

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("x.engine", "x.engine needs tensorrt, which is not installed"),
            ("x_openvino_model", "x_openvino_model needs openvino, which is not installed"),
            ("x.tflite", "x.tflite is none of .pt, .onnx, .engine, or a folder whose name ends in _openvino_model"),
            ("x", "x is none of .pt"),
        ],
    )
    def test_with_a_format_that_nobody_reads_here(self, data_dir: Path, name: str, told: str) -> None:
        path = data_dir / "models" / name
        path.parent.mkdir(parents=True)
        if path.suffix:
            path.touch()
        else:
            path.mkdir()
        assert told in why_not(config_for(name, data_dir))

    @pytest.mark.parametrize(
        ("suffix", "content"), [("pt", b"no pickle"), ("pt", b""), ("onnx", b"nothing of the kind")]
    )
    def test_with_a_broken_file_which_is_not_recorded(self, data_dir: Path, suffix: str, content: bytes) -> None:
        path = data_dir / "models" / f"broken.{suffix}"
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        with pytest.raises(EngineUnavailable, match=f"broken.{suffix} (cannot be loaded|does not tell its classes)"):
            load(config_for(path.name, data_dir))
        shutil.copy(checkpoints() / f"figures.{suffix}", path)
        assert load(config_for(path.name, data_dir)).facts.model == path.name

    def test_with_a_pickle_that_holds_anything_but_a_model(self, data_dir: Path) -> None:
        import torch

        path, trace = data_dir / "models" / "evil.pt", data_dir / "it ran"
        path.parent.mkdir(parents=True)
        torch.save({"model": Writes(trace)}, path)
        with pytest.raises(EngineUnavailable, match=r"evil\.pt cannot be loaded"):
            load(config_for(path.name, data_dir))
        assert not trace.exists()

    def test_with_an_export_that_tells_its_classes_in_another_way(self, data_dir: Path) -> None:
        import onnx

        model = onnx.load(checkpoints() / "figures.onnx")
        (names,) = [entry for entry in model.metadata_props if entry.key == "names"]
        names.value = "['person', 'car']"
        path = data_dir / "models" / "strange.onnx"
        path.parent.mkdir(parents=True)
        onnx.save(model, path)
        with pytest.raises(WeightsRefused, match=r"strange\.onnx cannot be loaded"):
            load(config_for(path.name, data_dir))

    @pytest.mark.parametrize(
        "error",
        [
            ImportError("no module named torch"),
            OSError("libcudart.so.13: cannot open shared object file"),
            RuntimeError("operator torchvision::nms does not exist"),
        ],
    )
    def test_with_libraries_that_do_not_go_together(
        self, data_dir: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def fail(_: Path) -> None:
            raise error

        monkeypatch.setattr("inference.detectors.ultralytics.detector.import_ultralytics", fail)
        with pytest.raises(EngineUnavailable, match=f"ultralytics cannot be loaded: {error}; run: make models"):
            loaded("figures.pt", data_dir)

    def test_with_weights_that_detect_nothing(self, data_dir: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"classifier\.pt is no detector: its task is 'classify'"):
            loaded("classifier.pt", data_dir)

    def test_with_weights_that_know_nothing_that_is_looked_for(self, data_dir: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"knows none of what is looked for \(dog\), but person, car"):
            loaded("figures.pt", data_dir, DETECT_CLASSES=("dog",))

    def test_with_other_weights_than_those_that_were_recorded(self, data_dir: Path) -> None:
        path = data_dir / "models" / "mine.pt"
        path.parent.mkdir(parents=True)
        shutil.copy(checkpoints() / "figures.pt", path)
        load(config_for("mine.pt", data_dir))
        shutil.copy(checkpoints() / "rtdetr.pt", path)
        with pytest.raises(EngineUnavailable, match=r"mine.pt is not the file that was first loaded on \d{4}-"):
            load(config_for("mine.pt", data_dir))
        (path.parent / "manifest.json").unlink()
        assert load(config_for("mine.pt", data_dir)).facts.model == "mine.pt"


class Writes:
    """Unpickling it writes a file: what a `.pt` from anywhere could do."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


def test_weights_that_were_refused_are_not_tried_again_until_they_change(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data_dir / "models" / "half.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a copy")
    config = config_for("half.pt", data_dir)
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="cannot be loaded"):
            load(config)
        monkeypatch.setattr("inference.detectors.ultralytics.detector.load_weights", pytest.fail)
    monkeypatch.undo()
    shutil.copy(checkpoints() / "figures.pt", path)
    assert load(config).facts.model == "half.pt"


def test_what_a_full_card_refused_is_tried_again(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: UltralyticsDetector) -> None:
        raise EngineUnavailable("one picture is too much")

    config = config_for(checkpoints() / "figures.pt", data_dir)
    with monkeypatch.context() as patch:
        patch.setattr(UltralyticsDetector, "warm_up", full)
        with pytest.raises(EngineUnavailable, match="one picture"):
            load(config)
    assert load(config).facts.model == "figures.pt"


def test_a_gpu_that_is_asked_for_and_not_there_is_told(data_dir: Path) -> None:
    detector = loaded("figures.pt", data_dir, DETECT_GPU="1")
    assert detector.facts.note == "DETECT_GPU=1, but no such GPU can be used here, so the CPU does it."
