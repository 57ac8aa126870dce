"""Receives what cameras send by FTP."""

from __future__ import annotations

import signal
from types import FrameType

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Receives files from the cameras that have an FTP account, until it is stopped."

    def handle(self, *args: object, **options: object) -> None:
        from cameras.ftp.server import Server  # what it imports is for this process alone

        server = Server()

        def stop(number: int, frame: FrameType | None) -> None:
            server.stop()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        server.run()
