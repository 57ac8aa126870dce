"""`make chaos`: the long form. Prints the seed, a line for each kill and the accounts; ends with 1 where they fail."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.footage import plan_files
from tests.chaos.harness import Report, stack_to_torment, torment
from tests.chaos.leftovers import PART
from tests.chaos.problems import Kind

PAUSE_S = (2.0, 10.0)
"""Between kills. On average each process lives longer than a minute, so that its next start is not put off."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeats the files and kills of a run; without it one is chosen")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--files", type=int, default=300)
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    _tell(f"Seed {seed}: {options.kills} kills while {options.files} files arrive.")
    folder = Path(tempfile.mkdtemp(prefix="hsi-chaos-"))
    folder.chmod(0o755)  # PostgreSQL refuses to run as root: its own user must get in
    with stack_to_torment(folder) as stack:
        report = torment(stack, plan_files(seed, options.files), options.kills, PAUSE_S, _tell)
    _summarise(report, seed)
    if report.problems:
        _tell(f"\nRepeat it: python -m tests.chaos --seed {seed} --kills {options.kills} --files {options.files}")
        _tell(f"Everything is left in {folder}; what the program said, in {stack.log}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def _summarise(report: Report, seed: int) -> None:
    _table("Kills", report.kills)
    found = {detection["capture_id"] for detection in report.seen.detections}
    outcomes = Counter(
        "part of a broken upload"
        if PART.fullmatch(capture["file_path"])
        else capture["state"]
        if capture["state"] != "detected"
        else "in an event"
        if capture["id"] in found
        else "nothing found"
        for capture in report.seen.captures
    )
    _table("Files", outcomes + Counter({"ignored": len(report.seen.ignored)}))
    _tell(f"\n{sum(report.seen.unanswered.values())} uploads by FTP broke off and were sent again")
    _tell(f"{len(report.seen.answers)} answers of the language model were kept")
    for problem in report.problems:
        _tell(f"  {problem}")
    _tell(
        f"\nSeed {seed}: {report.kills.total()} kills, {len(report.seen.originals)} files, "
        f"{len(report.seen.events)} events; lost {report.count(Kind.LOST)}, doubled {report.count(Kind.DOUBLED)}, "
        f"wrong {report.count(Kind.WRONG)}; {report.duration_s:.0f} s"
    )


def _table(title: str, counts: Counter[str]) -> None:
    _tell(f"\n{title}")
    for name, count in counts.most_common():
        _tell(f"  {count:5}  {name}")
    _tell(f"  {counts.total():5}  altogether")


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
