"""How scores moved when visits were judged again: counted, and as lines of text. Called by `manage.py reassess`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median

from inference.scale import Level, level_of

BIN = 10
WIDEST_BAR = 40
LARGEST = 10


@dataclass(frozen=True)
class Move:
    """One visit's score, and what it would be."""

    event_id: int
    before: int
    after: int

    @property
    def by(self) -> int:
        return self.after - self.before


def lines_of(moves: Sequence[Move]) -> Iterator[str]:
    """The table, the levels, the histogram and the largest moves."""
    if not moves:
        yield "No score to compare."
        return
    yield from _counts(moves)
    yield ""
    yield from _levels(moves)
    yield ""
    yield from _histogram(moves)
    largest = sorted((move for move in moves if move.by), key=lambda move: (-abs(move.by), move.event_id))[:LARGEST]
    if largest:
        yield ""
        yield from _largest(largest)


def _counts(moves: Sequence[Move]) -> Iterator[str]:
    steps = [move.by for move in moves]
    yield "How the scores moved"
    for name, value in (
        ("visits", f"{len(steps):,}"),
        ("mean move", signed(mean(steps), 1)),
        ("median move", signed(median(steps), 1)),
        ("up", f"{sum(step > 0 for step in steps):,}"),
        ("down", f"{sum(step < 0 for step in steps):,}"),
        ("the same", f"{sum(step == 0 for step in steps):,}"),
    ):
        yield f"  {name:<14}{value:>8}"


def _levels(moves: Sequence[Move]) -> Iterator[str]:
    """From which level to which."""
    counts = Counter((level_of(move.before), level_of(move.after)) for move in moves)
    yield "Levels: from the row's to the column's"
    yield f"  {'':<10}" + "".join(f"{level.value:>10}" for level in Level)
    for before in Level:
        yield f"  {before.value:<10}" + "".join(f"{counts[before, after] or '·':>10}" for after in Level)


def _histogram(moves: Sequence[Move]) -> Iterator[str]:
    counts = Counter(bin_of(move.by) for move in moves)
    most = max(counts.values())
    yield "Moves"
    for number in range(min(counts), max(counts) + 1):
        count = counts[number]
        bar = "█" * (max(round(WIDEST_BAR * count / most), 1) if count else 0)
        yield f"  {bin_name(number):>10}  {count:>6,}  {bar}".rstrip()


def _largest(largest: Sequence[Move]) -> Iterator[str]:
    yield "Largest moves"
    for move in largest:
        yield f"  event {move.event_id:<8} {move.before:>3} → {move.after:<3} {signed(move.by):>5}"


def bin_of(move: int) -> int:
    """0 for no move; 1 for +1 to +10, −1 for −1 to −10, and so on."""
    size = -(-abs(move) // BIN)
    return size if move > 0 else -size


def bin_name(number: int) -> str:
    if number == 0:
        return "0"
    near, far = BIN * (abs(number) - 1) + 1, BIN * abs(number)
    return f"+{near}…+{far}" if number > 0 else f"−{far}…−{near}"


def signed(value: float, digits: int = 0) -> str:
    """With its sign; nothing has none."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if text.strip("+−0.") else text[1:]
