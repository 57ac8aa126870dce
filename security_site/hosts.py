"""Which host names this site answers to: the home's own, so that no page of the Internet can speak to it.

A name of the Internet can be made to point at a private address (DNS rebinding), and the browser would take
that page for one of ours. Addresses cannot be made to lie like that. Used for requests (first middleware)
and for the Origin of sockets.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host
from django.utils.decorators import sync_and_async_middleware

from security_site.addresses import is_private

Handler = Callable[[HttpRequest], HttpResponse]
AsyncHandler = Callable[[HttpRequest], Awaitable[HttpResponse]]

# Nobody can register a name under these.
LOCAL_SUFFIXES = ("", ".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain")


def host_allowed(host: str) -> bool:
    """Whether `host` (a port may follow) is a private address, this machine's name, or listed in ALLOWED_HOSTS."""
    domain, _ = split_domain_port(host)
    named = [name for name in settings.ALLOWED_HOSTS if name != "*"]
    return is_private(domain.strip("[]")) or domain in _own_names() or validate_host(domain, named)


def is_own_origin(origin: str, host: str) -> bool:
    """Whether a page of `origin` ("http://host:port") that asks `host` is one of ours, and may open a socket."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower() and host_allowed(host)


@sync_and_async_middleware
def private_hosts_only(get_response: Handler | AsyncHandler) -> Handler | AsyncHandler:
    """Refuses requests under any other name, before anything else looks at them."""
    if iscoroutinefunction(get_response):
        answer_async = cast("AsyncHandler", get_response)

        async def answer_or_refuse_async(request: HttpRequest) -> HttpResponse:
            host = request.get_host()
            return await answer_async(request) if host_allowed(host) else _refusal(host)

        return answer_or_refuse_async
    answer = cast("Handler", get_response)

    def answer_or_refuse(request: HttpRequest) -> HttpResponse:
        host = request.get_host()
        return answer(request) if host_allowed(host) else _refusal(host)

    return answer_or_refuse


def _own_names() -> set[str]:
    full = socket.gethostname().lower()
    short = full.partition(".")[0]
    return {"localhost", full, *(short + suffix for suffix in LOCAL_SUFFIXES)}


def _refusal(host: str) -> HttpResponse:
    name, _ = split_domain_port(host)
    return HttpResponse(
        f"This site is not open under the name {name}. If it should be, set ALLOWED_HOSTS={name} and start it anew.\n",
        status=400,
        content_type="text/plain; charset=utf-8",
    )
