from __future__ import annotations

import pytest
from django.test import Client

from cameras.models import Camera
from tests.cameras.conftest import open_root as open_root
from tests.factories import CameraFactory
from tests.system.programs import signed_in, start_everybody


@pytest.fixture
def front(db: None) -> Camera:
    return CameraFactory.create(id="front_door", name="Front door")


@pytest.fixture
def page(db: None) -> Client:
    """A browser the owner is signed in with."""
    return signed_in()


@pytest.fixture
def running(db: None) -> None:
    """Every process that is needed lives."""
    start_everybody()
