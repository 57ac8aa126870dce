"""Door for sockets: who may connect, and what answers where."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from django.urls import path

from events.consumers import LiveConsumer
from security_site.hosts import is_own_origin


class OwnPagesOnly:
    """Lets only our own pages connect: a browser sends the session's cookie whatever page asks for the socket.

    Of the same address, port included: to a browser another program on this machine, or a hacked device of the home,
    is close enough to be sent our cookie.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        # Without an Origin it is no browser, and nobody's cookie is being borrowed.
        if origin is None or is_own_origin(origin, headers.get(b"host", "")):
            await self.application(scope, receive, send)
        else:
            await send({"type": "websocket.close"})


# Channels routes with Django's own path(), which its stubs do not know.
routes: list[Any] = [path("ws/events", LiveConsumer.as_asgi())]  # type: ignore[arg-type]
socket_application = OwnPagesOnly(AuthMiddlewareStack(URLRouter(routes)))
