"""The running program seen from outside: files in folders become events, and pages show them without a reload.

One file, so that one worker of a parallel run has all of it, since a stack is dear to start. Each test has cameras of
its own.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect

from tests.end_to_end.conftest import SOON_MS
from tests.files import drop, picture_bytes, video_bytes
from tests.footage import draw_empty_jpeg, draw_person_jpeg, draw_walker_mp4
from tests.stack import Stack, eventually

pytestmark = pytest.mark.stack
SHARED_FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data"
PHONE: ViewportSize = {"width": 390, "height": 844}


def test_a_picture_of_somebody_becomes_an_event_that_says_why(stack: Stack) -> None:
    draw_person_jpeg(stack.camera("front") / "a.jpg", seed=1)
    (capture,) = stack.settled("front", 1)
    assert (capture["state"], capture["error"]) == ("detected", "")
    event = eventually(lambda: stack.events("front"))[0]
    assert capture["event_id"] == event["id"] or stack.captures("front")[0]["event_id"] == event["id"]
    assert event["object_types"] == ["person"]
    assert event["summary"] and event["assessment"]["source"] == "rules" and event["assessment"]["parts"]
    detail = stack.api.get(f"events/{event['id']}/").json()
    assert sum(part["points"] for part in event["assessment"]["parts"]) == event["assessment"]["raw_score"]
    assert {d["id"] for d in detail["detections"]} == set(event["detection_ids"])
    assert (stack.data_dir / detail["detections"][0]["thumbnail_path"]).stat().st_size > 1000


def test_a_video_of_somebody_is_one_event(stack: Stack) -> None:
    draw_walker_mp4(stack.camera("drive") / "a.mp4", seconds=3, seed=2)
    (capture,) = stack.settled("drive", 1)
    assert (capture["media_type"], capture["state"]) == ("video", "detected")
    (event,) = eventually(lambda: stack.events("drive"))
    detections = stack.all("detections/", camera_id="drive")
    assert len({d["frame_offset"] for d in detections}) >= 2
    assert set(event["detection_ids"]) == {d["id"] for d in detections}


def test_ingest_waits_for_the_outcome_and_tells_it(stack: Stack, tmp_path: Path) -> None:
    person = draw_person_jpeg(tmp_path / "somebody.jpg", seed=3)
    nobody = draw_empty_jpeg(tmp_path / "nobody.jpg", seed=3)
    told = json.loads(stack.command("ingest", str(person), str(nobody), "--camera", "Side Gate", "--wait", "--json"))
    first, second = told["captures"]
    assert first["camera_id"] == "side_gate" and first["event_id"] is not None
    assert second["state"] == "detected" and second["event_id"] is None
    assert second["receipt"] == "Nothing found: the built-in detector sees standing people only"


def test_an_upload_by_the_api_becomes_an_event(stack: Stack, tmp_path: Path) -> None:
    person = draw_person_jpeg(tmp_path / "somebody.jpg", seed=4)
    with person.open("rb") as file:
        answer = stack.api.post("cameras/porch/captures/", files={"file": ("somebody.jpg", file, "image/jpeg")})
    assert answer.status_code == 201, answer.text
    stack.settled("porch", 1)
    assert eventually(lambda: stack.events("porch"))


def test_every_bad_file_ends_with_its_reason_and_the_good_one_goes_on(stack: Stack, tmp_path: Path) -> None:
    folder = stack.camera("bad")
    secret = drop(tmp_path, "secret.jpg", picture_bytes(9))
    drop(folder, "empty.jpg", b"")
    drop(folder, "letter.jpg", b"Dear camera, this is a letter and no picture.")
    drop(folder, "cut.jpg", picture_bytes(1, size=(800, 600))[:5000])
    drop(folder, "cut.mp4", video_bytes(1, seconds=8)[:-2000])
    drop(folder, "zero.mp4", video_bytes(1, seconds=0))
    with (folder / "huge.mp4").open("wb") as file:
        file.truncate(3 * 1024**3)
    (folder / "link.jpg").symlink_to(secret)
    drop(folder, "index.html", b"<p>")
    before = time.monotonic()
    drop(folder, "good.jpg", picture_bytes(2))
    eventually(lambda: [c for c in stack.captures("bad") if c["file_path"].endswith("good.jpg")], within_s=5)
    assert time.monotonic() - before < 5
    captures = stack.settled("bad", 8)
    outcomes = {Path(c["file_path"]).name: (c["state"], c["error"]) for c in captures}
    assert outcomes.pop("good.jpg") == ("detected", "")
    assert {state for state, _ in outcomes.values()} == {"rejected"}
    assert all(error for _, error in outcomes.values()), outcomes


def test_two_hundred_files_at_once_on_four_cameras_are_all_accounted_for(stack: Stack) -> None:
    for number in range(200):
        drop(stack.camera(f"crowd {number % 4}"), f"{number}.jpg", picture_bytes(number, size=(64, 48)))
    for number in range(4):
        captures = stack.settled(f"crowd_{number}", 50, within_s=120)
        assert {capture["state"] for capture in captures} == {"detected"}


@pytest.mark.skipif(not SHARED_FOOTAGE.is_dir(), reason="no folder of real footage beside the project")
def test_real_footage_has_people_in_it(stack: Stack) -> None:
    for path in sorted(SHARED_FOOTAGE.iterdir()):
        if path.suffix in (".jpg", ".avi"):
            stack.camera("real").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, stack.camera("real") / path.name)
    captures = stack.settled("real", 7, within_s=120)
    seen = {d["file_path"].rsplit("/", 1)[-1] for d in stack.all("detections/", camera_id="real")}
    assert {capture["state"] for capture in captures} == {"detected"}
    assert "walkers-overhead.avi" in seen
    assert len(seen - {"walkers-overhead.avi"}) >= 3
    assert "000000052891.jpg" not in seen


@pytest.mark.browser
def test_a_card_appears_without_a_reload_and_says_why(stack: Stack, page: Page) -> None:
    page.goto("/")
    page.evaluate("window.stillHere = true")
    draw_person_jpeg(stack.camera("veranda") / "a.jpg", seed=11)
    visit = page.get_by_role("main").get_by_text(re.compile(r"A person .*")).first
    expect(page.get_by_text("Veranda", exact=True).first).to_be_visible(timeout=SOON_MS)
    expect(visit).to_be_visible(timeout=SOON_MS)
    assert page.evaluate("window.stillHere") is True
    (event,) = eventually(lambda: stack.events("veranda"))
    page.goto(f"/events/{event['id']}/")
    expect(page.get_by_role("heading", name=event["summary"])).to_be_visible()
    expect(page.get_by_role("heading", name="Why this score")).to_be_visible()
    why = page.get_by_role("region", name="Why this score")
    for part in event["assessment"]["parts"]:
        expect(why.get_by_text(part["why"], exact=True)).to_be_visible()  # the reasoning may say it as well
    picture = page.locator("main img").first
    assert picture.evaluate("image => image.complete && image.naturalWidth > 100")


@pytest.mark.browser
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


@pytest.mark.browser
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


@pytest.mark.browser
def test_a_visit_is_reviewed_by_keyboard_and_the_other_open_page_follows(stack: Stack, page: Page) -> None:
    draw_person_jpeg(stack.camera("keyboard") / "a.jpg", seed=41)
    (event,) = eventually(lambda: stack.events("keyboard"))
    page.goto(f"/events/{event['id']}/")
    button = page.get_by_role("button", name="Reviewed")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("undo", re.IGNORECASE)).first).to_be_visible(timeout=SOON_MS)
    assert stack.api.get(f"events/{event['id']}/").json()["reviewed"] is True


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events/",
        "/events/{event}/",
        "/cameras/",
        "/cameras/reading/",
        "/cameras/reading/connect/",
        "/cameras/reading/draw-zone/",
        "/add-camera/",
        "/system/",
        "/password/",
    ],
)
@pytest.mark.browser
def test_pages_read_without_javascript_and_fit_a_phone(
    stack: Stack, browser: Browser, signed_in: StorageState, path: str
) -> None:
    if not stack.captures("reading"):
        draw_person_jpeg(stack.camera("reading") / "a.jpg", seed=51)
    (event,) = eventually(lambda: stack.events("reading"))
    path = path.format(event=event["id"])
    for script in (True, False):
        context = browser.new_context(
            viewport=PHONE, base_url=stack.url, java_script_enabled=script, storage_state=signed_in
        )
        page = context.new_page()
        answer = page.goto(path)
        assert answer and answer.status == 200
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        if script:
            overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert overflow <= 0, f"{path} is {overflow} px too wide for a phone"
        context.close()


@pytest.mark.browser
def test_a_stranger_is_asked_to_log_in_and_sees_nothing(stack: Stack, browser: Browser) -> None:
    page = browser.new_page(base_url=stack.url)
    for path in ("/", "/events/1/", "/media/previews/1", "/admin/", "/cameras/", "/system/"):
        page.goto(path)
        assert "/login/" in page.url
    page.close()


def fail(stack: Stack, camera: str, names: list[str]) -> None:
    """Let files be looked at, and then have failed for good, as if the detector had died of each."""
    for number, name in enumerate(names):
        drop(stack.camera(camera), name, picture_bytes(700 + number))
    stack.settled(camera, len(names))
    error = "The detector died or stalled while it looked at this file alone."
    changes = f"state='failed', attempts=3, error={error!r}, processed_at=Now()"
    stack.command(
        "shell",
        "--no-imports",
        "-c",
        "from django.db.models.functions import Now; from cameras.models import Capture; "
        f"Capture.objects.filter(camera_id={camera!r}).update({changes})",
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.browser
def test_the_system_page_tells_of_failed_files_and_has_them_tried_again(stack: Stack, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/system/")
    page.evaluate("window.stillHere = true")
    expect(page.get_by_role("heading", name="Everything runs.")).to_be_visible(timeout=SOON_MS)
    camera = f"failing_{width}"
    fail(stack, camera, ["one.jpg", "two.jpg", "<b>🐈.jpg"])
    expect(page.get_by_role("heading", name="1 thing needs you: 3 files failed.")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("link", name="<b>🐈.jpg", exact=True)).to_be_visible()
    assert page.evaluate("window.stillHere") is True
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.get_by_text("Let all 3 go").click()
    expect(page.get_by_role("button", name="Let them go")).to_be_visible()
    page.get_by_label("Let go: <b>🐈.jpg").click()
    page.get_by_role("button", name="Let it go", exact=True).click()
    expect(page.get_by_text("1 file is let go.")).to_be_visible()
    page.get_by_role("button", name="Try all 2 again").click()
    expect(page.get_by_text("2 files are queued to be looked at again.")).to_be_visible()
    expect(page.get_by_role("heading", name="Everything runs.")).to_be_visible(timeout=SOON_MS)
    captures = stack.settled(camera, 3)
    assert sorted(capture["state"] for capture in captures) == ["detected", "detected", "rejected"]
    assert stack.api.get("system/").json()["dead_letters"]["count"] == 0


@pytest.mark.browser
def test_what_is_unfolded_on_the_system_page_stays_so_while_it_changes(stack: Stack, page: Page) -> None:
    fail(stack, "unfolding", ["one.jpg", "two.jpg"])
    page.goto("/system/")
    page.get_by_text("Let all 2 go").click()
    fail(stack, "unfolding_too", ["three.jpg"])
    expect(page.get_by_text("Let all 3 go")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_role("button", name="Let them go")).to_be_visible()
    page.get_by_role("button", name="Let them go").click()
    expect(page.get_by_text("3 files are let go.")).to_be_visible()


@pytest.mark.browser
def test_a_system_page_that_was_cut_off_says_so(stack: Stack, page: Page) -> None:
    page.goto("/system/")
    page.context.set_offline(True)
    lost = page.get_by_text(re.compile("Reconnecting… showing until"))
    expect(lost).to_be_visible(timeout=SOON_MS)
    page.context.set_offline(False)
    expect(lost).to_be_hidden(timeout=SOON_MS)
