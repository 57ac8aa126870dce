"""Large bodies are refused before they are stored, and those of nobody known sooner."""

from __future__ import annotations

from typing import Any, cast

import pytest
from django.core.handlers.asgi import ASGIHandler

from security_site.body_limit import BodyLimit

MB = 1024 * 1024


async def status_of(*headers: tuple[bytes, bytes]) -> int:
    sent: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing of the body is read")

    limited = BodyLimit(cast("ASGIHandler", application))
    await limited({"type": "http", "headers": list(headers)}, receive, send)
    return int(sent[0]["status"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 200),
        ([(b"content-length", str(MB).encode())], 200),
        ([(b"content-length", str(MB + 1).encode())], 413),
        ([(b"transfer-encoding", b"chunked")], 413),
        ([(b"content-length", str(500 * MB).encode()), (b"x-api-key", b"k")], 200),
        ([(b"content-length", str(500 * MB).encode()), (b"cookie", b"a=b; hsi_session=xyz")], 200),
        ([(b"content-length", str(3000 * MB).encode()), (b"x-api-key", b"k")], 413),
        ([(b"transfer-encoding", b"chunked"), (b"x-api-key", b"k")], 413),
    ],
)
async def test_what_is_announced_decides(headers: list[tuple[bytes, bytes]], status: int) -> None:
    assert await status_of(*headers) == status
