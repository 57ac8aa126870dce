"""When to look at a path again. Pure: no Django, no clock of its own, no disk."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from pathlib import Path

QUIET_S = 1.0
MAX_PAUSE_S = 15.0


@dataclass
class Settling:
    """Paths that are due for a look, now or later. Times are seconds of a monotonic clock.

    An event about a path replaces what was planned for it, so a file that is being written is looked at once it
    has been quiet, not at every block. A look that found it unfinished plans the next with growing pauses.
    """

    _due: dict[Path, float] = field(default_factory=dict)
    _pauses: dict[Path, float] = field(default_factory=dict)
    _since: dict[Path, float] = field(default_factory=dict)
    _heap: list[tuple[float, Path]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._due)

    def look_now(self, path: Path, now: float) -> None:
        """A close-write or a rename: most likely complete."""
        self._pauses.pop(path, None)
        self._plan(path, now, now)

    def look_when_quiet(self, path: Path, now: float) -> None:
        """A file was created or written to: look once nothing has happened to it for a second."""
        self._pauses.pop(path, None)
        self._plan(path, now, now + QUIET_S)

    def look_again(self, path: Path, now: float) -> None:
        """It was not complete: look again after a pause that doubles."""
        pause = min(self._pauses.get(path, QUIET_S / 2) * 2, MAX_PAUSE_S)
        self._pauses[path] = pause
        self._plan(path, now, now + pause)

    def next_due(self) -> float | None:
        """When the next path is due."""
        self._drop_replaced()
        return self._heap[0][0] if self._heap else None

    def waits_since(self) -> float | None:
        """When the path that has been planned for longest was first, however often it was looked at since."""
        return next((since for path, since in self._since.items() if path in self._due), None)

    def take_due(self, now: float) -> Path | None:
        """One path whose time has come, oldest first; it is forgotten unless it is planned again."""
        self._drop_replaced()
        if not self._heap or self._heap[0][0] > now:
            return None
        _, path = heapq.heappop(self._heap)
        del self._due[path]
        return path

    def done(self, path: Path) -> None:
        """The path needs no further look until something happens to it."""
        self._pauses.pop(path, None)
        self._since.pop(path, None)

    def _plan(self, path: Path, now: float, due: float) -> None:
        self._since.setdefault(path, now)  # so its order is that of time
        self._due[path] = due
        heapq.heappush(self._heap, (due, path))

    def _drop_replaced(self) -> None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
