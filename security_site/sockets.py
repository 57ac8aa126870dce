"""Door for sockets: who may connect, and what answers where."""

from __future__ import annotations

from typing import Any
from urllib.parse import ParseResult

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import OriginValidator
from django.urls import path

from events.consumers import LiveConsumer
from security_site.hosts import origin_allowed


class OwnPagesOnly(OriginValidator):
    """Lets only our own pages connect: a browser sends the session's cookie whatever page asks for the socket."""

    def __init__(self, application: Any) -> None:
        super().__init__(application, allowed_origins=[])

    def valid_origin(self, parsed_origin: ParseResult | None) -> bool:
        # Without an Origin it is no browser, and nobody's cookie is being borrowed.
        return parsed_origin is None or origin_allowed(parsed_origin.geturl())


# Channels routes with Django's own path(), which its stubs do not know.
routes: list[Any] = [path("ws/events", LiveConsumer.as_asgi())]  # type: ignore[arg-type]
socket_application = OwnPagesOnly(AuthMiddlewareStack(URLRouter(routes)))
