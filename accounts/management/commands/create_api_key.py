"""Make an API key: `create_api_key "my script" --scope read`. The key is the last word printed, and only here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.keys import issue_key
from accounts.models import Scope, User

LONGEST_NAME = 100


class Command(BaseCommand):
    help = "Make an API key and print it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="What the key is for, as the admin lists it.")
        parser.add_argument(
            "--scope", required=True, action="append", choices=Scope.values, help="May be given more than once."
        )
        parser.add_argument(
            "--user", help="Name of the person whose rights it has; without, it has the owner's within its scopes."
        )
        parser.add_argument("--days", type=int, help="How long it works; without, until it is revoked.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < len(options["name"].strip()) <= LONGEST_NAME:
            raise CommandError(f"The name has 1 to {LONGEST_NAME} characters.")
        if options["days"] is not None and not 0 < options["days"] <= 36_500:
            raise CommandError("--days is a number from 1 to 36500.")
        lifetime = options["days"] and timedelta(days=options["days"])
        scopes = [Scope(scope) for scope in options["scope"]]
        text = issue_key(options["name"].strip(), scopes, _find_user(options["user"]), lifetime)
        self.stdout.write(f"Header of its requests, shown this once: X-API-Key: {text}")


def _find_user(username: str | None) -> User | None:
    if username is None:
        return None
    try:
        return User.objects.get(username=username)
    except User.DoesNotExist as error:
        raise CommandError(f"There is nobody named {username}.") from error
