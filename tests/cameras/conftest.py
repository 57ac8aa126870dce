"""Files as another user of the machine meets them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

NOBODY = 65534


@pytest.fixture
def open_root(settings: Settings) -> Iterator[Path]:
    """A camera root that every user of the machine can reach."""
    home = Path(tempfile.mkdtemp(prefix="hsi-test-"))
    home.chmod(0o755)
    settings.CAMERA_ROOT = home
    yield home
    shutil.rmtree(home)


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may read everything: be somebody else for a while. The database must know us from before."""
    connection.ensure_connection()
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
