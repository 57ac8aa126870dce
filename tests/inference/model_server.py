"""A server of model files on this machine, with a certificate of its own, that does what a test asks of it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class ModelServer:
    """Serves `content` at any path, with ranges; the attributes say how it misbehaves."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = '"one"'
        self.status = 200
        self.headers: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        """Paths that are redirected, and where to."""
        self.cut_after: int | None = None
        """The connection ends after so many bytes of an answer; once."""
        self.ignores_ranges = False
        self.pause_s = 0.0
        """Between two pieces of an eighth each."""
        self.claims: int | None = None
        """How long it says that the file is; as long as it is otherwise."""
        self.asked: list[tuple[str, str]] = []
        """Path and Range of every request."""
        self.port = 0

    def url(self, path: str = "/model.pt") -> str:
        return f"https://127.0.0.1:{self.port}{path}"


@contextmanager
def serving(server: ModelServer, certificate: Path) -> Iterator[ModelServer]:
    """The server in a thread; `certificate` is where what is to be trusted gets written."""
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _write_certificate(certificate)
    trusted.load_cert_chain(certificate)
    listening = _Listening(server)
    listening.socket = trusted.wrap_socket(listening.socket, server_side=True)
    server.port = listening.server_address[1]
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Listening

    def do_GET(self) -> None:
        model = self.server.model
        model.asked.append((self.path, self.headers.get("Range", "")))
        if self.path in model.moved:
            self._answer(302, b"", {"Location": model.moved[self.path], **model.headers})
        elif model.status != 200:
            self._answer(model.status, b"", model.headers)
        else:
            self._send_file(model)

    def _send_file(self, model: ModelServer) -> None:
        wanted, first = self.headers.get("Range", ""), 0
        if wanted and not model.ignores_ranges and self.headers.get("If-Range") == model.etag:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        whole = model.claims or len(model.content)
        headers = {"ETag": model.etag, **model.headers}
        if first >= whole:
            self._answer(416, b"", {"Content-Range": f"bytes */{whole}"})
        elif first:
            headers["Content-Range"] = f"bytes {first}-{whole - 1}/{whole}"
            self._answer(206, model.content[first:], headers, length=whole - first)
        else:
            self._answer(200, model.content, headers, length=whole)

    def _answer(self, status: int, body: bytes, headers: dict[str, str], *, length: int = 0) -> None:
        model = self.server.model
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        cut, model.cut_after = (model.cut_after, None) if body else (None, model.cut_after)
        step = max(1, len(body) // 8)
        for start in range(0, len(body[:cut]), step):
            self.wfile.write(body[:cut][start : start + step])
            time.sleep(model.pause_s)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (its name in the library)
        """Not into the tests' output."""


class _Listening(ThreadingHTTPServer):
    def __init__(self, model: ModelServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is what the tests want."""


def _write_certificate(path: Path) -> None:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "models")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
