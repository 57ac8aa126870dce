"""What the benchmarks share: a database of their own, pictures with somebody in them, and a look at the processes."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count, cycle, islice
from pathlib import Path
from typing import TypeVar

import django
import psutil
from django.core.management import call_command
from django.db import connections

from cameras.demo.scenes import DRIVEWAY, FRONT_DOOR, encode_jpeg
from security_site import embedded
from security_site.config import Config, load_config
from tests.stack import Stack

T = TypeVar("T")
KINDS = (
    ("supervisor", "security_site.supervisor|manage.py up"),
    ("web", "uvicorn"),
    ("detect worker", "-Q detect"),
    ("default worker", "-Q default"),
    ("deliver worker", "-Q deliver"),
    ("watcher", "manage.py watch"),
    ("beat", "security_site.beat"),
    ("postgres", "postgres"),
    ("redis", "redis-server|valkey-server"),
)
SCENES = 12
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@contextmanager
def database(folder: Path) -> Iterator[None]:
    """Django in this process, on a database and a broker of its own, its tables made."""
    given = dict.fromkeys(Config.model_fields, "")
    os.environ |= given | {
        "DATA_DIR": str(folder / "data"),
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "security_site.settings",
    }
    with embedded.running(load_config()):
        django.setup()
        call_command("migrate", verbosity=0)
        yield
        connections.close_all()


def draw_pictures(number: int) -> list[bytes]:
    """JPEGs of 1280×720 with one person each: a dozen scenes, made distinct by bytes after their end."""
    scenes = [_scene(seed) for seed in range(1, SCENES + 1)]
    return [scene + b"%d" % unique for scene, unique in zip(islice(cycle(scenes), number), count())]


def _scene(seed: int) -> bytes:
    place = FRONT_DOOR if seed % 2 else DRIVEWAY
    return encode_jpeg(place.picture(NOON, [place.person(500 + 37 * seed, 0.6, seed)], seed=seed))


def drop(content: bytes, path: Path) -> None:
    """As a good FTP server does: written under a hidden name on the same disk, and renamed when complete."""
    arriving = path.with_name(f".{path.name}.part")
    arriving.write_bytes(content)
    arriving.rename(path)


def previews(stack: Stack) -> int:
    """How many pictures have left the pipeline; counted by their previews, which costs the program nothing."""
    return sum(1 for _ in (stack.data_dir / "previews").rglob("*.jpg"))


def of_each_process(stack: Stack, look: Callable[[psutil.Process], T]) -> list[tuple[str, T]]:
    """What `look` finds at every process of the program, each with its kind."""
    up, found = psutil.Process(stack.up.pid), []
    for process in (up, *up.children(recursive=True)):
        with suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):  # PostgreSQL's own come and go
            command = " ".join(process.cmdline())
            kind = next((kind for kind, pattern in KINDS if re.search(pattern, command)), "other")
            found.append((kind, look(process)))
    return found


def cpu_s(stack: Stack) -> dict[str, float]:
    """Processor time spent so far, all threads together, by kind of process."""
    spent: dict[str, float] = defaultdict(float)
    for kind, times in of_each_process(stack, psutil.Process.cpu_times):
        spent[kind] += times.user + times.system
    return spent
