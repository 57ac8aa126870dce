"""What a killed worker leaves of a picture, and what becomes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from detections.pictures import write_preview
from security_site.config import BASE_DIR

PREVIEW = "previews/2025-03-03/7.jpg"
KILLED_BEFORE_THE_RENAME = f"""
import os, signal, django, numpy
from pathlib import Path
django.setup()
from detections.pictures import write_preview
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_preview(numpy.zeros((90, 160, 3), numpy.uint8), {PREVIEW!r})
"""


def test_a_retry_takes_what_a_killed_worker_left_half_done(data_dir: Path) -> None:
    settings = {"DATA_DIR": str(data_dir), "DJANGO_SETTINGS_MODULE": "security_site.settings"}
    died = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_THE_RENAME], cwd=BASE_DIR, env=os.environ | settings, check=False
    )
    assert died.returncode == -signal.SIGKILL
    assert [path.name for path in (data_dir / PREVIEW).parent.iterdir()] == [".7.jpg.part"]
    write_preview(np.zeros((90, 160, 3), np.uint8), PREVIEW)
    assert [path.name for path in (data_dir / PREVIEW).parent.iterdir()] == ["7.jpg"]
