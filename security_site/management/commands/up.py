"""`manage.py up`: run the whole program. Hands this process over to the supervisor, which needs no Django."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from security_site.config import BASE_DIR


class Command(BaseCommand):
    help = "Run the whole program: its private servers, and every process of the Procfile."
    requires_system_checks = []  # `release` makes them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--procfile", type=Path, default=BASE_DIR / "Procfile", help="which processes to run")
        parser.add_argument("--demo", action="store_true", help="play the demo's footage once everything runs")

    def handle(self, *, procfile: Path, demo: bool, **_options: Any) -> None:
        supervisor = [sys.executable, "-m", "security_site.supervisor", "--procfile", str(procfile.absolute())]
        os.chdir(BASE_DIR)  # where -m finds the package
        os.execv(sys.executable, [*supervisor, *(["--demo"] if demo else [])])  # noqa: S606  (no shell is wanted)
