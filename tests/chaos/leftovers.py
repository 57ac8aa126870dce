"""What broken uploads leave: told apart from what was planned, and never more than uploads that broke off.

An upload whose answer was lost is sent again. So a file may be there twice, as `name.jpg` and `name-2.jpg`, of which
one is the duplicate of the other; and parts of it may lie there, rejected as such.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.chaos.footage import FTP_CAMERA, Outcome, Plan, PlannedFile
from tests.chaos.problems import Kind, Problem
from tests.chaos.seen import Row, Seen
from tests.chaos.uploader import arriving_name

PART = re.compile(rf"{FTP_CAMERA}/\.(?P<name>.+)\.[0-9a-f]{{8}}\.part")
COPY = re.compile(rf"{FTP_CAMERA}/(?P<stem>[^.]+)-\d+(?P<suffix>\..+)")


@dataclass
class Left:
    """What one file left besides itself."""

    rows: list[Row] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    copies: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.ignored) + len(self.copies)


def with_copies(plan: Plan, seen: Seen) -> Plan:
    """The plan as if every copy had been part of it: each has to become what a planned one would."""
    copies = [
        replace(file, name=path.partition("/")[2])
        for file, left in _left(plan, seen).items()
        for path in sorted(left.copies)
    ]
    return replace(plan, files=(*plan.files, *copies))


def without_parts(plan: Plan, seen: Seen) -> Seen:
    """What is to be seen besides what broke off."""
    left = _left(plan, seen).values()
    rows = {row["file_path"] for each in left for row in each.rows}
    ignored = {path for each in left for path in each.ignored}
    files = {path for each in left for path in each.files}
    return replace(
        seen,
        captures=[row for row in seen.captures if row["file_path"] not in rows],
        ignored=[path for path in seen.ignored if path not in ignored],
        originals={path: sha256 for path, sha256 in seen.originals.items() if path not in files},
    )


def leftovers_are_of_broken_uploads(plan: Plan, seen: Seen) -> Iterator[Problem]:
    """Each is the only trace of one upload that broke off, is rejected with how far that came, and is not whole."""
    for file, left in _left(plan, seen).items():
        if left.count > seen.unanswered.get(file.path, 0):
            what = sorted({row["file_path"] for row in left.rows} | left.ignored | left.copies)
            yield Problem(Kind.DOUBLED, f"{file.path} left {what}, more than uploads of it broke off")
        for row in left.rows:
            if row["state"] != "rejected" or not row["error"].startswith("connection lost at "):
                yield Problem(Kind.WRONG, f"capture {row['id']} of a part is {row['state']}: {row['error']}")
            if row["sha256"] == file.sha256 and file.outcome is not Outcome.REJECTED:
                yield Problem(Kind.DOUBLED, f"capture {row['id']} of a part has the whole content of {file.path}")
        for path in sorted(left.files - {row["file_path"] for row in left.rows} - left.ignored):
            yield Problem(Kind.LOST, f"{path} of a broken upload is in no row")


def _left(plan: Plan, seen: Seen) -> dict[PlannedFile, Left]:
    sent = {file.path: file for file in plan.all_files if file.by_ftp}
    arriving = {arriving_name(file): file for file in sent.values()}
    left: dict[PlannedFile, Left] = defaultdict(Left)
    for row in seen.captures:
        if file := _of_part(row["file_path"], arriving):
            left[file].rows.append(row)
        elif file := _of_copy(row["file_path"], sent):
            left[file].copies.add(row["file_path"])
    for path in seen.ignored:
        if file := _of_part(path, arriving) or _not_renamed(path, arriving):
            left[file].ignored.add(path)
    for path in seen.originals:
        if file := _of_part(path, arriving):
            left[file].files.add(path)
        elif file := _of_copy(path, sent):
            left[file].copies.add(path)
    return left


def _of_part(path: str, arriving: dict[str, PlannedFile]) -> PlannedFile | None:
    part = PART.fullmatch(path)
    return arriving.get(part["name"]) if part else None


def _of_copy(path: str, sent: dict[str, PlannedFile]) -> PlannedFile | None:
    copy = COPY.fullmatch(path)
    return sent.get(f"{FTP_CAMERA}/{copy['stem']}{copy['suffix']}") if copy else None


def _not_renamed(path: str, arriving: dict[str, PlannedFile]) -> PlannedFile | None:
    """Told of as unfinished before its camera, which had lost the server, came back to rename it."""
    file = arriving.get(path.removeprefix(f"{FTP_CAMERA}/"))
    return file if file is not None and file.path != path else None
