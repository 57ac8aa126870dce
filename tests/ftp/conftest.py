"""The FTP server in two forms: as part of the whole running program, and alone with limits of a test's choosing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django.fixtures import Settings

from cameras.adding import add_camera
from cameras.ftp import desk
from cameras.ftp.server import Server
from telemetry import heartbeat
from tests.ftp.clients import CameraClient, answers, make_cameras
from tests.stack import Stack, eventually, free_ftp_ports, running_stack, short_folder

CAMERAS = 70


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with short_folder() as folder, running_stack(folder, INCOMPLETE_SECONDS="2") as shared:
        yield shared


@pytest.fixture(scope="session")
def spare_cameras(stack: Stack) -> list[CameraClient]:
    """Made together, since a command takes its time; the server listens from then on."""
    cameras = make_cameras(stack, [f"Camera {number:02}" for number in range(CAMERAS)])
    eventually(lambda: answers(stack.ftp_port))
    return cameras


@pytest.fixture
def camera(spare_cameras: list[CameraClient]) -> CameraClient:
    """One that no other test uses."""
    return spare_cameras.pop()


@pytest.fixture
def another(spare_cameras: list[CameraClient]) -> CameraClient:
    return spare_cameras.pop()


NewServer = Callable[..., CameraClient]


@pytest.fixture
def alone(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewServer]:
    """Start a server in a thread of the test, with a camera that may send to it."""
    monkeypatch.setattr(desk, "LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL_S", 0.2)
    first, claim = free_ftp_ports()
    settings.CONFIG = django_settings.CONFIG.model_copy(update={"FTP_HOST": "127.0.0.1", "FTP_PORT": first})
    with claim, ExitStack() as running:

        def start(*, listens: bool = True, **limits: int) -> CameraClient:
            _, account = add_camera("Front Door", ftp=True)
            assert account is not None and account.password is not None
            running.enter_context(_serving(Server(**limits)))
            if listens:
                eventually(lambda: answers(first))
            return CameraClient("front_door", first, account.user, account.password)

        yield start


@contextmanager
def _serving(server: Server) -> Iterator[None]:
    def run() -> None:
        try:
            server.run()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(timeout=15)
        assert not thread.is_alive()
