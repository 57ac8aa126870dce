"""Where the running parts of one installation meet: its run folder, the locks in it, sockets with short paths."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

UP_LOCK = "up.lock"  # held by `manage.py up`, and tells where it answers

LONGEST_SOCKET_PATH = 100


class StartError(Exception):
    """Something this program needs cannot be started here; the message says what, why and what to do."""


def run_folder(data_dir: Path) -> Path:
    """The folder of sockets, locks and process records, made on first use; nobody else may look into it."""
    folder = data_dir / "run"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        make_private(folder)
    except OSError as error:
        raise StartError(
            f"DATA_DIR={data_dir} cannot be used: {error.strerror} ({error.filename}).\n"
            "Give it to the user this program runs as, or choose another folder: DATA_DIR=…"
        ) from error
    return folder


def make_private(folder: Path, owner: tuple[int, int] | None = None) -> None:
    """Make `folder` with mode 0700 for `owner` (uid, gid; default: ourselves), or check that it is just that."""
    uid, gid = owner or (os.geteuid(), os.getegid())
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    except FileExistsError:
        facts = folder.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in {uid, 0}:
            raise StartError(
                f"{folder} belongs to somebody else; remove it, or run as the user it belongs to."
            ) from None
        if facts.st_uid != uid:
            os.chown(folder, uid, gid)
        folder.chmod(0o700)


def socket_folder(folder: Path, socket_name: str) -> Path:
    """Where the socket of `folder` lies: in it, or where its path would be too long, in a short one of its own."""
    if len(os.fsencode(folder / socket_name)) <= LONGEST_SOCKET_PATH:
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp", f"hsi-{digest}")  # noqa: S108  (private and checked by make_private; the same after a reboot)


def share_lock(file: IO[str]) -> None:
    """Hold a lock that others may hold at the same time; closing the file, or the end of the process, frees it."""
    fcntl.flock(file, fcntl.LOCK_SH)


def try_lock(file: IO[str]) -> bool:
    """Hold a lock alone, if nobody else holds it in any way."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def one_at_a_time(folder: Path, name: str) -> Iterator[None]:
    """Wait for the lock `name` in `folder` and hold it."""
    with (folder / name).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def port_of_running(data_dir: Path) -> int | None:
    """The port of the program that runs on this DATA_DIR; None where none does."""
    path = run_folder(data_dir) / UP_LOCK
    if not path.exists():
        return None
    with path.open("r+") as lock:
        if try_lock(lock):
            return None
        port = json.loads(lock.read() or "{}").get("port")
        return port if isinstance(port, int) else None


def setup_token_path(data_dir: Path) -> Path:
    """Where the token of the setup link lies while there is no owner."""
    return data_dir / "setup_token"


def setup_path(data_dir: Path) -> str | None:
    """The path of the page that makes the owner's account, while there is a token for it."""
    try:
        return f"/setup/{setup_token_path(data_dir).read_text()}/"
    except FileNotFoundError:
        return None
