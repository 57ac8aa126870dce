"""What people see of the running processes: each line they print, with the name of who said it."""

from __future__ import annotations

import os
import selectors
from collections import defaultdict, deque
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
KEPT_LINES = 12
LONGEST_LINE = 16 * 1024


@dataclass
class Source:
    name: str
    pipe: IO[bytes]
    shown: bool
    unfinished: bytes = b""


class Console:
    """Relays the output of many pipes line by line, and remembers the last lines of each name."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self.colour_of: dict[str, int] = {}
        self.width = 8
        self.kept: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))
        self.pipes = selectors.DefaultSelector()

    def attach(self, name: str, pipe: IO[bytes], *, shown: bool = True) -> None:
        """Relay from now on what comes out of `pipe`; what `name` said before is forgotten."""
        os.set_blocking(pipe.fileno(), False)
        self.kept[name].clear()
        self.pipes.register(pipe, selectors.EVENT_READ, Source(name, pipe, shown))

    def relay(self, timeout_s: float = 0) -> None:
        """Pass on what has been said, waiting up to `timeout_s` for something to be said."""
        for key, _ in self.pipes.select(timeout_s):
            source: Source = key.data
            chunk = os.read(key.fd, 64 * 1024)
            *lines, source.unfinished = (source.unfinished + chunk).split(b"\n")
            if source.unfinished and (not chunk or len(source.unfinished) > LONGEST_LINE):
                lines.append(source.unfinished)
                source.unfinished = b""
            for line in lines:
                self._say(source, line.decode(errors="replace").rstrip("\r"))
            if not chunk:
                self.pipes.unregister(source.pipe)
                source.pipe.close()

    def last_lines(self, name: str) -> list[str]:
        return list(self.kept[name])

    def write(self, text: str = "") -> None:
        """Say something in our own name. A terminal that went away must not end what is supervised."""
        with suppress(OSError):
            print(text, file=self.stream, flush=True)

    def _say(self, source: Source, line: str) -> None:
        self.kept[source.name].append(line)
        if source.shown:
            self.write(f"{self._prefix(source.name)} {line}")

    def _prefix(self, name: str) -> str:
        prefix = f"{name:<{self.width}} |"
        if not self.coloured:
            return prefix
        colour = self.colour_of.setdefault(name, COLOURS[len(self.colour_of) % len(COLOURS)])
        return f"\033[{colour}m{prefix}\033[0m"
