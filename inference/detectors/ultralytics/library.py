"""Importing ultralytics so that it does nothing but compute: no network, no installing, nothing outside our folders."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import cast

SILENCED = {
    "YOLO_OFFLINE": "true",  # neither weights, nor fonts, nor news of versions, nor usage statistics
    "YOLO_AUTOINSTALL": "false",
    "ULTRALYTICS_SKIP_REQUIREMENTS_CHECKS": "true",  # a missing package is an error here, nothing to be installed
    "ULTRALYTICS_SAFE_LOAD": "true",  # of a pickle, only the classes that a model is made of are made
    "YOLO_VERBOSE": "false",
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime, which runs exports, would report to its makers
}
FOLDERS = (
    "YOLO_CONFIG_DIR",
    "MPLCONFIGDIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "CUDA_CACHE_PATH",  # these two would go into the home folder
    "PYTORCH_KERNEL_CACHE_PATH",
)


def import_ultralytics(folder: Path) -> ModuleType:
    """The library, which keeps its own settings in `folder`. Raises ImportError."""
    os.environ.update(SILENCED)
    for name in FOLDERS:
        os.environ[name] = str(folder)
    os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))  # the library would say 1
    import ultralytics
    from ultralytics.nn import tasks
    from ultralytics.utils import downloads

    # It reads the environment once: whoever imported it before us decided for everybody.
    tasks.SAFE_LOAD = True

    # Whatever it is to load lies there: it need not look elsewhere, nor take quotes out of the path.
    downloads.attempt_download_asset = str
    return cast("ModuleType", ultralytics)


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
