"""The private servers: started where they are needed, shared, found again after anything, stopped by the last user."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from security_site import embedded, postgres_server
from security_site.config import BASE_DIR
from security_site.postgres_server import PostgresServer
from security_site.programs import run_as
from security_site.redis_server import RedisServer
from security_site.runtime import StartError
from tests.site.processes import environment, private_config

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
HOLD = "from security_site import embedded, config\nwith embedded.running(config.load_config()): print('in'); input()"


def ask(home: Path, sql: str) -> object:
    with psycopg.connect(PostgresServer(home).url) as connection:
        row = connection.execute(sql).fetchone()
        assert row
        return row[0]


def pids(home: Path) -> list[int | None]:
    return [PostgresServer(home).running_pid(), RedisServer(home).running_pid()]


def kill_postgres(home: Path) -> None:
    pid = PostgresServer(home).running_pid()
    assert pid
    workers = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs(workers, timeout=10)


def test_both_answer_within_and_are_gone_after(home: Path) -> None:
    with embedded.running(private_config(home)):
        assert ask(home, "SELECT current_database()") == "hsi"
        assert ask(home, "SHOW server_encoding") == "UTF8"
        assert ask(home, "SHOW fsync") == "on"
        assert redis.Redis.from_url(RedisServer(home).url).ping()
        running = pids(home)
        assert all(running)
    assert pids(home) == [None, None]
    assert not any(psutil.pid_exists(pid) for pid in running if pid)


def test_nobody_else_can_reach_them(home: Path) -> None:
    with embedded.running(private_config(home)):
        for folder in (home / "run", home / "postgres"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for pid in pids(home):
            assert pid
            assert psutil.Process(pid).net_connections("inet") == []


def test_what_is_given_is_not_started(home: Path) -> None:
    with embedded.running(private_config(home, database_url="postgresql://db/x", redis_url="redis://cache")):
        assert list(home.iterdir()) == []
    with embedded.running(private_config(home, database_url="postgresql://db/x")):
        assert pids(home)[0] is None
        assert pids(home)[1]


def test_the_last_user_stops_them(home: Path, port: int) -> None:
    with embedded.running(private_config(home)):
        before = pids(home)
        command = [sys.executable, "-c", HOLD]
        other = subprocess.Popen(
            command, cwd=BASE_DIR, env=environment(home, port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert other.stdout
        assert other.stdout.readline() == b"in\n"
    assert pids(home) == before
    other.communicate(b"\n", timeout=30)
    assert pids(home) == [None, None]


def test_a_command_ended_by_sigterm_stops_them(home: Path, port: int) -> None:
    command = [sys.executable, "-c", HOLD]
    other = subprocess.Popen(
        command, cwd=BASE_DIR, env=environment(home, port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout
    other.stdout.readline()
    other.terminate()
    other.communicate(timeout=30)
    assert other.returncode == 128 + signal.SIGTERM
    assert pids(home) == [None, None]


def test_committed_rows_survive_a_killed_server(home: Path) -> None:
    config = private_config(home)
    with embedded.running(config):
        with psycopg.connect(PostgresServer(home).url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS it")
        kill_postgres(home)
        with embedded.running(config):
            assert ask(home, "SELECT it FROM kept") == 42


def test_a_stale_pid_file_that_names_another_program_does_not_stop_a_start(home: Path) -> None:
    config = private_config(home)
    with embedded.running(config):
        account = PostgresServer(home)._account()
        stranger = subprocess.Popen(["sleep", "60"], **run_as(account))
        pid_file = home / "postgres" / "postmaster.pid"
        content = pid_file.read_text()
        kill_postgres(home)
        pid_file.write_text(f"{stranger.pid}\n" + content.partition("\n")[2])
        (home / "postgres" / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
    assert PostgresServer(home).running_pid() is None
    try:
        with embedded.running(config):
            assert ask(home, "SELECT 1") == 1
    finally:
        assert stranger.poll() is None
        stranger.kill()
        stranger.wait()


def test_a_folder_with_a_long_path_gets_short_sockets(home: Path) -> None:
    deep = home / ("long" * 30)
    with embedded.running(private_config(deep)):
        folders = [PostgresServer(deep).socket_folder, RedisServer(deep).socket.parent]
        assert ask(deep, "SELECT 1") == 1
        for folder in folders:
            assert folder.parent == Path("/tmp")  # noqa: S108  (compared)
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for folder in folders:
        for leftover in folder.iterdir():
            leftover.unlink()
        folder.rmdir()


def test_a_start_cut_short_is_begun_anew(home: Path) -> None:
    (home / "postgres.new").mkdir()
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with embedded.running(private_config(home)):
        assert ask(home, "SELECT 1") == 1


def test_a_cluster_of_another_version_is_refused_with_the_way_to_move_it(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(StartError, match=r"made by PostgreSQL 17; this program brings PostgreSQL 18") as refusal:
        PostgresServer(home).prepare()
    assert "pg_dump" in str(refusal.value)


def test_a_database_that_is_elsewhere_and_missing_is_not_replaced_by_an_empty_one(home: Path) -> None:
    (home / "postgres").symlink_to(home / "gone")
    with pytest.raises(StartError, match="gone is missing"):
        PostgresServer(home).prepare()


def test_a_folder_of_something_else_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres" / "diary.txt").write_text("mine")
    with pytest.raises(StartError, match="no database"):
        PostgresServer(home).prepare()


@as_root
def test_as_root_it_runs_as_a_user_without_rights(home: Path) -> None:
    with embedded.running(private_config(home)):
        pid = PostgresServer(home).running_pid()
        assert psutil.Process(pid).username() in {"postgres", "nobody"}


@as_root
def test_what_that_user_cannot_reach_is_kept_in_the_state_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state, unreachable = home / "state", home / "root" / "data"
    monkeypatch.setattr(postgres_server, "STATE_DIR", state)
    unreachable.mkdir(parents=True)
    unreachable.parent.chmod(0o700)
    really_reaches = postgres_server._reaches
    wheel = postgres_server.wheel_binaries() / "postgres"
    monkeypatch.setattr(
        postgres_server, "_reaches", lambda account, path: path != wheel and really_reaches(account, path)
    )
    with embedded.running(private_config(unreachable)):
        pid = PostgresServer(unreachable).running_pid()
        assert ask(unreachable, "SELECT 1") == 1
        assert psutil.Process(pid).exe().startswith(str(state))
    assert (unreachable / "postgres").readlink().is_relative_to(state)
    assert capsys.readouterr().err.count(f"kept in {state}") == 2
    with embedded.running(private_config(unreachable)):
        assert ask(unreachable, "SELECT 1") == 1
    assert "kept in" not in capsys.readouterr().err


@as_root
def test_an_ordinary_user_runs_it_as_themselves(home: Path, port: int) -> None:
    python = next((path for path in (sys.executable, "/usr/bin/python3") if _nobody_can_run(path)), None)
    if python is None:
        pytest.skip("no Python of this version that the user 'nobody' can run")
    os.chown(home, 65534, 65534)
    script = HOLD.replace("print('in'); input()", "import os; print(os.listdir(os.environ['DATA_DIR'] + '/postgres'))")
    packages = os.pathsep.join([str(BASE_DIR), *(path for path in sys.path if "site-packages" in path)])
    ran = subprocess.run(
        [python, "-c", script],
        env={**environment(home, port), "PYTHONPATH": packages, "HOME": str(home)},
        user="nobody",
        group="nogroup",
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "postmaster.pid" in ran.stdout, ran.stderr
    assert (home / "postgres" / "PG_VERSION").stat().st_uid == 65534


def _nobody_can_run(python: str) -> bool:
    version = "import sys; print(sys.version_info[:2])"
    try:
        found = subprocess.run(
            [python, "-c", version], user="nobody", cwd="/", capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return found.stdout.strip() == str(sys.version_info[:2])


def test_a_start_that_fails_says_why(home: Path) -> None:
    with embedded.running(private_config(home)):
        pass
    (home / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(StartError, match="contains errors"), embedded.running(private_config(home)):
        pass
