"""`make judge`: how well an analyst's scores agree with what a reasonable householder would expect.

Ends with 0 where the held-out part and the ordinary week keep their promises, 1 where they do not, 2 where it could not
be measured. Files of situations given by path are judged instead of the shipped ones, and promise nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from inference.protocols import Analyst, EngineUnavailable
from inference.registry import ANALYSTS, load_analyst
from security_site.config import load_config_or_exit
from tests.inference.ordinary_week import first_week, levels, ordinary_week
from tests.judgement.measure import Shares, measure
from tests.judgement.report import console, tell
from tests.judgement.shipped import held_out, tuned
from tests.judgement.situations import MalformedSituations, load

KEPT, BROKEN, NOT_MEASURED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.judgement", description=__doc__)
    parser.add_argument("--analyst", choices=sorted(ANALYSTS), default="rules")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="a file of situations of your own")
    options = parser.parse_args(arguments)
    out = console()
    try:
        analyst = analyst_named(options.analyst)
        if options.paths:
            return judge_files(out, analyst, options.paths)
        return judge_all(out, analyst)
    except (MalformedSituations, EngineUnavailable) as problem:
        print(problem, file=sys.stderr)
        return NOT_MEASURED


def analyst_named(name: str) -> Analyst:
    """With the settings of this environment, which say what model there is. Raises EngineUnavailable."""
    return load_analyst(name, load_config_or_exit())


def judge_files(out: Console, analyst: Analyst, paths: Sequence[Path]) -> int:
    sets = [load(path.name, [path]) for path in paths]
    for calibration in sets:
        tell(out, measure(analyst, calibration))
    return KEPT


def judge_all(out: Console, analyst: Analyst) -> int:
    tell(out, measure(analyst, tuned()))
    measured = measure(analyst, held_out())
    tell(out, measured)
    broken = [*measured.broken_promises, *_judge_weeks(out, analyst)]
    out.print(f"\nNot as promised: {'; '.join(broken)}." if broken else "\nAll as promised.", soft_wrap=True)
    return BROKEN if broken else KEPT


def _judge_weeks(out: Console, analyst: Analyst) -> list[str]:
    """The ceilings on worry that an ordinary week breaks."""
    learned, unlearned = (Shares(levels(analyst, week)) for week in (ordinary_week(), first_week()))
    out.print("\nordinary week")
    out.print(f"zones drawn, four weeks learned: {learned}", soft_wrap=True)
    out.print(f"nothing drawn or learned: {unlearned}", soft_wrap=True)
    broken = [] if learned.is_ordinary else ["an ordinary week with zones drawn worries too much"]
    return broken if unlearned.keeps_its_ceilings else [*broken, "a first week worries too much"]


if __name__ == "__main__":
    sys.exit(main())
