"""Cookies of pages that came by HTTPS stay on HTTPS (middleware).

Django's settings know one answer for all requests, but the same site is open by plain HTTP in the home and by HTTPS
behind a proxy.
"""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from security_site.hosts import AsyncHandler, Handler


@sync_and_async_middleware
def secure_over_https(get_response: Handler | AsyncHandler) -> Handler | AsyncHandler:
    """Marks every cookie of a secure answer as `Secure`."""
    if iscoroutinefunction(get_response):
        answer_async = cast("AsyncHandler", get_response)

        async def answer_and_mark_async(request: HttpRequest) -> HttpResponse:
            return _marked(request, await answer_async(request))

        return answer_and_mark_async
    answer = cast("Handler", get_response)

    def answer_and_mark(request: HttpRequest) -> HttpResponse:
        return _marked(request, answer(request))

    return answer_and_mark


def _marked(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if request.is_secure():
        for cookie in response.cookies.values():
            cookie["secure"] = True
    return response
