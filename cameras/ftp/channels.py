"""Pausing a connection of pyftpdlib: whoever sends too much, or a wrong password, waits without holding up others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyftpdlib.ioloop import AsyncChat


class Pausable(AsyncChat):
    """A connection that is not read from while it is paused."""

    is_paused = False
    _tasks: list[Any]

    def pause(self) -> None:
        self.is_paused = True
        self.del_channel()

    def resume(self) -> None:
        if self.is_paused and not self._closed:
            self.is_paused = False
            self.add_channel()

    def call_later(self, seconds: float, target: Callable[..., object], *args: object, **kwargs: object) -> Any:
        """As above; but what is over is forgotten, for a camera may stay connected, and be slowed down, for weeks."""
        self._tasks = [task for task in self._tasks if not task.cancelled]
        return super().call_later(seconds, target, *args, **kwargs)

    def modify_ioloop_events(self, events: int, logdebug: bool = False) -> None:
        """As above, but that encryption, whenever it has read, must not end a pause."""
        if not self.is_paused:
            super().modify_ioloop_events(events, logdebug)
