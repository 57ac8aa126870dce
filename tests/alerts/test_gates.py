"""Who passes under a dedup key: the first, the more severe, and anybody once their own cooldown is over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from alerts import gates
from alerts.evaluate import evaluate_changed
from alerts.gates import Ask, ask, release
from alerts.models import Alert, AlertGate
from tests.alerts.rows import camera_called, comes_to, make_visit, outcome_of
from tests.factories import AlertFactory, RuleFactory

pytestmark = pytest.mark.django_db
LOW, MEDIUM, HIGH, CRITICAL = range(4)


def asks(rank: int, cooldown_s: int = 300, key: str = "key") -> Ask:
    return Ask(AlertFactory.create().pk, key, rank, cooldown_s)


def passes(rank: int, cooldown_s: int = 300, key: str = "key") -> bool:
    return not ask([asks(rank, cooldown_s, key)])


def some_time_ago(seconds: int) -> None:
    AlertGate.objects.update(reserved_at=Now() - timedelta(seconds=seconds))


def test_the_first_passes_and_the_next_is_told_who_was_first_and_until_when() -> None:
    first, second = asks(MEDIUM), asks(MEDIUM)
    assert ask([first]) == {}
    refusal = ask([second])[second.alert_id]
    gate = AlertGate.objects.get()
    assert (gate.dedup_key, gate.severity, gate.alert_id) == ("key", MEDIUM, first.alert_id)
    assert (refusal.alert_id, refusal.rank, refusal.event_id) == (first.alert_id, MEDIUM, gate.alert.event_id)
    assert refusal.until - refusal.told_at == timedelta(seconds=300)


def test_other_keys_are_others() -> None:
    assert passes(LOW, key="a") and passes(LOW, key="b") and not passes(LOW, key="a")


def test_a_higher_severity_pierces_and_never_the_reverse() -> None:
    assert passes(LOW)
    assert passes(HIGH)
    assert not passes(MEDIUM) and not passes(HIGH)
    assert passes(CRITICAL)
    assert AlertGate.objects.get().severity == CRITICAL


def test_once_the_cooldown_is_over_anybody_passes() -> None:
    assert passes(CRITICAL)
    some_time_ago(299)
    assert not passes(LOW)
    some_time_ago(300)
    assert passes(LOW)
    assert AlertGate.objects.get().severity == LOW


class TestWithoutACooldown:
    def test_every_visit_is_told(self) -> None:
        assert all(passes(MEDIUM, cooldown_s=0) for _ in range(3))

    def test_others_of_its_severity_and_below_wait_for_it(self) -> None:
        assert passes(MEDIUM, cooldown_s=0)
        assert not passes(MEDIUM) and not passes(LOW)
        assert passes(HIGH)

    def test_it_opens_no_gate_for_what_was_told_at_a_higher_severity(self) -> None:
        assert passes(HIGH)
        assert passes(LOW, cooldown_s=0)
        assert not passes(HIGH) and not passes(MEDIUM)


class TestDifferentCooldownsOnOneKey:
    def test_each_asks_with_its_own(self) -> None:
        assert passes(MEDIUM, cooldown_s=600)
        some_time_ago(100)
        assert not passes(MEDIUM, cooldown_s=600)
        assert passes(MEDIUM, cooldown_s=60)
        assert not passes(MEDIUM, cooldown_s=600), "told a moment ago"

    def test_side_by_side_the_one_that_may_passes(self) -> None:
        assert passes(HIGH)
        some_time_ago(100)
        patient, hasty = asks(HIGH, 600), asks(MEDIUM, 60)
        assert set(ask([patient, hasty])) == {patient.alert_id}


class TestSeveralOfOneEvent:
    def test_the_most_severe_goes_first_and_the_others_find_it_taken(self) -> None:
        low, high, other = asks(LOW), asks(HIGH), asks(MEDIUM, key="other")
        refused = ask([low, high, other])
        assert set(refused) == {low.alert_id}
        assert refused[low.alert_id].alert_id == high.alert_id

    def test_one_without_a_cooldown_passes_beside_it(self) -> None:
        always, high, low = asks(LOW, 0), asks(HIGH), asks(LOW)
        assert set(ask([always, high, low])) == {low.alert_id}

    def test_an_alert_that_is_not_stored_yet_is_known_by_its_id(self) -> None:
        RuleFactory.create(name="a", dedup_key_template="one", severity="high")
        RuleFactory.create(name="b", dedup_key_template="one", severity="low")
        event = make_visit()
        evaluate_changed()
        event.refresh_from_db()
        fired, suppressed = event.rule_outcomes
        assert (fired["outcome"], suppressed["condition"]) == ("fired", "cooldown")
        got = suppressed["got"]
        assert (got["alert_id"], got["event_id"], got["severity"], got["dedup_key"]) == (
            *(str(Alert.objects.get().pk), event.pk, "high", "one"),
        )


def test_gates_are_taken_in_order_of_key_whoever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers that took them in different orders would wait for each other."""
    taken: list[str] = []

    def take(asks: list[Ask]) -> set[str]:
        taken.extend(one.key for one in asks)
        return set(taken)

    monkeypatch.setattr(gates, "_take", take)
    ask([asks(LOW, key="b"), asks(CRITICAL, key="c"), asks(HIGH, key="a")])
    assert taken == ["a", "b", "c"]


def test_a_gate_reserved_by_a_clock_that_was_set_back_does_not_hold() -> None:
    assert passes(HIGH)
    AlertGate.objects.update(reserved_at=Now() + timedelta(hours=9))
    assert passes(LOW)


def test_a_released_gate_lets_the_next_pass_at_once() -> None:
    RuleFactory.create(cooldown_seconds=3600)
    make_visit()
    evaluate_changed()
    second = make_visit()
    evaluate_changed()
    assert outcome_of(second)["condition"] == "cooldown"
    release(Alert.objects.get())
    comes_to(second, 23)
    evaluate_changed()
    assert outcome_of(second)["outcome"] == "fired"


def test_releasing_leaves_a_gate_that_another_took_since() -> None:
    first, second = AlertFactory.create(), AlertFactory.create()
    ask([Ask(first.pk, "key", LOW, 300)])
    ask([Ask(second.pk, "key", HIGH, 300)])
    release(first)
    assert AlertGate.objects.get().alert == second


def test_nobody_asks_nothing() -> None:
    assert ask([]) == {}


def test_the_key_is_filled_from_the_detection_that_decided() -> None:
    RuleFactory.create(
        dedup_key_template="{camera_id}/{object_type}/{zone_id}/{risk_level}/{{x}}", object_types=["person"]
    )
    make_visit(camera_called("front_door"), score=70)
    evaluate_changed()
    assert AlertGate.objects.get().dedup_key == "front_door/person//high/{x}"


def test_a_key_is_data_whatever_is_in_it() -> None:
    for key in ("'; DROP TABLE alert_gates; --", "100 %s", '{"a": 1}', "ü" * 300, "\\"):
        assert passes(LOW, key=key) and not passes(LOW, key=key)
    assert AlertGate.objects.count() == 5
