"""A program in the state a test wants: processes that live, files that wait or failed. And what its page says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Role
from cameras.models import Camera, Capture
from system.workers import NEEDED_QUEUES
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat
from tests.factories import CaptureFactory, UserFactory

DIED = "The detector died or stalled while it looked at this file alone."


def start_everybody() -> None:
    """A heartbeat of each process that is needed."""
    told: dict[str, dict[str, object]] = {
        "detect": {"engine": "builtin", "why": "the only one"},
        "watcher": {"watching": "/data/cameras", "how": "told by the kernel", "waiting": 0},
    }
    for queue in NEEDED_QUEUES:
        beat(f"{queue}@home:1", queue, told.get(queue, {}))


def silence(queue: str, age: timedelta = timedelta(minutes=3)) -> None:
    """Whoever works on the queue was last heard of so long ago."""
    Heartbeat.objects.filter(queue=queue).update(at=timezone.now() - age)


def ago(**span: float) -> Any:
    return timezone.now() - timedelta(**span)


def make_failed(camera: Camera, error: str = DIED, **fields: Any) -> Capture:
    return CaptureFactory.create(camera=camera, state="failed", error=error, attempts=3, placed_at=None, **fields)


def make_queued(camera: Camera, **fields: Any) -> Capture:
    nothing_yet = {"detecting_at": None, "processed_at": None, "placed_at": None, "nothing_found": "", "detector": ""}
    return CaptureFactory.create(camera=camera, state="queued", **nothing_yet | fields)


def signed_in(role: Role = Role.OWNER, **fields: object) -> Client:
    client = Client()
    client.force_login(UserFactory.create(role=role, **fields))
    return client


def words(client: Client, address: str = "/system/") -> str:
    """What the page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", client.get(address).content.decode()).split())


def first_line(client: Client) -> str:
    found = re.search(r"<h1>(.*?)</h1>", client.get("/system/").content.decode(), re.DOTALL)
    assert found
    return found[1].replace("\N{NO-BREAK SPACE}", " ").strip()
