"""The pages of channels: made, changed, tried, deleted; their log; and that no page ever shows a URL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import time, timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role
from alerts.models import Delivery, NotificationChannel
from alerts.sealing import unseal
from alerts.views.channels import LOG_PAGE
from cameras.models import Camera
from tests.factories import (
    AlertFactory,
    ChannelFactory,
    DeliveryFactory,
    EventFactory,
    RuleFactory,
    UserFactory,
)
from tests.pages.conftest import signed_in_as

SECRET = "q7-hidden-topic"
URL = f"ntfys://8.8.8.8/{SECRET}"
HOSTILE = "<img src=x onerror=alert(1)> '\""
HTMX = {"HX-Request": "true"}


def text_of(client: Client, url: str = "/channels/") -> str:
    return " ".join(client.get(url).content.decode().split())


def a_test(channel: NotificationChannel, **fields: object) -> Delivery:
    return DeliveryFactory.create(alert=None, kind="test", severity="", channel=channel, **fields)


@pytest.fixture
def channel(db: None) -> NotificationChannel:
    return ChannelFactory.create(name="Anna's phone", url=URL, service="ntfy")


class TestMakingAndChanging:
    def test_a_channel_is_added_and_offers_a_test(self, page: Client) -> None:
        sent = {"name": "Anna's phone", "url": URL, "enabled": "on", "quiet_from": "22:00", "quiet_until": "06:00"}
        where = page.post("/channels/new/", sent)["Location"]
        channel = NotificationChannel.objects.get()
        assert where == f"/channels/{channel.pk}/"
        assert (unseal(channel.sealed_url), channel.enabled) == (URL, True)
        assert (channel.quiet_from, channel.quiet_until) == (time(22), time(6))
        text = text_of(page, where)
        assert "Send yourself a test" in text
        assert "quiet 22:00–06:00" in text
        assert "Nothing is sent in these hours, however worrying; it waits in the inbox." in text
        assert AuditLog.objects.filter(action="channel_created").count() == 1

    def test_an_empty_url_keeps_the_one_it_has(self, page: Client, channel: NotificationChannel) -> None:
        page.post(f"/channels/{channel.pk}/", {"name": "Ben's phone", "url": "", "enabled": "on"})
        channel.refresh_from_db()
        assert (channel.name, unseal(channel.sealed_url)) == ("Ben's phone", URL)

    def test_what_is_not_ticked_is_off(self, page: Client, channel: NotificationChannel) -> None:
        page.post(f"/channels/{channel.pk}/", {"name": channel.name, "url": ""})
        assert "switched off" in text_of(page)

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ({"name": "", "url": URL}, "This field is required"),
            ({"name": "x", "url": f"nonsense://{SECRET}"}, "No service is known by this URL"),
            ({"name": "x", "url": f"json://192.168.1.4/{SECRET}"}, "ALLOW_PRIVATE_TARGETS=1"),
            ({"name": "x", "url": URL, "quiet_from": "22:00"}, "both their ends"),
            ({"name": "x", "url": URL, "quiet_from": "22:00", "quiet_until": "22:00"}, "cannot end when they begin"),
            ({"name": "Anna's phone", "url": URL}, "already"),
        ],
        ids=["no name", "no service", "private", "half", "none", "taken"],
    )
    def test_what_cannot_be_is_refused_with_the_reason_and_without_the_url(
        self, page: Client, channel: NotificationChannel, sent: dict[str, str], words: str
    ) -> None:
        for headers, status in (({}, 422), (HTMX, 200)):
            response = page.post("/channels/new/", sent, headers=headers)
            text = response.content.decode()
            assert response.status_code == status
            assert words in text
            assert SECRET not in text
        assert NotificationChannel.objects.count() == 1

    def test_the_field_keeps_what_was_typed_where_htmx_puts_the_form_anew(self, page: Client) -> None:
        assert 'hx-preserve="true"' in text_of(page, "/channels/new/")

    def test_after_saving_htmx_goes_to_the_channel(self, page: Client) -> None:
        response = page.post("/channels/new/", {"name": "x", "url": URL}, headers=HTMX)
        assert response["HX-Redirect"] == f"/channels/{NotificationChannel.objects.get().pk}/"

    def test_no_page_shows_the_url(self, page: Client, channel: NotificationChannel) -> None:
        for url in ("/channels/", f"/channels/{channel.pk}/", "/rules/new/", "/alerts/", "/"):
            assert SECRET not in text_of(page, url)


class TestDeleting:
    def test_one_that_no_rule_names_goes_and_its_log_stays(self, page: Client, channel: NotificationChannel) -> None:
        DeliveryFactory.create(channel=channel, state="sent")
        assert page.post(f"/channels/{channel.pk}/delete/")["Location"] == "/channels/"
        assert Delivery.objects.get().channel_name == "Anna's phone"
        assert AuditLog.objects.filter(action="channel_deleted").count() == 1

    def test_one_that_rules_name_stays_and_they_are_named(self, page: Client, channel: NotificationChannel) -> None:
        rule = RuleFactory.create(name="Door by night", channels=[channel])
        assert page.post(f"/channels/{channel.pk}/delete/")["Location"] == f"/channels/{channel.pk}/"
        text = text_of(page, f"/channels/{channel.pk}/")
        assert "1 rule tells people by it. Take it out there first. (“Door by night”)" in text
        assert f'href="/rules/{rule.pk}/"' in text
        assert NotificationChannel.objects.exists()


class TestSendingATest:
    def test_it_is_sent_and_followed_until_the_service_answered(
        self, page: Client, channel: NotificationChannel
    ) -> None:
        text = page.post(f"/channels/{channel.pk}/test/", headers=HTMX).content.decode()
        delivery = Delivery.objects.get()
        follow = f"/channels/{channel.pk}/tests/{delivery.pk}/"
        assert "Sending…" in text
        assert follow in text
        Delivery.objects.update(state="sent", latency_ms=412, sent_at=now(), answer='{"id": "<b>1</b>"}')
        text = text_of(page, follow)
        assert "Sent: the service answered within 0.4 s." in text
        assert "{&quot;id&quot;: &quot;&lt;b&gt;1&lt;/b&gt;&quot;}" in text
        assert "hx-get" not in text

    def test_a_refusal_is_told_as_the_service_said_it(self, page: Client, channel: NotificationChannel) -> None:
        delivery = a_test(channel, state="failed", error="It refused the notice (HTTP 404).", answer="no such topic")
        text = text_of(page, f"/channels/{channel.pk}/tests/{delivery.pk}/")
        assert "Not sent: It refused the notice (HTTP 404)." in text
        assert "no such topic" in text

    def test_one_that_is_tried_again_says_when(self, page: Client, channel: NotificationChannel) -> None:
        later = now() + timedelta(seconds=30)
        delivery = a_test(channel, attempts=1, next_attempt_at=later, error="It did not answer.")
        text = text_of(page, f"/channels/{channel.pk}/tests/{delivery.pk}/")
        assert "Not yet: It did not answer. Next try" in text
        assert "hx-get" in text

    def test_without_a_script_the_log_tells_it(self, page: Client, channel: NotificationChannel) -> None:
        assert page.post(f"/channels/{channel.pk}/test/")["Location"] == f"/channels/{channel.pk}/"
        assert "A test" in text_of(page, f"/channels/{channel.pk}/")

    def test_another_channels_test_or_a_notice_is_not_answered(
        self, page: Client, channel: NotificationChannel, front: Camera
    ) -> None:
        notice = DeliveryFactory.create(channel=channel, alert=AlertFactory.create(event__camera=front))
        other = a_test(ChannelFactory.create())
        for pk in (notice.pk, other.pk):
            assert page.get(f"/channels/{channel.pk}/tests/{pk}/").status_code == 404


class TestLog:
    def test_each_notice_has_a_line_with_what_was_sent_and_answered(
        self, page: Client, channel: NotificationChannel, front: Camera
    ) -> None:
        alert = AlertFactory.create(event__camera=front, severity="high")
        said = {"error": "Refused.", "text": "High · Front", "answer": "No such topic."}
        DeliveryFactory.create(channel=channel, alert=alert, state="failed", attempts=1, **said)
        text = text_of(page, f"/channels/{channel.pk}/")
        for words in ("Front door", f"/alerts/{alert.pk}/", "High</span>", "failed. ", *said.values()):
            assert words in text

    def test_it_has_pages(self, page: Client, channel: NotificationChannel) -> None:
        for _ in range(LOG_PAGE + 2):
            a_test(channel, state="sent")
        first, second = text_of(page, f"/channels/{channel.pk}/"), text_of(page, f"/channels/{channel.pk}/?page=2")
        assert first.count('class="log-line') == LOG_PAGE
        assert 'href="?page=2"' in first
        assert second.count('class="log-line') == 2
        assert text_of(page, f"/channels/{channel.pk}/?page=x").count('class="log-line') == LOG_PAGE

    def test_the_list_shows_the_last_three_of_each(self, page: Client, channel: NotificationChannel) -> None:
        for number in range(5):
            a_test(channel, state="failed", error=f"Error {number}.")
        text = text_of(page)
        assert [f"Error {number}." in text for number in range(5)] == [False, False, True, True, True]

    def test_words_from_outside_are_only_words(self, page: Client, front: Camera) -> None:
        channel = ChannelFactory.create(name=HOSTILE, service=HOSTILE)
        RuleFactory.create(name=HOSTILE, channels=[channel])
        Camera.objects.update(name=HOSTILE)
        alert = AlertFactory.create(event=EventFactory.create(camera=front))
        DeliveryFactory.create(
            channel=channel, alert=alert, state="failed", error=HOSTILE, answer=HOSTILE, text=HOSTILE, attempts=1
        )
        for url in ("/channels/", f"/channels/{channel.pk}/"):
            text = page.get(url).content.decode()
            assert HOSTILE not in text
            assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_a_list_and_a_log_cost_the_same_however_long(
    page: Client,
    channel: NotificationChannel,
    front: Camera,
    django_assert_num_queries: Callable[[int], AbstractContextManager[None]],
) -> None:
    def another() -> None:
        DeliveryFactory.create(channel=channel, alert=AlertFactory.create(event__camera=front))
        a_test(ChannelFactory.create(), state="sent")

    another()
    # session, user · channels · which notices are the last, these · rules
    # · the channel, how many notices, these with their visits, as for the list, which rules
    for round_ in range(2):
        with django_assert_num_queries(6):
            page.get("/channels/")
        with django_assert_num_queries(10):
            page.get(f"/channels/{channel.pk}/")
        if round_ == 0:
            for _ in range(5):
                another()


class TestRights:
    PAGES = ("/channels/", "/channels/changes", "/channels/new/", "/channels/{}/", "/channels/{}/changes")
    DEEDS = ("/channels/new/", "/channels/{}/", "/channels/{}/test/", "/channels/{}/delete/")

    @pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
    @pytest.mark.parametrize("pattern", PAGES)
    def test_the_household_manages_channels(self, channel: NotificationChannel, role: Role, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=role))
        assert client.get(pattern.format(channel.pk)).status_code == 200

    @pytest.mark.parametrize("pattern", PAGES)
    def test_a_viewer_sees_none(self, channel: NotificationChannel, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=Role.VIEWER))
        assert client.get(pattern.format(channel.pk)).status_code == 403

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_a_viewer_changes_and_tries_none(self, channel: NotificationChannel, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=Role.VIEWER))
        assert client.post(pattern.format(channel.pk), {"name": "Mine", "url": URL}).status_code == 403
        assert not Delivery.objects.exists()
        assert [one.name for one in NotificationChannel.objects.all()] == ["Anna's phone"]

    def test_a_viewer_does_not_see_a_tests_answer(self, channel: NotificationChannel) -> None:
        delivery = a_test(channel)
        client = signed_in_as(UserFactory.create(role=Role.VIEWER))
        assert client.get(f"/channels/{channel.pk}/tests/{delivery.pk}/").status_code == 403

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_nobody_without_logging_in_nor_from_another_site(
        self, channel: NotificationChannel, client: Client, pattern: str
    ) -> None:
        url = pattern.format(channel.pk)
        assert client.post(url, {"name": "Mine"})["Location"].startswith("/login/")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(UserFactory.create())
        assert strict.post(url, {"name": "Mine", "url": URL}).status_code == 403
        assert not Delivery.objects.exists()
        assert [one.name for one in NotificationChannel.objects.all()] == ["Anna's phone"]

    def test_a_member_may_not_enter_an_address_at_home(self, channel: NotificationChannel) -> None:
        client = signed_in_as(UserFactory.create(role=Role.MEMBER))
        response = client.post("/channels/new/", {"name": "x", "url": "json://192.168.1.4/"})
        assert response.status_code == 422
