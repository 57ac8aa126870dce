"""Puts files into a camera's folder and, if asked, waits for what becomes of them."""

from __future__ import annotations

import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cameras.models import Capture
from cameras.receipts import outcome_of
from cameras.uploads import Refused, store
from detections.detect import STAGE, detect_queued
from events.placing import place_detected
from inference.protocols import EngineLost
from telemetry.heartbeat import Beating
from telemetry.models import Heartbeat, Pause
from telemetry.stages import try_soon

ON_THE_WAY = (Capture.State.QUEUED, Capture.State.DETECTING)
POLL_S = 0.1
NO_PROGRESS_S = 120.0


class Command(BaseCommand):
    help = "Copies pictures and videos into a camera's folder, as the camera itself would."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--camera", required=True, help="id or name of the camera; made if it is new")
        parser.add_argument("--wait", action="store_true", help="wait until each file has its event or receipt")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(stderr=True)
        captures, refused = self._store(options["files"], options["camera"])
        if options["wait"] and captures:
            self._wait(captures)
        rows = [_outcome(capture_id) for capture_id in captures]
        if options["json"]:
            self.stdout.write(json.dumps({"captures": rows, "refused": refused}, indent=2))
        else:
            for row in rows:
                self.stdout.write(f"{row['file_path']}: {row['receipt']}")
            for name, reason in refused.items():
                self.stderr.write(f"{name}: {reason}")
        if refused:
            raise CommandError(f"{len(refused)} of {len(options['files'])} files were not taken in.")

    def _store(self, files: list[Path], camera: str) -> tuple[list[int], dict[str, str]]:
        captures: list[int] = []
        refused: dict[str, str] = {}
        with self._progress() as progress:
            for path in progress.track(files, description="copying"):
                try:
                    with path.open("rb") as source:
                        captures.append(store(source, path.name, path.stat().st_size, camera).pk)
                except (Refused, OSError) as error:
                    refused[str(path)] = str(error)
        return captures, refused

    def _wait(self, captures: list[int]) -> None:
        """Until every capture is final and placed; by its workers, or here where the program does not run."""
        with self._progress() as progress:
            bar = progress.add_task("looking at", total=len(captures))

            def show(done: int) -> None:
                progress.update(bar, completed=done)

            if Heartbeat.objects.alive().filter(queue="detect").exists():
                _wait_for_workers(captures, show)
            else:
                self.console.print("The program is not running; the files are looked at here.")
                _work_here(captures, show)

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )


def _settled(captures: list[int]) -> int:
    mine = Capture.objects.filter(pk__in=captures).exclude(state__in=ON_THE_WAY)
    return mine.exclude(state=Capture.State.DETECTED, placed_at=None).count()


def _wait_for_workers(captures: list[int], show: Callable[[int], None]) -> None:
    """Raises CommandError where nothing moves for two minutes."""
    done, moved_at = -1, time.monotonic()
    while done < len(captures):
        settled = _settled(captures)
        if settled > done:
            done, moved_at = settled, time.monotonic()
            show(done)
        elif time.monotonic() - moved_at > NO_PROGRESS_S:
            raise CommandError(
                f"{len(captures) - done} files are still waiting after {NO_PROGRESS_S:.0f} s; they are safe in the "
                "queue. /readyz says what is missing."
            )
        time.sleep(POLL_S)


def _work_here(captures: list[int], show: Callable[[int], None]) -> None:
    """Do the workers' work in this process. Raises CommandError where the detect stage is paused."""
    try_soon(STAGE)
    with Beating(f"ingest@{os.getpid()}", "detect") as beating:
        while (settled := _settled(captures)) < len(captures):
            show(settled)
            try:
                worked = detect_queued(beating.worker, 1)
            except EngineLost:
                worked = 0  # paused, with the reason
            for camera_id in Capture.objects.unplaced().values_list("camera_id", flat=True).distinct():
                place_detected(camera_id)
            if paused := Pause.objects.filter(stage=STAGE).first():
                raise CommandError(f"Looking at files is paused: {paused.reason}. They are safe in the queue.")
            if not worked and _settled(captures) == settled:
                time.sleep(POLL_S)  # the next try of a file is due a little later
        show(len(captures))


def _outcome(capture_id: int) -> dict[str, Any]:
    capture = Capture.objects.with_event_id().select_related("camera", "duplicate_of").get(pk=capture_id)
    event_id: int | None = getattr(capture, "event_id", None)
    return {
        "id": capture.pk,
        "camera_id": capture.camera_id,
        "event_id": event_id,
        "file_path": capture.file_path,
        "state": capture.state,
        "error": capture.error,
        "receipt": _receipt(capture, event_id),
    }


def _receipt(capture: Capture, event_id: int | None) -> str:
    types = capture.detections.values_list("object_type", flat=True).order_by("object_type").distinct()
    _, sentence = outcome_of(capture, list(types))
    return f"{sentence} → event {event_id}" if event_id else sentence
