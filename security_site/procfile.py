"""The Procfile: which processes make up the running program, one `name: command` a line, no shell."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from security_site.config import BASE_DIR
from security_site.programs import Program
from security_site.runtime import StartError

LINE = re.compile(r"(?P<name>[a-z][a-z0-9_-]*):\s*(?P<command>\S.*)")


@dataclass(frozen=True)
class Task:
    """One line of the Procfile: a process of our own, which nobody else can have started."""

    name: str
    program: Program
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10

    def prepare(self) -> Program:
        return self.program

    def running_pid(self) -> int | None:
        return None

    def is_ready(self) -> bool:
        return True


def task(name: str, command: list[str], env: Mapping[str, str]) -> Task:
    return Task(name, Program(tuple(command), env, cwd=BASE_DIR))


def read_procfile(path: Path, env: Mapping[str, str]) -> list[Task]:
    """The tasks of a Procfile in its order, `$NAME` in them taken from `env`. Raises StartError."""
    tasks: list[Task] = []
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise StartError(f"{path} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None or match["name"] in {task.name for task in tasks}:
            raise StartError(f"{path}, line {number}: expected `name: command`, each name once; found {line!r}")
        try:
            command = [Template(word).substitute(env) for word in shlex.split(match["command"])]
        except (KeyError, ValueError) as error:
            raise StartError(f"{path}, line {number}: {error} cannot be filled in; found {line!r}") from error
        tasks.append(task(match["name"], command, env))
    return tasks
