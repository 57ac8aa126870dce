"""What language models are told: versions, one of them active, and what a new release of the program does to it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.models import AuditLog, User
from events.analysis import analyze_pending
from events.models import PromptVersion
from events.prompts import (
    PromptRefused,
    activate_prompt,
    active_prompt,
    newer_shipped_prompt,
    ship_prompt,
    usable_prompt,
    write_prompt,
)
from inference.analysts import llm
from tests.factories import CameraFactory
from tests.inference.llm_server import llm_server
from tests.people import make_user
from tests.visits import make_visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PromptVersion]:
    """A start of the program that came with this text."""

    def start(text: str) -> PromptVersion:
        monkeypatch.setattr(llm, "shipped_instructions", lambda: text)
        return ship_prompt()

    return start


@pytest.fixture
def request_of_owner() -> HttpRequest:
    request = RequestFactory().post("/")
    request.user = make_user("olga")
    return request


def test_the_first_start_makes_the_shipped_one_active(ship: Callable[[str], PromptVersion]) -> None:
    prompt = ship("Judge.\n")
    assert active_prompt() == prompt
    assert (prompt.text, prompt.is_shipped, prompt.created_by) == ("Judge.", True, None)


def test_another_start_changes_nothing(ship: Callable[[str], PromptVersion]) -> None:
    assert ship("Judge.") == ship("Judge.")
    assert PromptVersion.objects.count() == 1


def test_where_no_start_brought_one_the_first_who_asks_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llm, "shipped_instructions", lambda: "Judge.")
    assert active_prompt().text == "Judge."


def test_a_new_release_replaces_the_older_shipped_one(ship: Callable[[str], PromptVersion]) -> None:
    ship("Judge.")
    assert ship("Judge well.") == active_prompt()
    assert active_prompt().text == "Judge well."
    assert PromptVersion.objects.count() == 2
    assert newer_shipped_prompt() is None


def test_a_new_release_leaves_the_owners_own_active_and_says_so(
    ship: Callable[[str], PromptVersion], request_of_owner: HttpRequest
) -> None:
    ship("Judge.")
    own = write_prompt("Judge kindly.", "", request_of_owner)
    activate_prompt(own, request_of_owner)
    assert newer_shipped_prompt() is None
    assert ship("Judge well.") == active_prompt() == own
    newer = newer_shipped_prompt()
    assert newer is not None and newer.text == "Judge well."


def test_an_older_one_that_was_chosen_stays_at_the_next_start(
    ship: Callable[[str], PromptVersion], request_of_owner: HttpRequest
) -> None:
    older = ship("Judge.")
    ship("Judge well.")
    activate_prompt(older, request_of_owner)
    assert ship("Judge well.") == older


def test_what_is_written_is_not_sent_before_it_is_made_active(
    ship: Callable[[str], PromptVersion], request_of_owner: HttpRequest
) -> None:
    shipped = ship("Judge.")
    own = write_prompt("Judge kindly.", "kinder", request_of_owner)
    assert active_prompt() == shipped
    assert activate_prompt(own, request_of_owner) and active_prompt() == own
    assert not activate_prompt(own, request_of_owner)
    assert list(AuditLog.objects.order_by("id").values_list("action", "actor", "resource_id", "details")) == [
        ("prompt_created", "olga", str(own.pk), {"notes": "kinder"}),
        ("prompt_activated", "olga", str(own.pk), {"instead_of": shipped.pk}),
    ]
    assert own.created_by == User.objects.get(username="olga")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "A prompt needs some text."),
        (" \r\n\t", "A prompt needs some text."),
        ("x" * (llm.LONGEST_INSTRUCTIONS + 1), "A prompt has at most 8,000 characters; this one has 8,001."),
        ("Judge\x00.", "This text has a control character (U+0000) in it."),
        ("Judge\x1b[0m.", "This text has a control character (U+001B) in it."),
        (" Judge.\r\n", "says exactly this."),
    ],
)
def test_what_cannot_be_a_prompt_is_refused_in_words(ship: Callable[[str], PromptVersion], text: str, why: str) -> None:
    ship("Judge.")
    with pytest.raises(PromptRefused) as refusal:
        usable_prompt(text)
    assert why in str(refusal.value)


@given(st.text(max_size=200))
def test_what_is_usable_stays_as_it_is(text: str) -> None:
    try:
        usable = usable_prompt(text)
    except PromptRefused:
        return
    assert usable == usable_prompt(usable)
    assert "\r" not in usable and usable == usable.strip()


def test_what_an_owner_makes_active_is_what_the_worker_sends_from_then_on(client: Client, settings: Settings) -> None:
    client.force_login(make_user("olga"))
    with llm_server() as server:
        settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "LLM_URL": server.url})
        for number, text in enumerate(["", "Judge as a lighthouse keeper would.", "Judge as a baker would."]):
            if text:
                client.post(reverse("admin:events_promptversion_add"), {"text": text})
                deed = {"action": "make_active", "_selected_action": [PromptVersion.objects.latest("pk").pk]}
                client.post(reverse("admin:events_promptversion_changelist"), deed)
            event = make_visit(CameraFactory.create(id=f"camera_{number}"), analysis_state="pending")
            assert analyze_pending("tests", 1) == 1
            expected = text or llm.shipped_instructions()
            assert server.requests[-1].system.startswith(expected)
            judged = event.assessments.get(source="llm")
            assert judged.prompt_version is not None and judged.prompt_version.text == expected


def test_a_second_active_one_cannot_be() -> None:
    PromptVersion.objects.create(text="a", active=True)
    with pytest.raises(IntegrityError, match="prompt_is_the_only_active_one"), transaction.atomic():
        PromptVersion.objects.create(text="b", active=True)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_choose_at_once_one_comes_last_and_none_fails(request_of_owner: HttpRequest) -> None:
    prompts = [PromptVersion.objects.create(text=f"Judge {number}.") for number in range(6)]
    together = threading.Barrier(len(prompts))
    chosen: list[bool] = []

    def choose(prompt: PromptVersion) -> None:
        try:
            together.wait()
            chosen.append(activate_prompt(prompt, request_of_owner))
        finally:
            connection.close()

    threads = [threading.Thread(target=choose, args=[prompt]) for prompt in prompts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chosen == [True] * len(prompts)
    last = AuditLog.objects.latest("id")
    assert str(PromptVersion.objects.get(active=True).pk) == last.resource_id
