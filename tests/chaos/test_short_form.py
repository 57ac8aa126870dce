"""Every kind of process killed while it works: nothing is lost, nothing doubled. `make chaos` is the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.footage import plan_files
from tests.chaos.harness import stack_to_torment, torment
from tests.chaos.kills import VICTIMS

pytestmark = pytest.mark.stack
KILLS, FILES, PAUSE_S = 16, 45, (0.5, 2.5)
SEED = 7


def test_kills_of_every_kind_while_files_arrive_lose_nothing_and_double_nothing(home: Path) -> None:
    """Some of the files lie there before the first start. What was killed when is printed where it fails."""
    print(f"Seed {SEED}")
    with stack_to_torment(home) as stack:
        report = torment(stack, plan_files(SEED, FILES), KILLS, PAUSE_S, print)
    assert not report.problems, "\n".join(map(str, report.problems))
    assert sum(report.seen.unanswered.values()), "no upload by FTP broke off"
    assert report.kills.total() == KILLS and set(report.kills) == {victim.name for victim in VICTIMS}
