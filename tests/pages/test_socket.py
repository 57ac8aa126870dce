"""The live socket, on the real application: who may open it, what passes, and when it is cut."""

# mypy: allow-untyped-calls
# asgiref's ApplicationCommunicator carries no types.

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from django.conf import settings
from django.test import AsyncClient

from accounts.models import Session, User
from cameras.models import Camera
from events.consumers import SIGNED_OUT, LiveConsumer
from security_site.sockets import socket_application
from telemetry.broadcast import LIVE_GROUP, SESSION_ENDED
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_connections")]
OWN_ORIGIN = "http://127.0.0.1:8000"


class Socket(ApplicationCommunicator):
    """A browser's end of a socket. Channels has one too, but importing it needs Daphne and Twisted."""

    async def connect(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return bool((await self.receive_output())["type"] == "websocket.accept")

    async def hear(self) -> Any:
        """The next message, decoded."""
        message = await self.receive_output()
        assert message["type"] == "websocket.send", message
        return json.loads(message["text"])

    async def say(self, **message: str | bytes) -> None:
        await self.send_input({"type": "websocket.receive", **message})

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()


Open = Callable[..., Awaitable[Socket]]


async def cookie_of(user: User) -> str:
    client = AsyncClient()
    await client.aforce_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens sockets and closes them afterwards."""
    sockets: list[Socket] = []

    async def opener(user: User | None = None, origin: str | None = OWN_ORIGIN) -> Socket:
        headers = [(b"host", b"127.0.0.1:8000")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        if user is not None:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={await cookie_of(user)}".encode()))
        scope = {"type": "websocket", "path": "/ws/events", "query_string": b"", "headers": headers, "subprotocols": []}
        socket = Socket(socket_application, scope)
        sockets.append(socket)
        return socket

    yield opener
    for socket in sockets:
        await socket.disconnect()


async def tell(kind: str, **data: Any) -> None:
    """What `broadcast` sends once its transaction has committed."""
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(LIVE_GROUP, {"type": "live.hint", "kind": kind, "data": data})


async def test_a_hint_passes(opened: Open, owner: User, front: Camera) -> None:
    socket = await opened(owner)
    assert await socket.connect()
    await tell("event", id=7, camera_id="front_door", risk_score=44)
    assert await socket.hear() == {
        "type": "event",
        "data": {"id": 7, "camera_id": "front_door", "risk_score": 44},
    }


async def test_a_viewer_is_told_of_their_cameras_only(opened: Open, stranger: User) -> None:
    socket = await opened(stranger)
    await socket.connect()
    await tell("event", id=1, camera_id="front_door")
    await tell("event", id=2, camera_id="back_garden")
    await tell("stage", stage="detect", paused=True)
    assert (await socket.hear())["data"]["id"] == 2
    assert (await socket.hear())["type"] == "stage"
    assert await socket.receive_nothing()


async def test_a_camera_taken_from_a_viewer_falls_silent(
    opened: Open, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.consumers.TRUSTED_FOR_S", 0)
    socket = await opened(stranger)
    await socket.connect()
    await User.objects.filter(pk=stranger.pk).aupdate(camera_ids=[])
    await tell("event", id=1, camera_id="back_garden")
    assert await socket.receive_nothing()


async def test_nobody_connects_without_logging_in(opened: Open) -> None:
    socket = await opened(None)
    assert not await socket.connect()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://evil.example:8000", "null", "file://"])
async def test_another_sites_page_cannot_connect(opened: Open, owner: User, origin: str) -> None:
    socket = await opened(owner, origin=origin)
    assert not await socket.connect()


async def test_a_program_that_is_no_browser_can(opened: Open, owner: User) -> None:
    socket = await opened(owner, origin=None)
    assert await socket.connect()


async def end_session(user: User) -> None:
    await Session.objects.all().adelete()


async def deactivate(user: User) -> None:
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)


async def change_password(user: User) -> None:
    user.set_password("another one entirely")
    await user.asave(update_fields=["password"])


@pytest.mark.parametrize("end", [end_session, deactivate, change_password])
async def test_whoever_is_signed_out_hears_nothing_more(
    opened: Open, owner: User, monkeypatch: pytest.MonkeyPatch, end: Callable[[User], Awaitable[None]]
) -> None:
    monkeypatch.setattr("events.consumers.TRUSTED_FOR_S", 0)
    socket = await opened(owner)
    await socket.connect()
    await end(owner)
    await tell("event", id=1, camera_id="front_door")
    assert await socket.receive_output() == {"type": "websocket.close", "code": SIGNED_OUT}


async def test_a_session_that_is_ended_closes_its_socket_at_once_and_others_hear_nothing_of_it(
    opened: Open, owner: User, stranger: User
) -> None:
    ended, other = await opened(owner), await opened(stranger)
    for socket in (ended, other):
        await socket.connect()
    await owner.sessions.all().adelete()
    await tell(SESSION_ENDED)
    assert await ended.receive_output() == {"type": "websocket.close", "code": SIGNED_OUT}
    assert await other.receive_nothing()


async def test_a_silent_socket_is_checked_too(opened: Open, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.consumers.CHECKED_EVERY_S", 0.05)
    monkeypatch.setattr("events.consumers.TRUSTED_FOR_S", 0)
    socket = await opened(owner)
    await socket.connect()
    await end_session(owner)
    assert await socket.receive_output() == {"type": "websocket.close", "code": SIGNED_OUT}


async def test_the_user_is_read_once_for_many_hints(opened: Open, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    read = LiveConsumer._read_user

    async def counted(self: LiveConsumer) -> User | None:
        nonlocal reads
        reads += 1
        return await read(self)

    monkeypatch.setattr(LiveConsumer, "_read_user", counted)
    socket = await opened(owner)
    await socket.connect()
    for number in range(20):
        await tell("event", id=number, camera_id="front_door")
    received = [(await socket.hear())["data"]["id"] for _ in range(20)]
    assert received == list(range(20))
    assert reads == 1


async def test_what_a_page_sends_is_dropped(opened: Open, owner: User) -> None:
    socket = await opened(owner)
    await socket.connect()
    await socket.say(text="{not json")
    await socket.say(bytes=b"\x00")
    await tell("stage", stage="detect")
    assert (await socket.hear())["type"] == "stage"


async def test_two_people_are_told_at_once(opened: Open, owner: User) -> None:
    other = await sync_to_async(UserFactory.create)()
    sockets = [await opened(owner), await opened(other)]
    for socket in sockets:
        await socket.connect()
    await tell("stage", stage="detect")
    assert [hint["type"] for hint in await asyncio.gather(*(s.hear() for s in sockets))] == ["stage"] * 2
