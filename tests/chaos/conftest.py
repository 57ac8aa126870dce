"""Folders for stacks of these tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def short_folder() -> Iterator[Path]:
    """One whose sockets have short paths, and that an unprivileged server can reach."""
    folder = Path(tempfile.mkdtemp(prefix="hsi-chaos-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder
