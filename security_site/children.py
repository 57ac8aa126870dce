"""Keeping one process running: starting or adopting it, noticing its end, trying again ever more patiently."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass

from security_site.console import Console
from security_site.programs import Service, end, in_words, signal_session, spawn
from security_site.runtime import StartError


@dataclass
class Backoff:
    """How long to wait before the next try: doubling, from the start again after it ran steadily for a while."""

    first_s: float = 0.5
    longest_s: float = 30
    steady_after_s: float = 60
    failures: int = 0

    def after_failure(self, ran_s: float) -> float:
        self.failures = 1 if ran_s >= self.steady_after_s else self.failures + 1
        return float(min(self.first_s * 2 ** (self.failures - 1), self.longest_s))


class Child:
    """A service and its present process, if it has one."""

    CRASH_LOOP = 4
    """So many ends in a row are told as a defect, with the last lines it printed."""

    def __init__(self, service: Service, console: Console) -> None:
        self.service = service
        self.name = service.name
        self.console = console
        self.backoff = Backoff()
        self.pid: int | None = None
        self.popen: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.next_try_at = 0.0

    def start(self) -> None:
        """Adopt the process that does this work already, else start one. Raises StartError."""
        self.started_at = time.monotonic()
        self.popen, self.pid = None, self.service.running_pid()
        if self.pid is not None:
            return
        program = self.service.prepare()
        try:
            self.popen = spawn(program, subprocess.PIPE, dies_with_us=self.service.stop_signal)
        except (OSError, subprocess.SubprocessError) as error:
            raise StartError(f"{self.name}: {program.command[0]} cannot be run: {error}") from error
        assert self.popen.stdout
        self.console.attach(self.name, self.popen.stdout, shown=not program.quiet)
        self.pid = self.popen.pid

    def keep_running(self) -> None:
        """Start what is due to be started; plan the next try for what has ended."""
        if self.pid is None:
            if time.monotonic() >= self.next_try_at:
                self._try_again()
        elif self.has_ended():
            self._plan_next_try(in_words(self.collect()))

    def has_ended(self) -> bool:
        """Whether its process is over. One of our own stays a zombie until `collect`, so that its pid stays its."""
        if self.pid is None:
            return True
        if self.popen is None:
            return self.service.running_pid() != self.pid
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return self.popen.returncode is not None or os.waitid(os.P_PID, self.pid, options) is not None

    def collect(self) -> int | None:
        """Clear up after an ended process: end whatever it left behind; its exit status, where we were its parent."""
        popen, pid = self.popen, self.pid
        self.popen = self.pid = None
        if popen is None or pid is None:
            return None
        signal_session(pid, signal.SIGKILL)
        status = popen.wait()
        self.console.relay()
        return status

    def restart(self, why: str) -> None:
        self.console.write(f"{self.name} is started anew: {why}.")
        self.stop()
        self._try_again()

    def stop(self) -> None:
        """End it in its own way, or by force when that takes too long."""
        if self.pid is None:
            return
        if self.popen is None:
            end(self.pid, self.service.stop_signal, self.service.stop_within_s)
        else:
            self.popen.send_signal(self.service.stop_signal)
            deadline = time.monotonic() + self.service.stop_within_s
            while not self.has_ended() and time.monotonic() < deadline:
                self.console.relay(0.05)
        self.collect()

    def _try_again(self) -> None:
        try:
            self.start()
        except (StartError, OSError) as error:
            self._plan_next_try(f"could not be started: {error}")

    def _plan_next_try(self, what_happened: str) -> None:
        now = time.monotonic()
        wait_s = self.backoff.after_failure(ran_s=now - self.started_at)
        self.next_try_at = now + wait_s
        if self.backoff.failures == self.CRASH_LOOP:
            said = [f"    {line}" for line in self.console.last_lines(self.name)] or ["    (nothing)"]
            self.console.write(
                f"{self.name} keeps ending: {self.backoff.failures} times in a row, it {what_happened} the last time. "
                f"It is tried again and again, at longest every {self.backoff.longest_s:g} s; "
                "everything else goes on. Its last lines were:\n" + "\n".join(said)
            )
        elif self.backoff.failures < self.CRASH_LOOP:
            self.console.write(f"{self.name} {what_happened}; started again in {wait_s:g} s.")
