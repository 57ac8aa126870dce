from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from cameras.models import Camera
from tests.cameras.conftest import open_root as open_root
from tests.factories import CameraFactory
from tests.files import drop
from tests.system.programs import signed_in, start_everybody


@pytest.fixture
def front(db: None) -> Camera:
    return CameraFactory.create(id="front_door", name="Front door")


@pytest.fixture
def reporting(db: None, data_dir: Path) -> Camera:
    """A camera that still reports: its folder is not empty."""
    camera = CameraFactory.create(id="front")
    drop(data_dir / "cameras" / "front", "notes.txt", b"the camera's own")
    return camera


@pytest.fixture
def page(db: None) -> Client:
    """A browser the owner is signed in with."""
    return signed_in()


@pytest.fixture
def running(db: None) -> None:
    """Every process that is needed lives."""
    start_everybody()
