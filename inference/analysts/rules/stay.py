"""How long somebody stayed on one spot. Time in view would turn a stream of passers-by into somebody waiting."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from inference.analysts.rules.subjects import Seen

LONGEST_GAP_S = 30
LONGEST_INTERVAL_OF_STILLS_S = 60
MISSED_PICTURES = 1
LEAST_SHARE_OF_PICTURES = 1 / 3
"""Passers-by cross a spot in fewer pictures than this; somebody who stands there is missed in fewer."""


@dataclass
class Stand:
    """A run of boxes within half a body height of its first one."""

    first: Seen
    last: Seen
    seen: list[Seen] = field(default_factory=list)
    pictures: int = 1

    @property
    def duration_s(self) -> float:
        return self.last.at - self.first.at

    def holds(self, one: Seen) -> bool:
        return (
            self.first.height / 2 <= one.height <= self.first.height * 2
            and self.first.distance_to(one) <= self.first.height / 2
        )

    def is_over_by(self, one: Seen) -> bool:
        gap_s, missed = one.at - self.last.at, one.picture - self.last.picture - 1
        # Of a longer time that nobody looked into, nothing can be said.
        is_looked_into = missed <= MISSED_PICTURES and gap_s <= LONGEST_INTERVAL_OF_STILLS_S * (missed + 1)
        is_gap_short = gap_s <= LONGEST_GAP_S or is_looked_into
        looked_at = one.picture - self.first.picture + 1
        return not is_gap_short or self.pictures + 1 < looked_at * LEAST_SHARE_OF_PICTURES

    def extend(self, one: Seen) -> None:
        self.pictures += one.picture != self.last.picture
        self.last = one
        self.seen.append(one)


class _Grid:
    """Stands by where they are and how tall, so that a crowd costs no more than its size."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int, int], list[Stand]] = {}

    def add(self, stand: Stand) -> None:
        self._cells.setdefault(_cell(stand.first, _level(stand.first)), []).append(stand)

    def near(self, one: Seen) -> Iterator[list[Stand]]:
        """The cells that may hold a stand this box continues: a cell is as wide as any stand in it reaches."""
        own_level = _level(one)
        for level in (own_level - 1, own_level, own_level + 1):
            _, column, row = _cell(one, level)
            for across in (column - 1, column, column + 1):
                for down in (row - 1, row, row + 1):
                    if stands := self._cells.get((level, across, down)):
                        yield stands


def _level(one: Seen) -> int:
    """Heights from 2^(level − 1) to 2^level are one level."""
    return math.frexp(one.height)[1]


def _cell(one: Seen, level: int) -> tuple[int, int, int]:
    edge = 2.0**level / 2
    return level, int(one.x / edge), int(one.y / edge)


def stands_of(seen: Sequence[Seen]) -> list[Stand]:
    """Every run on one spot, in order of its beginning."""
    stands: list[Stand] = []
    grid = _Grid()
    for one in seen:
        stand = _running_stand(grid, one)
        if stand is None:
            stand = Stand(one, one, [one])
            stands.append(stand)
            grid.add(stand)
        else:
            stand.extend(one)
    return stands


def _running_stand(grid: _Grid, one: Seen) -> Stand | None:
    """The nearest stand this box continues. Those it finds to be over leave the grid."""
    nearest: Stand | None = None
    for cell in grid.near(one):
        held = [stand for stand in cell if stand.holds(one)]
        for stand in held:
            if stand.is_over_by(one):
                cell.remove(stand)
            elif nearest is None or stand.first.distance_to(one) < nearest.first.distance_to(one):
                nearest = stand
    return nearest


def longest_stand(seen: Sequence[Seen]) -> Stand | None:
    return max(stands_of(seen), key=lambda stand: stand.duration_s, default=None)
