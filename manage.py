#!/usr/bin/env python3
"""Command line of the program."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext

WITHOUT_SERVERS = {
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "document_settings",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "startapp",
    "up",
    "version",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "security_site.settings")
    from django.core.management import execute_from_command_line

    from security_site.runtime import StartError

    try:
        with servers_for(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except StartError as error:
        sys.exit(str(error))


def servers_for(arguments: list[str]) -> AbstractContextManager[None]:
    """The private database and broker, where the command needs them and no others are given."""
    if not arguments or {"-h", "--help", "--version"} & set(arguments):
        return nullcontext()
    if arguments[0] in WITHOUT_SERVERS and not any(one.startswith("--database") for one in arguments):
        return nullcontext()
    from security_site import embedded
    from security_site.config import load_config_or_exit

    return embedded.running(load_config_or_exit())


if __name__ == "__main__":
    main()
