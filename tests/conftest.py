"""Fixtures of the whole suite: real PostgreSQL and Redis, started by the run itself where none are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    """A DATA_DIR of the test's own, with its camera root."""
    settings.DATA_DIR = tmp_path / "data"
    settings.CAMERA_ROOT = settings.DATA_DIR / "cameras"
    settings.CAMERA_ROOT.mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings) -> None:
    """A good password hash takes a third of a second, on purpose; no test needs that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
