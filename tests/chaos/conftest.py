"""Folders for stacks of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import short_folder


@pytest.fixture
def home() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder
