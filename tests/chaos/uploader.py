"""One of the cameras sends by FTP: what broke off it sends again under the same name, until the server has answered.

Now and then it breaks off itself, in the middle of a file or before it has heard that all of it has arrived.
"""

from __future__ import annotations

import ftplib
import queue
import time
from collections import Counter
from enum import Enum
from io import BytesIO
from random import Random

from tests.chaos.footage import FTP_CAMERA, Manner, PlannedFile
from tests.ftp.clients import CameraClient, break_off, hang_up, store
from tests.stack import Stack

CONNECTIONS = 3
BLOCKS = 5
BLOCK_EVERY_S = 0.3
AGAIN_AFTER_S = (0.0, 1.5)
DEAF_FOR_S = 0.4
ANSWERED_WITHIN_S = 150
"""Longer than the server and everything below it may be away."""


class Trouble(Enum):
    """What goes wrong on the camera's own side, the first time it sends a file."""

    NONE = "nothing"
    BREAKS_OFF = "it is gone in the middle"
    GOES = "it is gone as soon as it has sent all"
    DEAF = "it sends all, and is gone without having heard the answer"


TROUBLES = {Trouble.NONE: 55, Trouble.BREAKS_OFF: 15, Trouble.GOES: 15, Trouble.DEAF: 15}


class Uploader:
    """A camera with several connections; `deliver` is for as many threads.

    `unanswered` has how often each file was begun without the camera hearing that it arrived: each time may have left
    something.
    """

    def __init__(self, client: CameraClient) -> None:
        self.client = client
        self.unanswered: Counter[str] = Counter()
        self._connections: queue.SimpleQueue[ftplib.FTP | None] = queue.SimpleQueue()
        for _ in range(CONNECTIONS):
            self._connections.put(None)

    def deliver(self, file: PlannedFile) -> None:
        """Returns once the server has said that it has the file."""
        connection = self._connections.get()
        try:
            connection = self._deliver(connection, file)
        finally:
            self._connections.put(connection)

    def _deliver(self, connection: ftplib.FTP | None, file: PlannedFile) -> ftplib.FTP:
        """Gives the connection over which the file has arrived."""
        dice = Random(file.path)
        trouble = dice.choices(list(TROUBLES), list(TROUBLES.values()))[0]
        resumes = False
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while True:
            try:
                connection = connection or self.client.connect()
                self._send(connection, file, trouble, resumes=resumes)
                if trouble is Trouble.NONE:
                    return connection
            except ftplib.error_perm:
                if not resumes:
                    raise
            except ftplib.all_errors:
                assert time.monotonic() < deadline, f"{file.path} could not be sent within {ANSWERED_WITHIN_S} s"
            if connection is not None:
                connection.close()
            connection, trouble = None, Trouble.NONE
            resumes = dice.random() < 0.5
            time.sleep(dice.uniform(*AGAIN_AFTER_S))

    def hang_up(self) -> None:
        for _ in range(CONNECTIONS):
            connection = self._connections.get()
            if connection is not None:
                hang_up(connection)

    def _send(self, connection: ftplib.FTP, file: PlannedFile, trouble: Trouble, *, resumes: bool) -> None:
        name = arriving_name(file)
        there = _arrived(connection, name) if resumes else 0
        start = there if there <= len(file.content) else 0
        self.unanswered[file.path] += 1
        match trouble:
            case Trouble.BREAKS_OFF:
                break_off(connection, name, file.content[: len(file.content) // 2])
            case Trouble.GOES:
                break_off(connection, name, file.content)
            case Trouble.DEAF:
                _send_without_listening(connection, name, file.content)
            case Trouble.NONE:
                _send_in_order(connection, file, start)
                self.unanswered[file.path] -= 1


def sign_up(stack: Stack) -> CameraClient:
    """The camera with its account, as the running program makes them."""
    made = stack.api.post("cameras/", json={"name": FTP_CAMERA, "ftp": True})
    assert made.status_code == 201 and made.json()["id"] == FTP_CAMERA, made.text
    told = made.json()["ftp"]
    return CameraClient(FTP_CAMERA, told["port"], told["user"], told["password"], told["host"])


def arriving_name(file: PlannedFile) -> str:
    """Under which it is sent; some cameras rename a file once it has arrived."""
    return f"{file.name}.tmp" if file.manner is Manner.RENAMED else file.name


def _arrived(connection: ftplib.FTP, name: str) -> int:
    """How far the file came, by the server's word; 0 where it knows nothing of it."""
    connection.voidcmd("TYPE I")
    try:
        return connection.size(name) or 0
    except ftplib.error_perm:
        return 0


def _send_in_order(connection: ftplib.FTP, file: PlannedFile, start: int) -> None:
    name, content = arriving_name(file), file.content[start:]
    if file.manner is Manner.AT_ONCE:
        store(connection, name, content, rest=start or None)
    else:
        block = len(content) // BLOCKS + 1
        connection.storbinary(
            f"STOR {name}", BytesIO(content), block, lambda _: time.sleep(BLOCK_EVERY_S), start or None
        )
    if name != file.name:
        connection.rename(name, file.name)


def _send_without_listening(connection: ftplib.FTP, name: str, content: bytes) -> None:
    with connection.transfercmd(f"STOR {name}") as data:
        data.sendall(content)
    time.sleep(DEAF_FOR_S)
