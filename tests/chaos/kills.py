"""What the fault harness kills, and how. A new kind of process is one line in `VICTIMS`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import psutil
from redis import Redis
from redis.exceptions import RedisError

from security_site.redis_server import RedisServer
from tests.chaos.seen import a_visit_is_looked_at
from tests.stack import Stack, eventually

THERE_WITHIN_S = 90
"""A process that keeps being killed is started again after half a minute at most."""
UPLOAD_WITHIN_S = 2
ANALYSIS_WITHIN_S = 5


@dataclass(frozen=True)
class Victim:
    """One kind of accident; `strike` does it, as soon as there is something to strike, and says what it hit."""

    name: str
    strike: Callable[[Stack, Random], str]


def killed(pattern: str, number: signal.Signals = signal.SIGKILL) -> Callable[[Stack, Random], str]:
    """Ends one process below `up` whose command line matches, whichever of several."""

    def strike(stack: Stack, dice: Random) -> str:
        return _end(lambda: stack.processes(pattern), number, dice)

    return strike


def worker_killed(queue: str, *, child: bool) -> Callable[[Stack, Random], str]:
    """Ends a worker with children: its parent, or one of the children, which do the work."""

    def find(stack: Stack) -> list[psutil.Process]:
        family = stack.processes(f"-Q {queue}")
        pids = {process.pid for process in family}
        return [process for process in family if (process.ppid() in pids) is child]

    return lambda stack, dice: _end(lambda: find(stack), signal.SIGKILL, dice)


def _redis_flushed(stack: Stack, _: Random) -> str:
    def flush() -> str:
        with Redis.from_url(RedisServer(stack.data_dir).url) as client:
            client.flushall()
        return "every message and channel gone"

    return eventually(lambda: _unless_away(flush), within_s=THERE_WITHIN_S)


def _up_killed(stack: Stack, _: Random) -> str:
    """Everything goes with it; whoever runs the machine starts it again."""
    pid = stack.up.pid
    stack.up.kill()
    stack.up.wait()
    stack.start()
    return f"pid {pid}; started again"


def _ftp_killed(stack: Stack, dice: Random) -> str:
    """While something is being sent, if that comes soon: then there is more to lose."""
    deadline = time.monotonic() + UPLOAD_WITHIN_S
    while not (arriving := list((stack.data_dir / "cameras").rglob(".*.part"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    what = killed(r"manage\.py ftp")(stack, dice)
    return f"{what}, {len(arriving)} uploads not finished"


def _analyzer_killed(*, child: bool) -> Callable[[Stack, Random], str]:
    """While the model thinks about a visit, if it does so soon."""

    def strike(stack: Stack, dice: Random) -> str:
        deadline = time.monotonic() + ANALYSIS_WITHIN_S
        while not (thinks := a_visit_is_looked_at(stack)) and time.monotonic() < deadline:
            time.sleep(0.05)
        what = worker_killed("analyze", child=child)(stack, dice)
        return f"{what}, {'in the middle of a visit' if thinks else 'idle'}"

    return strike


VICTIMS = (
    Victim("detect worker's child", worker_killed("detect", child=True)),
    Victim("detect worker", worker_killed("detect", child=False)),
    Victim("analyze worker's child", _analyzer_killed(child=True)),
    Victim("analyze worker", _analyzer_killed(child=False)),
    Victim("default worker", killed(r"-Q default")),
    Victim("deliver worker", killed(r"-Q deliver")),
    Victim("beat", killed(r"celery\b.* beat\b")),
    Victim("watcher", killed(r"manage\.py watch")),
    Victim("ftp", _ftp_killed),
    Victim("web", killed(r"uvicorn")),
    Victim("Redis", killed(r"(redis|valkey)-server")),
    Victim("Redis flushed", _redis_flushed),
    Victim("database connection ended", killed(r"^postgres: postgres hsi ", signal.SIGTERM)),
    Victim("database connection killed", killed(r"^postgres: postgres hsi ")),
    Victim("PostgreSQL", killed(r"/postgres -D ")),
    Victim("up", _up_killed),
)


def _end(find: Callable[[], list[psutil.Process]], number: signal.Signals, dice: Random) -> str:
    def strike_one() -> str:
        found = find()
        if not found:
            return ""
        process = dice.choice(found)
        process.send_signal(number)
        return f"pid {process.pid}"

    return eventually(lambda: _unless_away(strike_one), within_s=THERE_WITHIN_S)


def _unless_away(strike: Callable[[], str]) -> str:
    """Empty where the victim is just not there: the strike before may have taken it along."""
    try:
        return strike()
    except (psutil.Error, RedisError):
        return ""
