"""How much at once: what is too much is slowed down, never refused. Pure: no clock, no sockets of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

from cameras.words import size_words

MOST_FILES_A_SECOND = 10
FILES_AT_ONCE = 100
MOST_BYTES_A_SECOND = 25 * 1024**2
BYTES_AT_ONCE = 200 * 1024**2

LONGEST_DELAY_S = 20.0
FORGIVEN_AFTER_S = 600.0
MOST_ADDRESSES = 1000


@dataclass
class Bucket:
    """So many a second in the long run, and `burst` of them at once. Times are seconds of a monotonic clock."""

    rate: float
    burst: float
    _spent: float = 0.0
    _at: float = 0.0

    def spend(self, amount: float, now: float) -> float:
        """Take `amount`; gives how long to wait before the next, 0 within the limits."""
        self._spent = max(self._spent - max(now - self._at, 0) * self.rate, 0) + amount
        self._at = max(now, self._at)
        return max(self._spent - self.burst, 0) / self.rate


@dataclass
class CameraLimits:
    """What one camera's connections share."""

    files: Bucket = field(default_factory=lambda: Bucket(MOST_FILES_A_SECOND, FILES_AT_ONCE))
    bytes: Bucket = field(default_factory=lambda: Bucket(MOST_BYTES_A_SECOND, BYTES_AT_ONCE))


TOO_MANY_FILES = f"sends more than {MOST_FILES_A_SECOND} files a second: slowed down"
TOO_MANY_BYTES = f"sends more than {size_words(MOST_BYTES_A_SECOND)} a second: slowed down"


@dataclass
class Patience:
    """Wrong passwords of each address: the answer to the next takes longer. The right one is never delayed."""

    _wrong: dict[str, tuple[int, float]] = field(default_factory=dict)

    def after_wrong(self, address: str, now: float) -> float:
        """How long the answer to one more wrong password of this address takes."""
        count, last = self._wrong.pop(address, (0, now))
        count = 1 if now - last > FORGIVEN_AFTER_S else count + 1
        if len(self._wrong) >= MOST_ADDRESSES:
            del self._wrong[next(iter(self._wrong))]  # the one heard of longest ago
        self._wrong[address] = (count, now)
        return min(2.0 ** min(count - 1, 10), LONGEST_DELAY_S)
