"""The process that sends: what it does before the first notice, and that it drains before it ends."""

from __future__ import annotations

import os
import threading
from functools import cache

import pytest

from alerts import deliver_tasks, guard
from alerts.deliver_tasks import deliver_due_task, start_delivering, stop_delivering, take_no_more
from telemetry.heartbeat import Beating
from telemetry.models import Heartbeat
from tests.factories import ChannelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """This process as the deliver worker: what it does, in order. Its heart beats once."""
    deeds: list[str] = []
    monkeypatch.setenv("NETRC", "/home/mia/.netrc")
    monkeypatch.setattr(deliver_tasks, "_ends", threading.Event())
    monkeypatch.setattr(deliver_tasks, "_beating", cache(lambda: Beating("deliver@home:1", "deliver")))
    monkeypatch.setattr(Beating, "start", Beating._try_to_beat)
    monkeypatch.setattr(Beating, "stop", lambda beating: Heartbeat.objects.filter(pk=beating.worker).delete())
    monkeypatch.setattr(deliver_tasks, "works_on", lambda queue: queue == "deliver")
    monkeypatch.setattr(guard, "close_process", lambda url: deeds.append(f"closed but for {url[:5]}"))
    monkeypatch.setattr(deliver_tasks, "load_kinds", lambda: deeds.append("loaded"))
    monkeypatch.setattr(deliver_tasks, "wake", deeds.append)
    return deeds


def test_it_closes_itself_up_says_that_it_lives_and_asks_for_work(done: list[str]) -> None:
    start_delivering()
    assert done == ["closed but for unix:", "alerts.deliver_due"]
    assert Heartbeat.objects.get().queue == "deliver" and os.environ["NETRC"] == os.devnull


def test_where_there_is_a_channel_the_first_notice_waits_for_nothing(done: list[str]) -> None:
    ChannelFactory.create()
    start_delivering()
    assert done[-1] == "loaded"


def test_other_workers_do_nothing_of_it(monkeypatch: pytest.MonkeyPatch, done: list[str]) -> None:
    monkeypatch.setattr(deliver_tasks, "works_on", lambda queue: False)
    start_delivering()
    stop_delivering()
    assert done == [] and not Heartbeat.objects.exists()


def test_one_task_sends_all_that_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    due = [True, True, False]
    monkeypatch.setattr(deliver_tasks, "deliver_next", lambda worker: due.pop(0))
    deliver_due_task()
    assert due == []


def test_one_that_is_to_end_takes_no_more_and_lives_until_what_it_sends_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start_delivering()
    taken: list[str] = []

    def send(worker: str) -> bool:
        taken.append(worker)
        take_no_more()
        return True

    monkeypatch.setattr(deliver_tasks, "deliver_next", send)
    deliver_due_task()
    assert len(taken) == 1 and Heartbeat.objects.exists()
    deliver_due_task()
    stop_delivering()
    assert len(taken) == 1 and not Heartbeat.objects.exists()
