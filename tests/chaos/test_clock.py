"""The wall clock of the whole machine set an hour ahead and back again, as after a wrong battery or a late NTP.

libfaketime gives every process of one stack, PostgreSQL and Redis included, a wall clock that a file moves; the
monotonic clock runs on, as it does for real.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from cameras.demo.scenes import FRONT_DOOR
from security_site.embedded import Server
from security_site.postgres_server import PostgresServer
from security_site.programs import end, spawn
from security_site.redis_server import RedisServer
from tests.chaos.footage import picture_of_somebody
from tests.stack import Stack, eventually

pytestmark = pytest.mark.stack
HOUR_S = 3600
OPEN_BATCHES = "SELECT count(*) FROM batches WHERE state = 'open'"


class Clock:
    """A wall clock of its own for every process that is started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self.offset_s = 0
        self._file = folder / "clock"
        package = importlib.util.find_spec("libfaketime")
        assert package and package.origin
        library = Path(package.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
        shutil.copy(library, folder)  # to where the unprivileged server can read it
        self.environment = {
            "LD_PRELOAD": str(folder / library.name),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",  # else each process goes by the old clock for up to a second
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # the times of files stay when a clock is set
        }
        self.set_to(0)

    def set_to(self, offset_s: int) -> None:
        """Move the clock, for everybody at once."""
        self.offset_s = offset_s
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+d}")
        new.rename(self._file)

    def now(self) -> float:
        return time.time() + self.offset_s


@contextmanager
def running(server: Server, environment: Mapping[str, str]) -> Iterator[None]:
    """A private server with more in its environment than it gives itself."""
    program = server.prepare()
    with open(os.devnull, "wb") as nowhere:
        process = spawn(replace(program, env={**program.env, **environment}), nowhere)
    try:
        eventually(server.is_ready)
        yield
    finally:
        end(process.pid, server.stop_signal, server.stop_within_s)
        process.wait()


def drop_now(stack: Stack, clock: Clock, number: int) -> None:
    """A picture that was taken at this very moment of the moved clock."""
    folder = stack.camera("yard")
    folder.mkdir(parents=True, exist_ok=True)
    arriving = folder / f"{number}.part"
    arriving.write_bytes(picture_of_somebody(FRONT_DOOR, 0) + bytes([number]))
    os.utime(arriving, (clock.now(), clock.now()))
    arriving.rename(folder / f"{number}.jpg")


def all_in_events(stack: Stack, count: int) -> bool:
    captures = stack.captures("yard")
    return len(captures) == count and all(capture["event_id"] for capture in captures)


def test_files_around_a_clock_that_jumps_an_hour_ahead_and_back_all_end_in_events(home: Path) -> None:
    clock = Clock(home)
    postgres, redis = PostgresServer(home / "servers"), RedisServer(home / "servers")
    stack = Stack(
        home / "data",
        DATABASE_URL=postgres.url,
        REDIS_URL=redis.url,
        BATCH_IDLE_SECONDS="5",
        **clock.environment,
    )
    with ExitStack() as servers:
        for server in (postgres, redis):
            servers.enter_context(running(server, clock.environment))
        stack.start()
        servers.callback(stack.stop)
        stack.make_key()
        for number, next_offset_s in ((1, HOUR_S), (2, 0), (3, 0)):
            drop_now(stack, clock, 10 * number)
            eventually(lambda: all_in_events(stack, 2 * number - 1), within_s=60)  # noqa: B023  (called at once)
            drop_now(stack, clock, 10 * number + 1)  # under way while the clock moves
            clock.set_to(next_offset_s)
        eventually(lambda: all_in_events(stack, 6), within_s=60)
        with psycopg.connect(postgres.url) as database:
            eventually(lambda: database.execute(OPEN_BATCHES).fetchone() == (0,))
        assert {capture["state"] for capture in stack.captures("yard")} == {"detected"}
        # What was taken before and after is one visit, what was taken in the hour that was none is another. The one
        # under way while the clock went back says a time yet to come where it is looked at late: its arrival counts.
        assert sorted(len(event["detection_ids"]) for event in stack.events("yard")) in ([1, 5], [2, 4])
        assert {event["state"] for event in stack.events("yard")} == {"closed"}
        eventually(stack.is_ready)
        for jump in (f"+{HOUR_S}", f"-{HOUR_S}"):
            assert f"beat is started anew: the clock was set by {jump} s" in stack.log.read_text()
