"""How many pictures one pass may hold, so that a claim can be renewed in time. Called by detection."""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.leases import RENEWED_EVERY_S

LONGEST_PASS_S = RENEWED_EVERY_S


@dataclass
class Pace:
    """The detector's own time for a picture, as it was last: a large model on a small machine takes many seconds."""

    seconds_each: float = 0.0

    def at_once(self, count: int) -> int:
        """How many of `count` pictures to look at by one pass; all of them before anything is known."""
        if self.seconds_each * count <= LONGEST_PASS_S:
            return count
        return max(1, int(LONGEST_PASS_S / self.seconds_each))

    def note(self, count: int, seconds: float) -> None:
        self.seconds_each = seconds / count
