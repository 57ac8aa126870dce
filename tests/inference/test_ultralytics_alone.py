"""In a process of its own, as in the detect worker: what the library touches besides the weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from security_site.config import BASE_DIR
from tests.inference.checkpoints import checkpoints

PROGRAM = """
import json, sys

asked, written, started = [], [], []

def note(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        asked.append(f"{event} {arguments[1:] if event.startswith('socket.con') else arguments}")
        raise OSError("there is no network")
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        started.append(str(arguments[0]))
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        written.append(str(arguments[0]))
    if event == "os.mkdir":
        written.append(str(arguments[0]))

sys.addaudithook(note)
import numpy as np
from security_site.config import load_config
from inference.registry import load_detector
detector = load_detector(load_config())
found = detector.detect([np.zeros((360, 640, 3), np.uint8)] * 3)
print(json.dumps({"asked": asked, "written": written, "started": started, "found": len(found)}))
"""


@pytest.mark.parametrize("weights", ["figures.pt", "figures.onnx", "rtdetr.pt"])
def test_it_reaches_for_no_network_starts_nothing_and_writes_into_our_folder_only(
    weights: str, data_dir: Path, tmp_path: Path
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    settings = {
        "DATA_DIR": str(data_dir),
        "DETECTOR": "ultralytics",
        "DETECTOR_WEIGHTS": str(checkpoints() / weights),
        "ENV_FILE": os.devnull,
        "HOME": str(home),
        "PYTHONPATH": str(BASE_DIR),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=here, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)  # and it prints nothing else
    assert told["found"] == 3
    assert told["asked"] == []
    assert [program for program in told["started"] if not program.endswith("ldconfig")] == []  # asked for libraries
    elsewhere = [path for path in told["written"] if not path.startswith((str(data_dir), "/dev/", "/proc/"))]
    assert elsewhere == []
    assert list(home.iterdir()) == [] and list(here.iterdir()) == []
