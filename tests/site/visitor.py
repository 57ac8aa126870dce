"""A browser on another device, as far as the program can tell: cookies, CSRF, Origin, a socket."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http.cookies import SimpleCookie
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.stack import OWNER, PASSWORD

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
OWN_ADDRESS = re.compile(r'This device.*?data-label="Address">\s*(\S+?)\s*<', re.DOTALL)


class Visitor:
    """Connects to `address` and believes to be at `origin`: behind a proxy, or by a name, the two differ."""

    def __init__(
        self,
        address: str,
        origin: str = "",
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.address, self.origin, self.trust = address, origin or address, trust
        self.headers = {"Host": urlsplit(self.origin).netloc, **headers}
        self.cookies = SimpleCookie()

    def get(self, path: str) -> httpx.Response:
        return self._ask("GET", path)

    def send_form(self, path: str, page: str, **fields: str) -> httpx.Response:
        """Send a form of `page`, as a browser does."""
        token = TOKEN.search(self.get(page).text)
        assert token, f"{page} has no form"
        return self._ask("POST", path, data={"csrfmiddlewaretoken": token[1], **fields})

    def log_in(self) -> None:
        answer = self.send_form("/login/", "/login/", username=OWNER, password=PASSWORD)
        assert answer.status_code == 302, answer.text

    def upload(self, picture: Path, camera: str) -> int:
        with picture.open("rb") as file:
            return self._ask("POST", f"/api/v1/cameras/{camera}/captures/", files={"file": file}).status_code

    def own_address(self) -> str:
        """From where the program thinks that this device asks."""
        found = OWN_ADDRESS.search(self.get("/sessions/").text)
        assert found
        return found[1]

    def socket(self, origin: str = "") -> AbstractContextManager[ClientConnection]:
        """`origin` is that of another page, where it is not our own."""
        there, typed = urlsplit(self.address), urlsplit(self.origin)
        assert there.hostname and there.port
        return connect(
            f"{'ws' if self.trust is None else 'wss'}://{typed.netloc}/ws/events",
            sock=socket.create_connection((there.hostname, there.port), timeout=10),
            ssl=self.trust,
            origin=Origin(origin or self.origin),
            additional_headers={"Cookie": self._cookie_header()},
        )

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        headers = {**self.headers, "Cookie": self._cookie_header()}
        if method == "POST":
            token = self.cookies["hsi_csrf"].value
            headers |= {"Origin": self.origin, "Referer": f"{self.origin}/", "X-CSRFToken": token}
        answer = httpx.request(
            method, self.address + path, headers=headers, verify=self.trust or True, timeout=20, **content
        )
        for line in answer.headers.get_list("set-cookie"):
            self.cookies.load(line)
        return answer

    def _cookie_header(self) -> str:
        return "; ".join(f"{cookie.key}={cookie.value}" for cookie in self.cookies.values())
