"""Channels as people set them up: what is taken, what is refused, and that a URL is told to nobody."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.db import connection, connections
from django.http import HttpRequest
from pytest_django.fixtures import Settings

from accounts.models import AuditLog, Role, User
from alerts import channels
from alerts.channels import ChannelRefused, change_channel, create_channel, delete_channel, send_test, what_is_wrong
from alerts.models import Delivery, NotificationChannel
from alerts.sealing import unseal
from tests.alerts.services import SECRET
from tests.factories import ChannelFactory, DeliveryFactory, RuleFactory
from tests.people import make_user

pytestmark = pytest.mark.django_db
PUBLIC = f"jsons://{SECRET}:pw-{SECRET}@1.1.1.1/topic-{SECRET}?+X-Key={SECRET}"
AT_HOME = f"json://192.168.1.5/{SECRET}"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(channels, "wake", calls.append)
    return calls


@pytest.fixture
def private(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ALLOW_PRIVATE_TARGETS": True})


def asked_by(role: Role) -> HttpRequest:
    request = HttpRequest()
    request.user = make_user(role.value, role)
    return request


class TestMaking:
    def test_a_channel_with_its_url_sealed(self) -> None:
        channel = create_channel({"name": "  Mia’s   phone ", "url": f" {PUBLIC} "}, asked_by(Role.MEMBER))
        assert (channel.name, channel.service, channel.enabled) == ("Mia’s phone", "JSON", True)
        assert unseal(channel.sealed_url) == PUBLIC and SECRET not in channel.sealed_url
        line = AuditLog.objects.get()
        assert (line.action, line.resource_id) == ("channel_created", str(channel.pk))
        assert line.details == {"name": "Mia’s phone", "service": "JSON"}

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({}, "name"),
            ({"name": " … ", "url": PUBLIC}, "name"),
            ({"name": "a" * 101, "url": PUBLIC}, "name"),
            ({"name": "Pho\x07ne", "url": PUBLIC}, "name"),
            ({"name": "Phone"}, "url"),
            ({"name": "Phone", "url": " "}, "url"),
            ({"name": "Phone", "url": f"hush-{SECRET}"}, "url"),
            ({"name": "Phone", "url": f"syslog://{SECRET}"}, "url"),
            ({"name": "Phone", "url": f"json://example.org/{SECRET}\nX: y"}, "url"),
            ({"name": "Phone", "url": "json://example.org/" + "a" * 2000}, "url"),
            ({"name": "Phone", "url": PUBLIC, "quiet_from": time(22)}, "quiet_until"),
            ({"name": "Phone", "url": PUBLIC, "quiet_until": time(22)}, "quiet_from"),
            ({"name": "Phone", "url": PUBLIC, "quiet_from": time(22), "quiet_until": time(22)}, "quiet_until"),
        ],
    )
    def test_what_is_refused_and_by_which_field(self, fields: Any, field: str) -> None:
        with pytest.raises(ChannelRefused) as refused:
            create_channel(fields, asked_by(Role.OWNER))
        assert refused.value.field == field and SECRET not in str(refused.value)
        assert not NotificationChannel.objects.exists() and not AuditLog.objects.exists()

    def test_a_name_that_is_taken(self) -> None:
        ChannelFactory.create(name="Phone")
        with pytest.raises(ChannelRefused, match="already") as refused:
            create_channel({"name": "Phone", "url": PUBLIC}, None)
        assert refused.value.field == "name"


class TestTheHome:
    @pytest.mark.parametrize(
        "url",
        [
            AT_HOME,
            "json://localhost/x",
            "json://[::1]/x",
            "ntfy://127.0.0.1/topic",
            "mailto://a:b@example.org?smtp=10.0.0.5",
        ],
    )
    def test_nobody_enters_a_url_there_without_the_setting(self, url: str) -> None:
        with pytest.raises(ChannelRefused, match=r"set ALLOW_PRIVATE_TARGETS=1 in \.env"):
            create_channel({"name": "Phone", "url": url}, asked_by(Role.OWNER))

    @pytest.mark.usefixtures("private")
    def test_with_it_an_owner_does_and_a_member_does_not(self) -> None:
        with pytest.raises(ChannelRefused, match="only an owner"):
            create_channel({"name": "Phone", "url": AT_HOME}, asked_by(Role.MEMBER))
        assert create_channel({"name": "Phone", "url": AT_HOME}, asked_by(Role.OWNER)).may_reach_private

    @pytest.mark.usefixtures("private")
    def test_a_household_key_and_the_command_line_are_owners(self) -> None:
        request = HttpRequest()
        request.user = User(username="script", role=Role.OWNER)
        assert create_channel({"name": "A", "url": AT_HOME}, request).may_reach_private
        assert create_channel({"name": "B", "url": AT_HOME}, None).may_reach_private

    @pytest.mark.usefixtures("private")
    def test_the_permission_goes_when_somebody_else_changes_the_url(self) -> None:
        channel = create_channel({"name": "Phone", "url": AT_HOME}, asked_by(Role.OWNER))
        by_member = asked_by(Role.MEMBER)
        assert change_channel(channel, {"url": AT_HOME, "enabled": False}, by_member) == ["enabled"]
        assert NotificationChannel.objects.get().may_reach_private
        assert change_channel(channel, {"url": PUBLIC}, by_member) == ["url"]
        assert not NotificationChannel.objects.get().may_reach_private
        with pytest.raises(ChannelRefused):
            change_channel(channel, {"url": AT_HOME}, by_member)

    def test_who_entered_it_before_that_was_allowed_gave_no_permission(self, settings: Settings) -> None:
        channel = create_channel({"name": "Phone", "url": PUBLIC}, asked_by(Role.OWNER))
        assert not channel.may_reach_private
        settings.CONFIG = settings.CONFIG.model_copy(update={"ALLOW_PRIVATE_TARGETS": True})
        assert change_channel(channel, {"url": PUBLIC}, None) == ["url"]
        assert channel.may_reach_private

    @pytest.mark.django_db(transaction=True)
    def test_no_row_is_held_while_a_name_is_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        held: list[bool] = []

        def look_up(_: str) -> list[object]:
            held.append(connection.in_atomic_block)
            return []

        monkeypatch.setattr(channels, "_addresses", look_up)
        channel = ChannelFactory.create()
        change_channel(channel, {"url": "json://attic.example.org/"}, None)
        assert held == [False]

    def test_a_name_that_leads_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(channels, "_addresses", lambda host: [("1.1.1.1", 0), ("10.0.0.1", 0)])
        with pytest.raises(ChannelRefused, match="home's network"):
            create_channel({"name": "Phone", "url": "json://attic.example.org/"}, None)

    def test_a_name_that_cannot_be_looked_up_now_is_no_refusal(self) -> None:
        assert create_channel({"name": "Phone", "url": "json://nobody.invalid/"}, None).service == "JSON"

    def test_a_token_is_never_looked_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def look_up(host: str) -> list[object]:
            asked.append(host)
            return []

        monkeypatch.setattr(channels, "_addresses", look_up)
        create_channel({"name": "Phone", "url": "tgram://123456789:abcdefg_hijklmnop/12315544/"}, None)
        create_channel({"name": "Other", "url": "ntfy://my-topic"}, None)
        assert asked == []


class TestChanging:
    def test_only_what_differs_is_changed_and_told_without_the_url(self, woken: list[str]) -> None:
        channel = create_channel({"name": "Phone", "url": PUBLIC}, None)
        before = channel.sealed_url
        changed = change_channel(
            channel, {"name": "Phone", "url": PUBLIC + "2", "quiet_from": time(22), "quiet_until": time(7)}, None
        )
        assert changed == ["quiet_from", "quiet_until", "url"] and channel.sealed_url != before
        assert channel.updated_at > channel.created_at and woken == ["alerts.deliver_due"]
        line = AuditLog.objects.get(action="channel_updated")
        assert line.details == {"name": "Phone", "changed": changed}
        assert SECRET not in json.dumps([str(vars(entry)) for entry in AuditLog.objects.all()])

    def test_nothing_differs(self, woken: list[str]) -> None:
        channel = create_channel({"name": "Phone", "url": PUBLIC}, None)
        assert change_channel(channel, {"name": "Phone", "url": PUBLIC, "enabled": True}, None) == []
        assert woken == [] and not AuditLog.objects.filter(action="channel_updated").exists()

    def test_half_of_the_quiet_hours(self) -> None:
        channel = ChannelFactory.create(quiet_from=time(22), quiet_until=time(7))
        with pytest.raises(ChannelRefused):
            change_channel(channel, {"quiet_from": None}, None)
        channel.refresh_from_db()
        assert change_channel(channel, {"quiet_from": None, "quiet_until": None}, None) == ["quiet_from", "quiet_until"]

    def test_what_waits_is_tried_at_once_with_a_new_url(self, woken: list[str]) -> None:
        delivery = DeliveryFactory.create(attempts=5, next_attempt_at="2099-01-01T00:00Z")
        assert delivery.channel
        change_channel(delivery.channel, {"url": PUBLIC}, None)
        assert Delivery.objects.get().next_attempt_at.year < 2099  # type: ignore[union-attr]
        assert woken

    def test_a_broken_seal_is_told_and_mended_by_entering_the_url_again(self, settings: Settings) -> None:
        channel = create_channel({"name": "Phone", "url": PUBLIC}, None)
        assert what_is_wrong(channel) == ""
        settings.SECRET_KEY = "another"
        assert "enter the URL again" in what_is_wrong(channel)
        assert change_channel(channel, {"url": PUBLIC}, None) == ["url"]
        assert what_is_wrong(channel) == ""


class TestDeleting:
    def test_rules_that_name_it_keep_it(self) -> None:
        channel = ChannelFactory.create()
        RuleFactory.create_batch(2, channels=[channel])
        with pytest.raises(ChannelRefused, match="2 rules tell people by it"):
            delete_channel(channel, None)
        assert NotificationChannel.objects.exists() and not AuditLog.objects.exists()

    def test_what_was_sent_stays_and_what_waits_is_not_sent(self) -> None:
        channel = ChannelFactory.create(name="Phone")
        DeliveryFactory.create(channel=channel, state="sent")
        DeliveryFactory.create(channel=channel)
        send_test(channel, None)
        delete_channel(channel, None)
        rows = list(Delivery.objects.order_by("id"))
        assert [(row.state, row.channel_name) for row in rows] == [("sent", "Phone"), ("suppressed", "Phone")]
        assert not any(row.channel for row in rows)
        assert AuditLog.objects.latest("pk").action == "channel_deleted"


class TestTesting:
    def test_one_is_on_its_way(self, woken: list[str]) -> None:
        channel = ChannelFactory.create(name="Phone")
        delivery = send_test(channel, None)
        assert (delivery.kind, delivery.state, delivery.channel_name) == ("test", "pending", "Phone")
        assert woken == ["alerts.deliver_due"] and AuditLog.objects.get().action == "channel_tested"

    def test_a_second_press_is_the_same_test(self) -> None:
        channel = ChannelFactory.create()
        assert send_test(channel, None) == send_test(channel, None)
        Delivery.objects.update(state="sent")
        send_test(channel, None)
        assert Delivery.objects.count() == 2

    def test_of_tests_the_last_are_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(channels, "MOST_TESTS", 3)
        told = DeliveryFactory.create(state="sent")
        assert told.channel
        for _ in range(5):
            last = send_test(told.channel, None)
            Delivery.objects.update(state="sent")
        kept = list(Delivery.objects.order_by("id"))
        assert kept[0] == told and kept[-1] == last and len(kept) == 4


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_once_are_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "wake", lambda _: None)
    channel = ChannelFactory.create()
    ready = threading.Barrier(4)

    def run(deed: Callable[[], object]) -> None:
        try:
            ready.wait()
            deed()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(lambda: send_test(channel, None),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Delivery.objects.count() == 1
