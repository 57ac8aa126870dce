"""`manage.py up` with real processes: they are kept running, and every one of them is ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from security_site import embedded
from security_site.children import Backoff, Child
from security_site.config import BASE_DIR
from security_site.console import Console
from security_site.orphans import clear_orphans, record_of, write_records
from security_site.postgres_server import PostgresServer
from security_site.procfile import read_procfile, task
from security_site.redis_server import RedisServer
from security_site.runtime import StartError
from security_site.supervisor import ClockWatch, Supervisor
from tests.site.processes import Up, private_config, those_alive, until

StartUp = Callable[..., Up]

SLEEPER = "sleeper: python -c \"print('awake'); import time; time.sleep(1000)\"\n"
CRASHER = "crasher: python -c \"import sys; print('no model here'); sys.exit(3)\"\n"
POLITE = (
    "{name}: python -c \"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print('here'); "
    "signal.sigwait([signal.SIGTERM]); print('{name} says goodbye')\"\n"
)
FAMILY = (
    'parent: python -c "import subprocess, sys, time; '
    "subprocess.Popen([sys.executable, '-c', 'import signal, time; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1234); time.sleep(1000)']); time.sleep(1000)\"\n"
)


def test_a_killed_process_is_started_again(up: StartUp) -> None:
    running = up(SLEEPER)
    running.hears("awake")
    for times in (2, 3):
        os.kill(running.pid_of("awake"), signal.SIGKILL)
        running.hears("awake", times)
    running.hears("sleeper was killed by SIGKILL; started again in 0.5 s.")
    running.hears("sleeper was killed by SIGKILL; started again in 1 s.")


def test_a_process_that_keeps_crashing_is_told_with_its_last_words_while_the_others_go_on(up: StartUp) -> None:
    running = up(SLEEPER + CRASHER)
    running.hears("crasher keeps ending: 4 times in a row, it ended with status 3 the last time.")
    running.hears("    no model here")
    assert running.said("awake", 1)
    assert not running.said("awake", 2)


def test_a_command_that_is_missing_stops_the_start_and_is_named(up: StartUp) -> None:
    running = up("lost: no-such-program\n")
    running.hears("lost: no-such-program cannot be run")
    assert running.popen.wait(20) == 1


def test_killed_servers_are_started_again(up: StartUp, home: Path) -> None:
    running = up(SLEEPER, servers=True)
    running.hears("awake")
    for server in (PostgresServer(home), RedisServer(home)):
        before = server.running_pid()
        assert before
        os.kill(before, signal.SIGKILL)
        until(partial(_is_replaced, server, before))


def _is_replaced(server: embedded.Server, pid: int) -> bool:
    return server.is_ready() and server.running_pid() != pid


def test_a_second_start_on_the_same_folder_is_refused(up: StartUp, port: int) -> None:
    first = up(SLEEPER)
    first.hears("awake")
    second = up(SLEEPER)
    assert second.popen.wait(20) == 1
    second.hears(f"http://127.0.0.1:{port}/ (process {first.popen.pid})")
    assert first.popen.poll() is None


def test_sigterm_ends_every_process(up: StartUp, home: Path) -> None:
    running = up(FAMILY, servers=True)
    running.hears("1234")
    family = running.family()
    assert {"postgres", "redis-server"} <= {process.name() for process in family}
    assert running.ends(signal.SIGTERM) == 0
    until(lambda: not those_alive(family))
    assert PostgresServer(home).running_pid() is None


def test_ctrl_c_ends_them_from_the_last_to_the_first(up: StartUp) -> None:
    names = ["web-like", "worker", "beat-like"]
    running = up("".join(POLITE.format(name=name) for name in names))
    running.hears("here", len(names))
    assert running.ends(signal.SIGINT) == 0
    goodbyes = [line.split("|")[1].split()[0] for line in running.lines if "goodbye" in line]
    assert goodbyes == names[::-1]


def test_children_of_a_killed_supervisor_end_or_are_cleared_by_the_next(up: StartUp, home: Path) -> None:
    stubborn = (
        'stubborn: python -c "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); '
        "print('here'); time.sleep(1000)\"\n"
    )
    killed = up(SLEEPER + stubborn)
    killed.hears("here")
    killed.hears("awake")
    family = killed.family()
    killed.ends(signal.SIGKILL)
    until(lambda: len(those_alive(family)) == 1)  # the one that ignores the kernel's SIGTERM is left
    following = up(SLEEPER)
    following.hears("Ended what a killed start had left behind: stubborn.")
    following.hears("awake")
    assert not those_alive(family)


def test_servers_that_a_command_started_are_adopted(up: StartUp, home: Path) -> None:
    with embedded.running(private_config(home)):
        before = PostgresServer(home).running_pid(), RedisServer(home).running_pid()
        running = up(SLEEPER, servers=True)
        running.hears("awake")
    assert (PostgresServer(home).running_pid(), RedisServer(home).running_pid()) == before
    assert running.ends() == 0
    assert (PostgresServer(home).running_pid(), RedisServer(home).running_pid()) == (None, None)


def test_a_port_in_use_is_refused_at_once(up: StartUp, home: Path, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        running = up("web: sleep 1000\n")
        assert running.popen.wait(20) == 1
    running.hears(f"Port {port} is already in use by")
    running.hears(f"PORT={port + 1} make run")
    assert not (home / "postgres").exists()


def test_nothing_is_started_when_the_release_fails(up: StartUp) -> None:
    running = up(SLEEPER + "release: python -c \"raise SystemExit('cannot migrate')\"\n")
    assert running.popen.wait(30) == 1
    running.hears("`release` ended with status 1, so nothing more was started")
    assert running.said("cannot migrate")
    assert not running.said("awake")


@pytest.mark.parametrize("line", ["no colon", "web: run $NO_SUCH", "web: run 'unclosed", "Web: upper"])
def test_a_wrong_procfile_is_refused_with_the_line(up: StartUp, line: str) -> None:
    running = up(f"# fine\n{line}\n")
    assert running.popen.wait(20) == 1
    running.hears("line 2")


@pytest.mark.parametrize(
    ("chosen", "started"), [({}, False), ({"ANALYST": "llm"}, True), ({"ANALYST": "rules"}, False)]
)
def test_a_worker_for_language_models_is_started_only_where_one_is_chosen(
    home: Path, chosen: dict[str, str], started: bool
) -> None:
    config = private_config(home).model_copy(update=chosen)
    supervisor = Supervisor(config, Console(sys.stderr))
    names = [each.name for each in read_procfile(BASE_DIR / "Procfile", supervisor.env) if supervisor.is_needed(each)]
    assert ("analyze" in names) is started
    assert {"release", "web", "default", "detect", "deliver", "watcher", "ftp", "beat"} == {*names} - {"analyze"}


def test_beat_is_started_anew_when_the_clock_was_set(home: Path) -> None:
    supervisor = Supervisor(private_config(home), Console(sys.stderr))
    children = [Child(task(name, ["sleep", "1000"], dict(os.environ)), supervisor.console) for name in ("web", "beat")]
    for child in children:
        child.start()
    before = [child.pid for child in children]
    supervisor.children = children
    supervisor.clock.ahead -= 3600
    supervisor._tick()
    assert children[0].pid == before[0]
    assert children[1].pid not in {before[1], None}
    supervisor._bring_down()


def test_the_clock_watch_tells_a_jump_from_a_drift() -> None:
    clock = ClockWatch(ahead=1000)
    assert clock.jumped(wall=1010, monotonic=10) == 0
    assert clock.jumped(wall=1022, monotonic=20) == 0
    assert clock.jumped(wall=4632, monotonic=30) == 3600
    assert clock.jumped(wall=4642, monotonic=40) == 0
    assert clock.jumped(wall=1052, monotonic=50) == -3600


def test_the_wait_doubles_to_a_limit_and_starts_afresh_after_a_steady_run() -> None:
    backoff = Backoff(first_s=1, longest_s=5, steady_after_s=60)
    assert [backoff.after_failure(ran_s=0) for _ in range(5)] == [1, 2, 4, 5, 5]
    assert backoff.after_failure(ran_s=61) == 1


def test_a_pid_that_another_program_has_now_is_left_alone(tmp_path: Path) -> None:
    with psutil.Popen(["sleep", "60"]) as stranger:
        record = record_of(stranger.pid)
        assert record
        write_records(tmp_path, {"web": {**record, "started": record["started"] - 100}})
        assert clear_orphans(tmp_path) == []
        assert stranger.is_running()
        write_records(tmp_path, {"web": record})
        assert clear_orphans(tmp_path) == ["web"]


def test_the_records_name_what_runs(up: StartUp, home: Path) -> None:
    running = up(SLEEPER)
    running.hears("awake")
    file = home / "run" / "processes.json"
    assert json.loads(file.read_text())["sleeper"]["pid"] == running.pid_of("awake")
    running.ends()
    assert json.loads(file.read_text()) == {}


def test_a_server_that_cannot_start_is_a_clear_refusal(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(StartError, match="made by PostgreSQL 9"):
        Supervisor(private_config(home), Console(sys.stderr)).run(Path(os.devnull), demo=False)
