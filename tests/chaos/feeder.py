"""Drops the planned files into the camera folders in the background, each the way its camera writes or sends."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.chaos.footage import Manner, PlannedFile
from tests.chaos.uploader import CONNECTIONS, Uploader

BLOCKS = 5
BLOCK_EVERY_S = 0.3
WRITERS = 16


class Feeder:
    """Writers for one camera root, and the camera that sends by FTP.

    `finish` waits for all of them, and raises what went wrong with any.
    """

    def __init__(self, root: Path, uploader: Uploader) -> None:
        self.root = root
        self.uploader = uploader
        self._writers = ThreadPoolExecutor(WRITERS)
        self._senders = ThreadPoolExecutor(CONNECTIONS)
        self._drops: list[Future[None]] = []

    def drop(self, file: PlannedFile, after_s: float = 0) -> None:
        if file.by_ftp:
            self._drops.append(self._senders.submit(self._send_later, file, after_s))
        else:
            self._drops.append(self._writers.submit(self._write_later, file, after_s))

    def finish(self) -> None:
        self._writers.shutdown()
        self._senders.shutdown()
        for drop in self._drops:
            drop.result()
        self.uploader.hang_up()

    def _write_later(self, file: PlannedFile, after_s: float) -> None:
        time.sleep(after_s)
        write_like_a_camera(self.root, file)

    def _send_later(self, file: PlannedFile, after_s: float) -> None:
        time.sleep(after_s)
        self.uploader.deliver(file)


def write_like_a_camera(root: Path, file: PlannedFile) -> None:
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    match file.manner:
        case Manner.AT_ONCE:
            path.write_bytes(file.content)
        case Manner.RENAMED:
            arriving = path.with_name(f"{path.name}.part")
            arriving.write_bytes(file.content)
            arriving.rename(path)
        case Manner.SLOWLY:
            _write_slowly(path, file.content)


def _write_slowly(path: Path, content: bytes) -> None:
    block = len(content) // BLOCKS + 1
    with path.open("wb") as target:
        for start in range(0, len(content), block):
            target.write(content[start : start + block])
            target.flush()
            time.sleep(BLOCK_EVERY_S)
