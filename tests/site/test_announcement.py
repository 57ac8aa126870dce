"""What the start prints last: where the pages are, and the setup link until it was used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from security_site.runtime import setup_token_path
from tests.site.processes import Up

WEB = "web: python -m http.server $PORT --bind $HOST --directory {folder}\n"


@pytest.fixture
def web(tmp_path: Path) -> str:
    """A Procfile whose web server answers that it is well, and no more."""
    (tmp_path / "healthz").write_text("well")
    return WEB.format(folder=tmp_path)


def test_the_setup_link_is_printed_at_every_start_until_it_was_used(
    up: Callable[..., Up], home: Path, port: int, web: str
) -> None:
    token = setup_token_path(home)
    token.write_text("once-only")
    link = f"Make the owner's account, once: http://127.0.0.1:{port}/setup/once-only/"
    for _ in range(2):
        running = up(web)
        running.hears(link)
        running.ends()
    token.unlink()
    running = up(web)
    running.hears(f"Home Security Intelligence is running: http://127.0.0.1:{port}/")
    assert not running.said("/setup/")
