"""What a person sees in a real browser while the real processes work."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.end_to_end.conftest import OWNER, PASSWORD, Stack, log_in
from tests.files import drop, picture_bytes
from tests.footage import draw_empty_jpeg, draw_person_jpeg

pytestmark = [pytest.mark.stack, pytest.mark.browser]
SOON_MS = 20_000
PHONE: ViewportSize = {"width": 390, "height": 844}


def test_a_newcomer_makes_an_account_drops_a_picture_and_plays_the_demo(home: Path, browser: Browser) -> None:
    stack = Stack(home / "data")
    stack.start()
    try:
        link = re.search(r"http://\S+/setup/\S+/", stack.log.read_text())
        assert link, "the start prints the setup link"
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


def test_a_card_appears_without_a_reload_and_says_why(stack: Stack, page: Page) -> None:
    page.goto("/")
    page.evaluate("window.stillHere = true")
    draw_person_jpeg(stack.camera("veranda") / "a.jpg", seed=11)
    visit = page.get_by_role("main").get_by_text(re.compile(r"A person .*")).first
    expect(page.get_by_text("Veranda", exact=True).first).to_be_visible(timeout=SOON_MS)
    expect(visit).to_be_visible(timeout=SOON_MS)
    assert page.evaluate("window.stillHere") is True
    event = stack.events("veranda")[0]
    page.goto(f"/events/{event['id']}/")
    expect(page.get_by_role("heading", name=event["summary"])).to_be_visible()
    expect(page.get_by_role("heading", name="Why this score")).to_be_visible()
    why = page.get_by_role("region", name="Why this score")
    for part in event["assessment"]["parts"]:
        expect(why.get_by_text(part["why"])).to_be_visible()
    picture = page.locator("main img").first
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")


def test_every_file_gets_its_receipt_on_the_open_page(stack: Stack, page: Page) -> None:
    page.goto("/")
    folder = stack.camera("receipts")
    draw_empty_jpeg(folder / "nobody.jpg", seed=21)
    receipts = page.locator("#receipts")
    nothing = "Nothing found: the built-in detector sees standing people only"
    expect(receipts.get_by_text(nothing).first).to_be_visible(timeout=SOON_MS)
    person = draw_person_jpeg(folder / "first.jpg", seed=22)
    expect(receipts.get_by_text("Found: person").first).to_be_visible(timeout=SOON_MS)
    shutil.copy(person, folder / "second.jpg")
    expect(receipts.get_by_text(re.compile("Same picture as")).first).to_be_visible(timeout=SOON_MS)
    drop(folder, "letter.jpg", b"Dear camera, this is a letter and no picture.")
    expect(receipts.get_by_text(re.compile("Rejected: .*no picture")).first).to_be_visible(timeout=SOON_MS)
    drop(folder, "index.html", b"<p>")
    expect(receipts.get_by_text(re.compile("Ignored: .html files are not read")).first).to_be_visible(timeout=SOON_MS)


def test_a_page_that_was_cut_off_says_so_and_catches_up(stack: Stack, page: Page) -> None:
    page.goto("/")
    page.wait_for_timeout(500)
    page.context.set_offline(True)
    stack_socket_gone = page.get_by_text(re.compile("Reconnecting… showing until"))
    page.evaluate("document.getElementById('socket')['htmx-internal-data']?.webSocket?.socket?.close()")
    page.evaluate("htmx.trigger('#changes', 'changed')")
    expect(stack_socket_gone).to_be_visible(timeout=SOON_MS)
    drop(stack.camera("offline"), "missed.jpg", picture_bytes(31))
    stack.settled("offline", 1)
    page.context.set_offline(False)
    expect(page.locator("#receipts").get_by_text("missed.jpg")).to_be_visible(timeout=45_000)
    expect(stack_socket_gone).to_be_hidden()


def test_a_visit_is_reviewed_by_keyboard_and_the_other_open_page_follows(stack: Stack, page: Page) -> None:
    draw_person_jpeg(stack.camera("keyboard") / "a.jpg", seed=41)
    stack.settled("keyboard", 1)
    (event,) = stack.all("events/", camera_id="keyboard")
    page.goto(f"/events/{event['id']}/")
    button = page.get_by_role("button", name="Reviewed")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("undo", re.IGNORECASE)).first).to_be_visible(timeout=SOON_MS)
    assert stack.api.get(f"events/{event['id']}/").json()["reviewed"] is True


@pytest.mark.parametrize("path", ["/", "/events/", "/events/{event}/", "/cameras/", "/cameras/reading/", "/password/"])
def test_pages_read_without_javascript_and_fit_a_phone(stack: Stack, browser: Browser, path: str) -> None:
    if not stack.captures("reading"):
        draw_person_jpeg(stack.camera("reading") / "a.jpg", seed=51)
    stack.settled("reading", 1)
    (event,) = stack.all("events/", camera_id="reading")
    path = path.format(event=event["id"])
    for script in (True, False):
        context = browser.new_context(viewport=PHONE, base_url=stack.url, java_script_enabled=script)
        page = context.new_page()
        log_in(page)
        answer = page.goto(path)
        assert answer and answer.status == 200
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if script:
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px too wide for a phone"
        context.close()


def test_a_stranger_is_asked_to_log_in_and_sees_nothing(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(base_url=stack.url)
    for path in ("/", "/events/1/", "/media/previews/1", "/admin/", "/cameras/"):
        page.goto(path)
        assert "/login/" in page.url
    page.close()
