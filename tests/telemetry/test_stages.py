"""The circuit breaker: while a server fails, few ask it, one at a time, ever more rarely; and all know, by one row."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from telemetry.models import Pause
from telemetry.stages import Turn, hold_off, is_paused, pause, resume, take_turn, try_soon

pytestmark = pytest.mark.django_db
STAGE = "analyze"
T = TypeVar("T")


def turn() -> Turn:
    taken = take_turn(STAGE)
    assert taken is not None
    return taken


def fail(times: int, reason: str = "it does not answer") -> list[float]:
    """So many tries that fail one after the other, each once it is due; how long the stage waits after each, in s."""
    waits = []
    for _ in range(times):
        waits.append(hold_off(turn(), reason).total_seconds())
        Pause.objects.update(retry_at=Now() - timedelta(seconds=1))
    return waits


def test_anybody_may_try_while_nothing_failed() -> None:
    assert [take_turn(STAGE), take_turn(STAGE)] == [Turn(STAGE, 0)] * 2
    assert not is_paused(STAGE)


def test_after_a_failure_nobody_may_try_until_it_is_time() -> None:
    hold_off(turn(), "it does not answer")
    assert Pause.objects.get().reason == "it does not answer" and is_paused(STAGE)
    assert take_turn(STAGE) is None
    Pause.objects.update(retry_at=Now())
    assert take_turn(STAGE) == Turn(STAGE, 1)


def test_only_one_gets_the_next_try_and_another_only_if_nothing_comes_of_it() -> None:
    fail(1)
    assert take_turn(STAGE) == Turn(STAGE, 1)
    assert take_turn(STAGE) is None
    Pause.objects.update(retry_at=F("retry_at") - timedelta(minutes=3))
    assert take_turn(STAGE) == Turn(STAGE, 1)


def test_a_next_try_that_lies_hours_ahead_was_planned_before_the_clock_was_set_back() -> None:
    fail(9)
    Pause.objects.update(retry_at=Now() + timedelta(minutes=5))
    assert take_turn(STAGE) is None
    Pause.objects.update(retry_at=Now() + timedelta(hours=1))
    assert take_turn(STAGE) == Turn(STAGE, 9)
    assert take_turn(STAGE) is None


def test_the_wait_doubles_up_to_five_minutes() -> None:
    for wait, longest in zip(fail(9), [5, 10, 20, 40, 80, 160, 300, 300, 300], strict=True):
        assert 0.8 * longest <= wait <= longest
    assert Pause.objects.get().attempts == 9


def test_the_reason_is_the_newest_and_the_time_that_of_the_first_failure() -> None:
    fail(1, "it refuses the connection")
    since = Pause.objects.get().since
    fail(1, "it does not know the model")
    assert (Pause.objects.get().reason, Pause.objects.get().since) == ("it does not know the model", since)


def test_a_success_ends_it_and_the_next_failure_waits_shortly_again() -> None:
    fail(5)
    assert resume(STAGE)
    assert not resume(STAGE)
    assert fail(1)[0] <= 5


def test_failures_side_by_side_are_one() -> None:
    """Ten workers that were asking when the server went away must not make it wait for five minutes."""
    turns = [turn() for _ in range(10)]
    for each in turns:
        hold_off(each, "gone")
    assert Pause.objects.get().attempts == 1


def test_a_late_failure_does_not_prolong_the_wait_of_those_that_came_after() -> None:
    early = turn()
    fail(3)
    hold_off(early, "gone")
    assert Pause.objects.get().attempts == 3


def test_a_failure_that_comes_after_somebody_elses_success_counts_from_the_start() -> None:
    fail(4)
    late = turn()
    resume(STAGE)
    hold_off(late, "gone again")
    assert Pause.objects.get().attempts == 1


def test_a_turn_that_was_not_needed_is_there_for_the_next() -> None:
    fail(2)
    assert turn().failures == 2
    try_soon(STAGE)
    assert take_turn(STAGE) == Turn(STAGE, 2)


def test_a_pause_without_a_time_keeps_nobody_from_trying() -> None:
    pause(STAGE, "the model file is missing")
    assert take_turn(STAGE) == Turn(STAGE, 0)
    hold_off(turn(), "the model file is damaged")
    assert (Pause.objects.get().attempts, take_turn(STAGE)) == (1, None)


def test_stages_do_not_share_it() -> None:
    fail(1)
    assert take_turn("detect") == Turn("detect", 0)


def all_at_once(count: int, deed: Callable[[], T]) -> list[T]:
    together = threading.Barrier(count)

    def run(_: int) -> T:
        together.wait()
        try:
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_of_many_that_ask_at_the_same_moment_exactly_one_gets_the_try() -> None:
    for _ in range(5):
        fail(1)
        taken = all_at_once(6, lambda: take_turn(STAGE))
        assert sum(one is not None for one in taken) == 1
        resume(STAGE)


@pytest.mark.django_db(transaction=True)
def test_many_that_fail_at_the_same_moment_make_one_pause() -> None:
    for _ in range(5):
        all_at_once(6, lambda: hold_off(Turn(STAGE, 0), "gone"))
        assert Pause.objects.get().attempts == 1
        resume(STAGE)
