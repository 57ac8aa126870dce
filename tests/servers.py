"""pytest plugin: a PostgreSQL and a Redis of the run's own, on sockets in a temporary folder.

Loaded with `-p`, since the settings must know the folder before pytest-django reads them. Each worker of a parallel
run has its own, so runs and workers cannot collide. DATABASE_URL and REDIS_URL are honoured where they are set.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

SLOWEST = ("/chaos/", "/end_to_end/")

_data_dir = Path(tempfile.mkdtemp(prefix="hsi-test-"))
_data_dir.chmod(0o755)  # PostgreSQL refuses to run as root: its own user must get in
os.environ |= {"DATA_DIR": str(_data_dir), "ENV_FILE": os.devnull, "TIME_ZONE": "Europe/Berlin"}
_servers = ExitStack()


def pytest_sessionstart(session: pytest.Session) -> None:
    distributes = session.config.getoption("numprocesses", default=None) and not hasattr(session.config, "workerinput")
    if distributes:
        return
    from django.conf import settings

    from security_site import embedded

    _servers.enter_context(embedded.running(settings.CONFIG))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first: the workers of a parallel run then end at about the same time."""
    items.sort(key=lambda item: [folder not in item.nodeid for folder in SLOWEST])


def pytest_unconfigure() -> None:
    _servers.close()
    shutil.rmtree(_data_dir, ignore_errors=True)
