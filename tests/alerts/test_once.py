"""Each visit is told once, however many workers look at it and whatever ends them: real threads, real transactions."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from alerts import evaluate, gates, telling
from alerts.evaluate import evaluate_changed, to_evaluate
from alerts.gates import release
from alerts.models import DEFAULT_KEY, Alert, AlertGate, AlertRule, Delivery
from alerts.rules import delete_rule
from events.models import Event
from tests.alerts.rows import camera_called, comes_to, make_visit, outcome_of
from tests.factories import ChannelFactory, RuleFactory
from tests.stack import eventually

WORKERS = 8
SCORES = (10, 40, 70, 90)
HOUR_S = 3600


def in_threads(count: int, work: Callable[[int], None]) -> list[BaseException]:
    """Run it that often side by side; what was raised."""
    start, raised = threading.Barrier(count), list[BaseException]()

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  (the test looks at it)
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    return raised


def evaluate_in_thread(_: int) -> None:
    evaluate_changed()


@pytest.mark.django_db(transaction=True)
def test_eight_workers_tell_nothing_twice_in_ten_thousand_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 rules and 100 visits, many in chains, judged anew all the while; half of the rules share keys."""
    for name in ("wake", "broadcast"):
        monkeypatch.setattr(telling, name, lambda *_: None)
    channel = ChannelFactory.create()
    cameras = [camera_called(f"camera_{number}") for number in range(5)]
    for number in range(40):
        key, cooldown_s = ("{camera_id}", HOUR_S) if number % 2 else (DEFAULT_KEY, 0)
        fields = {"dedup_key_template": key, "cooldown_seconds": cooldown_s}
        RuleFactory.create(severity="low", channels=[channel], **fields)
    chance = random.Random(6)
    events: list[Event] = []
    for number in range(100):
        earlier = chance.choice(events[-5:]) if number % 3 == 1 else None
        camera = earlier.camera if earlier else chance.choice(cameras)
        events.append(make_visit(camera, score=chance.choice(SCORES[:2]), continues=earlier, assessment=False))
    evaluated: list[int] = []

    def work(number: int) -> None:
        judge = random.Random(number)
        while True:
            evaluated.append(evaluate_changed())
            if sum(evaluated) < 250:
                for event in judge.sample(events, 5):
                    again = {"risk_score": judge.choice(SCORES), "revision": F("revision") + 1}
                    Event.objects.filter(pk=event.pk).update(**again)
            elif not to_evaluate().exists():
                return

    assert in_threads(WORKERS, work) == []
    assert evaluate_changed() == 0
    assert sum(evaluated) * 40 >= 10_000
    told = Delivery.objects.filter(state="pending")
    shared_keys = told.filter(alert__rule__cooldown_seconds=HOUR_S).values_list("alert__dedup_key", "severity")
    assert max(Counter(shared_keys).values()) == 1, "of one key, each severity is told once"
    chains = {event.chain_id_or_own for event in events}
    assert Alert.objects.filter(rule__cooldown_seconds=0).count() == 20 * len(chains)
    assert Delivery.objects.filter(kind="notice", alert__rule__cooldown_seconds=0).count() == 20 * len(chains)
    assert not Event.objects.exclude(revision=F("evaluated_revision")).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cooldown_seconds", [300, 0])
def test_first_takers_of_one_gate_do_not_both_pass(cooldown_seconds: int) -> None:
    RuleFactory.create(
        dedup_key_template="everything", cooldown_seconds=cooldown_seconds, channels=[ChannelFactory.create()]
    )
    events = [make_visit(camera_called(f"camera_{number}")) for number in range(WORKERS)]
    assert in_threads(WORKERS, evaluate_in_thread) == []
    assert Alert.objects.count() == (1 if cooldown_seconds else WORKERS)
    outcomes = Counter(outcome_of(event)["outcome"] for event in events)
    assert outcomes["fired"] == Alert.objects.count()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_in_the_middle_leaves_nothing_and_it_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    RuleFactory.create(channels=[ChannelFactory.create()])
    event = make_visit()
    for place in ("_store_alerts", "_store_deliveries", "_metadata"):
        with monkeypatch.context() as patched:
            patched.setattr(telling, place, die)
            with pytest.raises(Killed):
                evaluate_changed()
        assert not Alert.objects.exists() and not AlertGate.objects.exists() and not Delivery.objects.exists()
        assert list(to_evaluate()) == [event]
    assert evaluate_changed() == 1
    assert Alert.objects.count() == Delivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_told_and_what_was_evaluated_are_stored_in_one_transaction() -> None:
    RuleFactory.create(channels=[ChannelFactory.create()])
    make_visit()

    with transaction.atomic():
        assert evaluate_changed() == 1
        transaction.set_rollback(True)
    assert not Alert.objects.exists() and to_evaluate().exists()


@pytest.mark.django_db(transaction=True)
def test_a_visit_that_somebody_holds_is_passed_over_and_waits_for_nobody() -> None:
    RuleFactory.create()
    held, other = make_visit(), make_visit(camera_called("back"))
    ready, done = threading.Event(), threading.Event()

    def hold(_: int) -> None:
        with transaction.atomic():
            list(Event.objects.select_for_update(no_key=True).filter(pk=held.pk))
            ready.set()
            done.wait(60)

    holder = threading.Thread(target=in_threads, args=(1, hold))
    holder.start()
    assert ready.wait(60)
    try:
        assert evaluate_changed() == 1
        assert Alert.objects.get().event == other
    finally:
        done.set()
        holder.join(60)
    assert evaluate_changed() == 1


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_visit_that_is_let_go_within_moments_is_told_without_waiting_for_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluate, "PATIENCE", "60s")  # this machine may be busy
    RuleFactory.create()
    visit = make_visit()
    with transaction.atomic():
        list(Event.objects.select_for_update(no_key=True).filter(pk=visit.pk))
        evaluating = threading.Thread(target=in_threads, args=(1, evaluate_in_thread))
        evaluating.start()
        eventually(somebody_waits_for_us)
    evaluating.join(60)
    assert Alert.objects.get().event == visit


@pytest.mark.django_db(transaction=True)
def test_the_parts_of_a_chain_are_looked_at_one_after_the_other(caplog: pytest.LogCaptureFixture) -> None:
    RuleFactory.create(cooldown_seconds=0, channels=[ChannelFactory.create()])
    for _ in range(10):
        first = make_visit(assessment=False)
        for _ in range(3):
            make_visit(continues=first, assessment=False)
    assert in_threads(WORKERS, evaluate_in_thread) == []
    evaluate_changed()
    assert Alert.objects.count() == Delivery.objects.count() == 10
    assert caplog.messages == [], "none got in the way of another"


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_is_deleted_while_it_is_looked_at_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    going, staying = RuleFactory.create(name="a"), RuleFactory.create(name="b")
    event = make_visit()
    ask = gates.ask

    def delete_first(*arguments: object) -> object:
        monkeypatch.undo()
        assert in_threads(1, lambda _: delete_rule(AlertRule.objects.get(pk=going.pk), None)) == []
        return ask(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(telling, "ask", delete_first)
    assert evaluate_changed() == 1
    assert Alert.objects.get().rule == staying
    assert outcome_of(event)["rule"] == "b"


@pytest.mark.django_db(transaction=True)
def test_a_rule_that_would_tell_just_while_it_is_deleted_is_deleted() -> None:
    rule = RuleFactory.create()
    event = make_visit()
    evaluating = threading.Thread(target=in_threads, args=(1, evaluate_in_thread))

    def evaluate_before_it_goes(execute: Callable[..., object], sql: str, *arguments: object) -> object:
        if sql.startswith('DELETE FROM "alert_rules"'):
            evaluating.start()
            evaluating.join(0.5)
        return execute(sql, *arguments)

    with connection.execute_wrapper(evaluate_before_it_goes):
        delete_rule(rule, None)
    evaluating.join(60)
    evaluate_changed()
    assert not AlertRule.objects.exists() and not Alert.objects.exists()
    event.refresh_from_db()
    assert event.rule_outcomes == [] and not to_evaluate().exists()


@pytest.mark.django_db(transaction=True)
def test_releasing_a_gate_while_others_ask_for_it_deadlocks_nobody() -> None:
    RuleFactory.create(severity="low", dedup_key_template="{camera_id}", cooldown_seconds=3600)
    RuleFactory.create(severity="low", cooldown_seconds=0)
    events = [make_visit(camera_called(f"camera_{number % 3}"), assessment=False, score=10) for number in range(30)]
    evaluate_changed()

    def work(number: int) -> None:
        for event in events:
            if number % 2:
                with transaction.atomic():
                    for alert in Alert.objects.select_for_update(no_key=True).filter(event=event).order_by("pk"):
                        release(alert)
            else:
                Event.objects.filter(pk=event.pk).update(risk_score=SCORES[number // 2], revision=F("revision") + 1)
                evaluate_changed()

    assert in_threads(WORKERS, work) == []


@pytest.mark.django_db
def test_after_its_cooldown_a_rule_tells_again() -> None:
    RuleFactory.create(cooldown_seconds=300)
    first, second = make_visit(), make_visit()
    evaluate_changed()
    assert sorted(outcome_of(event)["outcome"] for event in (first, second)) == ["fired", "suppressed"]
    AlertGate.objects.update(reserved_at=Now() - timedelta(seconds=299))
    third = make_visit()
    evaluate_changed()
    assert outcome_of(third)["condition"] == "cooldown"
    AlertGate.objects.update(reserved_at=Now() - timedelta(seconds=300))
    comes_to(third, 23)
    evaluate_changed()
    assert outcome_of(third)["outcome"] == "fired"
