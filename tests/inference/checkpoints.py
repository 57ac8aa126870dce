"""Weights that the tests made themselves, kept below build/ from one run to the next."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from inference.model_files import locked
from security_site.config import BASE_DIR

KEPT = BASE_DIR / "build" / "checkpoints"
MAKERS = ("make_checkpoints.py", "figures.py")
LIBRARIES = ("torch", "ultralytics-opencv-headless", "onnx")


@lru_cache(maxsize=1)
def checkpoints() -> Path:
    """The folder of all of them, made once for these libraries and by whichever test comes first: a minute and a half.

    figures.pt .onnx, figures-dynamic.onnx: the small YOLO that knows the figures; rtdetr.pt .onnx: random weights;
    classifier.pt: no detector.
    """
    folder = KEPT / _key()
    with locked(KEPT / ".lock"):
        if not folder.exists():
            for old in KEPT.glob("*/"):
                shutil.rmtree(old)  # of other versions, 200 MB each
            part = folder.with_suffix(".part")
            made = subprocess.run(
                [sys.executable, "-m", "tests.inference.make_checkpoints", str(part)],
                cwd=BASE_DIR,
                capture_output=True,
                text=True,
                check=False,
            )
            assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
            part.rename(folder)
    return folder


def _key() -> str:
    makers = b"".join((Path(__file__).parent / name).read_bytes() for name in MAKERS)
    versions = " ".join(f"{name}={version(name)}" for name in LIBRARIES)
    return hashlib.sha256(makers + versions.encode()).hexdigest()[:16]
