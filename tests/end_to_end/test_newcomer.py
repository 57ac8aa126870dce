"""The first minutes of somebody who has just started the program: account, first picture, demo."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.end_to_end.conftest import SOON_MS
from tests.footage import draw_person_jpeg
from tests.stack import OWNER, PASSWORD, Stack, eventually

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_a_newcomer_makes_an_account_drops_a_picture_and_plays_the_demo(home: Path, browser: Browser) -> None:
    stack = Stack(home / "data")
    stack.start()
    try:
        # The server answers a moment before that is printed.
        link = eventually(lambda: re.search(r"http://\S+/setup/\S+/", stack.log.read_text()))
        assert link
        page = browser.new_page()
        page.goto(link[0])
        page.get_by_label("Username").fill(OWNER)
        for field in page.get_by_label(re.compile("password", re.IGNORECASE)).all():
            field.fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("heading", name="Nothing has arrived yet.")).to_be_visible()
        expect(page.get_by_text(str(stack.data_dir / "cameras"))).to_be_visible()

        picture = draw_person_jpeg(home / "somebody.jpg", seed=1)
        page.get_by_label("Files", exact=True).set_input_files(picture)
        page.get_by_label("Name the camera").fill("Front door")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_text(re.compile("A person")).first).to_be_visible(timeout=SOON_MS)

        page.goto(link[0])  # it was used; now it makes nobody an owner
        expect(page.get_by_role("button", name="Make the account")).to_have_count(0)
        page.close()
        stack.command("demo", "--fast")
        stack.make_key()
        for camera in ("front_door", "driveway", "back_garden"):
            stack.settled(camera, len(stack.captures(camera)), within_s=90)
            assert stack.events(camera)
    finally:
        stack.stop()
