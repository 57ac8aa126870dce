#!/usr/bin/env python3
"""Command line of the program."""

import importlib.util
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

WITHOUT_SERVERS = {
    "check",
    "collectstatic",
    "compilemessages",
    "demo",
    "diffsettings",
    "document_settings",
    "fetch_models",
    "findstatic",
    "help",
    "makemessages",
    "makemigrations",
    "startapp",
    "up",
    "version",
}
SEES_TABLES_AS_THEY_ARE = {"dbshell", "migrate", "showmigrations", "sqlmigrate", "sqlsequencereset", "test"}


def main() -> None:
    use_own_packages()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "security_site.settings")
    from django.core.management import execute_from_command_line

    from security_site.runtime import StartError

    try:
        with servers_for(sys.argv[1:]) as are_fresh:
            if are_fresh and sys.argv[1] not in SEES_TABLES_AS_THEY_ARE:
                execute_from_command_line([sys.argv[0], "migrate", "--skip-checks", "--verbosity", "0"])
            execute_from_command_line(sys.argv)
    except StartError as error:
        sys.exit(str(error))


def use_own_packages() -> None:
    """Go on in `.venv`, which `make run` made, where this Python has not the packages."""
    own = Path(__file__).resolve().parent / ".venv"
    if importlib.util.find_spec("django"):
        return
    if Path(sys.prefix) == own or not (own / "bin" / "python").exists():
        sys.exit("The program's packages are not installed yet: run `make run` first.")
    os.execv(own / "bin" / "python", [str(own / "bin" / "python"), *sys.argv])  # noqa: S606  (no shell is wanted)


def servers_for(arguments: list[str]) -> AbstractContextManager[bool]:
    """The private database and broker, where the command needs them; gives whether they had to be started."""
    if not arguments or {"-h", "--help", "--version"} & set(arguments):
        return nullcontext(False)
    if arguments[0] in WITHOUT_SERVERS and not any(one.startswith("--database") for one in arguments):
        return nullcontext(False)
    from security_site import embedded
    from security_site.config import load_config_or_exit

    return embedded.running(load_config_or_exit())


if __name__ == "__main__":
    main()
