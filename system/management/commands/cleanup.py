"""Lets go what is past its time, or tells what would go: a table for people, JSON for programs that read it."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.filesize import decimal

from system.management.progress import progress_bar
from system.retention import Report, clean_up, what_would_go
from telemetry.jobs import AlreadyRunning


class Command(BaseCommand):
    help = "Deletes what is older than RETENTION_DAYS, as the program does daily at 03:00; --dry-run only tells."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="tell what would go, and change nothing")
        parser.add_argument("--json", action="store_true", help="print JSON on a terminal, too")

    def handle(self, *args: Any, **options: Any) -> None:
        run = what_would_go if options["dry_run"] else clean_up
        try:
            with progress_bar("cleaning up") as tell:
                report = run(tell)
        except AlreadyRunning as error:
            raise CommandError(str(error)) from error
        if options["json"] or not self.stdout.isatty():
            self.stdout.write(json.dumps(report.as_dict(), indent=2))
        else:
            for line in _table(report):
                self.stdout.write(line)


def _table(report: Report) -> Iterator[str]:
    if report.retention_days:
        yield f"Older than {report.retention_days} days{', and would go' if report.dry_run else ''}:"
    else:
        yield "RETENTION_DAYS=0: events and files are kept for ever."
    for what, count in (
        ("events", report.events_deleted),
        ("detections", report.detections_deleted),
        ("thumbnails", report.thumbnails_deleted),
        ("files of the cameras", report.images_deleted),
        ("failed logins", report.logs_deleted),
    ):
        yield f"  {what:<22}{count:>12,}"
    yield f"  {'room':<22}{decimal(report.space_reclaimed):>12}"
