"""On the page of a visit: who was told of it, and why others were not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import Role
from alerts.models import AlertRule
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


def text_of(client: Client, event: Event) -> str:
    return " ".join(client.get(f"/events/{event.pk}/").content.decode().split())


def section(text: str) -> str:
    return text.split('id="decided"', 1)[1].split("</section>", 1)[0]


def outcome(rule: AlertRule, outcome: str, condition: str | None = None, wanted: Any = None, got: Any = None) -> Any:
    return {
        "rule_id": str(rule.pk),
        "rule": rule.name,
        "outcome": outcome,
        "condition": condition,
        "wanted": wanted,
        "got": got,
    }


@pytest.fixture
def visit(front: Camera) -> Event:
    return EventFactory.create(camera=front, evaluated_revision=1)


@pytest.fixture
def judged(visit: Event) -> Event:
    """One rule told, one was silent for another visit, one was not met."""
    told, silent, unmet = (RuleFactory.create(name=name) for name in ("Door", "Garden", "Cars"))
    alert = AlertFactory.create(event=visit, rule=told)
    DeliveryFactory.create(
        alert=alert,
        channel=ChannelFactory.create(name="Anna's phone", service="ntfy"),
        state="sent",
        sent_at=now(),
        latency_ms=312,
    )
    other = EventFactory.create(camera=visit.camera)
    moment = now().isoformat()
    cooldown = {"dedup_key": "x", "until": moment, "told_at": moment, "severity": "high", "event_id": other.pk}
    visit.rule_outcomes = [
        outcome(unmet, "not_met", "object_types", ["car"], ["person"]),
        outcome(silent, "suppressed", "cooldown", 300, cooldown | {"alert_id": None}),
        outcome(told, "fired", got={"alert_id": str(alert.pk), "detection_id": 1, "at": moment, "severity": "high"}),
    ]
    visit.save(update_fields=["rule_outcomes"])
    return visit


def test_who_was_told_comes_first_then_why_others_were_not(page: Client, judged: Event) -> None:
    text = section(text_of(page, judged))
    places = [text.index(words) for words in ("Door</a>", "Met at", "Garden</a>", "already told of this", "Cars</a>")]
    assert places == sorted(places)
    assert "ntfy “Anna&#x27;s phone”" in text
    assert "after 0.3 s" in text
    assert "1 rule did not tell, and why" in text
    assert "only people were seen, it tells of a car" in text


def test_it_leads_to_the_rule_the_alert_and_the_other_visit(page: Client, judged: Event) -> None:
    text = section(text_of(page, judged))
    cooldown = judged.rule_outcomes[1]["got"]
    fired = judged.rule_outcomes[2]
    alert_id, event_id = fired["got"]["alert_id"], cooldown["event_id"]
    for url in (f"/rules/{fired['rule_id']}/", f"/alerts/{alert_id}/", f"/events/{event_id}/"):
        assert f'href="{url}"' in text


def test_why_a_rule_was_silent_is_said_once_and_leads_to_the_inbox(page: Client, visit: Event) -> None:
    alert = AlertFactory.create(event=visit)
    assert alert.rule
    DeliveryFactory.create(alert=alert, state="suppressed", error="Its pictures came 2 h after they were taken.")
    visit.rule_outcomes = [outcome(alert.rule, "suppressed", "too_old", 3600, 7200)]
    visit.save(update_fields=["rule_outcomes"])
    text = section(text_of(page, visit))
    assert text.count("pictures came 2 h after they were taken") == 1
    assert f'<a href="/alerts/{alert.pk}/">It is in the inbox.</a>' in text


def test_a_rule_that_is_gone_is_still_named(page: Client, judged: Event) -> None:
    AlertRule.objects.all().delete()
    text = section(text_of(page, judged))
    assert "Door <span" in text
    assert text.count("(this rule is gone)") == 3
    assert "/rules/" not in text


def test_where_all_were_not_met_they_are_in_sight(page: Client, visit: Event) -> None:
    visit.rule_outcomes = [outcome(RuleFactory.create(), "not_met", "risk_threshold", 60, 22)]
    visit.save(update_fields=["rule_outcomes"])
    text = section(text_of(page, visit))
    assert "Nobody was told." in text
    assert "open>" in text
    assert "the score was 22" in text


def test_a_visit_the_rules_have_not_seen_says_so_and_asks_again(page: Client, front: Camera) -> None:
    RuleFactory.create()
    text = section(text_of(page, EventFactory.create(camera=front)))
    assert "No rule was looked at yet." in text
    assert "load delay" in text


def test_outcomes_of_an_earlier_state_are_told_as_such(page: Client, judged: Event) -> None:
    Event.objects.filter(pk=judged.pk).update(revision=2)
    assert "The visit has changed since" in section(text_of(page, judged))


def test_without_rules_it_offers_to_make_one(page: Client, visit: Event) -> None:
    text = section(text_of(page, visit))
    assert "There are no rules, so nobody is told of anything." in text
    assert 'href="/rules/new/"' in text
    assert "load delay" not in text


def test_a_rule_made_later_was_not_on_then(page: Client, visit: Event) -> None:
    RuleFactory.create()
    assert "No rule was on when this visit was looked at." in section(text_of(page, visit))


def test_a_viewer_is_told_nothing_of_rules(judged: Event) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[judged.camera_id]))
    text = text_of(viewer, judged)
    for hidden in ("decided", "Anna", "Garden", "/rules/"):
        assert hidden not in text


def test_a_member_sees_what_the_owner_sees(judged: Event) -> None:
    assert "Met at" in text_of(signed_in_as(UserFactory.create(role=Role.MEMBER)), judged)


def test_words_from_outside_are_only_words(page: Client, visit: Event) -> None:
    rule = RuleFactory.create(name=HOSTILE)
    alert = AlertFactory.create(event=visit, rule=rule)
    channel = ChannelFactory.create(name=HOSTILE, service=HOSTILE)
    DeliveryFactory.create(alert=alert, channel=channel, state="failed", error=HOSTILE)
    visit.rule_outcomes = [
        outcome(rule, "fired", got={"alert_id": str(alert.pk), "detection_id": 1}),
        outcome(rule, "suppressed", "quiet_hours", None, {"channels": [HOSTILE], "until": now().isoformat()}),
        outcome(RuleFactory.create(name=HOSTILE), "not_met", "zones", [HOSTILE], [HOSTILE]),
    ]
    visit.save(update_fields=["rule_outcomes"])
    text = page.get(f"/events/{visit.pk}/").content.decode()
    assert HOSTILE not in text
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 6


def test_it_costs_the_same_however_many_rules_there_are(
    page: Client, judged: Event, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    queries = 9  # those of the page, and alerts, their deliveries, which rules are still there
    with django_assert_num_queries(queries):
        text_of(page, judged)
    for rule in RuleFactory.create_batch(6):
        DeliveryFactory.create(alert=AlertFactory.create(event=judged, rule=rule))
        got = {"alert_id": "", "at": now().isoformat(), "severity": "low"}
        judged.rule_outcomes.append(outcome(rule, "fired", got=got))
    judged.save(update_fields=["rule_outcomes"])
    with django_assert_num_queries(queries):
        text_of(page, judged)
