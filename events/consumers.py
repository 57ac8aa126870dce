"""The live socket: tells a signed-in person's open page that something changed, for cameras they may see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from importlib import import_module
from typing import Any, TypedDict

from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError

from accounts.models import User
from telemetry.broadcast import LIVE_GROUP, SESSION_ENDED

TRUSTED_FOR_S = 3
CHECKED_EVERY_S = 60
SIGNED_OUT = 4401
TRY_AGAIN = 1013


class Hint(TypedDict):
    """What `telemetry.broadcast` sends to the group."""

    type: str
    kind: str
    data: dict[str, Any]


class LiveConsumer(AsyncWebsocketConsumer):
    """One open page. Whoever signs out, is deactivated or changes the password is cut off."""

    user: User | None = None
    user_read_at = 0.0
    minute_check: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        if await self._current_user() is None:
            await self.close()
            return
        await self.channel_layer.group_add(LIVE_GROUP, self.channel_name)
        await self.accept()
        self.minute_check = asyncio.create_task(self._check_each_minute())

    async def disconnect(self, code: int) -> None:
        if self.minute_check is not None:
            self.minute_check.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.minute_check
        await self.channel_layer.group_discard(LIVE_GROUP, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say here; what they send is dropped."""

    async def live_hint(self, message: Hint) -> None:
        """A hint from the group: passed on if it concerns nobody's camera, or one this person may see."""
        if message["kind"] == SESSION_ENDED:
            self.user = None  # believed no longer, it may be this one
        user = await self._current_user()
        if user is None:
            await self.close(SIGNED_OUT)
            return
        if message["kind"] == SESSION_ENDED:
            return
        camera_id = message["data"].get("camera_id")
        if camera_id is None or user.may_see(camera_id):
            await self.send(json.dumps({"type": message["kind"], "data": message["data"]}))

    async def _check_each_minute(self) -> None:
        try:
            while await self._current_user() is not None:  # noqa: ASYNC110  (nobody tells when a session ends)
                await asyncio.sleep(CHECKED_EVERY_S)
        except DatabaseError:
            await self.close(TRY_AGAIN)
        else:
            await self.close(SIGNED_OUT)

    async def _current_user(self) -> User | None:
        """The person as the database has them now, believed for a few seconds."""
        if time.monotonic() - self.user_read_at > TRUSTED_FOR_S or self.user is None:
            self.user = await self._read_user()
            self.user_read_at = time.monotonic()
        return self.user

    async def _read_user(self) -> User | None:
        key = self.scope["session"].session_key
        # A store of its own: the one in the scope keeps what it read when the socket opened.
        session = import_module(settings.SESSION_ENGINE).SessionStore(key)
        user = await get_user({**self.scope, "session": session})
        return user if isinstance(user, User) and user.is_active else None
