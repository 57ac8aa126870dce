"""The inbox: what waits, what was sent of it to whom, and what people do with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role, User
from alerts.inbox_page import HANDLED_BESIDE_WAITING, MOST_HANDLED, MOST_WAITING
from alerts.models import Alert, AlertRule, Delivery
from cameras.models import Camera
from events.models import Event
from tests.factories import (
    AlertFactory,
    ChannelFactory,
    DeliveryFactory,
    EventFactory,
    RuleFactory,
    UserFactory,
)
from tests.pages.conftest import signed_in_as

HOSTILE = "<img src=x onerror=alert(1)> '\""


def text_of(client: Client, url: str = "/alerts/") -> str:
    return " ".join(client.get(url).content.decode().split())


def alert_at(camera: Camera, **fields: object) -> Alert:
    return AlertFactory.create(
        event=EventFactory.create(camera=camera, summary=f"A person at {camera.name}."), **fields
    )


@pytest.fixture
def alert(front: Camera) -> Alert:
    return alert_at(front, severity="high", rule=RuleFactory.create(name="Door by night"))


def viewer_of(camera: Camera) -> Client:
    return signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[camera.pk]))


def test_an_alert_shows_its_severity_its_visit_and_its_rule(page: Client, alert: Alert) -> None:
    text = text_of(page)
    assert "1 alert waits for you." in text
    assert "High</span>" in text
    assert "A person at Front door." in text
    assert f'href="/events/{alert.event_id}/"' in text
    assert "Door by night" in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "sent", "sent_at": now(), "latency_ms": 312, "attempts": 1}, "after 0.3 s"),
        ({"state": "sent", "sent_at": now(), "latency_ms": 40, "attempts": 1}, "after 40 ms"),
        ({"state": "suppressed", "error": "Quiet hours until 06:00."}, "not sent. "),
        ({"state": "failed", "attempts": 3, "error": "It refused the notice (HTTP 404)."}, "failed after 3 tries. "),
        ({"state": "failed", "attempts": 1, "error": "It refused the notice (HTTP 404)."}, ": failed. "),
        ({}, "waiting to be sent"),
        ({"attempts": 1, "claim_id": uuid.UUID(int=1)}, "being sent"),
        ({"attempts": 2, "claim_id": uuid.UUID(int=1)}, "trying again"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_says_what_was_sent_to_whom(page: Client, alert: Alert, fields: dict[str, object], words: str) -> None:
    channel = ChannelFactory.create(name="Anna's phone", service="ntfy")
    DeliveryFactory.create(alert=alert, channel=channel, **fields)
    text = text_of(page)
    assert "ntfy “Anna&#x27;s phone”" in text
    assert words in text
    assert str(fields.get("error", "")) in text


def test_a_notice_that_is_tried_again_says_when(page: Client, alert: Alert) -> None:
    soon = now() + timedelta(seconds=40)
    DeliveryFactory.create(alert=alert, attempts=2, next_attempt_at=soon, error="It could not take it (HTTP 503).")
    text = text_of(page)
    assert "waiting, next try" in text
    assert "data-until>in 3" in text
    assert "It could not take it (HTTP 503)." in text


def test_a_rise_is_told_as_one(page: Client, alert: Alert) -> None:
    DeliveryFactory.create(alert=alert, kind="update", severity="critical", state="sent", sent_at=now())
    assert "now critical, sent" in text_of(page)


def test_a_rule_without_channels_tells_nobody_and_says_so(page: Client, alert: Alert) -> None:
    assert "In the inbox only: this rule tells nobody." in text_of(page)


def test_a_channel_and_a_rule_that_are_gone_are_still_named(page: Client, alert: Alert) -> None:
    delivery = DeliveryFactory.create(alert=alert, channel_name="Old phone", state="sent", sent_at=now())
    Delivery.objects.filter(pk=delivery.pk).update(channel=None)
    assert alert.rule is not None
    alert.rule.delete()
    text = text_of(page)
    assert "“Old phone”" in text
    assert "Door by night (this rule is gone)" in text


def test_what_waits_comes_before_what_was_handled(page: Client, front: Camera) -> None:
    handled = alert_at(front, status="acknowledged")
    waiting = alert_at(front)
    text = text_of(page)
    assert text.index(str(waiting.pk)) < text.index("Handled</h2>") < text.index(f"alert-{handled.pk}")


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
@pytest.mark.parametrize(("deed", "status"), [("acknowledge", "acknowledged"), ("dismiss", "dismissed")])
def test_the_household_handles_an_alert(alert: Alert, role: Role, deed: str, status: str) -> None:
    user = UserFactory.create(role=role)
    response = signed_in_as(user).post(f"/alerts/{alert.pk}/{deed}/?camera=front_door")
    assert response["Location"] == "/alerts/?camera=front_door"
    alert.refresh_from_db()
    assert (alert.status, alert.handled_by) == (status, user)
    assert AuditLog.objects.filter(resource_id=str(alert.pk), action=f"alert_{status}").count() == 1
    assert f"by {user.username}" in text_of(signed_in_as(user))


def test_a_press_by_htmx_is_answered_with_nothing_and_the_page_asks(page: Client, alert: Alert) -> None:
    response = page.post(f"/alerts/{alert.pk}/acknowledge/", headers={"HX-Request": "true"})
    assert response.status_code == 204
    changed = page.get("/alerts/changes", {"seen": "inbox-waiting.0"}).content.decode()
    assert "Handled" in changed
    assert "No alert waits." in changed


def test_only_those_that_were_shown_are_acknowledged_together(page: Client, front: Camera) -> None:
    shown, newer = [alert_at(front), alert_at(front)], alert_at(front)
    page.post("/alerts/acknowledge/", {"alert": [str(one.pk) for one in shown] + ["no id", ""]})
    assert {one.status for one in Alert.objects.filter(pk__in=[one.pk for one in shown])} == {"acknowledged"}
    newer.refresh_from_db()
    assert newer.status == "pending"
    assert AuditLog.objects.filter(action="alert_acknowledged").count() == 2


class TestRights:
    DEEDS = ("/alerts/{}/acknowledge/", "/alerts/{}/dismiss/", "/alerts/acknowledge/")

    def test_a_viewer_sees_the_alerts_of_their_cameras_and_no_button(self, alert: Alert, front: Camera) -> None:
        DeliveryFactory.create(alert=alert, channel=ChannelFactory.create(name="Anna's phone"))
        for url in ("/alerts/", f"/alerts/{alert.pk}/"):
            text = text_of(viewer_of(front), url)
            assert "A person at Front door." in text
            for hidden in ("Acknowledge", "Dismiss", "Door by night", "Anna", "/rules/", "/channels/"):
                assert hidden not in text

    def test_a_viewer_of_another_camera_sees_nothing_of_it(self, alert: Alert, stranger: User) -> None:
        client = signed_in_as(stranger)
        assert "Front door" not in text_of(client)
        assert client.get("/alerts/waiting").json() == {"waiting": 0}
        assert client.get(f"/alerts/{alert.pk}/").status_code == 404
        assert client.get(f"/alerts/{alert.pk}/changes").status_code == 404

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_a_viewer_handles_nothing(self, alert: Alert, front: Camera, pattern: str) -> None:
        response = viewer_of(front).post(pattern.format(alert.pk), {"alert": str(alert.pk)})
        assert response.status_code == 403
        alert.refresh_from_db()
        assert alert.status == "pending"

    @pytest.mark.parametrize("url", ["/alerts/", "/alerts/changes", "/alerts/waiting"])
    def test_nobody_reads_without_logging_in(self, client: Client, alert: Alert, url: str) -> None:
        assert client.get(url)["Location"].startswith("/login/")

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_nobody_handles_without_logging_in_nor_from_another_site(
        self, client: Client, alert: Alert, owner: User, pattern: str
    ) -> None:
        assert client.post(pattern.format(alert.pk))["Location"].startswith("/login/")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(owner)
        assert strict.post(pattern.format(alert.pk)).status_code == 403
        assert strict.get(pattern.format(alert.pk)).status_code == 405


class TestFilters:
    def test_by_camera_severity_and_state(self, page: Client, front: Camera, back: Camera) -> None:
        alert_at(front, severity="high")
        alert_at(back, severity="low", status="dismissed")
        assert "A person at Back garden." not in text_of(page, "/alerts/?camera=front_door")
        assert "A person at Front door." not in text_of(page, "/alerts/?severity=low")
        assert "A person at Front door." not in text_of(page, "/alerts/?show=handled")
        assert "A person at Back garden." not in text_of(page, "/alerts/?show=waiting")

    @pytest.mark.parametrize(
        "query",
        [
            "show=other",
            "camera=nowhere",
            "severity=awful",
            "before=1.x",
            "before=x",
            f"before={'9' * 40}.{uuid.UUID(int=1)}",
        ],
    )
    def test_what_is_no_filter_shows_nothing(self, page: Client, alert: Alert, query: str) -> None:
        text = text_of(page, f"/alerts/?{query}")
        assert "Nothing is shown until the filter is one that can be." in text
        assert "A person at Front door." not in text

    def test_every_alert_is_on_exactly_one_page(self, page: Client, front: Camera) -> None:
        event = EventFactory.create(camera=front)
        rules = RuleFactory.create_batch(MOST_WAITING + 3)
        made = {str(AlertFactory.create(event=event, rule=rule).pk) for rule in rules}
        Alert.objects.update(created_at=now())  # one time for all of them, as of one transaction
        first = text_of(page)
        older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        second = text_of(page, f"/alerts/{older}")
        shown = [[pk for pk in made if f'id="alert-{pk}"' in text] for text in (first, second)]
        assert [len(one) for one in shown] == [MOST_WAITING, 3]
        assert set(shown[0]) | set(shown[1]) == made

    def test_handled_ones_have_pages_too(self, page: Client, front: Camera) -> None:
        event = EventFactory.create(camera=front)
        for rule in RuleFactory.create_batch(MOST_HANDLED + 2):
            AlertFactory.create(event=event, rule=rule, status="dismissed")
        assert text_of(page).count('class="row alert-row') == HANDLED_BESIDE_WAITING
        whole = text_of(page, "/alerts/?show=handled")
        assert whole.count('class="row alert-row') == MOST_HANDLED
        older = whole.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
        assert text_of(page, f"/alerts/{older}").count('class="row alert-row') == 2


class TestEmptiness:
    def test_nothing_is_set_up(self, page: Client) -> None:
        assert "No rule is on, so nobody is told of anything." in text_of(page)

    def test_nothing_happened(self, page: Client) -> None:
        RuleFactory.create()
        assert "Nothing has met a rule so far. 1 rule watches." in text_of(page)

    def test_not_allowed(self, front: Camera, back: Camera) -> None:
        assert "No alert of the cameras that you may see. 1 more is not shown to you" in text_of(viewer_of(front))

    def test_a_filter(self, page: Client, alert: Alert) -> None:
        assert "No alert is like that." in text_of(page, "/alerts/?severity=critical")


def test_words_from_outside_are_only_words(page: Client, front: Camera) -> None:
    Camera.objects.update(name=HOSTILE)
    event = EventFactory.create(camera=front, summary=HOSTILE)
    alert = AlertFactory.create(event=event, rule=RuleFactory.create(name=HOSTILE))
    channel = ChannelFactory.create(name=HOSTILE, service=HOSTILE)
    DeliveryFactory.create(alert=alert, channel=channel, state="failed", error=HOSTILE, attempts=1)
    for url in ("/alerts/", f"/alerts/{alert.pk}/"):
        text = page.get(url).content.decode()
        assert HOSTILE not in text
        assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 5


def test_an_alert_of_a_deleted_visit_is_gone(page: Client, alert: Alert) -> None:
    Event.objects.update(deleted_at=now())
    assert "A person at" not in text_of(page)


def test_the_number_that_waits_is_that_of_the_inbox(page: Client, front: Camera) -> None:
    alert_at(front)
    alert_at(front, status="delivered")
    alert_at(front, status="acknowledged")
    assert page.get("/alerts/waiting").json() == {"waiting": 2}


def test_it_costs_the_same_however_full_it_is(
    page: Client, front: Camera, back: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    def fill() -> None:
        for camera, status in ((front, "pending"), (back, "delivered"), (front, "dismissed")):
            DeliveryFactory.create(alert=alert_at(camera, status=status))

    fill()
    # session, user · cameras to choose from · which wait, which were handled · all of them, their deliveries,
    # scores they had · how many wait
    with django_assert_num_queries(9):
        page.get("/alerts/")
    for _ in range(5):
        fill()
    with django_assert_num_queries(9):
        page.get("/alerts/")


def test_a_rule_that_is_off_does_not_count_as_set_up(page: Client) -> None:
    RuleFactory.create(enabled=False)
    assert AlertRule.objects.count() == 1
    assert "No rule is on" in text_of(page)
