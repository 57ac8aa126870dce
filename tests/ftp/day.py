"""A day of four cameras on the FTP server, as fast as it goes: `python -m tests.ftp.day [--files 10000] [--cameras 4]`.

Pictures and clips, some twice, some broken off, some text, over several connections of each camera. In the end every
file is looked for from outside: it must have become exactly what it should, once.
"""

from __future__ import annotations

import argparse
import hashlib
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

from cameras.ftp.limits import MOST_FILES_A_SECOND
from tests.files import picture_bytes, video_bytes
from tests.ftp.clients import CameraClient, answers, break_off, hang_up, make_cameras, store
from tests.stack import Stack, eventually, running_stack, short_folder

CONNECTIONS = 3
CLIPS = 8
SETTLED_WITHIN_S = 120
TOLD_EVERY_S = 5


class Kind(Enum):
    PICTURE = "picture"
    AGAIN = "the same picture again"
    CLIP = "clip"
    TEXT = "text file"
    BROKEN = "broken off"
    UNHEARD = "sent whole, the answer not waited for"
    SNAP = "always under the same name"


SHARES = {
    Kind.PICTURE: 78,
    Kind.AGAIN: 5,
    Kind.CLIP: 2,
    Kind.TEXT: 3,
    Kind.BROKEN: 3,
    Kind.UNHEARD: 3,
    Kind.SNAP: 6,
}


@dataclass(frozen=True)
class Upload:
    """One file: what is sent, and under which name."""

    camera: CameraClient
    name: str
    kind: Kind
    seed: int

    @property
    def content(self) -> bytes:
        if self.kind is Kind.TEXT:
            return b"test %d" % self.seed
        return _clip(self.seed) if self.kind is Kind.CLIP else picture_bytes(self.seed, size=(160, 120))

    @property
    def sha256(self) -> str:
        content = self.content
        return hashlib.sha256(content[: len(content) // 2] if self.kind is Kind.BROKEN else content).hexdigest()

    @property
    def state(self) -> str:
        """What it must become; nothing where it is no capture."""
        return {Kind.BROKEN: "rejected", Kind.AGAIN: "duplicate", Kind.TEXT: ""}.get(self.kind, "detected")


@dataclass
class Plan:
    cameras: list[CameraClient]
    uploads: list[Upload] = field(default_factory=list)
    again: list[Upload] = field(default_factory=list)
    """Sent once the others have been: else the second may come first."""


@lru_cache(maxsize=CLIPS)
def _clip(seed: int) -> bytes:
    return video_bytes(seed, seconds=1)


def plan_for(cameras: list[CameraClient], *, files: int, seed: int) -> Plan:
    dice = random.Random(seed)
    plan = Plan(cameras)
    kinds = dice.choices(list(SHARES), list(SHARES.values()), k=files)
    kinds[: len(Kind)] = list(Kind)
    clips: Counter[str] = Counter()
    for number, kind in enumerate(kinds):
        camera = cameras[number % len(cameras)]
        folder = f"2025-06-01/{number % 24:02}"
        match kind:
            case Kind.AGAIN:
                first = Upload(camera, f"{folder}/pic {number}.jpg", Kind.PICTURE, number)
                plan.uploads.append(first)
                plan.again.append(Upload(camera, f"{folder}/again {number}.jpg", kind, number))
            case Kind.CLIP if clips[camera.camera_id] < CLIPS:
                clips[camera.camera_id] += 1
                seed_of_clip = clips[camera.camera_id]
                plan.uploads.append(Upload(camera, f"{folder}/clip {number}.mp4", kind, seed_of_clip))
            case Kind.TEXT:
                plan.uploads.append(Upload(camera, f"{folder}/test {number}.txt", kind, number))
            case Kind.SNAP:
                plan.uploads.append(Upload(camera, "snap.jpg", kind, number))
            case Kind.CLIP:
                plan.uploads.append(Upload(camera, f"{folder}/pic {number}.jpg", Kind.PICTURE, number))
            case _:
                plan.uploads.append(Upload(camera, f"{folder}/pic {number}.jpg", kind, number))
    return plan


def upload(plan: Plan, *, tell: Callable[[str], None]) -> None:
    for uploads in (plan.uploads, plan.again):
        waiting: dict[str, queue.SimpleQueue[Upload]] = {one.camera_id: queue.SimpleQueue() for one in plan.cameras}
        for one in uploads:
            waiting[one.camera.camera_id].put(one)
        done: queue.SimpleQueue[Upload | Exception] = queue.SimpleQueue()
        for number, camera in enumerate(plan.cameras * CONNECTIONS):
            arguments = (camera, waiting[camera.camera_id], done, number % 2 == 0, number % 3 == 0)
            threading.Thread(target=_send_all, args=arguments, daemon=True).start()
        for count in range(1, len(uploads) + 1):
            told = done.get(timeout=60)
            if isinstance(told, Exception):
                raise told
            if count % 100 == 0 or count == len(uploads):
                tell(f"{count} of {len(uploads)} sent")


def _send_all(
    camera: CameraClient,
    waiting: queue.SimpleQueue[Upload],
    done: queue.SimpleQueue[Upload | Exception],
    passive: bool,
    encrypted: bool,
) -> None:
    try:
        ftp = camera.connect(passive=passive, encrypted=encrypted)
        while not waiting.empty():
            try:
                one = waiting.get_nowait()
            except queue.Empty:
                break
            if one.kind in (Kind.BROKEN, Kind.UNHEARD):
                content = one.content
                break_off(ftp, one.name, content[: len(content) // 2] if one.kind is Kind.BROKEN else content)
                ftp = camera.connect(passive=passive, encrypted=encrypted)
            else:
                store(ftp, one.name, one.content)
            done.put(one)
        hang_up(ftp)
    except Exception as error:  # noqa: BLE001  (the thread that waits raises it)
        done.put(error)


def come_to_rest(stack: Stack, *, tell: Callable[[str], None]) -> None:
    """Wait until everything that was sent has been looked at, however long that takes, as long as it goes on."""
    waiting, changed_at = -1, time.monotonic()
    while left := _waiting(stack):
        if left != waiting:
            waiting, changed_at = left, time.monotonic()
            tell(f"{left} wait to be looked at")
        assert time.monotonic() - changed_at < SETTLED_WITHIN_S, f"{left} files wait, and nothing goes on"
        time.sleep(TOLD_EVERY_S)


def _waiting(stack: Stack) -> int:
    stages = stack.api.get("system/").raise_for_status().json()["stages"]
    return sum(stage["waiting"] for stage in stages if stage["name"] in ("intake", "detect"))


def problems(stack: Stack, plan: Plan) -> list[str]:
    """What did not become what it should, after all has come to rest."""
    found: list[str] = []
    for camera in plan.cameras:
        own = [one for one in (*plan.uploads, *plan.again) if one.camera is camera]
        expected = Counter((one.sha256, one.state) for one in own if one.state)
        captures = stack.settled(camera.camera_id, expected.total(), within_s=SETTLED_WITHIN_S)
        became = Counter((capture["sha256"], capture["state"]) for capture in captures)
        found += [f"{camera.camera_id}: {times} × {what} missing" for what, times in (expected - became).items()]
        found += [f"{camera.camera_id}: {times} × {what} too many" for what, times in (became - expected).items()]
        for capture in captures:
            if not (stack.data_dir / "cameras" / capture["file_path"]).exists() and capture["file_path"] != "snap.jpg":
                found.append(f"{capture['file_path']} is not there")
        texts = sum(one.kind is Kind.TEXT for one in own)
        on_disk = [path for path in stack.camera(camera.camera_id).rglob("*") if path.is_file()]
        if sum(path.suffix == ".txt" for path in on_disk) != texts:
            found.append(f"{camera.camera_id}: not all of {texts} text files are there")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with short_folder() as folder, running_stack(folder) as stack:
        cameras = make_cameras(stack, [f"Camera {number}" for number in range(options.cameras)])
        eventually(lambda: answers(stack.ftp_port))
        plan = plan_for(cameras, files=options.files, seed=options.seed)
        kinds = Counter(one.kind.value for one in (*plan.uploads, *plan.again))
        print(f"{kinds.total()} files of {len(cameras)} cameras: {dict(kinds)}")
        print(f"each camera may send {MOST_FILES_A_SECOND} files a second in the long run")
        began = time.monotonic()

        def tell(words: str) -> None:
            print(f"{time.monotonic() - began:7.1f} s  {words}", flush=True)

        upload(plan, tell=tell)
        sent = time.monotonic() - began
        come_to_rest(stack, tell=tell)
        wrong = problems(stack, plan)
        print(f"sent in {sent:.1f} s, all looked at after {time.monotonic() - began:.1f} s")
        print("\n".join(wrong) or "every file became exactly what it should")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
