"""What is missing, full, deadly or late: the real stack meets it, pauses or goes on, and nothing is lost.

One stack for all of these tests, since a stack is dear to start: each has cameras of its own and leaves nothing
behind that is out of order. What a test cannot have happen for real is done by doubles at the edge of the machine:
see `doubles/`.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psycopg
import pytest
from redis import Redis

from cameras.demo.scenes import FRONT_DOOR, encode_jpeg
from security_site.config import BASE_DIR
from security_site.postgres_server import PostgresServer
from security_site.redis_server import RedisServer
from tests.chaos.doubles import detector as double
from tests.chaos.footage import BEGIN, SMALL
from tests.chaos.seen import database
from tests.files import drop
from tests.stack import Stack, eventually, short_folder

pytestmark = pytest.mark.stack
SWEEPS_OF_TEN_MINUTES = 120
WAKE = "from telemetry.wake import wake; [wake('detections.detect_queued') for _ in range({})]"
DISK_BYTES = 1024 * 1024


def picture(seed: int, mark: tuple[int, int, int] | None = None) -> bytes:
    """Somebody, with or without a mark that means something to the doubles."""
    somebody = FRONT_DOOR.picture(BEGIN, [FRONT_DOOR.person(640, 0.6, seed)], seed=seed)
    small = cv2.resize(somebody, SMALL, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return encode_jpeg(double.marked(small, mark) if mark else small)


class Faults:
    """The stack, and the switches of what is wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.switches = folder / "faults"
        self.switches.mkdir()
        self.stack = Stack(
            folder / "data",
            PYTHONPATH=os.pathsep.join([str(Path(double.__file__).parent), str(BASE_DIR)]),
            **{double.FOLDER_VARIABLE: str(self.switches)},
        )

    @contextmanager
    def on(self, switch: str) -> Iterator[None]:
        (self.switches / switch).touch()
        try:
            yield
        finally:
            (self.switches / switch).unlink()

    def pause_of(self, stage: str) -> str:
        """Why a stage waits, as everybody who may read is told; empty while it does not."""
        told = self.stack.api.get(f"{self.stack.url}/readyz").json()
        return next((pause["reason"] for pause in told.get("pauses", []) if pause["stage"] == stage), "")

    def sweep(self, times: int) -> None:
        """Have the detect worker try again so often, as sweeps do, and wait until it has."""
        self.stack.command("shell", "--no-imports", "-c", WAKE.format(times))
        with Redis.from_url(RedisServer(self.stack.data_dir).url) as client:
            eventually(lambda: client.llen("hsi:detect") == 0)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with database(self.stack) as connection:
            return connection.execute(query, values).fetchall()

    def attempts(self, camera: str) -> list[tuple[str, int]]:
        return self.rows("SELECT state, attempts FROM captures WHERE camera_id = %s ORDER BY file_path", camera)

    def all_in_events(self, camera: str, count: int) -> bool:
        captures = self.stack.captures(camera)
        return len(captures) == count and all(capture["event_id"] for capture in captures)


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with short_folder() as folder:
        faults = Faults(folder)
        attic = faults.stack.camera("attic")
        with mounted(faults.stack.data_dir / "thumbnails"), mounted(attic):
            drop(attic, "a.jpg", picture(1))
            with read_only(attic), running(faults.stack):
                faults.stack.make_owner()
                yield faults


@contextmanager
def running(stack: Stack) -> Iterator[None]:
    """Ended as well where it did not become ready."""
    try:
        stack.start()
        yield
    finally:
        stack.stop()


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A disk of its own, of one megabyte, where this user may mount one; else an ordinary folder."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", str(folder)]
    done = os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0
    try:
        yield
    finally:
        if done:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A disk for root as well, to whom rights mean nothing; a folder for everybody else."""
    if folder.is_mount():
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield
        return
    rights = folder.stat().st_mode
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        yield
    finally:
        folder.chmod(rights)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    filling = disk / "filling"
    try:
        with pytest.raises(OSError, match="No space left"):
            filling.write_bytes(bytes(2 * DISK_BYTES))
        yield
    finally:
        filling.unlink()


@contextmanager
def unplugged(root: Path) -> Iterator[None]:
    elsewhere = root.with_name("unplugged")
    root.rename(elsewhere)
    try:
        yield
    finally:
        shutil.rmtree(root, ignore_errors=True)  # whatever somebody made there meanwhile
        elsewhere.rename(root)


def test_files_of_a_read_only_folder_are_taken_in_and_an_upload_there_says_why_not(faults: Faults) -> None:
    if os.access(faults.stack.camera("attic"), os.W_OK):
        pytest.skip("NO MOUNT: a read-only folder is not tried. Run this as an ordinary user, or where root may mount")
    eventually(lambda: faults.all_in_events("attic", 1))
    assert [path.name for path in faults.stack.camera("attic").iterdir()] == ["a.jpg"]
    answer = faults.stack.api.post("cameras/attic/captures/", files={"file": ("b.jpg", picture(2), "image/jpeg")})
    assert answer.status_code == 507 and "could not be stored" in answer.text


def test_a_full_disk_pauses_the_stage_and_all_goes_on_when_there_is_room(faults: Faults) -> None:
    thumbnails = faults.stack.data_dir / "thumbnails"
    if not thumbnails.is_mount():
        pytest.skip("NO MOUNT: a full disk is not tried. Run this as root")
    with filled(thumbnails):
        for number in range(3):
            drop(faults.stack.camera("shed"), f"{number}.jpg", picture(number))
        assert eventually(lambda: faults.pause_of("detect")) == "the disk refuses: No space left on device"
        faults.sweep(5)
        eventually(lambda: faults.attempts("shed") == [("queued", 0)] * 3)
    eventually(lambda: faults.all_in_events("shed", 3))
    assert not faults.pause_of("detect")
    named = {detection["thumbnail_path"] for detection in faults.stack.all("detections/")}
    assert {str(path.relative_to(faults.stack.data_dir)) for path in thumbnails.rglob("*.*")} == named
    assert all((faults.stack.data_dir / path).stat().st_size > 1000 for path in named)


def test_an_engine_that_is_away_for_ten_minutes_pauses_the_stage_and_fails_nothing(faults: Faults) -> None:
    with faults.on(double.AWAY):
        for number in range(3):
            drop(faults.stack.camera("porch"), f"{number}.jpg", picture(number))
        assert eventually(lambda: faults.pause_of("detect")) == double.AWAY_REASON
        faults.sweep(SWEEPS_OF_TEN_MINUTES)
        eventually(lambda: faults.attempts("porch") == [("queued", 0)] * 3)
    eventually(lambda: faults.all_in_events("porch", 3))
    assert not faults.pause_of("detect") and faults.stack.is_ready()


def test_a_camera_disk_that_is_away_pauses_the_stage_and_fails_nothing(faults: Faults) -> None:
    with ExitStack() as faulty:
        with faults.on(double.AWAY):
            for number in range(3):
                drop(faults.stack.camera("lawn"), f"{number}.jpg", picture(number))
            eventually(lambda: faults.attempts("lawn") == [("queued", 0)] * 3)
            faulty.enter_context(unplugged(faults.stack.data_dir / "cameras"))
        eventually(lambda: "is its disk connected?" in faults.pause_of("detect"))
        faults.sweep(SWEEPS_OF_TEN_MINUTES)
        eventually(lambda: faults.attempts("lawn") == [("queued", 0)] * 3)
    eventually(lambda: faults.all_in_events("lawn", 3))
    assert not faults.pause_of("detect")


def test_a_detector_that_stalls_past_its_lease_and_then_stores_is_not_believed(faults: Faults) -> None:
    with faults.on(double.STALL):
        drop(faults.stack.camera("hall"), "a.jpg", picture(1, double.SLOW))
        eventually((faults.switches / double.STALLING).exists)
        let_the_lease_run_out(faults.stack, "hall")
        eventually(lambda: faults.attempts("hall") == [("queued", 0)])
    eventually(lambda: faults.all_in_events("hall", 1))
    assert "taken over by another worker; this result is discarded" in faults.stack.log.read_text()
    (capture,) = faults.stack.captures("hall")
    detections = faults.stack.all("detections/", camera_id="hall")
    assert len({detection["thumbnail_path"] for detection in detections}) == len(detections) == 1
    assert capture["attempts"] == 0 and len(faults.stack.events("hall")) == 1


def let_the_lease_run_out(stack: Stack, camera: str) -> None:
    """As a minute does."""
    with psycopg.connect(PostgresServer(stack.data_dir).url) as connection:
        ended = "UPDATE captures SET lease_until = now() - interval '1 second' WHERE camera_id = %s"
        connection.execute(ended, [camera])


def test_a_picture_that_ends_the_detector_fails_alone_and_its_neighbours_are_detected(faults: Faults) -> None:
    with faults.on(double.AWAY):
        for number in range(4):
            drop(faults.stack.camera("gate"), f"{number}.jpg", picture(number))
        drop(faults.stack.camera("gate"), "deadly.jpg", picture(5, double.DEADLY))
        eventually(lambda: faults.attempts("gate") == [("queued", 0)] * 5)  # so that it is claimed with them
    captures = faults.stack.settled("gate", 5, within_s=120)
    outcomes = {capture["file_path"]: (capture["state"], capture["error"]) for capture in captures}
    reason = "The detector died or stalled while it looked at this file alone."
    assert outcomes.pop("gate/deadly.jpg") == ("failed", reason)
    assert set(outcomes.values()) == {("detected", "")}
    assert [attempts for _, attempts in faults.attempts("gate")] == [0, 0, 0, 0, 3]
