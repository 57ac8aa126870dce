"""Whether anybody is home: what was said, by whom, and what was true at a moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts.home import home_mode, mode_at, set_home_mode
from accounts.models import AuditLog, HomeMode
from tests.people import make_user

HOME, AWAY = HomeMode.Mode.HOME, HomeMode.Mode.AWAY


@pytest.mark.django_db
def test_nothing_is_known_until_somebody_says_so() -> None:
    assert home_mode() is None
    assert mode_at(timezone.now()) is None


@pytest.mark.django_db
def test_what_was_said_last_counts_and_is_told_and_written_down(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("telemetry.broadcast._send", lambda kind, data: told.append((kind, data)))
    anna = make_user("anna")
    with django_capture_on_commit_callbacks(execute=True):
        set_home_mode(AWAY, anna, None)
        said = set_home_mode(HOME, None, None)
    assert home_mode() == said and (said.mode, said.set_by) == (HOME, None)
    assert told == [("home", {"mode": "away"}), ("home", {"mode": "home"})]
    trail = AuditLog.objects.order_by("id").values_list("action", "resource_type", "details")
    assert list(trail) == [("home_mode_set", "household", {"mode": mode}) for mode in ("away", "home")]


@pytest.mark.django_db
def test_what_is_so_already_is_not_said_again() -> None:
    first = set_home_mode(AWAY, make_user("anna"), None)
    again = set_home_mode(AWAY, make_user("bert"), None)
    assert again == first and again.set_by == first.set_by
    assert HomeMode.objects.count() == AuditLog.objects.count() == 1


@pytest.mark.django_db
def test_what_was_true_at_a_moment_is_what_had_been_said_by_then() -> None:
    now = timezone.now()
    for mode, hours_ago in ((AWAY, 8), (HOME, 3), (AWAY, 1)):
        HomeMode.objects.create(mode=mode, since=now - timedelta(hours=hours_ago))
    hours = (9, 8, 5, 3, 2, 1, 0)
    assert [mode_at(now - timedelta(hours=ago)) for ago in hours] == [None, AWAY, AWAY, HOME, HOME, AWAY, AWAY]


@pytest.mark.django_db
def test_it_outlives_whoever_said_it() -> None:
    anna = make_user("anna")
    set_home_mode(AWAY, anna, None)
    anna.delete()
    said = home_mode()
    assert said is not None and (said.mode, said.set_by) == (AWAY, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", [None, HOME])
def test_phones_that_say_the_same_at_once_leave_one_line(before: HomeMode.Mode | None) -> None:
    if before:
        set_home_mode(before, None, None)

    def say(_: int) -> None:
        try:
            set_home_mode(AWAY, None, None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as phones:
        list(phones.map(say, range(24)))
    assert HomeMode.objects.filter(mode=AWAY).count() == 1
