"""`manage.py check`: Django's own, and which engines would run and why those."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import check

from inference.registry import choose_analyst, choose_detector


class Command(check.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        detector, analyst = choose_detector(settings.CONFIG), choose_analyst(settings.CONFIG)
        self.stdout.write(f"Detector: {detector.name} ({detector.why}).")
        self.stdout.write(f"Analyst: {analyst.name} ({analyst.why}).")
