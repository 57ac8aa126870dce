"""Judges past visits again with another prompt or model, changes nothing of them, and prints how the scores moved."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from events.models import Assessment
from events.moves import Move, lines_of
from events.reassessing import CannotReassess, Judge, Which, camera_called, judge_of, moment_of, reassess
from inference.protocols import EngineUnavailable
from inference.scale import Level

TIMES = "2026-11-01, 2026-11-01T14:00, 7d (seven days ago) or 24h"
INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Judges visits of the past again, as another prompt or model would have, and prints how the scores moved. The "
        "visits keep their scores; the new judgements are kept beside them as replays. What is interrupted goes on "
        "where it was when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", required=True, metavar="TIME", help=f"visits from then on: {TIMES}")
        parser.add_argument("--until", metavar="TIME", help="visits before then")
        parser.add_argument("--camera", help="only those of this camera, by id or name")
        parser.add_argument("--level", choices=[level.value for level in Level], help="only those of this level")
        parser.add_argument("--limit", type=int, metavar="N", help="only the newest N")
        parser.add_argument("--prompt", type=int, metavar="N", help="number of the prompt; the active one if left out")
        parser.add_argument("--analyst", choices=Assessment.Source.values, default="llm", help="who judges (llm)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            event_ids = _which(options).event_ids()
            judge = judge_of(options["analyst"], options["prompt"])
        except (CannotReassess, EngineUnavailable) as problem:
            raise CommandError(str(problem)) from problem
        if not event_ids:
            raise CommandError("No visit is like that.")
        self._judge_again(event_ids, judge)

    def _judge_again(self, event_ids: list[int], judge: Judge) -> None:
        done: list[Assessment] = []
        try:
            with _progress() as progress:
                bar = progress.add_task(str(judge), total=len(event_ids))
                for assessment in reassess(event_ids, judge):
                    done.append(assessment)
                    progress.update(bar, advance=1)
        except EngineUnavailable as problem:
            self._print(judge, done)
            raise CommandError(f"Stopped: {str(problem).rstrip('.')}. {_kept(done, event_ids)}") from problem
        except KeyboardInterrupt as interrupt:
            self._print(judge, done)
            raise CommandError(f"Interrupted. {_kept(done, event_ids)}", returncode=INTERRUPTED) from interrupt
        self._print(judge, done)

    def _print(self, judge: Judge, done: list[Assessment]) -> None:
        self.stdout.write(f"{len(done):,} visit{'' if len(done) == 1 else 's'}, judged again by {judge}.")
        failed = [assessment.event_id for assessment in done if assessment.error]
        if failed:
            shown = ", ".join(map(str, failed[:10])) + (" …" if len(failed) > 10 else "")
            self.stdout.write(f"Answers that could not be kept: {len(failed):,} (events {shown}).")
        if ungrounded := sum(not assessment.grounded for assessment in done):
            self.stdout.write(f"Told what was not detected, so that the rules' score is compared: {ungrounded:,}.")
        self.stdout.write("")
        moves = [Move(one.event_id, one.event.risk_score, one.score) for one in done if one.score is not None]
        for line in lines_of(moves):
            self.stdout.write(line)


def _which(options: dict[str, Any]) -> Which:
    """Raises CannotReassess."""
    now = timezone.now()
    until, camera, level = options["until"], options["camera"], options["level"]
    if options["limit"] is not None and options["limit"] < 1:
        raise CannotReassess("--limit is 1 or more.")
    which = Which(
        since=moment_of(options["since"], now),
        until=moment_of(until, now) if until else None,
        camera=camera_called(camera) if camera else None,
        level=Level(level) if level else None,
        limit=options["limit"],
    )
    if which.until is not None and which.until <= which.since:
        raise CannotReassess("--until lies before --since.")
    return which


def _kept(done: list[Assessment], event_ids: list[int]) -> str:
    return f"{len(done):,} of {len(event_ids):,} are kept; the same command goes on from there."


def _progress() -> Progress:
    """On a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, *times, console=console, disable=not console.is_terminal)
