"""Plays the demo into the camera folders."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cameras.demo.play import LIVE_PACE_S, play
from cameras.demo.stage import AlreadyPlaying, stage


class Command(BaseCommand):
    help = (
        "Plays a show of about a minute: three drawn cameras drop pictures and a video of visitors, a cat and "
        "nobody at all into the camera folders. Watch the live page meanwhile."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--fast", action="store_true", help="drop all files at once instead of as they happen")
        parser.add_argument("--seed", type=_seed, default=1, help="another number, another show (default: 1)")
        parser.add_argument("--lock", type=int, help=SUPPRESS)

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.CAMERA_ROOT)
        try:
            with stage(options["lock"]):
                count = self._play(root, 0.0 if options["fast"] else LIVE_PACE_S, options["seed"])
        except AlreadyPlaying:
            raise CommandError("The demo is playing already; it takes about a minute.") from None
        except KeyboardInterrupt:
            raise CommandError("Stopped; what was dropped so far stays.", returncode=130) from None
        except OSError as error:
            raise CommandError(f"Cannot write below {root}: {error.strerror} ({error.filename})") from error
        self.stdout.write(f"{count} files are in {root}. They are on the live page while the program runs (make run).")

    def _play(self, root: Path, pace_s: float, seed: int) -> int:
        bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
        )
        with bar:
            task = bar.add_task("")

            def tell(done: int, total: int, what: str) -> None:
                bar.update(task, completed=done, total=total, description=what)

            return len(play(root, pace_s=pace_s, now=timezone.localtime, seed=seed, progress=tell))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError("a seed is a whole number from 0 on")
    return int(text)
