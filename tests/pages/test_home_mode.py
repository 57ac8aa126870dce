"""The switch on the live page: what it says, who may press it, and that open pages follow."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import HomeMode, Role, User
from cameras.models import Camera
from tests.factories import EventFactory, UserFactory
from tests.pages.conftest import signed_in_as

SWITCH = "/home-mode/"


@pytest.fixture(autouse=True)
def _something_to_judge(front: Camera) -> None:
    EventFactory.create(camera=front)


def switch_of(text: str) -> str:
    """The switch out of a page or an answer, in one line."""
    return " ".join(text.split('id="home-mode"', 1)[1].split("</section>", 1)[0].split())


def shown_to(page: Client) -> str:
    return switch_of(page.get("/").content.decode())


def changes(page: Client) -> str:
    return page.get("/live/changes", {"since": int(timezone.now().timestamp() * 1e6)}).content.decode()


def test_it_asks_until_somebody_says_so(page: Client) -> None:
    switch = shown_to(page)
    assert "Say who is home: visits while away count more" in switch
    assert switch.count('aria-pressed="false"') == 2


@time_machine.travel(datetime(2026, 11, 22, 12, 0, tzinfo=timezone.get_current_timezone()), tick=False)
def test_it_says_which_since_when_and_by_whom(page: Client) -> None:
    since = timezone.now() - timedelta(hours=3, minutes=48)
    HomeMode.objects.create(mode="away", since=since, set_by=UserFactory.create(username="anna"))
    switch = shown_to(page)
    assert "Away since <time" in switch and ">08:12</time>, by anna" in switch
    assert 'value="away" aria-pressed="true"' in switch and 'value="home" aria-pressed="false"' in switch
    HomeMode.objects.create(mode="home", since=timezone.now())
    assert "by " not in shown_to(page).split("Home since", 1)[1]


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
def test_the_household_presses_it(role: Role) -> None:
    person = UserFactory.create(role=role)
    answer = signed_in_as(person).post(SWITCH, {"mode": "away"})
    assert answer.status_code == 302 and answer["Location"] == "/"
    said = HomeMode.objects.get()
    assert (said.mode, said.set_by) == ("away", person)


def test_a_viewer_sees_it_and_presses_nothing(front: Camera) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
    assert "<button" not in shown_to(viewer) and "Say who" not in shown_to(viewer)
    assert viewer.post(SWITCH, {"mode": "away"}).status_code == 403
    HomeMode.objects.create(mode="away")
    assert "Away since" in shown_to(viewer)
    assert HomeMode.objects.count() == 1


def test_nobody_else_presses_it(client: Client) -> None:
    assert client.post(SWITCH, {"mode": "away"})["Location"].startswith("/login/")
    assert not HomeMode.objects.exists()


def test_a_press_needs_the_token(owner: User) -> None:
    page = Client(enforce_csrf_checks=True)
    page.force_login(owner)
    assert page.post(SWITCH, {"mode": "away"}).status_code == 403


@pytest.mark.parametrize("sent", [{}, {"mode": ""}, {"mode": "holiday"}], ids=str)
def test_what_is_neither_is_refused(page: Client, sent: dict[str, str]) -> None:
    assert page.post(SWITCH, sent).status_code == 400
    assert page.get(SWITCH).status_code == 405


def test_on_the_live_page_the_answer_is_the_switch(page: Client) -> None:
    answer = page.post(SWITCH, {"mode": "home"}, headers={"HX-Request": "true"}).content.decode()
    assert "Home since" in switch_of(answer) and 'hx-swap-oob="true"' in answer
    assert "<html" not in answer


def test_other_pages_are_told_what_changed_and_only_that(page: Client) -> None:
    versions = []
    for mode in ("home", "away", "away"):
        page.post(SWITCH, {"mode": mode})
        versions.append(switch_of(changes(page)).split('data-version="', 1)[1].split('"', 1)[0])
    assert versions[0] != versions[1] == versions[2]
    assert "Away since" in switch_of(changes(page)) and 'hx-swap-oob="true"' in switch_of(changes(page))


def test_where_nothing_has_arrived_yet_nobody_is_asked(page: Client, front: Camera) -> None:
    Camera.objects.all().delete()
    assert " hidden" in shown_to(page).split(">", 1)[0]
