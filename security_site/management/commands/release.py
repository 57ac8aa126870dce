"""What comes before everything else at a start: checks, tables up to date, a setup token while there is no owner.

One command, since starting Python and Django anew for each would cost every start a second.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from accounts.setup import keep_token


class Command(BaseCommand):
    help = "Bring the tables up to date, and have a setup link ready while there is no owner."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", skip_checks=True, interactive=False, verbosity=0)
        keep_token()
