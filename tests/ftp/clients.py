"""Cameras as seen from the FTP server: clients that upload, break off, and misbehave."""

from __future__ import annotations

import ftplib
import io
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.stack import Stack

MAKE_CAMERAS = """
from cameras.adding import add_camera
for name in {names!r}:
    camera, account = add_camera(name, ftp=True)
    print("ACCOUNT", camera.pk, account.user, account.password)
"""


@dataclass(frozen=True)
class CameraClient:
    """What somebody typed into one camera."""

    camera_id: str
    port: int
    user: str
    password: str
    host: str = "127.0.0.1"

    def connect(self, *, encrypted: bool = False, passive: bool = True, source: str = "127.0.0.1") -> ftplib.FTP:
        """Signed in."""
        ftp = encrypted_client() if encrypted else ftplib.FTP(encoding="utf-8")  # noqa: S321  (as cameras do)
        ftp.connect(self.host, self.port, timeout=20, source_address=(source, 0))
        ftp.login(self.user, self.password)
        if isinstance(ftp, ftplib.FTP_TLS):
            ftp.prot_p()
        ftp.set_pasv(passive)
        return ftp

    @contextmanager
    def signed_in(self, *, encrypted: bool = False, passive: bool = True) -> Iterator[ftplib.FTP]:
        ftp = self.connect(encrypted=encrypted, passive=passive)
        try:
            yield ftp
        finally:
            hang_up(ftp)

    def send(self, name: str, content: bytes, *, encrypted: bool = False, passive: bool = True) -> str:
        with self.signed_in(encrypted=encrypted, passive=passive) as ftp:
            return store(ftp, name, content)

    @property
    def url(self) -> str:
        return f"ftp://{self.user}:{self.password}@{self.host}:{self.port}/"


def encrypted_client() -> ftplib.FTP_TLS:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as cameras do: nobody signed it
    return ftplib.FTP_TLS(context=context, encoding="utf-8")  # noqa: S321


def store(ftp: ftplib.FTP, name: str, content: bytes, command: str = "STOR", rest: int | None = None) -> str:
    return ftp.storbinary(f"{command} {name}", io.BytesIO(content), rest=rest)


def hang_up(ftp: ftplib.FTP) -> None:
    with suppress(*ftplib.all_errors):
        ftp.quit()
    ftp.close()


def break_off(ftp: ftplib.FTP, name: str, content: bytes) -> None:
    """Send this much of a file, then vanish as a camera that loses its power does."""
    data = ftp.transfercmd(f"STOR {name}")
    data.sendall(content)
    assert ftp.sock is not None
    ftp.sock.close()
    if ftp.file is not None:
        ftp.file.close()
    data.close()


def reset(connection: socket.socket) -> None:
    """Close it so that the other side is told of an error."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def make_cameras(stack: Stack, names: list[str]) -> list[CameraClient]:
    """Cameras with accounts, in one command."""
    lines = stack.command("shell", "-c", MAKE_CAMERAS.format(names=names)).splitlines()
    told = [line.split()[1:] for line in lines if line.startswith("ACCOUNT ")]
    return [CameraClient(camera_id, stack.ftp_port, user, password) for camera_id, user, password in told]


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
