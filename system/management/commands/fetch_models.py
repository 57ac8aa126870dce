"""Brings the usual models into DATA_DIR/models, from their makers' own addresses."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from inference.fetching import Fetched, FetchError, Progress, fetch
from inference.protocols import EngineUnavailable
from inference.sources import NothingToFetch, NotPublished, detector_source, llm_source
from security_site.runtime import port_of_running
from telemetry.wake import wake

SOURCES = {"detector": detector_source, "llm": llm_source}
GOES_ON = {
    "detector": "The detector that runs goes on as it is; without weights that is the built-in one.",
    "llm": "The rules go on judging.",
}


class Command(BaseCommand):
    help = "Fetches the usual models, with resume, and records their checksums."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("which", nargs="?", choices=[*SOURCES, "all"], default="detector")
        parser.add_argument("--again", action="store_true", help="fetch it even though it is there")

    def handle(self, *, which: str, again: bool, **_: Any) -> None:
        failures = []
        for kind in SOURCES if which == "all" else (which,):
            try:
                self._bring(kind, again=again)
            except NothingToFetch as own:
                self.stdout.write(str(own))
            except (FetchError, NotPublished, EngineUnavailable) as error:
                failures.append(f"{error}.\n{GOES_ON[kind]}")
            except KeyboardInterrupt as stop:
                raise CommandError("Stopped; the next fetch goes on from here.") from stop
        if port_of_running(settings.DATA_DIR):
            wake("detections.detect_queued")  # a detector that waited for its weights takes them now
        if failures:
            raise CommandError("\n".join(failures))

    def _bring(self, kind: str, *, again: bool) -> None:
        source = SOURCES[kind](settings.CONFIG)
        self.stdout.write(f"{source.name} from {source.url}")
        with _bar() as progress:
            fetched = fetch(source, settings.CONFIG.models, progress, again=again)
        self.stdout.write(_outcome(fetched))
        if kind == "llm" and not settings.CONFIG.LLM_MODEL:
            self.stdout.write(f"To use it: LLM_MODEL={source.name} in .env, then start the program again.")


def _outcome(fetched: Fetched) -> str:
    if fetched.was_there:
        return f"It is there already: {fetched.path}, SHA-256 {fetched.sha256}. --again fetches it anew."
    how = "which is what its makers published" if fetched.is_published else "recorded; its makers tell none to compare"
    return f"{fetched.path}, SHA-256 {fetched.sha256}, {how}."


@contextmanager
def _bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
