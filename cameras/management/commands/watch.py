"""Sees files that cameras drop and takes them in."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.core.management.base import BaseCommand

from cameras.watcher import Watcher


class Command(BaseCommand):
    help = "Watches the camera folders and takes in every complete file, until it is stopped."

    def handle(self, *args: object, **options: object) -> None:
        watcher = Watcher(Path(settings.CAMERA_ROOT))

        def stop(number: int, frame: FrameType | None) -> None:
            watcher.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        self.stdout.write(f"watching {settings.CAMERA_ROOT}")
        watcher.run()
