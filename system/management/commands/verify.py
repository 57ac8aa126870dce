"""Tells whether rows, pictures and the cameras' files agree, and mends what does not."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from system.management.progress import progress_bar
from system.verification import Finding, Verdict, verify
from telemetry.jobs import AlreadyRunning


class Command(BaseCommand):
    help = "Checks that every file has its row and every row its file; ends with status 1 while something is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended")
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with progress_bar("looking") as tell:
                verdict = verify(repair=options["repair"], tell=tell)
        except AlreadyRunning as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_dict(), indent=2))
        else:
            self._print(verdict)
        if not verdict.is_sound:
            raise CommandError(
                "Some of it could not be mended." if options["repair"] else "--repair mends what can be mended."
            )

    def _print(self, verdict: Verdict) -> None:
        for finding in verdict.findings:
            if finding.count:
                self.stdout.write(_sentence(finding))
                for name in finding.names:
                    self.stdout.write(f"    {name}")
                if finding.count > len(finding.names):
                    self.stdout.write(f"    and {finding.count - len(finding.names):,} more")
        if verdict.met_nothing:
            self.stdout.write("Every row has its file, and every file its row.")


def _sentence(finding: Finding) -> str:
    what = f"{finding.count:,} {finding.title}"
    if finding.excuse:
        return f"{what} (no error: {finding.excuse})"
    return f"{what}; {finding.mended_by}: {finding.repaired:,}" if finding.repaired else what
