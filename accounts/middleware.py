"""Sessions of requests: Django's middleware, which also notes that they are used and from where."""

from __future__ import annotations

from typing import cast

from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.http import HttpRequest, HttpResponse

from accounts.addresses import client_address
from accounts.models import LONGEST_USER_AGENT
from accounts.session_store import SessionStore


class SessionMiddleware(DjangoSessionMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        user_agent = request.headers.get("user-agent", "")[:LONGEST_USER_AGENT]
        _store_of(request).is_asked_from(client_address(request), user_agent)

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        _store_of(request).note_use()
        return super().process_response(request, response)


def _store_of(request: HttpRequest) -> SessionStore:
    return cast("SessionStore", request.session)
