"""The hint of the first run: a channel and a sensible rule in one press."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import AuditLog, Role
from alerts.models import AlertRule, NotificationChannel
from cameras.models import Camera
from tests.factories import ChannelFactory, RuleFactory, UserFactory
from tests.pages.conftest import signed_in_as

URL = "ntfys://8.8.8.8/hidden-topic"
OFFER = "Nobody is told yet"
HOSTILE = "<img src=x onerror=alert(1)> '\""


def live(client: Client) -> str:
    return " ".join(client.get("/").content.decode().split())


def test_one_press_makes_the_channel_and_the_rule(page: Client, front: Camera) -> None:
    assert OFFER in live(page)
    where = page.post("/alerts/first-channel/", {"name": "Anna's phone", "url": URL})["Location"]
    rule, channel = AlertRule.objects.get(), NotificationChannel.objects.get()
    assert where == f"/channels/{channel.pk}/"
    assert (rule.name, rule.risk_threshold, rule.severity) == ("High or critical, any camera", 60, "high")
    assert list(rule.channels.all()) == [channel]
    assert "Send yourself a test" in page.get(where).content.decode()
    assert OFFER not in live(page)
    assert set(AuditLog.objects.values_list("action", flat=True)) == {"channel_created", "rule_created"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"name": "Anna's phone", "url": "nonsense://hidden-topic"}, "No service is known"),
        ({"name": "Anna's phone", "url": "json://10.0.0.1/hidden-topic"}, "ALLOW_PRIVATE_TARGETS"),
        ({"name": "", "url": URL}, "required"),
        ({"name": "!!", "url": URL}, "at least one letter"),
    ],
    ids=["nonsense", "private", "no name", "odd name"],
)
def test_what_is_refused_makes_nothing_and_shows_why(page: Client, sent: dict[str, str], words: str) -> None:
    response = page.post("/alerts/first-channel/", sent)
    text = response.content.decode()
    assert response.status_code == 422
    assert words in text
    assert "hidden-topic" not in text
    assert not NotificationChannel.objects.exists()
    assert not AlertRule.objects.exists()
    assert not AuditLog.objects.exists()


def test_a_rule_that_is_refused_takes_its_channel_with_it(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from alerts.rules import RuleRefused
    from alerts.views import first_steps

    def refuse(*_: object) -> None:
        raise RuleRefused("name", "Not today.")

    monkeypatch.setattr(first_steps, "create_rule", refuse)
    response = page.post("/alerts/first-channel/", {"name": "Anna's phone", "url": URL})
    assert "Not today." in response.content.decode()
    assert not NotificationChannel.objects.exists()


def test_with_a_channel_one_button_makes_the_rule(page: Client) -> None:
    channel = ChannelFactory.create(name="Anna's phone")
    ChannelFactory.create(name="Switched off", enabled=False)
    text = live(page)
    assert "Be told by Anna&#x27;s phone" in text
    assert 'name="url"' not in text
    assert page.post("/alerts/first-rule/")["Location"] == "/rules/"
    assert list(AlertRule.objects.get().channels.all()) == [channel]
    page.post("/alerts/first-rule/")  # pressed twice
    assert AlertRule.objects.count() == 1


@pytest.mark.parametrize(
    ("rule_on", "channel_on", "is_offered"), [(True, True, False), (False, True, True), (True, False, True)]
)
def test_it_is_offered_while_no_rule_that_is_on_has_a_channel_that_is_on(
    page: Client, rule_on: bool, channel_on: bool, is_offered: bool
) -> None:
    RuleFactory.create(enabled=rule_on, channels=[ChannelFactory.create(enabled=channel_on)])
    assert (OFFER in live(page)) is is_offered


def test_once_it_was_made_and_switched_off_it_is_not_made_again(page: Client) -> None:
    ChannelFactory.create()
    page.post("/alerts/first-rule/")
    AlertRule.objects.update(enabled=False)
    text = live(page)
    assert OFFER not in text
    assert "No rule that is on tells by a" in text
    assert 'action="/alerts/first-rule/"' not in text
    page.post("/alerts/first-rule/")
    assert AlertRule.objects.count() == 1


def test_it_can_be_put_aside(page: Client) -> None:
    page.post("/alerts/hide-hint/")
    assert OFFER not in live(page)
    assert OFFER in live(signed_in_as(UserFactory.create()))


def test_a_member_is_offered_it_and_a_viewer_is_not(front: Camera) -> None:
    assert OFFER in live(signed_in_as(UserFactory.create(role=Role.MEMBER)))
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
    assert OFFER not in live(viewer)
    for url in ("/alerts/first-channel/", "/alerts/first-rule/", "/alerts/hide-hint/"):
        assert viewer.post(url, {"name": "Mine", "url": URL}).status_code == 403
    assert not NotificationChannel.objects.exists()


@pytest.mark.parametrize("url", ["/alerts/first-channel/", "/alerts/first-rule/", "/alerts/hide-hint/"])
def test_nobody_without_logging_in_nor_from_another_site(client: Client, db: None, url: str) -> None:
    assert client.post(url)["Location"].startswith("/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(UserFactory.create())
    assert strict.post(url, {"name": "Mine", "url": URL}).status_code == 403


def test_the_form_has_a_page_of_its_own_with_examples(page: Client) -> None:
    assert "ntfys://ntfy.sh/" in page.get("/alerts/first-channel/").content.decode()
    assert not NotificationChannel.objects.exists()


def test_names_are_only_words(page: Client) -> None:
    ChannelFactory.create(name=HOSTILE)
    assert HOSTILE not in page.get("/").content.decode()
