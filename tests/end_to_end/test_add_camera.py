"""A real camera in five minutes: added on a page, connected by a real FTP client, followed by the open page."""

from __future__ import annotations

import io
import re
from ftplib import FTP, error_perm
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cameras.ftp.accounts import PASSWORD_LENGTH
from tests.end_to_end.conftest import SOON_MS
from tests.footage import draw_person_jpeg
from tests.stack import Stack, eventually

pytestmark = [pytest.mark.stack, pytest.mark.browser]


class Camera:
    """An FTP client that knows only what a person read off the page."""

    def __init__(self, page: Page) -> None:
        self.host = page.get_by_label("FTP server", exact=True).input_value()
        self.port = int(page.get_by_label("Port", exact=True).input_value())
        self.user = page.get_by_label("User", exact=True).input_value()
        self.password = page.get_by_label("Password", exact=True).input_value()

    def send(self, path: str, content: bytes) -> None:
        with FTP(timeout=20) as ftp:  # noqa: S321  (what cameras speak)
            ftp.connect(self.host, self.port)
            ftp.login(self.user, self.password)
            ftp.storbinary(f"STOR {path}", io.BytesIO(content))

    def is_refused(self) -> bool:
        """Whether it does not get in with another password."""
        with FTP(timeout=20) as ftp:  # noqa: S321
            ftp.connect(self.host, self.port)
            with pytest.raises(error_perm):
                ftp.login(self.user, "not the password")
        return True


def step(page: Page, title: str) -> Locator:
    return page.locator(".step").filter(has_text=title)


def expect_step(page: Page, title: str, state: str) -> None:
    expect(step(page, title)).to_have_class(re.compile(f"is-{state}"), timeout=SOON_MS)


def add_camera(page: Page, name: str, way: str = "It sends by FTP") -> None:
    page.goto("/cameras/")
    page.get_by_role("link", name="Add a camera").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label(re.compile(way)).check()
    page.get_by_role("button", name="Add the camera").click()
    expect(page.get_by_role("heading", name=f"Connect {name}")).to_be_visible()


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_camera_is_added_connected_and_seen_on_one_page(stack: Stack, page: Page, tmp_path: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    add_camera(page, f"Porch {width}")
    camera_id = f"porch_{width}"
    expect(page).to_have_url(f"{stack.url}/cameras/{camera_id}/connect/")  # a reload sends nothing again
    assert overflow(page) <= 0
    camera = Camera(page)
    assert (camera.port, camera.user, len(camera.password)) == (stack.ftp_port, f"porch{width}", PASSWORD_LENGTH)
    assert page.get_by_label("Folder", exact=True).input_value() == str(stack.camera(camera_id))
    page.evaluate("window.stillHere = true")

    expect_step(page, "The server listens", "done")
    expect_step(page, "The camera connects", "next")
    wrong = step(page, "It signs in").get_by_text("wrong password")
    eventually(lambda: camera.is_refused() and wrong.is_visible())  # the server knows the account within two seconds
    expect_step(page, "It signs in", "failed")

    camera.send("test.txt", b"a test by the camera")
    expect_step(page, "It signs in", "done")
    expect_step(page, "A file arrives", "done")
    expect_step(page, "A picture is taken in", "next")

    camera.send("2025-06-01/somebody.jpg", draw_person_jpeg(tmp_path / "somebody.jpg", seed=60 + width).read_bytes())
    expect_step(page, "A picture is taken in", "done")
    expect_step(page, "A visit is seen", "done")
    expect(page.get_by_role("heading", name="It works")).to_be_visible()

    assert page.evaluate("window.stillHere") is True
    assert page.get_by_label("Password", exact=True).input_value() == camera.password
    assert overflow(page) <= 0
    (event,) = eventually(lambda: stack.events(camera_id))
    page.get_by_role("link", name="Open the visit").click()
    expect(page).to_have_url(f"{stack.url}/events/{event['id']}/")

    page.goto(f"/cameras/{camera_id}/connect/")
    expect(page.get_by_text("was shown once")).to_be_visible()
    assert camera.password not in page.content()


def test_a_new_password_is_shown_once_and_the_old_one_ends(stack: Stack, page: Page) -> None:
    add_camera(page, "Renewed")
    camera = Camera(page)
    page.reload()
    expect(page.get_by_label("Password", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Make a new password").click()
    renewed = Camera(page)
    assert renewed.user == camera.user and renewed.password != camera.password
    eventually(lambda: is_let_in(renewed), within_s=15)
    assert not is_let_in(camera)


def is_let_in(camera: Camera) -> bool:
    try:
        camera.send("test.txt", b"a test")
    except error_perm:
        return False
    return True


def test_a_value_is_copied_where_the_browser_gives_no_clipboard(stack: Stack, page: Page) -> None:
    """As on a phone that opens the page by http from the home's network."""
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    add_camera(page, "Copied")
    page.get_by_role("button", name="Copy User").click()
    expect(page.get_by_role("button", name="Copied User")).to_be_visible()
    page.goto("/add-camera/")
    page.get_by_label("Name").focus()
    page.keyboard.press("ControlOrMeta+v")
    expect(page.get_by_label("Name")).to_have_value("copied")


def test_a_folder_is_followed_too_without_a_socket(stack: Stack, page: Page, tmp_path: Path) -> None:
    page.route_web_socket("**/ws/events", lambda socket: socket.close())
    add_camera(page, "Shed", way="Something else puts")
    expect_step(page, "The folder is watched", "done")
    expect_step(page, "A file is seen", "next")
    draw_person_jpeg(stack.camera("shed") / "somebody.jpg", seed=71)
    expect_step(page, "A visit is seen", "done")


def test_a_test_upload_tells_on_the_cameras_page_what_became_of_it(stack: Stack, page: Page, tmp_path: Path) -> None:
    add_camera(page, "Cellar", way="Something else puts")
    page.goto("/cameras/cellar/")
    page.evaluate("window.stillHere = true")
    page.get_by_label("Files", exact=True).set_input_files(draw_person_jpeg(tmp_path / "somebody.jpg", seed=72))
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#camera-files").get_by_text("Found: person")).to_be_visible(timeout=SOON_MS)
    expect(page.locator("#share-found")).to_contain_text("1")
    assert page.evaluate("window.stillHere") is True


def test_a_camera_is_put_away_and_brought_back(stack: Stack, page: Page) -> None:
    add_camera(page, "Attic", way="Something else puts")
    page.goto("/cameras/attic/")
    page.get_by_text("Put this camera away…").click()
    page.get_by_role("button", name="Put Attic away").click()
    expect(page.get_by_text("Attic is put away.")).to_be_visible()
    page.locator("#put-away summary").click()
    page.get_by_role("button", name="Bring back Attic").click()
    expect(page.get_by_text("Attic is back")).to_be_visible()
