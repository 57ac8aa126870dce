"""Alerts, rules and channels in a browser, with every process behind them and a real service on a port of this machine.

One stack for all, with a setting of its own. Each test has a camera and a service of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.alerts.services import SECRET, Hook, answers, takes, webhook
from tests.end_to_end.conftest import SOON_MS
from tests.footage import draw_person_jpeg
from tests.stack import Stack, eventually, running_stack, short_folder

pytestmark = [pytest.mark.stack, pytest.mark.browser]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with short_folder() as folder, running_stack(folder, ALLOW_PRIVATE_TARGETS="1") as own:
        yield own


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


def channel_to(stack: Stack, hook: Hook, name: str) -> int:
    answer = stack.api.post("channels/", json={"name": name, "url": hook.url})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def rule_for(stack: Stack, camera: str, channel: int, name: str) -> None:
    assert stack.api.post("cameras/", json={"name": camera.capitalize()}).status_code == 201
    fields = {"name": name, "camera_ids": [camera], "channels": [channel], "severity": "high"}
    answer = stack.api.post("alert-rules/", json=fields)
    assert answer.status_code == 201, answer.text


def test_the_first_channel_and_rule_are_made_on_the_live_page_and_a_test_arrives(stack: Stack, page: Page) -> None:
    with webhook(takes) as hook:
        page.goto("/")
        hint = page.get_by_role("region", name="Nobody is told yet")
        hint.get_by_label("Name").fill("Hall")
        hint.get_by_label("Apprise URL").fill(hook.url)
        hint.get_by_role("button", name="Tell me").click()
        expect(page.get_by_role("heading", name="Hall")).to_be_visible()
        page.get_by_role("button", name="Send me a test").click()
        expect(page.get_by_text(re.compile("Sent: the service answered within"))).to_be_visible(timeout=SOON_MS)
        expect(page.locator(".log-line").get_by_text(re.compile("sent .* after"))).to_be_visible(timeout=SOON_MS)
    assert len(hook.requests) == 1
    assert SECRET not in page.content()
    page.goto("/rules/")
    expect(page.get_by_text(re.compile("^Tells Hall when anything is seen.*high or critical"))).to_be_visible()
    page.goto("/")
    expect(hint).to_have_count(0)


def test_what_the_service_said_against_a_test_is_shown(stack: Stack, page: Page) -> None:
    with webhook(answers(404, "no <b>such</b> topic")) as hook:
        channel = channel_to(stack, hook, "Attic")
        page.goto("/channels/")
        page.get_by_role("button", name="Send me a test by Attic").click()
        answer = page.locator(f"#test-{channel}")
        expect(answer).to_contain_text("Not sent: It refused the notice (HTTP 404).", timeout=SOON_MS)
        expect(answer).to_contain_text("no <b>such</b> topic")


def test_a_url_that_is_refused_stays_as_it_was_typed_and_does_not_come_back_from_the_server(
    stack: Stack, page: Page
) -> None:
    page.goto("/channels/new/")
    page.get_by_label("Name").fill("Wrong")
    url = page.get_by_label("Apprise URL")
    url.fill("nothing://typed-with-care")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="Add the channel").click()
    expect(page.get_by_text(re.compile("No service is known by this URL"))).to_be_visible()
    expect(url).to_have_value("nothing://typed-with-care")
    expect(page.get_by_label("Name")).to_have_value("Wrong")
    url.fill("nothing")
    assert "typed-with-care" not in page.content()


def test_a_rule_is_built_with_its_words_tested_and_saved(stack: Stack, page: Page) -> None:
    draw_person_jpeg(stack.camera("terrace") / "a.jpg", seed=81)
    eventually(lambda: stack.events("terrace"))
    page.goto("/rules/")
    page.get_by_role("link", name="Make a rule").click()
    words = page.locator("#preview")
    page.get_by_label("People").check()
    page.get_by_label("Terrace", exact=True).check()
    seen = "Puts an alert in the inbox when a person is seen at Terrace, at most once in 5 minutes."
    expect(words).to_have_text(seen)
    page.get_by_label("From", exact=True).fill("22:00")
    expect(page.locator("#id_end_time_error")).to_contain_text("Both are needed")
    page.get_by_label("From", exact=True).fill("")
    expect(page.locator("#id_end_time_error")).to_be_empty()
    page.get_by_label("Least score").fill("100")
    expect(words).to_contain_text("100 (critical)")
    expect(page.get_by_label("From a score of")).to_be_checked()

    page.get_by_role("button", name="Test against the last 7 days").click()
    trial = page.locator("#trial")
    expect(trial.get_by_role("heading", name="Closest to being told")).to_be_visible(timeout=SOON_MS)
    expect(trial).to_contain_text("It would have told nobody in the last 7 days.")
    expect(trial).to_contain_text(re.compile(r"the score was \d+, it tells from 100 on"))
    page.get_by_label("Any visit").check()
    page.get_by_role("button", name="Test against the last 7 days").click()
    expect(trial).to_contain_text("It would have told 1 time", timeout=SOON_MS)

    page.get_by_role("button", name="Save").click()
    expect(page.locator("#id_name_error")).to_contain_text("required")
    expect(page.get_by_label("People")).to_be_checked()
    page.get_by_label("Name").fill("People on the terrace")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="People on the terrace")).to_be_visible()
    switch = page.get_by_role("switch", name="People on the terrace")
    expect(switch).to_be_checked()
    switch.click()
    expect(switch).not_to_be_checked()


def test_what_does_not_reach_the_program_is_said_and_nothing_typed_goes_for_it(stack: Stack, page: Page) -> None:
    page.goto("/rules/new/")
    page.get_by_label("Name").fill("Typed with care")
    said = page.locator(".unsent")
    page.route("**/preview/", lambda route: route.abort())
    page.get_by_label("People").check()
    expect(said).to_contain_text("It could not be sent.")
    page.unroute("**/preview/")
    page.get_by_label("Cars").check()
    expect(page.locator("#preview")).to_contain_text("a person or a car is seen", timeout=SOON_MS)
    expect(said).to_have_count(0)
    page.context.clear_cookies(name="hsi_session")
    page.get_by_label("Buses").check()
    expect(said).to_contain_text("You are signed out.")
    expect(page.get_by_label("Name")).to_have_value("Typed with care")


def test_the_inbox_follows_an_alert_and_it_is_acknowledged_by_keyboard(stack: Stack, page: Page) -> None:
    with webhook(takes) as hook:
        rule_for(stack, "balcony", channel_to(stack, hook, "Kitchen"), "Balcony")
        page.goto("/alerts/?camera=balcony")
        page.evaluate("window.stillHere = true")
        draw_person_jpeg(stack.camera("balcony") / "a.jpg", seed=82)
        card = page.locator("article.alert")
        expect(card).to_contain_text("Balcony", timeout=SOON_MS)
        expect(card).to_contain_text(re.compile(r"“Kitchen”:\s+sent .* after"), timeout=SOON_MS)
    expect(card.locator(".chip")).to_contain_text("High")
    expect(page.locator(".rail > a .count")).to_have_text(re.compile(r"\d+"), timeout=SOON_MS)
    waiting = page.request.get("/alerts/waiting").json()["waiting"]
    card.get_by_role("button", name=re.compile("^Acknowledge")).focus()
    page.route("**/acknowledge/", lambda route: route.abort())
    page.keyboard.press("Enter")
    expect(card).to_contain_text("It could not be sent.")
    page.unroute("**/acknowledge/")
    page.keyboard.press("Enter")
    expect(card).to_have_count(0, timeout=SOON_MS)
    expect(page.locator(".handled")).to_contain_text("Acknowledged by olivia")
    assert page.request.get("/alerts/waiting").json()["waiting"] == waiting - 1
    assert page.evaluate("window.stillHere") is True


def test_the_page_of_a_visit_says_who_was_told_while_it_is_open(stack: Stack, page: Page) -> None:
    with webhook(takes) as hook:
        channel = channel_to(stack, hook, "Study")
        draw_person_jpeg(stack.camera("porch") / "a.jpg", seed=83)
        (event,) = eventually(lambda: stack.events("porch"))
        page.goto(f"/events/{event['id']}/")
        decided = page.get_by_role("region", name="Who was told, and why not")
        expect(decided).to_be_visible()
        assert "“Study”" not in decided.inner_text()
        fields = {"name": "Porch", "camera_ids": ["porch"], "channels": [channel]}
        assert stack.api.post("alert-rules/", json=fields).status_code == 201
        draw_person_jpeg(stack.camera("porch") / "b.jpg", seed=84)  # the visit goes on, and is held against it
        expect(decided).to_contain_text(re.compile(r"“Study”:\s+sent .* after"), timeout=SOON_MS)
        expect(decided.get_by_role("link", name="Porch")).to_be_visible()


def test_every_page_fits_a_phone(stack: Stack, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    rule = stack.api.post("alert-rules/", json={"name": "As long as names get: " + "very " * 30}).json()["id"]
    with webhook(takes) as hook:
        channel = channel_to(stack, hook, "W" * 100)
    of_rules, of_channels = ("/rules/", "/rules/new/", f"/rules/{rule}/"), ("/channels/", "/channels/new/")
    for url in ("/alerts/", *of_rules, *of_channels, f"/channels/{channel}/"):
        page.goto(url)
        assert overflow(page) <= 0, url
    page.locator(".more > summary").click()
    expect(page.locator(".more-sheet").get_by_role("link", name=re.compile("^Alerts"))).to_be_visible()
