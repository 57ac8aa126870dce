"""The accounts at the end: what was planned against what the program shows. Pure; each check names what it found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.chaos.footage import LIVE, Outcome, Plan, PlannedFile
from tests.chaos.leftovers import leftovers_are_of_broken_uploads, with_copies, without_parts
from tests.chaos.problems import Kind, Problem
from tests.chaos.seen import Row, Seen

TRIES = 3
"""So often a process may end while the model thinks about one visit; each time it takes a kill."""


def problems(plan: Plan, seen: Seen) -> list[Problem]:
    """Everything that is not as it was promised; empty when all is."""
    left = list(leftovers_are_of_broken_uploads(plan, seen))
    whole, rest = with_copies(plan, seen), without_parts(plan, seen)
    return [*left, *(problem for check in CHECKS for problem in check(whole, rest))]


def every_file_is_accounted_for_once(plan: Plan, seen: Seen) -> Iterator[Problem]:
    captures = Counter(capture["file_path"] for capture in seen.captures)
    ignored = Counter(seen.ignored)
    for file in plan.all_files:
        rows = captures.pop(file.path, 0), ignored.pop(file.path, 0)
        if rows != ((0, 1) if file.outcome is Outcome.IGNORED else (1, 0)):
            kind = Kind.LOST if sum(rows) == 0 else Kind.DOUBLED if sum(rows) > 1 else Kind.WRONG
            yield Problem(
                kind, f"{file.path} ({file.outcome.value}) has {rows[0]} captures, is ignored {rows[1]} times"
            )
    for path in [*captures, *ignored]:
        yield Problem(Kind.WRONG, f"{path} is in the ledger, and nobody dropped it")


def every_file_ended_as_planned(plan: Plan, seen: Seen) -> Iterator[Problem]:
    by_path = {capture["file_path"]: capture for capture in seen.captures}
    same_content: dict[tuple[str, str], list[PlannedFile]] = defaultdict(list)
    for file in plan.all_files:
        if file.outcome is not Outcome.IGNORED and file.path in by_path:
            same_content[file.path if file.outcome is Outcome.REJECTED else file.camera, file.sha256].append(file)
    for files in same_content.values():
        yield from _ended_as_planned(files, [by_path[file.path] for file in files], _captures_with_detections(seen))


def _ended_as_planned(files: list[PlannedFile], rows: list[Row], found: set[int]) -> Iterator[Problem]:
    """Of files with one content one was looked at, with the planned result; the others point at it."""
    outcome = files[0].outcome
    wanted = ["rejected"] if outcome is Outcome.REJECTED else ["detected"] + ["duplicate"] * (len(files) - 1)
    if sorted(row["state"] for row in rows) != wanted:
        told = ", ".join(f"{row['id']} {row['file_path']} {row['state']} {row['error']}".strip() for row in rows)
        states = {row["state"] for row in rows}
        kind = Kind.LOST if states & {"queued", "detecting", "failed"} else Kind.WRONG
        yield Problem(kind, f"wanted {', '.join(wanted)}, got {told}")
        return
    if outcome is Outcome.REJECTED:
        if not rows[0]["error"]:
            yield Problem(Kind.WRONG, f"capture {rows[0]['id']} {rows[0]['file_path']} is rejected without a reason")
        return
    looked_at = next(row for row in rows if row["state"] == "detected")
    if (looked_at["id"] in found) is not (outcome is Outcome.FOUND):
        yield Problem(Kind.WRONG, f"capture {looked_at['id']} {looked_at['file_path']} should be: {outcome.value}")
    for row in rows:
        if row["state"] == "duplicate" and row["duplicate_of_id"] != looked_at["id"]:
            yield Problem(Kind.WRONG, f"capture {row['id']} {row['file_path']} is no duplicate of {looked_at['id']}")


def _captures_with_detections(seen: Seen) -> set[int]:
    return {detection["capture_id"] for detection in seen.detections}


def nothing_waits(_: Plan, seen: Seen) -> Iterator[Problem]:
    for capture in seen.unplaced:
        yield Problem(Kind.LOST, f"capture {capture} waits for its event")
    for batch in seen.open_batches:
        yield Problem(Kind.WRONG, f"batch {batch} is open past due")
    for lease in seen.leases:
        yield Problem(Kind.WRONG, f"{lease} is still claimed")
    for event in seen.events:
        if event["state"] == "open" and not seen.open_batches:
            yield Problem(Kind.WRONG, f"event {event['id']} is open, and no batch of it is")


def every_detection_is_in_one_event(_: Plan, seen: Seen) -> Iterator[Problem]:
    members = Counter(number for event in seen.events for number in event["detection_ids"])
    for detection in seen.detections:
        count = members.pop(detection["id"], 0)
        if count != 1:
            kind = Kind.DOUBLED if count else Kind.LOST
            yield Problem(kind, f"detection {detection['id']} of {detection['file_path']} is in {count} events")
    for number in members:
        yield Problem(Kind.WRONG, f"detection {number} is in an event, and not in the list of detections")
    for event in seen.events:
        if not event["detection_ids"]:
            yield Problem(Kind.WRONG, f"event {event['id']} has no detections")


def every_detection_was_stored_once(_: Plan, seen: Seen) -> Iterator[Problem]:
    """A capture that is looked at twice names the same thumbnails twice."""
    by_picture: dict[str, list[int]] = defaultdict(list)
    for detection in seen.detections:
        by_picture[detection["thumbnail_path"]].append(detection["id"])
    for path, numbers in by_picture.items():
        if len(numbers) > 1:
            yield Problem(Kind.DOUBLED, f"detections {numbers} are one: all show {path}")


def visits_are_as_planned(plan: Plan, seen: Seen) -> Iterator[Problem]:
    """Each visit is one event, which holds its files that are no duplicates, and nobody else's."""
    planned = {path: visit for visit, paths in plan.visits.items() for path in paths}
    paths = {capture["id"]: capture["file_path"] for capture in seen.captures}
    captured = {detection["id"]: detection["capture_id"] for detection in seen.detections}
    events_of: dict[int, set[int]] = defaultdict(set)
    for event in seen.events:
        visits = {planned.get(paths.get(captured.get(number, 0), "")) for number in event["detection_ids"]} - {None}
        if len(visits) > 1:
            yield Problem(Kind.WRONG, f"event {event['id']} holds the visits {sorted(filter(None, visits))}")
        for visit in visits:
            if visit is not None:
                events_of[visit].add(event["id"])
    for visit, members in plan.visits.items():
        found = sorted(events_of[visit])
        if len(found) != 1:
            kind = Kind.DOUBLED if found else Kind.LOST
            yield Problem(kind, f"visit {visit} ({', '.join(sorted(members))}) is the events {found}")


def every_event_spans_what_was_seen(_: Plan, seen: Seen) -> Iterator[Problem]:
    moments = {detection["id"]: detection["detected_at"] for detection in seen.detections}
    for event in seen.events:
        own = sorted(moments[number] for number in event["detection_ids"] if number in moments)
        if own and (event["started_at"], event["ended_at"]) != (own[0], own[-1]):
            span = f"{event['started_at']}–{event['ended_at']}"
            yield Problem(Kind.WRONG, f"event {event['id']} says {span}, its detections {own[0]}–{own[-1]}")


def pictures_and_rows_agree(_: Plan, seen: Seen) -> Iterator[Problem]:
    named = {detection["thumbnail_path"] for detection in seen.detections} | set(seen.previews)
    for path in sorted(named):
        if not seen.pictures.get(path):
            yield Problem(Kind.LOST, f"{path} is {'empty' if path in seen.pictures else 'missing'}")
    for path in sorted(seen.pictures.keys() - named):
        yield Problem(Kind.WRONG, f"{path} is an orphan: no row names it")
    previewed = {int(path.rpartition("/")[2].removesuffix(".jpg")) for path in seen.previews}
    for number in sorted(_captures_with_detections(seen) ^ previewed):
        yield Problem(Kind.WRONG, f"capture {number} has detections or a preview, but not both")


def originals_are_untouched(plan: Plan, seen: Seen) -> Iterator[Problem]:
    planned = {file.path: file.sha256 for file in plan.all_files}
    for path in sorted(planned.keys() | seen.originals.keys()):
        if planned.get(path) != seen.originals.get(path):
            what = "is gone" if path not in seen.originals else "was changed" if path in planned else "is nobody's"
            yield Problem(Kind.LOST if path in planned else Kind.WRONG, f"{path} in the camera's folder {what}")


def everything_answers(_: Plan, seen: Seen) -> Iterator[Problem]:
    for complaint in seen.deaf:
        yield Problem(Kind.WRONG, complaint)


def every_visit_was_judged_by_the_model_as_it_is_now(_: Plan, seen: Seen) -> Iterator[Problem]:
    given_up = _given_up(seen)
    if len(given_up) * TRIES > seen.kills:
        yield Problem(
            Kind.LOST, f"the model gave up the events {sorted(given_up)}, more than were killed {TRIES} times"
        )
    for event in seen.events:
        if event["id"] in given_up:
            continue
        state, source = event["analysis_state"], event["assessment"]["source"]
        if state != "done":
            kind = Kind.LOST if state in ("pending", "running", "none") else Kind.WRONG
            yield Problem(kind, f"event {event['id']}: its analysis is {state}")
        elif source != "llm":
            yield Problem(Kind.WRONG, f"event {event['id']} shows the reading of the {source}")
        counts = [count for event_id, count, _ in seen.answers if event_id == event["id"]]
        if state == "done" and counts[-1:] != [len(event["detection_ids"])]:
            yield Problem(Kind.LOST, f"event {event['id']}: the model has seen {counts}, and not all of it at last")


def _given_up(seen: Seen) -> set[int]:
    """Events whose last look was ended by a kill as often as a look may be."""
    last = {event: error for event, _, error in seen.answers}
    failed = {event["id"] for event in seen.events if event["analysis_state"] == "failed"}
    return {event for event in failed if last.get(event, "").startswith(f"Given up after {TRIES} tries.")}


def no_answer_of_the_model_is_kept_twice(_: Plan, seen: Seen) -> Iterator[Problem]:
    """It is asked again only about a visit that has grown, so it saw more each time."""
    given_up = _given_up(seen)
    most: dict[int, int] = {}
    for event, count, error in seen.answers:
        if error and event not in given_up:
            yield Problem(Kind.WRONG, f"event {event}: {error}")
        if count <= most.get(event, 0):
            yield Problem(Kind.DOUBLED, f"event {event} was judged twice with {count} detections")
        most[event] = count


def every_visit_of_now_was_told(plan: Plan, seen: Seen) -> Iterator[Problem]:
    """At least once: a notice may arrive twice where its sender was killed. Of visits long past nobody is told."""
    for event in seen.unevaluated:
        yield Problem(Kind.LOST, f"event {event} was not held against the rules")
    sent = set()
    for row in seen.deliveries:
        is_live = row["camera_id"].startswith(LIVE)
        if row["state"] != ("sent" if is_live else "suppressed"):
            yield Problem(Kind.LOST, f"delivery {row['id']} of {row['camera_id']} is {row['state']}: {row['error']}")
        elif is_live and row["text"] not in seen.told:
            yield Problem(Kind.LOST, f"delivery {row['id']} of {row['camera_id']} never arrived")
        sent.add(row["camera_id"])
    for camera in sorted({file.camera for file in plan.files if file.camera.startswith(LIVE)} - sent):
        yield Problem(Kind.LOST, f"nobody was told of {camera}")


CHECKS = (
    every_file_is_accounted_for_once,
    every_file_ended_as_planned,
    nothing_waits,
    every_detection_is_in_one_event,
    every_detection_was_stored_once,
    visits_are_as_planned,
    every_event_spans_what_was_seen,
    pictures_and_rows_agree,
    originals_are_untouched,
    every_visit_was_judged_by_the_model_as_it_is_now,
    no_answer_of_the_model_is_kept_twice,
    every_visit_of_now_was_told,
    everything_answers,
)
