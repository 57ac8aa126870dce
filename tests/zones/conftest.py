from __future__ import annotations

import pytest

from cameras.models import Camera
from tests.events.rows import make_camera


@pytest.fixture
def camera(db: None) -> Camera:
    return make_camera()
