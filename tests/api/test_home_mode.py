"""Whether anybody is home, by API: who may ask, who may say."""

from __future__ import annotations

import pytest

from accounts.models import AuditLog, HomeMode, Scope
from tests.api.callers import NOT_READERS, READERS, WRITERS, caller, client_of, client_with
from tests.people import make_key, make_user

pytestmark = pytest.mark.django_db
DOOR = "/api/v1/home-mode/"


@pytest.mark.parametrize("name", READERS)
def test_whoever_reads_may_ask(name: str) -> None:
    client = caller(name)
    answer = client.get(DOOR)
    assert answer.status_code == 200
    assert answer.json() == {"mode": None, "since": None, "set_by": None}
    said = HomeMode.objects.create(mode="away", set_by=make_user("anna"))
    said.refresh_from_db()
    told = client.get(DOOR).json()
    assert (told["mode"], told["set_by"]) == ("away", "anna")
    assert told["since"].startswith(f"{said.since:%Y-%m-%d}")


@pytest.mark.parametrize(("name", "status"), NOT_READERS.items())
def test_others_are_not_told(name: str, status: int) -> None:
    assert caller(name).get(DOOR).status_code == status


@pytest.mark.parametrize("method", ["put", "post"])
@pytest.mark.parametrize(("name", "status"), WRITERS.items())
def test_who_may_say(name: str, status: int, method: str) -> None:
    answer = getattr(caller(name), method)(DOOR, {"mode": "away"})
    assert answer.status_code == status
    assert HomeMode.objects.exists() == (status == 200)


def test_the_answer_says_what_is_so_now_and_since_when() -> None:
    client = client_of(make_user("olga"))
    first = client.put(DOOR, {"mode": "away"}).json()
    assert (first["mode"], first["set_by"]) == ("away", "olga")
    assert client.post(DOOR, {"mode": "away"}).json() == first
    assert client.put(DOOR, {"mode": "home"}).json()["since"] > first["since"]


def test_what_a_key_of_the_household_says_is_nobodys_but_its_own() -> None:
    answer = client_with(make_key(Scope.WRITE)).put(DOOR, {"mode": "home"})
    assert answer.json()["set_by"] is None
    assert AuditLog.objects.get().actor.startswith("script (")


@pytest.mark.parametrize("body", [{}, {"mode": ""}, {"mode": "holiday"}, {"mode": None}, {"mode": "home", "x": 1}])
def test_what_is_neither_is_refused(body: dict[str, object]) -> None:
    answer = client_of(make_user()).put(DOOR, body)
    assert answer.status_code == 400
    assert not HomeMode.objects.exists()
