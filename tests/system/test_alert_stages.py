"""The System page about alerts: what waits for the rules and to be sent, and channels by which nobody is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.channels import change_channel
from alerts.models import Delivery, NotificationChannel
from tests.api.callers import caller
from tests.factories import ChannelFactory, DeliveryFactory, EventFactory
from tests.system.programs import ago, first_line, silence, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("running")]
CLAIM = "5b1e6cf4-2b32-4bb8-9a3c-3bb9a3d0a111"


def stages() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller("owner").get("/api/v1/system/").json()["stages"]
    return found


@pytest.fixture
def channel() -> NotificationChannel:
    return ChannelFactory.create(name="Mia’s phone", updated_at=ago(days=1))


def waiting(channel: NotificationChannel, minutes: float, **fields: Any) -> Delivery:
    delivery = DeliveryFactory.create(channel=channel, alert__event__evaluated_revision=1, **fields)
    Delivery.objects.filter(pk=delivery.pk).update(created_at=ago(minutes=minutes))
    return delivery


def test_what_waits_what_is_in_hand_and_what_was_sent(page: Client, channel: NotificationChannel) -> None:
    EventFactory.create(evaluated_revision=0, changed_at=ago(minutes=3))
    waiting(channel, 4.2)
    waiting(channel, 1, claim_id=CLAIM)
    waiting(channel, 1, state="sent", sent_at=timezone.now())
    waiting(channel, 90, state="sent", sent_at=timezone.now() - timedelta(minutes=89))
    shown = words(page)
    assert "Decide whom to tell 1 3 min" in shown and "Send notices 1 in hand 1 4 min 1" in shown
    evaluate, told = stages()[-2:]
    assert (told["queue"], told["waiting"], told["in_hand"], told["done_last_hour"]) == ("deliver", 1, 1, 1)
    assert evaluate["waiting"] == 1
    assert caller("read key").get("/readyz").json()["backlog"]["deliver"] == 1


def test_notices_are_no_files_on_their_way(page: Client, channel: NotificationChannel) -> None:
    waiting(channel, 1)
    assert "none waits" in words(page)


def test_visits_that_nobody_holds_against_the_rules(page: Client) -> None:
    EventFactory.create(evaluated_revision=0, changed_at=ago(minutes=42))
    assert first_line(page) == "1 thing needs you: visits wait 42 min for the alert rules."


def test_nobody_sends(page: Client) -> None:
    silence("deliver")
    assert first_line(page) == "1 thing needs you: no process sends notices."


class TestChannels:
    def test_all_is_well(self, page: Client, channel: NotificationChannel) -> None:
        waiting(channel, 60, state="failed", error="No.")
        waiting(channel, 1, state="sent")
        waiting(channel, 1, attempts=2, error="Busy.")
        assert first_line(page) == "Everything runs."

    def test_the_last_notice_failed(self, page: Client, channel: NotificationChannel) -> None:
        waiting(channel, 60, state="sent")
        waiting(channel, 1, state="failed", error="It refused the notice (HTTP 403).")
        assert first_line(page) == "1 thing needs you: nobody is told by Mia’s phone."
        assert "Mia’s phone: The last notice failed. It refused the notice (HTTP 403)." in words(page)
        (need,) = caller("owner").get("/api/v1/system/").json()["needs"]
        assert need.startswith("Mia’s phone: ")
        waiting(channel, 0, state="sent", kind="test", alert=None, severity="")
        assert first_line(page) == "Everything runs."

    def test_until_the_channel_is_changed_or_turned_off(self, page: Client, channel: NotificationChannel) -> None:
        waiting(channel, 1, state="failed")
        change_channel(channel, {"url": "ntfy://topic"}, None)
        assert first_line(page) == "Everything runs."
        waiting(channel, -1, state="failed")
        assert first_line(page) != "Everything runs."
        change_channel(channel, {"enabled": False}, None)
        assert first_line(page) == "Everything runs."

    def test_one_that_is_tried_for_long(self, page: Client, channel: NotificationChannel) -> None:
        waiting(channel, 7, attempts=9, error="Busy.")
        assert first_line(page) == "1 thing needs you: nobody is told by Mia’s phone."
        assert "A notice has been tried for 7 min, and its service does not take it." in words(page)

    def test_a_broken_seal(self, page: Client) -> None:
        ChannelFactory.create(name="Mia’s phone", sealed_url="sealed by another key")
        assert first_line(page) == "1 thing needs you: nobody is told by Mia’s phone."
        assert "enter the URL again" in words(page)
