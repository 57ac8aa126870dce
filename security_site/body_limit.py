"""Refuses large request bodies before any of them is stored: Django writes a body to disk before a view sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIHandler

from cameras.media import MAX_BYTES

MULTIPART_OVERHEAD_BYTES = 1024 * 1024
# What a login form or a note needs, many times over.
MOST_FROM_STRANGERS_BYTES = 1024 * 1024
TEXT = b"The request is too large, or does not say how large it is."

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BodyLimit:
    """Wraps the application: 413 for more than a file of the largest size, or from nobody known for more than 1 MB.

    A session or key is only looked for, not checked: whoever has none is refused early, the others by the views.
    """

    def __init__(self, application: ASGIHandler) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _announced_bytes(scope) > _most_bytes(scope):
            await send(
                {
                    "type": "http.response.start",
                    "status": 413,
                    "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")],
                }
            )
            await send({"type": "http.response.body", "body": TEXT, "more_body": False})
            return
        await self.application(scope, receive, send)


def _announced_bytes(scope: Scope) -> float:
    """Length of the body as announced; without end where it comes in chunks of an untold number."""
    headers = dict(scope["headers"])
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return float("inf")
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def _most_bytes(scope: Scope) -> int:
    return MAX_BYTES + MULTIPART_OVERHEAD_BYTES if _claims_to_be_known(scope) else MOST_FROM_STRANGERS_BYTES


def _claims_to_be_known(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    if b"x-api-key" in headers:
        return True
    try:
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return False
    return settings.SESSION_COOKIE_NAME in cookies
