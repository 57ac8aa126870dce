"""Zones drawn in a real browser by mouse, touch and keys, and who is home said on one page and seen on another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, FloatRect, Page, StorageState, ViewportSize, expect

from tests.end_to_end.conftest import SOON_MS
from tests.files import drop, picture_bytes
from tests.footage import draw_person_jpeg
from tests.stack import Stack, eventually

pytestmark = [pytest.mark.stack, pytest.mark.browser]
PHONE: ViewportSize = {"width": 390, "height": 844}
NEAR = 0.01
Point = tuple[float, float]


@pytest.fixture
def phone(browser: Browser, stack: Stack, signed_in: StorageState) -> Iterator[Page]:
    context = browser.new_context(
        viewport=PHONE, base_url=stack.url, storage_state=signed_in, has_touch=True, is_mobile=True
    )
    yield context.new_page()
    context.close()


class Editor:
    """The editor on a camera's page, and hands that know the picture by its shares."""

    def __init__(self, stack: Stack, page: Page, camera: str) -> None:
        self.stack, self.page, self.camera = stack, page, camera
        if not stack.captures(camera):
            draw_person_jpeg(stack.camera(camera) / "a.jpg", seed=len(camera))
            stack.settled(camera, 1)
        page.goto(f"/cameras/{camera}/")

    def draw(self, shape: str) -> None:
        self.page.get_by_role("link", name=f"Draw a {shape}").click()
        expect(self.page.get_by_role("heading", name=f"Draw a {shape}")).to_be_focused()

    def frame(self) -> FloatRect:
        stage = self.page.locator(".is-drawn-on")
        stage.scroll_into_view_if_needed()
        frame = stage.bounding_box()
        assert frame
        return frame

    def at(self, point: Point) -> Point:
        frame = self.frame()
        return frame["x"] + point[0] * frame["width"], frame["y"] + point[1] * frame["height"]

    def drag(self, start: Point, end: Point) -> None:
        self.page.mouse.move(*self.at(start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(end), steps=4)
        self.page.mouse.up()

    def drag_by_finger(self, start: Point, end: Point) -> None:
        finger = self.page.context.new_cdp_session(self.page)
        for kind, (x, y) in (("touchStart", self.at(start)), ("touchMove", self.at(end)), ("touchEnd", (0, 0))):
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def describe(self, name: str, kind: str = "Entrance") -> None:
        self.page.locator("#zone-name").fill(name)
        self.page.get_by_label(kind).check()

    def save(self, told: str) -> dict[str, Any]:
        """Press Save; the zone as it is stored then."""
        self.page.get_by_role("button", name="Save").click()
        expect(self.page.locator("#zone-editor").get_by_text(told)).to_be_visible()
        return self.stored()[-1]

    def stored(self) -> list[dict[str, Any]]:
        return sorted(self.stack.all("zones/", camera_id=self.camera), key=lambda zone: str(zone["created_at"]))


def is_near(found: list[list[float]], drawn: list[Point]) -> bool:
    assert len(found) == len(drawn), found
    return all(
        abs(one - other) < NEAR
        for corner, point in zip(found, drawn, strict=True)
        for one, other in zip(corner, point, strict=True)
    )


def expect_fit(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_rectangle_is_drawn_by_mouse_and_its_corner_moved(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "mouse")
    page.evaluate("window.stillHere = true")
    editor.draw("rectangle")
    editor.drag((0.2, 0.3), (0.6, 0.9))
    expect(page.get_by_text("Corner 3 of 4: 60 % from the left, 90 % from the top.")).to_be_visible()
    editor.describe("Porch")
    zone = editor.save("Porch is drawn.")
    assert (zone["name"], zone["shape"], zone["zone_type"]) == ("Porch", "rectangle", "entry_point")
    assert is_near(zone["coordinates"], [(0.2, 0.3), (0.6, 0.3), (0.6, 0.9), (0.2, 0.9)])

    expect(page.locator(".zone-title")).to_have_text("Porch", timeout=SOON_MS)
    page.get_by_role("link", name="Change Porch").click()
    editor.drag((0.6, 0.9), (0.7, 0.8))
    page.get_by_role("button", name="Undo").click()
    editor.drag((0.2, 0.3), (0.1, 0.2))
    editor.drag((0.3, 0.5), (0.4, 0.5))  # all of it
    zone = editor.save("Porch is stored.")
    assert is_near(zone["coordinates"], [(0.2, 0.2), (0.7, 0.2), (0.7, 0.9), (0.2, 0.9)])
    assert page.evaluate("window.stillHere") is True


def test_a_free_shape_is_drawn_by_touch_on_a_phone(stack: Stack, phone: Page) -> None:
    editor = Editor(stack, phone, "touch")
    editor.draw("free shape")
    corners = [(0.1, 0.2), (0.5, 0.15), (0.9, 0.4), (0.6, 0.9), (0.2, 0.8)]
    for corner in corners:
        phone.touchscreen.tap(*editor.at(corner))
    editor.frame()
    before = phone.evaluate("window.scrollY")
    editor.drag_by_finger((0.6, 0.9), (0.7, 0.3))
    editor.drag_by_finger((0.7, 0.3), (0.65, 0.95))
    assert phone.evaluate("window.scrollY") == before  # the finger drew, it did not scroll
    handle = phone.locator(".handle").first.bounding_box()
    assert handle and min(handle["width"], handle["height"]) >= 44
    expect_fit(phone)
    editor.describe("Path", "Pavement")
    zone = editor.save("Path is drawn.")
    assert (zone["shape"], zone["zone_type"]) == ("polygon", "sidewalk")
    assert is_near(zone["coordinates"], [(0.1, 0.2), (0.5, 0.15), (0.9, 0.4), (0.65, 0.95), (0.2, 0.8)])
    expect(phone.locator(".zone-title")).to_have_text("Path", timeout=SOON_MS)
    expect_fit(phone)


def test_a_zone_is_drawn_by_keys_alone(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "keys")
    page.locator("#draw-rectangle").focus()
    keys = page.keyboard
    keys.press("Enter")
    expect(page.locator(".drawing-title")).to_be_focused()
    keys.press("Tab")
    expect(page.get_by_role("button", name="Put it in the middle")).to_be_focused()
    keys.press("Enter")
    first = page.get_by_role("button", name=re.compile("Corner 1 of 4: 35 % from the left, 35 % from the top"))
    expect(first).to_be_focused()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp"):  # to 0.34, 0.30
        keys.press(key)
    expect(page.locator("[data-said]")).to_contain_text("Corner 1 of 4: 34 % from the left, 30 % from the top.")
    keys.press("Shift+ArrowUp")
    keys.press("ControlOrMeta+z")
    keys.press("Tab")  # the corner at the top right
    keys.press("+")  # one below it, half way down; a free shape from here on
    keys.press("Shift+ArrowRight")
    expect(page.locator("[data-said]")).to_contain_text("Corner 3 of 5: 70 % from the left")
    keys.press("Tab")
    keys.press("Delete")  # the one at the bottom right
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == "zone-name":
            break
        keys.press("Tab")
    keys.type("Step")
    keys.press("Tab")
    keys.press("Space")
    keys.press("Enter")
    expect(page.get_by_text("Step is drawn.")).to_be_focused()
    (zone,) = editor.stored()
    assert (zone["name"], zone["shape"], zone["zone_type"]) == ("Step", "polygon", "entry_point")
    assert is_near(zone["coordinates"], [(0.34, 0.3), (0.65, 0.3), (0.7, 0.475), (0.34, 0.65)])


def test_escape_takes_back_a_drag_and_leaves_only_when_pressed_again(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "escape")
    editor.draw("rectangle")
    page.mouse.move(*editor.at((0.2, 0.2)))
    page.mouse.down()
    page.mouse.move(*editor.at((0.6, 0.6)), steps=3)
    expect(page.locator(".handle")).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.locator(".handle")).to_have_count(0)
    page.mouse.up()
    editor.drag((0.2, 0.2), (0.6, 0.6))
    page.keyboard.press("Escape")
    expect(page.get_by_text("It is not saved. Press Escape again to leave it.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("form.drawing")).to_have_count(0)
    expect(page.locator("#draw-rectangle")).to_be_focused()
    assert editor.stored() == []


def test_lines_that_cross_are_shown_refused_and_can_be_mended(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "crossing")
    editor.draw("free shape")
    for corner in ((0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)):
        page.mouse.click(*editor.at(corner))
    expect(page.get_by_text("Its lines cross each other. Move a corner until they do not.")).to_be_visible()
    editor.describe("Bow", "Something else")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("Its outline crosses or touches itself"))).to_be_visible()
    expect(page.locator(".handle")).to_have_count(4)
    expect(page.locator("#zone-name")).to_have_value("Bow")
    assert editor.stored() == []
    editor.drag((0.9, 0.9), (0.5, 0.05))
    expect(page.get_by_text("Its lines cross each other.")).to_be_hidden()
    assert is_near(editor.save("Bow is drawn.")["coordinates"], [(0.1, 0.1), (0.5, 0.05), (0.9, 0.1), (0.1, 0.9)])


def test_what_arrives_meanwhile_does_not_touch_what_is_being_drawn(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "meanwhile")
    editor.draw("rectangle")
    editor.drag((0.2, 0.3), (0.6, 0.9))
    editor.describe("Porch")
    drop(stack.camera("meanwhile"), "later.jpg", picture_bytes(77))
    expect(page.locator("#camera-files").get_by_text("later.jpg")).to_be_visible(timeout=SOON_MS)
    expect(page.locator(".handle")).to_have_count(4)
    expect(page.locator("#zone-name")).to_have_value("Porch")
    assert is_near(editor.save("Porch is drawn.")["coordinates"][:1], [(0.2, 0.3)])


def test_two_who_change_a_zone_at_once_hear_of_each_other(stack: Stack, page: Page) -> None:
    mine = Editor(stack, page, "both")
    mine.draw("rectangle")
    mine.drag((0.2, 0.3), (0.6, 0.9))
    mine.describe("Porch")
    mine.save("Porch is drawn.")
    other = page.context.new_page()
    theirs = Editor(stack, other, "both")
    for tab in (page, other):
        tab.get_by_role("link", name="Change Porch").click()
        expect(tab.locator(".handle")).to_have_count(4)
    theirs.drag((0.6, 0.9), (0.8, 0.8))
    theirs.save("Porch is stored.")
    mine.drag((0.6, 0.9), (0.5, 0.5))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text(re.compile("Somebody changed Porch while you drew"))).to_be_visible()
    assert is_near(mine.stored()[0]["coordinates"][2:3], [(0.8, 0.8)])
    assert is_near(mine.save("Porch is stored.")["coordinates"][2:3], [(0.5, 0.5)])


def test_a_zone_that_a_rule_names_stays_and_says_so(stack: Stack, page: Page) -> None:
    editor = Editor(stack, page, "ruled")
    editor.draw("rectangle")
    editor.drag((0.2, 0.3), (0.6, 0.9))
    editor.describe("Porch")
    zone = editor.save("Porch is drawn.")
    rules = "from alerts.models import AlertRule; "
    rule = f"AlertRule.objects.create(name='Somebody at the porch').zones.add({zone['id']!r})"
    stack.command("shell", "--no-imports", "-c", rules + rule)
    for told in ("Porch stays: 1 rule names it.", "Porch is deleted."):
        page.locator(".zone-list summary").click()
        page.get_by_role("button", name="Delete Porch").click()
        expect(page.get_by_text(told)).to_be_visible()
        expect(page.locator(".zone-list")).to_have_count(0 if "deleted" in told else 1, timeout=SOON_MS)
        stack.command("shell", "--no-imports", "-c", f"{rules} AlertRule.objects.all().delete()")
        page.reload()
    assert editor.stored() == []


@pytest.mark.parametrize("width", [1280, 390])
def test_who_is_home_is_said_on_one_page_and_followed_by_another(stack: Stack, page: Page, width: int) -> None:
    Editor(stack, page, "switch")  # something to judge
    eventually(lambda: stack.events("switch"))
    page.set_viewport_size({"width": width, "height": 844})
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto("/")
        tab.evaluate("window.stillHere = true")
    before = page.locator("#first-line").bounding_box()
    for mode in ("Away", "Home"):
        button = page.get_by_role("button", name=mode, exact=True)
        button.focus()
        page.keyboard.press("Space")
        for tab in (page, other):
            expect(tab.locator("#home-mode")).to_contain_text(re.compile(rf"{mode} since \d\d:\d\d, by olivia"))
            expect(tab.get_by_role("button", name=mode, exact=True)).to_have_attribute("aria-pressed", "true")
        expect(button).to_be_focused()
    box = button.bounding_box()
    assert box and box["height"] >= 44
    assert page.locator("#first-line").bounding_box() == before
    assert stack.api.get("home-mode/").json()["mode"] == "home"
    assert page.evaluate("window.stillHere") is other.evaluate("window.stillHere") is True
    expect_fit(page)
