"""The whole program as a newcomer starts it: `manage.py up`, with its own Procfile."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from security_site.config import BASE_DIR
from tests.site.processes import Up, those_alive

pytestmark = pytest.mark.stack


def test_it_comes_up_tells_where_it_is_and_leaves_nothing_behind(home: Path, port: int) -> None:
    procfile = (BASE_DIR / "Procfile").read_text()
    running = Up(home, port, procfile, servers=True, program=("manage.py", "up"))
    running.hears(f"Home Security Intelligence is running: http://127.0.0.1:{port}/", within_s=90)
    invitation = f"Make the owner's account, once: http://127.0.0.1:{port}/setup/"
    running.hears(invitation)
    [setup_link] = [line.split()[-1] for line in running.lines if invitation in line]
    assert httpx.get(setup_link).status_code == 200
    family = running.family()
    assert running.ends() == 0
    assert those_alive(family) == []
