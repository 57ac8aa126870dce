"""From a camera's picture to a notice at a service, through every process; and what each rule decided, and why.

One stack for all, with a setting of its own. Each test has a camera and a service of its own.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.alerts.services import Hook, answers, hangs, picture_in, takes, webhook
from tests.footage import draw_person_jpeg
from tests.stack import Stack, eventually, running_stack, short_folder

pytestmark = pytest.mark.stack
UPPER_LEFT = [[0.0, 0.0], [0.05, 0.0], [0.05, 0.05], [0.0, 0.05]]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with short_folder() as folder, running_stack(folder, ALLOW_PRIVATE_TARGETS="1") as own:
        yield own


def make(stack: Stack, door: str, **fields: Any) -> dict[str, Any]:
    answer = stack.api.post(door, json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def channel_to(stack: Stack, hook: Hook, name: str) -> dict[str, Any]:
    return make(stack, "channels/", name=name, url=hook.url)


def rule_for(stack: Stack, camera: str, channel: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return make(stack, "alert-rules/", name=f"At {camera}", camera_ids=[camera], channels=[channel["id"]], **fields)


def deliveries(stack: Stack, channel: dict[str, Any]) -> list[dict[str, Any]]:
    return stack.all(f"channels/{channel['id']}/deliveries/")


def settled(stack: Stack, channel: dict[str, Any], *, within_s: float = 60) -> dict[str, Any]:
    """Its only delivery, once it does not wait any more."""

    def look() -> list[dict[str, Any]]:
        rows = deliveries(stack, channel)
        return rows if rows and all(row["state"] != "pending" for row in rows) else []

    (row,) = eventually(look, within_s=within_s)
    return row


def nothing_waits(stack: Stack) -> bool:
    stages = stack.api.get("system/").json()["stages"]
    return not any(stage["waiting"] or stage["in_hand"] for stage in stages if stage["name"] in ("evaluate", "deliver"))


def test_a_visit_is_told_once_with_sentence_link_and_picture_and_says_what_each_rule_decided(stack: Stack) -> None:
    make(stack, "cameras/", name="Front door")
    zone = make(stack, "zones/", camera_id="front_door", name="Sky", coordinates=UPPER_LEFT, shape="rectangle")
    with webhook() as hook:
        channel = channel_to(stack, hook, "Hall")
        told = rule_for(stack, "front_door", channel)
        silent = make(stack, "alert-rules/", name="Sky", zone_ids=[zone["id"]], channels=[channel["id"]])
        draw_person_jpeg(stack.camera("front_door") / "a.jpg", seed=1)
        row = settled(stack, channel)
        draw_person_jpeg(stack.camera("front_door") / "b.jpg", seed=2)  # the visit goes on
        (event,) = eventually(
            lambda: [event for event in stack.events("front_door") if len(event["detection_ids"]) >= 2]
        )
        eventually(lambda: nothing_waits(stack))
        (request,) = hook.requests
    notice = request.json
    assert re.fullmatch(r"\w+ · Front door, \d\d:\d\d", notice["title"])
    assert "A person" in notice["message"] and "Rule: At front_door" in notice["message"]
    assert notice["message"].endswith(f"/events/{event['id']}/")
    assert picture_in(notice).startswith(b"\xff\xd8")
    assert (row["state"], row["attempts"], row["answer"]) == ("sent", 1, "thank you")
    outcomes = {one["rule_id"]: one for one in stack.api.get(f"events/{event['id']}/").json()["rule_outcomes"]}
    assert outcomes[told["id"]]["outcome"] == "fired"
    assert (outcomes[silent["id"]]["outcome"], outcomes[silent["id"]]["condition"]) == ("not_met", "zones")
    (alert,) = stack.all("alerts/")
    assert (alert["status"], alert["rule_id"]) == ("delivered", told["id"])


def test_a_service_that_is_away_and_comes_back_is_told_once(stack: Stack) -> None:
    with webhook() as hook:
        channel = channel_to(stack, hook, "Away")
    make(stack, "cameras/", name="Garden")
    rule_for(stack, "garden", channel)
    draw_person_jpeg(stack.camera("garden") / "a.jpg", seed=3)
    eventually(lambda: [row for row in deliveries(stack, channel) if row["attempts"] >= 2])
    with webhook(answers(503), takes, port=hook.port) as back:
        row = settled(stack, channel)
    assert row["state"] == "sent" and row["attempts"] >= 4
    assert [request.json["message"] for request in back.requests][-1].startswith("A person")
    assert len(back.requests) == 2


def test_who_is_killed_while_sending_leaves_it_to_the_next(stack: Stack) -> None:
    with webhook(hangs, takes) as hook:
        channel = channel_to(stack, hook, "Slow")
        make(stack, "cameras/", name="Gate")
        rule_for(stack, "gate", channel)
        draw_person_jpeg(stack.camera("gate") / "a.jpg", seed=4)
        eventually(lambda: hook.requests)
        for process in stack.processes("deliver@"):
            process.send_signal(signal.SIGKILL)
        row = settled(stack, channel)
        assert (row["state"], row["attempts"], len(hook.requests)) == ("sent", 2, 2)


def test_a_test_brings_the_real_answer_and_a_hanging_service_delays_nobody(stack: Stack) -> None:
    with webhook(hangs) as stuck, webhook(answers(403, "who are you?")) as hook:
        slow, quick = channel_to(stack, stuck, "Stuck"), channel_to(stack, hook, "Strict")
        stack.api.post(f"channels/{slow['id']}/test/")
        eventually(lambda: stuck.requests)
        stack.api.post(f"channels/{quick['id']}/test/")
        row = settled(stack, quick)
        assert (row["state"], row["answer"], row["attempts"]) == ("failed", "who are you?", 1)
        assert deliveries(stack, slow)[0]["state"] == "pending"
    assert not [hook for hook in (stuck, hook) if str(hook.port) in stack.log.read_text()]
