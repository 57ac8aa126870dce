"""What of the program's state needs a person: the first line of the System page, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from cameras.words import clock_words, list_words, span_words
from events.templatetags.words import waiting
from system.backlog import Stage
from system.state import State
from system.workers import SILENCE, WORK
from telemetry.disk import Disk
from telemetry.models import Job

BEHIND_AFTER = timedelta(minutes=5)
TOLD_IN_FIRST_LINE = 2
BEHIND = {
    "detect": ("pictures", "to be looked at"),
    "place": ("pictures", "for their place in a visit"),
    "analyze": ("visits", "for the language model"),
    "evaluate": ("visits", "for the alert rules"),
}


@dataclass(frozen=True)
class Need:
    """One thing to do: in a few words for the first line, in a sentence or two for the list below it."""

    words: str
    sentence: str
    section: str
    """Id of the part of the page that tells more."""


def needs_of(state: State) -> list[Need]:
    """The most pressing first."""
    stands_still = [*_servers(state), *_disks(state), *_missing(state), *_not_listening(state), *_pauses(state)]
    return [*stands_still, *_work(state), *_channels(state), *_jobs(state)]


def first_line(needs: list[Need]) -> str:
    """Whether all is well, in one line."""
    if not needs:
        return "Everything runs."
    count = "1 thing needs you" if len(needs) == 1 else f"{len(needs)} things need you"
    if len(needs) > TOLD_IN_FIRST_LINE:
        return f"{count}."
    return f"{count}: {'; '.join(need.words for need in needs)}."


def _servers(state: State) -> Iterator[Need]:
    for server in state.servers:
        if not server.answers:
            yield Need(
                f"{server.name} does not answer",
                f"{server.name} does not answer, so nothing tells the workers of new files and open pages of news. "
                "It is started again by itself; if it stays away, the program's log says why.",
                "storage",
            )


def _disks(state: State) -> Iterator[Need]:
    is_told = any(pause.stage == "intake" for pause in state.pauses)
    for disk in state.disks:
        if disk.is_full and not (disk.stops_intake and is_told):
            then = "New files wait until there is room." if disk.stops_intake else "Cameras can add no more."
            yield Need("the disk is full", f"{room(disk)} {then}", "storage")
        elif disk.is_low and not disk.is_full:
            then = "Below 2 % new files wait." if disk.stops_intake else "Once it is full, cameras can add no more."
            yield Need("the disk is almost full", f"{room(disk)} {then}", "storage")


def room(disk: Disk) -> str:
    """ "The disk of /data has 1.2 GB of 98 GB free (1 %)." """
    free, total = filesizeformat(disk.free_bytes), filesizeformat(disk.total_bytes)
    return f"The disk of {disk.path} has {free} of {total} free ({int(100 * disk.free_share)} %)."


def _missing(state: State) -> Iterator[Need]:
    for queue in state.missing_queues:
        words = f"no process {WORK[queue]}"
        yield Need(words, f"{words.capitalize()}: {SILENCE}. It is started again by itself.", "workers")


def _not_listening(state: State) -> Iterator[Need]:
    for worker in state.living:
        if worker.detail.get("is_wanted") and (why := worker.detail.get("why_not")):
            yield Need("cameras cannot send by FTP", f"Cameras cannot send by FTP: {why}", "workers")


def _pauses(state: State) -> Iterator[Need]:
    zone = timezone.get_current_timezone()
    for pause in state.pauses:
        words = waiting(pause.stage)
        since = clock_words(pause.since, zone)
        yield Need(words[0].lower() + words[1:], f"{words} since {since}: {pause.reason}", "pipeline")


def _work(state: State) -> Iterator[Need]:
    for stage in state.stages:
        waits = stage.backlog.oldest_for
        if waits is not None and waits > BEHIND_AFTER and not _is_told(stage, state):
            span = span_words(waits)
            count = intcomma(stage.backlog.waiting or 0)
            things, what_for = BEHIND[stage.name]
            words = f"{things} wait {span} {what_for}"
            yield Need(words, f"{count} {things} wait {what_for}, the oldest for {span}.", "pipeline")
    if state.failed:
        files = "1 file" if state.failed == 1 else f"{intcomma(state.failed)} files"
        sentence = (
            f"{files} failed in every attempt. Have {'it' if state.failed == 1 else 'them'} tried again, or let go."
        )
        yield Need(f"{files} failed", sentence, "dead-letters")
    for engine in state.engines:
        if engine.is_another:
            yield Need(
                f"the {engine.role} is not the one that was chosen",
                f"{engine.name} was chosen as {engine.role}, but {list_words(engine.running)} runs. "
                "Start the program again.",
                "engines",
            )
        elif engine.came_later:
            yield Need(
                "a language model was added",
                f"A language model was added ({engine.why}), and is not used yet. Start the program again.",
                "engines",
            )


def _is_told(stage: Stage, state: State) -> bool:
    """Whether it is said already why this stage stands still; its backlog is no second thing to do."""
    return stage.is_paused or stage.queue in state.missing_queues or stage.name not in BEHIND


def _channels(state: State) -> Iterator[Need]:
    for trouble in state.troubles:
        yield Need(f"nobody is told by {trouble.channel}", f"{trouble.channel}: {trouble.sentence}", "pipeline")


def _jobs(state: State) -> Iterator[Need]:
    for job in state.jobs:
        if job.state == Job.State.FAILED:
            yield Need(f"the last {job.kind} failed", f"The last {job.kind} failed: {job.error}", "storage")
        elif wrong := _found_wrong(job):
            sentence = f"The last verify found {list_words(wrong)}. Mend it: manage.py verify --repair."
            yield Need("the archive has gaps", sentence, "storage")


def _found_wrong(job: Job) -> list[str]:
    """What a check of the archive found and left as it was: "3 thumbnails and previews that are missing"."""
    findings = [finding for finding in job.result.get("findings", []) if finding["is_wrong"]]
    left = [(finding["count"] - finding["repaired"], finding["title"]) for finding in findings]
    return [f"{intcomma(count)} {title}" for count, title in left if count]
