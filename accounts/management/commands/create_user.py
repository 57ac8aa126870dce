"""Make somebody who can log in: `create_user --username anna --role member --password-stdin < password`."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Role
from accounts.people import create_person


class Command(BaseCommand):
    help = "Make a person who can log in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--username", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password from standard input, not by asking."
        )
        parser.add_argument("--cameras", default="", help="Ids of the cameras a viewer may see, separated by commas.")

    def handle(self, *args: Any, **options: Any) -> None:
        role = Role(options["role"])
        camera_ids = [part.strip() for part in options["cameras"].split(",") if part.strip()]
        if camera_ids and role != Role.VIEWER:
            raise CommandError(f"--cameras limits viewers; a {role} sees every camera.")
        password = _read_password(options["password_stdin"])
        try:
            user = create_person(options["username"], password, role, camera_ids)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{user.username} can log in as {role}.")
        if role == Role.VIEWER and not camera_ids:
            self.stdout.write("They see no camera yet: give them some in the admin, or with --cameras.")


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = getpass.getpass("Password: ")
    else:
        raise CommandError("No terminal to ask for the password: use --password-stdin.")
    if not password:
        raise CommandError("The password is empty.")
    return password
