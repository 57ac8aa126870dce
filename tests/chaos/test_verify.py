"""Each check of the fault harness notices what it is there for, and says which row or file it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.footage import FTP_CAMERA, Manner, Outcome, Plan, PlannedFile, live_files
from tests.chaos.problems import Kind
from tests.chaos.seen import Row, Seen
from tests.chaos.verify import CHECKS, problems

NOON, LATER = "2025-03-03T12:00:00+01:00", "2025-03-03T12:00:09+01:00"


def file(name: str, outcome: Outcome, visit: int = 1, content: str = "") -> PlannedFile:
    return PlannedFile("front", name, (content or name).encode(), outcome, Manner.AT_ONCE, visit)


SOMEBODY, AGAIN = file("a.jpg", Outcome.FOUND), file("b.jpg", Outcome.FOUND, content="a.jpg")
SECOND, OTHERS = file("c.jpg", Outcome.FOUND), file("d.jpg", Outcome.FOUND, visit=2)
NOBODY, LETTER, PAGE = file("e.jpg", Outcome.NOTHING), file("f.jpg", Outcome.REJECTED), file("g.html", Outcome.IGNORED)
(NOW,) = live_files(1, 1)
PLAN = Plan(1, (SOMEBODY, AGAIN, SECOND, NOBODY, LETTER, PAGE, NOW), OTHERS)


def capture(number: int, of: PlannedFile, state: str = "detected", **more: object) -> Row:
    return {"id": number, "file_path": of.path, "state": state, "error": "", "duplicate_of_id": None, **more}


def detection(number: int, capture_id: int, at: str) -> Row:
    path = f"thumbnails/2025-03-03/{capture_id}-0.jpg"
    return {
        "id": number,
        "capture_id": capture_id,
        "file_path": f"of {capture_id}",
        "detected_at": at,
        "thumbnail_path": path,
    }


def event(number: int, detections: list[int], first: str = NOON, last: str = NOON) -> Row:
    return {
        "id": number,
        "detection_ids": detections,
        "started_at": first,
        "ended_at": last,
        "state": "closed",
        "analysis_state": "done",
        "assessment": {"source": "llm"},
    }


def delivery(number: int, camera: str, state: str, text: str) -> Row:
    return {"id": number, "camera_id": camera, "state": state, "error": "", "text": text}


def all_is_well() -> Seen:
    detections = [detection(11, 1, NOON), detection(13, 3, LATER), detection(17, 7, NOON), detection(14, 4, NOON)]
    previews = [f"previews/2025-03-03/{row['capture_id']}.jpg" for row in detections]
    return Seen(
        captures=[
            capture(1, SOMEBODY),
            capture(2, AGAIN, "duplicate", duplicate_of_id=1),
            capture(3, SECOND),
            capture(4, OTHERS),
            capture(5, NOBODY),
            capture(6, LETTER, "rejected", error="no picture"),
            capture(7, NOW),
        ],
        detections=detections,
        events=[event(21, [11, 13], NOON, LATER), event(24, [17]), event(22, [14])],
        ignored=[PAGE.path],
        previews=previews,
        unplaced=[],
        open_batches=[],
        leases=[],
        answers=[(21, 1, ""), (22, 1, ""), (24, 1, ""), (21, 2, "")],
        unevaluated=[],
        deliveries=[delivery(1, "front", "suppressed", ""), delivery(2, NOW.camera, "sent", "Somebody.")],
        told={"Somebody."},
        pictures=dict.fromkeys([*previews, *(row["thumbnail_path"] for row in detections)], 2000),
        originals={each.path: each.sha256 for each in PLAN.all_files},
        deaf=[],
        kills=3,
        unanswered={},
    )


def test_nothing_is_said_where_all_is_well() -> None:
    assert problems(PLAN, all_is_well()) == []


GIVEN_UP = "Given up after 3 tries. The last one: the analyze process ended or stalled meanwhile."


def give_up(seen: Seen, event: int, error: str = GIVEN_UP) -> Seen:
    seen.events[event].update(analysis_state="failed", assessment={"source": "rules"})
    seen.answers.append((seen.events[event]["id"], 3, error))
    return seen


def test_a_visit_that_was_killed_three_times_may_be_given_up() -> None:
    seen = all_is_well()
    give_up(seen, 0)
    assert problems(PLAN, seen) == []


def split(seen: Seen, detection: int) -> None:
    seen.events[0]["detection_ids"].remove(detection)
    seen.events.append(event(23, [detection], LATER, LATER))


Damage = Callable[[Seen], object]
DAMAGES: dict[str, tuple[Damage, Kind, str]] = {
    "a file is in no row": (lambda s: s.captures.pop(4), Kind.LOST, "front/e.jpg"),
    "a file is two captures": (lambda s: s.captures.append(capture(9, NOBODY)), Kind.DOUBLED, "front/e.jpg"),
    "an ignored file is in no row": (lambda s: s.ignored.clear(), Kind.LOST, "front/g.html"),
    "an ignored file is a capture, too": (lambda s: s.captures.append(capture(9, PAGE)), Kind.DOUBLED, "front/g.html"),
    "a row is of no file": (lambda s: s.ignored.append("front/x.txt"), Kind.WRONG, "front/x.txt"),
    "a capture is still queued": (lambda s: s.captures[4].update(state="queued"), Kind.LOST, "front/e.jpg queued"),
    "a capture failed": (lambda s: s.captures[4].update(state="failed"), Kind.LOST, "front/e.jpg failed"),
    "a bad file was taken for good": (lambda s: s.captures[5].update(state="detected"), Kind.WRONG, "front/f.jpg"),
    "a reason is missing": (lambda s: s.captures[5].update(error=""), Kind.WRONG, "capture 6"),
    "both of two copies were looked at": (lambda s: s.captures[1].update(state="detected"), Kind.WRONG, "front/b.jpg"),
    "a duplicate points elsewhere": (lambda s: s.captures[1].update(duplicate_of_id=3), Kind.WRONG, "capture 2"),
    "somebody was overlooked": (lambda s: s.detections.pop(), Kind.WRONG, "capture 4"),
    "somebody is where nobody was": (lambda s: s.detections[0].update(capture_id=5), Kind.WRONG, "capture 5"),
    "a capture is not placed": (lambda s: s.unplaced.append("3 front/c.jpg"), Kind.LOST, "capture 3"),
    "a batch stays open": (lambda s: s.open_batches.append("b1 of front"), Kind.WRONG, "batch b1"),
    "a lease ran out": (lambda s: s.leases.append("capture 3 front/c.jpg"), Kind.WRONG, "capture 3"),
    "a visit still waits for the model": (
        lambda s: s.events[0].update(analysis_state="pending"),
        Kind.LOST,
        "event 21: its analysis is pending",
    ),
    "a visit was given up without a word": (
        lambda s: s.events[0].update(analysis_state="failed"),
        Kind.WRONG,
        "event 21: its analysis is failed",
    ),
    "a visit was given up for another reason": (lambda s: give_up(s, 0, "no score"), Kind.WRONG, "event 21: no score"),
    "more visits were given up than were killed": (
        lambda s: [give_up(s, number) for number in (0, 2)],
        Kind.LOST,
        "the events [21, 22]",
    ),
    "the rules' reading is shown still": (
        lambda s: s.events[2].update(assessment={"source": "rules"}),
        Kind.WRONG,
        "event 22 shows the reading of the rules",
    ),
    "the model has not seen all": (lambda s: s.answers.pop(), Kind.LOST, "event 21: the model has seen [1]"),
    "an answer was kept twice": (lambda s: s.answers.append((22, 1, "")), Kind.DOUBLED, "event 22 was judged twice"),
    "an answer could not be kept": (lambda s: s.answers.append((22, 2, "no score")), Kind.WRONG, "event 22: no score"),
    "an event stays open": (lambda s: s.events[2].update(state="open"), Kind.WRONG, "event 22"),
    "a detection is in no event": (lambda s: s.events[0]["detection_ids"].pop(), Kind.LOST, "detection 13"),
    "a detection is in two events": (lambda s: s.events[2]["detection_ids"].append(13), Kind.DOUBLED, "detection 13"),
    "an event names what is not there": (lambda s: s.events[2]["detection_ids"].append(99), Kind.WRONG, "detection 99"),
    "an event is empty": (lambda s: s.events.append(event(23, [])), Kind.WRONG, "event 23"),
    "a result was stored twice": (lambda s: s.detections.append(detection(15, 4, NOON)), Kind.DOUBLED, "[14, 15]"),
    "a visit is two events": (lambda s: split(s, 13), Kind.DOUBLED, "[21, 23]"),
    "a visit is no event": (lambda s: s.events.pop(), Kind.LOST, "visit 2"),
    "two visits are one event": (lambda s: s.events[0]["detection_ids"].append(14), Kind.WRONG, "event 21"),
    "an event ends too early": (lambda s: s.events[0].update(ended_at=NOON), Kind.WRONG, "event 21"),
    "a thumbnail is missing": (lambda s: s.pictures.pop("thumbnails/2025-03-03/3-0.jpg"), Kind.LOST, "3-0.jpg"),
    "a preview is empty": (lambda s: s.pictures.update({"previews/2025-03-03/3.jpg": 0}), Kind.LOST, "3.jpg is empty"),
    "a picture is an orphan": (
        lambda s: s.pictures.update({"thumbnails/2025-03-03/.3-0.jpg.77.part": 9}),
        Kind.WRONG,
        ".3-0.jpg.77.part",
    ),
    "a preview is not named": (
        lambda s: s.pictures.pop(s.previews.pop(0)),
        Kind.WRONG,
        "capture 1 has detections or a preview",
    ),
    "an original is gone": (lambda s: s.originals.pop(NOBODY.path), Kind.LOST, "front/e.jpg"),
    "an original was changed": (lambda s: s.originals.update({NOBODY.path: "0"}), Kind.LOST, "front/e.jpg"),
    "something was written there": (lambda s: s.originals.update({"front/x": "0"}), Kind.WRONG, "front/x"),
    "the rules have not seen a visit": (lambda s: s.unevaluated.append(22), Kind.LOST, "event 22 was not held"),
    "a notice still waits": (lambda s: s.deliveries[1].update(state="pending"), Kind.LOST, "delivery 2 of live_0"),
    "a notice is of a visit long past": (lambda s: s.deliveries[0].update(state="sent"), Kind.LOST, "delivery 1"),
    "a notice was lost on its way": (lambda s: s.told.clear(), Kind.LOST, "delivery 2 of live_0 never arrived"),
    "a visit was told to nobody": (lambda s: s.deliveries.pop(), Kind.LOST, "nobody was told of live_0"),
    "the page is dead": (lambda s: s.deaf.append("the live page answered 500"), Kind.WRONG, "the live page"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_is_noticed_and_named(what: str) -> None:
    damage, kind, name = DAMAGES[what]
    seen = all_is_well()
    damage(seen)
    found = problems(PLAN, seen)
    assert any(problem.kind is kind and name in problem.text for problem in found), found


def test_every_check_is_needed() -> None:
    """Each of them alone notices some damage."""
    for check in CHECKS:
        noticed = []
        for damage, _, _ in DAMAGES.values():
            seen = all_is_well()
            damage(seen)
            noticed += list(check(PLAN, seen))
        assert noticed, check.__name__


SENT = PlannedFile(FTP_CAMERA, "20250303120000.jpg", b"a picture", Outcome.NOTHING, Manner.AT_ONCE, 9)
PART_OF_IT = f"{FTP_CAMERA}/.{SENT.name}.0123abcd.part"
COPY_OF_IT = f"{FTP_CAMERA}/20250303120000-2.jpg"
PLAN_BY_FTP = Plan(1, (*PLAN.files, SENT), PLAN.last)


def part_row(state: str = "rejected", error: str = "connection lost at 4 bytes", sha256: str = "of 4 bytes") -> Row:
    return {**capture(31, SENT, state, sha256=sha256), "file_path": PART_OF_IT, "error": error}


def copy_row(state: str = "duplicate", original: int | None = 30) -> Row:
    return {**capture(32, SENT, state, duplicate_of_id=original), "file_path": COPY_OF_IT}


def sent_twice_and_broken_off_once() -> Seen:
    """All is well, too: each of the two uploads before the last left something."""
    seen = all_is_well()
    seen.captures.extend([capture(30, SENT), part_row(), copy_row()])
    seen.originals.update({SENT.path: SENT.sha256, COPY_OF_IT: SENT.sha256, PART_OF_IT: "of 4 bytes"})
    seen.unanswered[SENT.path] = 2
    return seen


def test_what_broken_uploads_leave_is_no_problem() -> None:
    assert problems(PLAN_BY_FTP, sent_twice_and_broken_off_once()) == []


def put(seen: Seen, row: Row) -> None:
    """In place of the row with the same number."""
    seen.captures[:] = [row if each["id"] == row["id"] else each for each in seen.captures]


LEFTOVER_DAMAGES: dict[str, tuple[Damage, Kind, str]] = {
    "more is left than broke off": (lambda s: s.unanswered.update({SENT.path: 1}), Kind.DOUBLED, SENT.path),
    "nothing broke off": (lambda s: s.unanswered.clear(), Kind.DOUBLED, SENT.path),
    "a part was looked at": (lambda s: put(s, part_row(state="detected")), Kind.WRONG, "capture 31"),
    "a part has another reason": (lambda s: put(s, part_row(error="no picture")), Kind.WRONG, "capture 31"),
    "a part is whole": (lambda s: put(s, part_row(sha256=SENT.sha256)), Kind.DOUBLED, "capture 31"),
    "a part is in no row": (lambda s: s.captures.remove(part_row()), Kind.LOST, PART_OF_IT),
    "a copy was looked at": (lambda s: put(s, copy_row("detected", None)), Kind.WRONG, COPY_OF_IT),
    "a copy points elsewhere": (lambda s: put(s, copy_row(original=5)), Kind.WRONG, "capture 32"),
    "a copy is in no row": (lambda s: s.captures.remove(copy_row()), Kind.LOST, COPY_OF_IT),
    "only a part is there": (lambda s: s.originals.pop(SENT.path), Kind.LOST, SENT.path),
    "a copy was changed": (lambda s: s.originals.update({COPY_OF_IT: "0"}), Kind.LOST, COPY_OF_IT),
    "a part of another camera": (lambda s: s.ignored.append("front/.a.jpg.0123abcd.part"), Kind.WRONG, "front/.a.jpg"),
}


@pytest.mark.parametrize("what", LEFTOVER_DAMAGES)
def test_leftovers_that_should_not_be_are_noticed_and_named(what: str) -> None:
    damage, kind, name = LEFTOVER_DAMAGES[what]
    seen = sent_twice_and_broken_off_once()
    damage(seen)
    found = problems(PLAN_BY_FTP, seen)
    assert any(problem.kind is kind and name in problem.text for problem in found), found
