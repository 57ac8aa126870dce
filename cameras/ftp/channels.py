"""Pausing a connection of pyftpdlib: whoever sends too much, or a wrong password, waits without holding up others."""

from __future__ import annotations

from pyftpdlib.ioloop import AsyncChat


class Pausable(AsyncChat):
    """A connection that is not read from while it is paused."""

    is_paused = False

    def pause(self) -> None:
        self.is_paused = True
        self.del_channel()

    def resume(self) -> None:
        if self.is_paused and not self._closed:
            self.is_paused = False
            self.add_channel()

    def modify_ioloop_events(self, events: int, logdebug: bool = False) -> None:
        """As above, but that encryption, whenever it has read, must not end a pause."""
        if not self.is_paused:
            super().modify_ioloop_events(events, logdebug)
