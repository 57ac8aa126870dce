"""The life of a delivery: claimed by one, sent, tried again, given up; and what that means for its alert."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import time as clock
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings

from alerts import deliver, gates
from alerts.channels import send_test
from alerts.deliver import claim_next, deliver_next, free_lost, pause_after, suppress, wake_if_needed
from alerts.models import Alert, AlertGate, Delivery
from telemetry.heartbeat import beat
from tests.alerts.services import SECRET, Deed, Hook, answers, closes, hangs, picture_in, takes, waits, webhook
from tests.factories import AlertFactory, ChannelFactory, DeliveryFactory, DetectionFactory, EventFactory, write_preview

WORKER = "deliver@home:1"


@pytest.fixture(autouse=True)
def _at_home(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ALLOW_PRIVATE_TARGETS": True, "SITE_URL": "http://attic/"})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    hints: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(deliver, "broadcast", lambda *hint: hints.append(hint))
    return hints


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(deliver, "wake", calls.append)
    return calls


def waiting_for(hook: Hook, **fields: Any) -> Delivery:
    """A notice that waits to be sent to this webhook."""
    channel = ChannelFactory.create(url=hook.url)
    return DeliveryFactory.create(channel=channel, channel_name=channel.name, **fields)


def again(delivery: Delivery) -> Delivery:
    """Its next try is due now."""
    Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=Now())
    assert deliver_next(WORKER)
    delivery.refresh_from_db()
    return delivery


@pytest.mark.django_db
class TestSending:
    def test_what_is_sent_is_written_down_and_its_alert_is_delivered(
        self, told: list[tuple[str, dict[str, Any]]]
    ) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            assert deliver_next(WORKER)
        delivery.refresh_from_db()
        alert = Alert.objects.get()
        assert (delivery.state, delivery.attempts, delivery.answer, delivery.error) == ("sent", 1, "thank you", "")
        assert delivery.sent_at and delivery.latency_ms is not None and delivery.claim_id is None
        assert delivery.text == f"{hook.notices[0]['title']}\n{hook.notices[0]['message']}"
        assert alert.status == "delivered" and alert.delivered_at
        assert told == [
            ("delivery", {"delivery_id": delivery.pk, "channel_id": delivery.channel_id, "state": "sent"}),
            (
                "alert",
                {
                    "camera_id": alert.event.camera_id,
                    "alert_id": str(alert.pk),
                    "status": "delivered",
                    "severity": "medium",
                },
            ),
        ]

    def test_an_answer_that_the_database_cannot_hold_is_no_reason_to_send_again(self) -> None:
        with webhook(answers(200, "\0a\0")) as hook:
            delivery = waiting_for(hook)
            assert deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.answer) == ("sent", "a")

    def test_once(self) -> None:
        with webhook() as hook:
            waiting_for(hook)
            assert [deliver_next(WORKER), deliver_next(WORKER)] == [True, False]
        assert len(hook.requests) == 1

    def test_nothing_of_the_url_is_kept(self, caplog: pytest.LogCaptureFixture) -> None:
        with webhook(answers(403, f"who is {SECRET}? path-{SECRET} token-{SECRET} pass-9b")) as hook:
            delivery = waiting_for(hook)
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert delivery.answer == "who is …? … … …"
        with connection.cursor() as cursor:
            cursor.execute("SELECT d::text FROM deliveries d")
            (row,) = cursor.fetchone()
        assert SECRET not in row + caplog.text + repr(delivery) and str(hook.port) not in row

    def test_an_alert_that_was_handled_keeps_what_a_person_said(self) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            claimed = claim_next(WORKER)
            assert claimed
            Alert.objects.update(status="dismissed")
            deliver.store(claimed, deliver.Outcome(Delivery.State.SENT))
        delivery.refresh_from_db()
        assert (delivery.state, Alert.objects.get().status) == ("sent", "dismissed")

    def test_with_the_picture_that_decided(self) -> None:
        detection = DetectionFactory.create()
        write_preview(detection.capture)
        event = EventFactory.create(camera=detection.camera, key_detection=detection)
        with webhook() as hook:
            waiting_for(hook, alert=AlertFactory.create(event=event))
            deliver_next(WORKER)
        assert picture_in(hook.notices[0]).startswith(b"\xff\xd8")


@pytest.mark.django_db
class TestTryingAgain:
    @pytest.mark.parametrize("deed", [answers(500, "oh"), answers(429, "slow down"), closes])
    def test_what_may_pass_is_tried_again_and_arrives(self, deed: Deed) -> None:
        with webhook(deed, takes) as hook:
            delivery = waiting_for(hook)
            deliver_next(WORKER)
            delivery.refresh_from_db()
            assert (delivery.state, delivery.attempts) == ("pending", 1) and delivery.error
            assert delivery.next_attempt_at and 0 < (delivery.next_attempt_at - timezone.now()).total_seconds() <= 1
            assert not deliver_next(WORKER)  # not yet
            assert again(delivery).state == "sent"
        assert (delivery.attempts, delivery.error) == (2, "") and delivery.next_attempt_at is None

    def test_ever_more_slowly_but_not_for_ever(self) -> None:
        pauses = [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 4, 9, 10, 288)]
        assert pauses == [1, 2, 4, 8, 256, 300, 300]

    def test_a_service_that_was_away_for_long_and_comes_back(self) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
        for attempts in range(1, 4):
            assert (again(delivery).state, delivery.attempts) == ("pending", attempts)
            assert delivery.error == "Nobody listens at its address (connection refused)."
        with webhook(port=hook.port) as hook:
            assert again(delivery).state == "sent"
        assert len(hook.requests) == 1

    def test_a_refusal_is_final_and_gives_the_gate_free(self) -> None:
        with webhook(answers(404, "no such topic")) as hook:
            delivery = waiting_for(hook)
            assert delivery.alert
            gate_of(delivery.alert)
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.answer) == ("failed", 1, "no such topic")
        assert delivery.error == "It refused the notice (HTTP 404)."
        assert (AlertGate.objects.count(), Alert.objects.get().status) == (0, "pending")

    @pytest.mark.parametrize("state", ["sent", "pending"])
    def test_the_gate_stays_while_another_channel_told_or_may_still_tell(self, state: str) -> None:
        with webhook(answers(404)) as hook:
            delivery = waiting_for(hook)
            assert delivery.alert
            gate_of(delivery.alert)
            later = timezone.now() + timedelta(minutes=4)
            DeliveryFactory.create(alert=delivery.alert, state=state, next_attempt_at=later)
            deliver_next(WORKER)
        assert AlertGate.objects.count() == 1

    def test_after_24_hours_it_is_given_up(self) -> None:
        with webhook(answers(503)) as hook:
            delivery = waiting_for(hook)
            assert delivery.alert
            gate_of(delivery.alert)
            again(delivery)
            Delivery.objects.update(created_at=Now() - timedelta(hours=23, minutes=59))
            assert again(delivery).state == "pending"
            Delivery.objects.update(created_at=Now() - timedelta(hours=24, seconds=1))
            assert again(delivery).state == "failed"
        assert len(hook.requests) == 2 and not AlertGate.objects.exists()
        assert delivery.error == "It could not be sent within 1 day. It could not take the notice (HTTP 503)."


def gate_of(alert: Alert) -> None:
    gates.ask([gates.Ask(alert.pk, alert.dedup_key, 1, 300)])
    assert AlertGate.objects.exists()


@pytest.mark.django_db
class TestNotAnyMore:
    @pytest.mark.parametrize("status", ["acknowledged", "dismissed"])
    def test_what_a_person_handled_meanwhile(self, status: str) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            Alert.objects.update(status=status)
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.error) == ("suppressed", f"The alert was {status} before it could be sent.")
        assert hook.requests == []

    def test_a_channel_that_was_turned_off(self) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            delivery.channel.enabled = False  # type: ignore[union-attr]
            delivery.channel.save()  # type: ignore[union-attr]
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert delivery.state == "suppressed" and "turned off" in delivery.error and hook.requests == []

    def test_a_visit_that_was_deleted(self) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            delivery.alert.event.deleted_at = timezone.now()  # type: ignore[union-attr]
            delivery.alert.event.save()  # type: ignore[union-attr]
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert delivery.state == "suppressed" and hook.requests == []

    @time_machine.travel("2026-01-10T23:30:00+01:00", tick=True)
    def test_quiet_hours_that_began_while_the_service_was_away(self) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            delivery.channel.quiet_from, delivery.channel.quiet_until = clock(23), clock(7)  # type: ignore[union-attr]
            delivery.channel.save()  # type: ignore[union-attr]
            Delivery.objects.update(created_at=timezone.now())
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, hook.requests) == ("suppressed", [])
        assert delivery.error.startswith("Its quiet hours began before it could be sent; they end ")

    def test_a_broken_seal_is_final_and_said(self, settings: Settings) -> None:
        with webhook() as hook:
            delivery = waiting_for(hook)
            settings.SECRET_KEY = "another"
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert delivery.state == "failed" and "enter the URL again" in delivery.error

    def test_the_home_is_out_of_reach_without_the_setting_or_without_an_owner(self, settings: Settings) -> None:
        with webhook() as hook:
            by_member = waiting_for(hook)
            by_member.channel.may_reach_private = False  # type: ignore[union-attr]
            by_member.channel.save()  # type: ignore[union-attr]
            deliver_next(WORKER)
            settings.CONFIG = settings.CONFIG.model_copy(update={"ALLOW_PRIVATE_TARGETS": False})
            by_owner = waiting_for(hook)
            deliver_next(WORKER)
        for delivery in (by_member, by_owner):
            delivery.refresh_from_db()
            assert delivery.state == "failed" and "home's network" in delivery.error
        assert hook.requests == []

    def test_only_what_nobody_sends_right_now_is_held_back(self) -> None:
        waiting, sending = DeliveryFactory.create(), DeliveryFactory.create()
        Delivery.objects.filter(pk=sending.pk).update(claim_id="00000000-0000-0000-0000-000000000001")
        assert suppress(Delivery.objects.all(), "Why not") == 1
        waiting.refresh_from_db()
        assert (waiting.state, waiting.error) == ("suppressed", "Why not")


@pytest.mark.django_db
class TestTests:
    def test_a_test_is_sent_even_in_quiet_hours_and_to_a_channel_that_is_off(self) -> None:
        with webhook() as hook:
            now = timezone.localtime()
            begins, ends = (now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time()
            channel = ChannelFactory.create(url=hook.url, quiet_from=begins, quiet_until=ends, enabled=False)
            delivery = send_test(channel, None)
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.answer, delivery.alert) == ("sent", "thank you", None)
        assert "test" in hook.notices[0]["title"] and "http://attic/channels/" in hook.notices[0]["message"]

    def test_it_is_tried_once(self) -> None:
        with webhook(answers(503, "back soon")) as hook:
            delivery = send_test(ChannelFactory.create(url=hook.url), None)
            deliver_next(WORKER)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.answer, delivery.attempts) == ("failed", "back soon", 1)


@pytest.mark.django_db
class TestDeadSenders:
    @pytest.fixture(autouse=True)
    def _dead(self) -> None:
        beat("deliver@home:2", "deliver", {})

    def lost(self, delivery: Delivery) -> Delivery:
        """Claimed a while ago, by a worker that says nothing any more."""
        assert claim_next(WORKER)
        Delivery.objects.update(lease_until=Now() + timedelta(seconds=50))
        delivery.refresh_from_db()
        return delivery

    def test_what_a_dead_sender_held_is_sent_by_another(self) -> None:
        with webhook() as hook:
            delivery = self.lost(waiting_for(hook))
            assert not deliver_next("deliver@home:2")
            assert free_lost() == 1
            assert again(delivery).state == "sent"
        assert delivery.attempts == 2 and len(hook.requests) == 1

    def test_a_living_one_keeps_it(self) -> None:
        beat(WORKER, "deliver", {})
        self.lost(DeliveryFactory.create())
        assert free_lost() == 0

    def test_a_test_is_not_tried_again(self) -> None:
        delivery = self.lost(send_test(ChannelFactory.create(), None))
        assert free_lost() == 1
        delivery.refresh_from_db()
        assert delivery.state == "failed" and "Send another test" in delivery.error

    def test_who_comes_back_from_the_dead_writes_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        DeliveryFactory.create()
        claimed = claim_next(WORKER)
        assert claimed
        Delivery.objects.update(claim_id="00000000-0000-0000-0000-000000000001")
        deliver.store(claimed, deliver.Outcome(Delivery.State.SENT))
        assert (Delivery.objects.get().state, Alert.objects.get().status) == ("pending", "pending")
        assert "discarded" in caplog.text


@pytest.mark.django_db
class TestWhoIsNext:
    def test_first_tries_come_before_second_ones(self) -> None:
        DeliveryFactory.create(attempts=3)
        first = DeliveryFactory.create()
        claimed = claim_next(WORKER)
        assert claimed and (claimed.pk, claimed.attempts) == (first.pk, 1)

    def test_a_channel_has_one_in_flight(self) -> None:
        channel = ChannelFactory.create()
        DeliveryFactory.create_batch(2, channel=channel)
        other = DeliveryFactory.create()
        claims = [claim_next(WORKER) for _ in range(3)]
        assert [claim and claim.channel_id for claim in claims] == [channel.pk, other.channel_id, None]

    def test_retries_hold_half_of_the_threads_at_most(self) -> None:
        DeliveryFactory.create_batch(6, attempts=1)
        assert [bool(claim_next(WORKER)) for _ in range(6)] == [True] * 4 + [False] * 2
        DeliveryFactory.create()
        assert claim_next(WORKER)

    def test_only_what_is_due_wakes(self, woken: list[str]) -> None:
        DeliveryFactory.create(next_attempt_at=timezone.now() + timedelta(minutes=1))
        wake_if_needed()
        assert woken == []
        DeliveryFactory.create()
        wake_if_needed()
        assert woken == ["alerts.deliver_due"]


@pytest.mark.django_db(transaction=True)
class TestSideBySide:
    @pytest.fixture(autouse=True)
    def _silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Threads, not Celery, do the work."""
        monkeypatch.setattr(deliver, "wake", lambda _: None)
        monkeypatch.setattr(deliver, "broadcast", lambda *_: None)

    def at_once(self, count: int, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def test_what_somebody_raises_right_now_is_passed_over(self) -> None:
        held, free = DeliveryFactory.create(), DeliveryFactory.create()
        claims = []
        with transaction.atomic():
            Delivery.objects.select_for_update().get(pk=held.pk)
            self.at_once(1, lambda: claims.append(claim_next(WORKER)))
        assert [claim and claim.pk for claim in claims] == [free.pk]

    def test_8_threads_send_each_of_40_notices_once(self) -> None:
        with webhook(waits(0.02)) as one, webhook(waits(0.02)) as other:
            channels = [ChannelFactory.create(url=hook.url) for hook in (one, other)]
            for number in range(40):
                DeliveryFactory.create(channel=channels[number % 2])

            def work() -> None:
                until = time.monotonic() + 60
                while Delivery.objects.filter(state="pending").exists() and time.monotonic() < until:
                    deliver_next(WORKER)

            self.at_once(8, work)
        assert (len(one.requests), len(other.requests)) == (20, 20)
        assert (one.most_at_once, other.most_at_once) == (1, 1)
        assert set(Delivery.objects.values_list("state", "attempts")) == {("sent", 1)}

    def test_one_that_hangs_delays_no_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with webhook(hangs) as hanging, webhook(waits(0.05)) as other:
            stuck = waiting_for(hanging)
            for _ in range(3):
                waiting_for(hanging)  # channels of their own
            threads = [threading.Thread(target=self.at_once, args=(1, lambda: deliver_next(WORKER))) for _ in range(4)]
            for thread in threads:
                thread.start()
            while len(hanging.requests) < 4:
                time.sleep(0.01)
            delivery = waiting_for(other)
            self.at_once(1, lambda: deliver_next(WORKER))
            delivery.refresh_from_db()
            stuck.refresh_from_db()
            assert (delivery.state, stuck.state) == ("sent", "pending")
            hanging.ends.set()
            for thread in threads:
                thread.join()
