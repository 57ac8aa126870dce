"""From a visit that changed to its alerts, deliveries and outcomes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import standing_rules
from alerts.evaluate import evaluate_changed, to_evaluate
from alerts.inbox import acknowledge, dismiss
from alerts.models import Alert, AlertGate, AlertRule, Delivery, NotificationChannel
from cameras.models import Camera
from events.models import Event
from events.review import set_notes
from tests.alerts.rows import Saw, camera_called, comes_to, make_visit, outcome_of, outcomes_of
from tests.factories import ChannelFactory, RuleFactory, ZoneFactory
from tests.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def camera() -> Camera:
    return camera_called()


def states() -> list[tuple[str, str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("kind", "severity", "state"))


def test_a_rule_that_is_met_makes_an_alert_and_a_delivery_for_each_channel(camera: Camera) -> None:
    phone, mail = ChannelFactory.create(name="Phone"), ChannelFactory.create(name="Mail")
    rule = RuleFactory.create(name="Somebody", object_types=["person"], channels=[phone, mail])
    event = make_visit(camera, Saw(sure=0.91))
    assert evaluate_changed() == 1
    alert = Alert.objects.get()
    assert (alert.event, alert.rule, alert.chain_id, alert.severity, alert.status) == (
        *(event, rule, event.pk, "medium", "pending"),
    )
    assert alert.dedup_key == f"front_door:{rule.pk}" == AlertGate.objects.get().dedup_key
    assert alert.metadata["confidence"] == 0.91 and alert.metadata["summary"] == event.summary
    assert {delivery.channel_name for delivery in alert.deliveries.all()} == {"Phone", "Mail"}
    assert states() == [("notice", "medium", "pending")] * 2
    outcome = outcome_of(event)
    assert outcome.pop("got")["alert_id"] == str(alert.pk)
    assert outcome == {
        "rule_id": str(rule.pk),
        "rule": "Somebody",
        "outcome": "fired",
        "condition": None,
        "wanted": None,
    }
    assert not to_evaluate().exists()


def test_a_visit_is_seen_once_for_each_revision(camera: Camera) -> None:
    RuleFactory.create()
    event = make_visit(camera)
    assert (evaluate_changed(), evaluate_changed()) == (1, 0)
    comes_to(event, 25)
    assert evaluate_changed() == 1
    assert Alert.objects.count() == 1
    assert outcome_of(event)["outcome"] == "fired"


def test_why_not_is_told_with_both_values(camera: Camera) -> None:
    rule = RuleFactory.create(name="High", risk_threshold=60)
    event = make_visit(camera, score=44)
    evaluate_changed()
    assert outcome_of(event) == {
        "rule_id": str(rule.pk),
        "rule": "High",
        "outcome": "not_met",
        "condition": "risk_threshold",
        "wanted": 60,
        "got": 44,
    }
    assert not Alert.objects.exists() and not AlertGate.objects.exists()


def test_a_rule_that_is_switched_off_decides_nothing_and_what_it_had_decided_stays(camera: Camera) -> None:
    rule = RuleFactory.create()
    event = make_visit(camera)
    evaluate_changed()
    AlertRule.objects.update(enabled=False)
    RuleFactory.create(name="Z", risk_threshold=90)
    comes_to(event, 25)
    evaluate_changed()
    assert [one["outcome"] for one in outcomes_of(event)] == ["not_met", "fired"]
    assert outcomes_of(event)[1]["rule_id"] == str(rule.pk)


def test_the_severity_is_the_higher_of_the_rules_and_the_visits(camera: Camera) -> None:
    RuleFactory.create(severity="low")
    RuleFactory.create(severity="critical")
    make_visit(camera, score=70)
    evaluate_changed()
    assert sorted(Alert.objects.values_list("severity", flat=True)) == ["critical", "high"]


class TestARise:
    def test_updates_the_alert_and_sends_one_update_for_each_step(self, camera: Camera) -> None:
        RuleFactory.create(severity="low", channels=[ChannelFactory.create()])
        event = make_visit(camera, score=10)
        for score in (10, 40, 45, 70, 75, 90, 99):
            comes_to(event, score)
            evaluate_changed()
            Delivery.objects.update(state="sent")
        assert states() == [
            ("notice", "low", "sent"),
            *(("update", level, "sent") for level in ("medium", "high", "critical")),
        ]
        assert (Alert.objects.get().severity, Alert.objects.get().metadata["risk_score"]) == ("critical", 90)
        assert AlertGate.objects.get().severity == 3

    def test_a_fall_changes_nothing_and_the_outcome_stays(self, camera: Camera) -> None:
        RuleFactory.create(risk_threshold=60, severity="low", channels=[ChannelFactory.create()])
        event = make_visit(camera, score=70)
        evaluate_changed()
        for score in (20, 65):
            comes_to(event, score)
            evaluate_changed()
            assert outcome_of(event)["outcome"] == "fired"
        assert Alert.objects.get().severity == "high"
        assert len(states()) == 1

    def test_it_waits_for_a_person_again(self, camera: Camera) -> None:
        RuleFactory.create(severity="low")
        event = make_visit(camera, score=10)
        evaluate_changed()
        olga = make_user()
        assert acknowledge(Alert.objects.get(), olga, None)
        comes_to(event, 12)
        evaluate_changed()
        assert Alert.objects.get().status == "acknowledged"
        comes_to(event, 60)
        evaluate_changed()
        alert = Alert.objects.get()
        assert (alert.status, alert.handled_by, alert.handled_at) == ("pending", None, None)

    def test_a_notice_that_still_waits_is_raised_instead_of_sending_two(self, camera: Camera) -> None:
        RuleFactory.create(severity="low", channels=[ChannelFactory.create()])
        event = make_visit(camera, score=10)
        evaluate_changed()
        comes_to(event, 60)
        evaluate_changed()
        assert states() == [("notice", "high", "pending")]

    def test_one_that_is_being_sent_is_left_alone(self, camera: Camera) -> None:
        RuleFactory.create(severity="low", channels=[ChannelFactory.create()])
        event = make_visit(camera, score=10)
        evaluate_changed()
        Delivery.objects.update(claim_id="00000000-0000-4000-8000-000000000000")
        comes_to(event, 60)
        evaluate_changed()
        assert states() == [("notice", "low", "pending"), ("update", "high", "pending")]

    def test_one_that_waits_is_raised_though_a_rise_in_between_was_silent(self, camera: Camera) -> None:
        channel = ChannelFactory.create()
        RuleFactory.create(severity="low", channels=[channel])
        event = make_visit(camera, score=10)
        evaluate_changed()
        here = timezone.localtime()
        quiet = [(here + timedelta(hours=hours)).time().replace(microsecond=0) for hours in (-2, 2)]
        NotificationChannel.objects.update(quiet_from=quiet[0], quiet_until=quiet[1])
        comes_to(event, 60)
        evaluate_changed()
        NotificationChannel.objects.update(quiet_from=None, quiet_until=None)
        comes_to(event, 90)
        evaluate_changed()
        assert states() == [("notice", "critical", "pending"), ("update", "high", "suppressed")]

    def test_what_was_told_before_it_was_silent_stays_what_was_told(self, camera: Camera) -> None:
        phone = ChannelFactory.create(name="Phone")
        rule = RuleFactory.create(severity="low", channels=[phone], dedup_key_template="{camera_id}")
        event = make_visit(camera, score=10)
        evaluate_changed()
        told = outcome_of(event)
        assert told["got"]["severity"] == "low" and told["got"]["channels"] == ["Phone"]
        AlertGate.objects.update(severity=3)
        rule.channels.add(ChannelFactory.create(name="Mail"))
        for score in (60, 61):
            comes_to(event, score)
            evaluate_changed()
            assert outcome_of(event) == told
        assert Alert.objects.get().severity == "high"

    def test_the_chain_of_a_long_visit_has_one_alert(self, camera: Camera) -> None:
        RuleFactory.create(severity="low", channels=[ChannelFactory.create()], cooldown_seconds=0)
        first = make_visit(camera, score=10)
        evaluate_changed()
        Delivery.objects.update(state="sent")
        second = make_visit(camera, score=12, continues=first)
        evaluate_changed()
        assert Alert.objects.get().event == first
        assert outcome_of(second)["outcome"] == "fired"
        third = make_visit(camera, score=70, continues=second)
        evaluate_changed()
        assert (Alert.objects.get().event, Alert.objects.get().severity) == (third, "high")
        assert [kind for kind, *_ in states()] == ["notice", "update"]


class TestTooOld:
    LATE = timedelta(hours=1, seconds=1)

    def test_it_goes_to_the_inbox_and_never_to_a_phone(self, camera: Camera) -> None:
        RuleFactory.create(channels=[ChannelFactory.create()])
        event = make_visit(camera, Saw(late=self.LATE), Saw(late=timedelta(hours=3), sure=0.6))
        evaluate_changed()
        assert Alert.objects.get().status == "pending"
        assert states() == [("notice", "medium", "suppressed")]
        assert Delivery.objects.get().error == "Its pictures came 1 h after they were taken."
        assert not AlertGate.objects.exists()
        outcome = outcome_of(event)
        assert (outcome["outcome"], outcome["condition"]) == ("suppressed", "too_old")
        assert (outcome["wanted"], outcome["got"]) == (3600, 3601)

    def test_one_picture_in_time_is_enough_and_decides(self, camera: Camera) -> None:
        RuleFactory.create(channels=[ChannelFactory.create()])
        make_visit(camera, Saw(late=self.LATE, sure=0.99), Saw(late=timedelta(hours=1), sure=0.6))
        evaluate_changed()
        assert states() == [("notice", "medium", "pending")]
        assert Alert.objects.get().metadata["confidence"] == 0.6

    def test_whoever_is_still_there_once_pictures_come_in_time_is_told(self, camera: Camera) -> None:
        RuleFactory.create(channels=[ChannelFactory.create()])
        first = make_visit(camera, Saw(late=self.LATE))
        evaluate_changed()
        make_visit(camera, Saw(), continues=first)
        evaluate_changed()
        assert states() == [("notice", "medium", "pending")]
        assert "silenced" not in Alert.objects.get().metadata
        assert AlertGate.objects.count() == 1

    def test_who_has_to_wait_for_a_cooldown_then_is_told_after_it(self, camera: Camera) -> None:
        rule = RuleFactory.create(channels=[ChannelFactory.create()])
        first = make_visit(camera, Saw(late=self.LATE))
        evaluate_changed()
        alert = Alert.objects.get()
        assert dismiss(alert, make_user(), None)
        make_visit(camera)
        evaluate_changed()
        second = make_visit(camera, continues=first)
        evaluate_changed()
        alert.refresh_from_db()
        assert (outcome_of(second)["condition"], alert.status) == ("cooldown", "dismissed")
        AlertGate.objects.all().delete()
        comes_to(second, 25)
        evaluate_changed()
        alert.refresh_from_db()
        assert (outcome_of(second)["outcome"], alert.status, alert.rule) == ("fired", "pending", rule)
        assert alert.deliveries.get().state == "pending"

    def test_who_worries_less_by_then_is_told_as_severe_as_it_was(self, camera: Camera) -> None:
        RuleFactory.create(severity="low", channels=[ChannelFactory.create()])
        first = make_visit(camera, Saw(late=self.LATE), score=70)
        evaluate_changed()
        second = make_visit(camera, Saw(), continues=first, score=40)
        evaluate_changed()
        assert Alert.objects.get().severity == "high"
        assert states() == [("notice", "high", "pending")]
        for score, level in ((70, "high"), (90, "critical")):
            comes_to(second, score)
            assert evaluate_changed() == 1
            assert states() == [("notice", level, "pending")]


class TestQuietHours:
    def quiet(self, name: str) -> object:
        here = timezone.localtime()
        around = [(here + timedelta(hours=hours)).time().replace(microsecond=0) for hours in (-2, 2)]
        return ChannelFactory.create(name=name, quiet_from=around[0], quiet_until=around[1])

    def test_where_all_channels_are_quiet_the_gate_is_left_alone(self, camera: Camera) -> None:
        RuleFactory.create(channels=[self.quiet("Phone")])
        event = make_visit(camera)
        evaluate_changed()
        assert states() == [("notice", "medium", "suppressed")]
        assert not AlertGate.objects.exists()
        outcome = outcome_of(event)
        assert (outcome["outcome"], outcome["condition"]) == ("suppressed", "quiet_hours")
        assert outcome["got"]["channels"] == ["Phone"] and outcome["got"]["until"]

    def test_another_channel_is_told(self, camera: Camera) -> None:
        RuleFactory.create(channels=[self.quiet("Phone"), ChannelFactory.create(name="Mail")])
        event = make_visit(camera)
        evaluate_changed()
        assert set(Delivery.objects.values_list("channel_name", "state")) == {
            ("Phone", "suppressed"),
            ("Mail", "pending"),
        }
        assert outcome_of(event)["outcome"] == "fired"


def test_a_channel_that_is_switched_off_gets_nothing(camera: Camera) -> None:
    RuleFactory.create(channels=[ChannelFactory.create(enabled=False)])
    event = make_visit(camera)
    evaluate_changed()
    assert not Delivery.objects.exists()
    assert Alert.objects.count() == AlertGate.objects.count() == 1
    assert outcome_of(event)["outcome"] == "fired"


@pytest.mark.parametrize("hide", ["camera", "event"])
def test_of_what_was_put_away_nobody_is_told(camera: Camera, hide: str) -> None:
    RuleFactory.create()
    event = make_visit(camera)
    (Camera if hide == "camera" else Event).objects.update(deleted_at=timezone.now())
    assert evaluate_changed() == 1
    assert not Alert.objects.exists()
    outcome = outcome_of(event)
    assert (outcome["outcome"], outcome["condition"]) == ("not_met", "cameras")
    assert "problem" in outcome["got"]


def test_a_rule_that_names_a_merged_camera_means_the_other_one(camera: Camera) -> None:
    old = camera_called("frontdoor")
    RuleFactory.create(cameras=[old])
    Camera.objects.filter(pk=old.pk).update(merged_into=camera, deleted_at=timezone.now())
    event = make_visit(camera)
    evaluate_changed()
    assert outcome_of(event)["outcome"] == "fired"


def test_a_rule_whose_zone_was_switched_off_says_so(camera: Camera) -> None:
    porch = ZoneFactory.create(camera=camera, name="Porch", enabled=False)
    RuleFactory.create(zones=[porch])
    event = make_visit(camera, Saw(zones=[porch]))
    evaluate_changed()
    outcome = outcome_of(event)
    assert (outcome["condition"], outcome["got"]) == ("zones", {"problem": "Porch is switched off."})


def test_rules_spoilt_behind_our_back_stop_neither_others_nor_the_visit(camera: Camera) -> None:
    rules = [RuleFactory.create(name=name, channels=[ChannelFactory.create()]) for name in "abc"]
    AlertRule.objects.filter(pk=rules[0].pk).update(schedule={"days": "mon"})
    AlertRule.objects.filter(pk=rules[1].pk).update(dedup_key_template="{rule_id.__class__}")
    event = make_visit(camera)
    evaluate_changed()
    first, *others = outcomes_of(event)
    assert (first["outcome"], first["condition"]) == ("not_met", "schedule") and first["got"]["problem"]
    assert [one["outcome"] for one in others] == ["fired", "fired"]


def test_a_note_on_an_old_visit_does_not_hold_it_against_the_rules_of_today(camera: Camera) -> None:
    event = make_visit(camera)
    evaluate_changed()
    RuleFactory.create()
    set_notes(event, "It was the neighbour.", None)  # type: ignore[arg-type]
    assert not to_evaluate().exists()
    other = make_visit(camera)
    set_notes(other, "Not seen by the rules yet.", None)  # type: ignore[arg-type]
    assert list(to_evaluate()) == [other]


def test_deliveries_are_woken_once_for_all(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("alerts.telling.wake", woken.append)
    RuleFactory.create(channels=[ChannelFactory.create() for _ in range(3)])
    make_visit(camera)
    evaluate_changed()
    assert woken == ["alerts.deliver_due"]
    make_visit(camera)
    evaluate_changed()
    assert len(woken) == 1, "its cooldown had nobody told"


def test_the_pages_are_told(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict[str, str]]] = []
    monkeypatch.setattr("alerts.telling.broadcast", lambda kind, data: told.append((kind, data)))
    RuleFactory.create()
    make_visit(camera)
    evaluate_changed()
    hint = {"camera_id": "front_door", "alert_id": str(Alert.objects.get().pk), "status": "pending"}
    assert told == [("alert", {**hint, "severity": "medium"})]


def test_the_number_of_queries_grows_neither_with_rules_nor_with_detections(camera: Camera) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert evaluate_changed() == 1
        return len(captured)

    channel, porch = ChannelFactory.create(), ZoneFactory.create(camera=camera)
    for _ in range(2):
        RuleFactory.create(cameras=[camera], zones=[porch], channels=[channel], cooldown_seconds=0)
    make_visit(camera, Saw(zones=[porch]))
    few = queries()
    for _ in range(10):
        RuleFactory.create(cameras=[camera], zones=[porch], channels=[channel], cooldown_seconds=0)
    make_visit(camera, *(Saw(zones=[porch], after_s=second) for second in range(30)))
    assert queries() == few


def test_the_first_that_cannot_be_evaluated_does_not_keep_others_waiting(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    RuleFactory.create()
    other, bad = make_visit(camera), make_visit(camera)
    Event.objects.filter(pk=bad.pk).update(rule_outcomes=[{"nonsense": True}])
    assert evaluate_changed() == 1
    assert outcome_of(other)["outcome"] == "fired"
    assert list(to_evaluate()) == [bad]


@pytest.mark.parametrize("fire", [1, 100])
def test_five_hundred_rules_are_held_against_a_visit_at_once(camera: Camera, fire: int) -> None:
    """`benchmarks.rules` measures it: at most 50 ms on a machine that does nothing else. Here machines are busy."""
    channel = ChannelFactory.create()
    for number in range(500):
        what = ["person"] if number < fire else ["dog"]
        RuleFactory.create(object_types=what, channels=[channel], cooldown_seconds=0)
    took_s = []
    for _ in range(4):
        make_visit(camera)
        began = time.perf_counter()
        evaluate_changed()
        took_s.append(time.perf_counter() - began)
    assert min(took_s) < 0.5
    assert Alert.objects.count() == 4 * fire


def test_a_rule_that_changes_is_seen_changed_at_the_next_visit(camera: Camera) -> None:
    """Rules are kept ready between visits, whoever changes whatever they name."""
    zone = ZoneFactory.create(camera=camera, name="Porch")
    rule = RuleFactory.create(zones=[zone], channels=[ChannelFactory.create(name="Phone")], cooldown_seconds=0)
    other = camera_called("back")

    def decided() -> tuple[object, object]:
        event = make_visit(camera, Saw(zones=[zone]))
        evaluate_changed()
        outcome = outcome_of(event)
        return outcome["condition"], outcome["got"].get("channels", outcome["got"])

    assert decided() == (None, ["Phone"])
    NotificationChannel.objects.update(name="Mail")
    assert decided() == (None, ["Mail"])
    NotificationChannel.objects.update(enabled=False)
    assert decided() == (None, [])
    type(zone).objects.update(enabled=False)
    assert decided() == ("zones", {"problem": "Porch is switched off."})
    rule.zones.set([])
    assert decided() == (None, [])
    AlertRule.objects.update(object_types=["dog"])
    assert outcome_after(camera) == ("object_types", ["person"])
    AlertRule.objects.update(object_types=[])
    rule.cameras.set([other])
    assert outcome_after(camera) == ("cameras", "Front door")
    Camera.objects.filter(pk=other.pk).update(merged_into=camera)
    assert decided() == (None, [])


def outcome_after(camera: Camera) -> tuple[object, object]:
    event = make_visit(camera)
    evaluate_changed()
    return outcome_of(event)["condition"], outcome_of(event)["got"]


def test_a_rule_that_is_written_while_rules_are_read_is_not_seen_without_its_zone(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, porch = standing_rules._zones, ZoneFactory.create(camera=camera, name="Porch")

    def write_meanwhile() -> object:
        zones = read()
        monkeypatch.undo()
        RuleFactory.create(zones=[porch])
        return zones

    monkeypatch.setattr(standing_rules, "_zones", write_meanwhile)
    event = make_visit(camera)
    evaluate_changed()
    assert (outcome_of(event)["condition"], outcome_of(event)["wanted"]) == ("zones", ["Porch"])
