"""Finds out which earlier detections were in the zones as they are drawn now."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cameras.models import Camera
from zones.locating import begin_again, left_to_look_at, locate
from zones.models import Zone

INTERRUPTED = 130


class Command(BaseCommand):
    help = (
        "Finds out which earlier detections were in the zones as they are drawn now. The program does so by itself "
        "whenever a zone is drawn or changed; this finishes it at once, or does it anew. What is interrupted goes on "
        "where it was when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("cameras", nargs="*", metavar="camera", help="ids of cameras; all of them if left out")
        parser.add_argument("--again", action="store_true", help="also zones of which it is known")

    def handle(self, *args: Any, **options: Any) -> None:
        zones = Zone.objects.filter(camera__in=_cameras(options["cameras"]))
        if options["again"]:
            begin_again(list(zones.filter(is_located=True)))
        waiting = list(zones.filter(is_located=False).select_related("camera"))
        try:
            looked_at = sum(_locate(waiting))
        except KeyboardInterrupt as interrupt:
            raise CommandError(
                "Interrupted. Without --again it goes on from there.", returncode=INTERRUPTED
            ) from interrupt
        self.stdout.write(f"Zones looked at: {len(waiting):,}; detections held against them: {looked_at:,}.")


def _locate(zones: list[Zone]) -> Iterator[int]:
    with _progress() as progress:
        for zone in zones:
            bar = progress.add_task(f"{zone.camera}: {zone}", total=left_to_look_at(zone))
            for step in locate(zone.pk):
                progress.update(bar, advance=step)
                yield step


def _cameras(camera_ids: list[str]) -> list[Camera]:
    cameras = list(Camera.objects.filter(pk__in=camera_ids) if camera_ids else Camera.objects.all())
    if unknown := set(camera_ids) - {camera.pk for camera in cameras}:
        raise CommandError(f"No camera is called {', '.join(sorted(unknown))}.")
    return cameras


def _progress() -> Progress:
    """On a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
