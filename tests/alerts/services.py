"""Services that notices go to, on real sockets of this machine: a webhook and a mail server, as well or badly as asked.

    with webhook(ANSWERS, refuses(403)) as hook:
        ... send by hook.url ...
    hook.notices[0]["title"]

Each request takes the next deed of the script; the last one is done again and again.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SECRET = "hush-7f3a"


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.hook.take(self, body)
        self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


Deed: TypeAlias = Callable[[_Handler], None]


def takes(handler: _Handler) -> None:
    handler.answer(200, b"thank you")


def answers(status: int, body: str = "", **headers: str) -> Deed:
    return lambda handler: handler.answer(status, body.encode(), **headers)


def hangs(handler: _Handler) -> None:
    handler.server.hook.ends.wait(60)


def drips(handler: _Handler) -> None:
    """A byte now and then, so that no single read takes long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with suppress(OSError):
        while not handler.server.hook.ends.wait(0.05):
            handler.wfile.write(b".")
            handler.wfile.flush()


def closes(handler: _Handler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def waits(seconds: float) -> Deed:
    def wait(handler: _Handler) -> None:
        handler.server.hook.ends.wait(seconds)
        takes(handler)

    return wait


@dataclass
class Taken:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> dict[str, Any]:
        notice: dict[str, Any] = json.loads(self.body)
        return notice


@dataclass
class Hook:
    script: list[Deed]
    port: int = 0
    requests: list[Taken] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, handler: _Handler, body: bytes) -> None:
        with self._lock:
            self.requests.append(Taken(handler.path, dict(handler.headers), body, time.time()))
            deed = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        deed(handler)
        with self._lock:
            self.at_once -= 1

    @property
    def url(self) -> str:
        return f"json://{SECRET}:pass-9b@127.0.0.1:{self.port}/path-{SECRET}/?+X-Token=token-{SECRET}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def notices(self) -> list[dict[str, Any]]:
        return [request.json for request in self.requests]


def picture_in(notice: dict[str, Any]) -> bytes:
    (attachment,) = notice["attachments"]
    return base64.b64decode(attachment["base64"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hook: Hook


@contextmanager
def webhook(*script: Deed, port: int = 0, certificate: Path | None = None) -> Iterator[Hook]:
    """On a free port; on `port` where a service comes back. With a certificate, by TLS."""
    hook = Hook(list(script) or [takes])
    server = _Server(("127.0.0.1", port), _Handler)
    server.hook, hook.port = hook, server.server_port
    if certificate:
        encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        encrypted.load_cert_chain(certificate)
        server.socket = encrypted.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()


def own_certificate(folder: Path) -> Path:
    """For 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1)).sign(key, SHA256())
    file = folder / "certificate.pem"
    form = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    file.write_bytes(key.private_bytes(*form) + made.public_bytes(Encoding.PEM))
    return file


@dataclass
class Mailbox:
    """What a mail server took; `refusal` is what it says to whoever is written to, where it does not."""

    refusal: str = ""
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    @property
    def url(self) -> str:
        login = f"user={SECRET}@example.org&to=mia@example.org&from=attic@example.org"
        return f"mailto://127.0.0.1:{self.port}/?mode=insecure&smtp=127.0.0.1&{login}"

    async def handle_RCPT(  # noqa: N802  (as aiosmtpd asks for it)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refusal:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        return "250 taken"


@contextmanager
def mail_server(refusal: str = "") -> Iterator[Mailbox]:
    box = Mailbox(refusal)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        box.port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
