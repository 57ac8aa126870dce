"""Alerts by API: listed, filtered, acknowledged and dismissed; and what rules decided, on the event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditLog
from alerts.evaluate import evaluate_changed
from alerts.models import Alert, Delivery
from tests.alerts.rows import camera_called, make_visit
from tests.api.callers import NOT_READERS, READERS, WRITERS, caller
from tests.api.test_lists import cursor, walk
from tests.factories import AlertFactory, ChannelFactory, RuleFactory

pytestmark = pytest.mark.django_db
ALERTS = "/api/v1/alerts/"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


def alert_at(camera_id: str = "front_door", **fields: object) -> Alert:
    return AlertFactory.create(event=make_visit(camera_called(camera_id)), **fields)


class TestWho:
    @pytest.mark.parametrize(("name", "visible"), READERS.items())
    def test_sees_those_of_their_cameras(self, name: str, visible: int) -> None:
        alert_at("front_door")
        hidden = alert_at("bedroom")
        visitor = caller(name)
        assert len(visitor.get(ALERTS).json()["results"]) == visible
        assert visitor.get(f"{ALERTS}{hidden.pk}/").status_code == (200 if visible == 2 else 404)

    @pytest.mark.parametrize(("name", "status"), NOT_READERS.items())
    def test_is_refused(self, name: str, status: int) -> None:
        assert caller(name).get(ALERTS).status_code == status

    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_may_handle_them(self, name: str, status: int) -> None:
        alert = alert_at()
        response = caller(name).patch(f"{ALERTS}{alert.pk}/", {"status": "acknowledged"}, format="json")
        alert.refresh_from_db()
        assert response.status_code == status
        assert alert.status == ("acknowledged" if status == 200 else "pending")

    @pytest.mark.parametrize("name", ["viewer", "viewer's key"])
    def test_viewers_are_not_told_of_rules_and_channels(self, name: str) -> None:
        RuleFactory.create(name="Secret rule", channels=[ChannelFactory.create(name="Secret phone")])
        event = make_visit()
        evaluate_changed()
        visitor = caller(name)
        row = visitor.get(ALERTS).json()["results"][0]
        assert (row["rule_id"], row["rule"], row["channels"], row["dedup_key"]) == (None, None, None, None)
        assert "Secret" not in visitor.get(ALERTS).content.decode()
        detail = visitor.get(f"/api/v1/events/{event.pk}/")
        assert detail.json()["rule_outcomes"] is None and "Secret" not in detail.content.decode()


def test_an_alert_says_what_was_sent_to_whom(client: APIClient) -> None:
    rule = RuleFactory.create(name="Somebody", severity="high", channels=[ChannelFactory.create(name="Phone")])
    event = make_visit()
    evaluate_changed()
    Delivery.objects.update(state="failed", error="The service refused it.", attempts=3)
    row = client.get(ALERTS).json()["results"][0]
    alert = Alert.objects.get()
    assert row["channels"] == [
        {
            "id": Delivery.objects.get().pk,
            "channel_id": Delivery.objects.get().channel_id,
            "channel": "Phone",
            "kind": "notice",
            "severity": "high",
            "state": "failed",
            "error": "The service refused it.",
            "attempts": 3,
            "sent_at": None,
        }
    ]
    facts = {"id": str(alert.pk), "event_id": event.pk, "camera_id": "front_door", "rule_id": str(rule.pk)}
    facts |= {"rule": "Somebody", "severity": "high", "status": "pending", "chain_id": event.pk, "handled_by": None}
    assert {name: row[name] for name in facts} == facts
    assert row["metadata"].keys() == {
        *("detection_id", "object_type", "confidence", "seen_at", "zone_ids", "risk_score", "summary"),
    }
    assert client.get(f"{ALERTS}{alert.pk}/").json() == row


def test_the_events_detail_tells_what_each_rule_decided(client: APIClient) -> None:
    RuleFactory.create(name="a", risk_threshold=60)
    RuleFactory.create(name="b")
    event = make_visit(score=44)
    evaluate_changed()
    first, second = client.get(f"/api/v1/events/{event.pk}/").json()["rule_outcomes"]
    assert (first["rule"], first["outcome"], first["condition"], first["wanted"], first["got"]) == (
        *("a", "not_met", "risk_threshold", 60, 44),
    )
    assert (second["outcome"], second["got"]["alert_id"]) == ("fired", str(Alert.objects.get().pk))
    assert "rule_outcomes" not in client.get("/api/v1/events/").json()["results"][0]


class TestHandling:
    def test_it_is_written_down_who_and_when(self, client: APIClient) -> None:
        alert = alert_at()
        row = client.patch(f"{ALERTS}{alert.pk}/", {"status": "dismissed"}, format="json").json()
        assert (row["status"], row["handled_by"]) == ("dismissed", "olga")
        assert row["handled_at"] is not None
        assert AuditLog.objects.get(action="alert_dismissed").resource_id == str(alert.pk)

    def test_twice_is_once_and_the_other_is_a_conflict(self, client: APIClient) -> None:
        alert = alert_at(status="delivered")
        for _ in range(2):
            response = client.patch(f"{ALERTS}{alert.pk}/", {"status": "acknowledged"}, format="json")
            assert response.status_code == 200
        assert AuditLog.objects.filter(resource_type="alert").count() == 1
        response = client.patch(f"{ALERTS}{alert.pk}/", {"status": "dismissed"}, format="json")
        assert response.status_code == 409 and "acknowledged by now" in response.json()["detail"]

    def test_a_household_key_may(self) -> None:
        alert = alert_at()
        row = caller("write key").patch(f"{ALERTS}{alert.pk}/", {"status": "acknowledged"}, format="json").json()
        assert (row["status"], row["handled_by"]) == ("acknowledged", None)
        assert "script" in AuditLog.objects.get().actor

    @pytest.mark.parametrize(
        ("body", "field"), [({"status": "pending"}, "status"), ({}, "status"), ({"status": "dismissed", "x": 1}, "x")]
    )
    def test_nothing_else_can_be_changed(self, client: APIClient, body: dict[str, object], field: str) -> None:
        alert = alert_at()
        response = client.patch(f"{ALERTS}{alert.pk}/", body, format="json")
        assert response.status_code == 400 and list(response.json()["errors"]) == [field]

    @pytest.mark.parametrize("method", ["post", "put", "delete"])
    def test_they_are_neither_made_nor_deleted_by_hand(self, client: APIClient, method: str) -> None:
        alert = alert_at()
        assert getattr(client, method)(f"{ALERTS}{alert.pk}/").status_code == 405


def test_each_filter(client: APIClient) -> None:
    first = alert_at("back", severity="high", status="dismissed", created_at=NOON)
    second = alert_at("front_door", severity="low", created_at=NOON + timedelta(hours=1))
    for query, expected in {
        "status=dismissed": [first],
        "status=pending": [second],
        "severity=high": [first],
        "camera_id=front_door": [second],
        f"rule_id={first.rule_id}": [first],
        f"event_id={second.event_id}": [second],
        "since=2026-03-04T12:30:00Z": [second],
        "until=2026-03-04T12:30:00Z": [first],
        "": [second, first],
    }.items():
        rows = client.get(f"{ALERTS}?{query}").json()["results"]
        assert [row["id"] for row in rows] == [str(alert.pk) for alert in expected], query


@pytest.mark.parametrize(
    "query",
    [
        "status=new",
        "severity=worst",
        "rule_id=x",
        "event_id=1.5",
        "since=yesterday",
        "camera=x",
        f"cursor={cursor('p=12')}",
        f"cursor={cursor('p=12_' + 36 * '-')}",
    ],
)
def test_what_is_not_understood_is_refused(client: APIClient, query: str) -> None:
    response = client.get(f"{ALERTS}?{query}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [query.split("=")[0]]


class TestPages:
    def test_all_are_reached_though_their_times_are_equal(self, client: APIClient) -> None:
        event = make_visit()
        made = [AlertFactory.create(event=event, created_at=NOON) for _ in range(7)]
        late = AlertFactory.create(event=event, created_at=NOON + timedelta(microseconds=1))
        found = [str(pk) for pk in walk(client, f"{ALERTS}?page_size=2")]
        assert found[0] == str(late.pk)
        assert sorted(found) == sorted(str(alert.pk) for alert in [*made, late])
        assert found[1:] == sorted(found[1:], reverse=True)

    def test_the_way_back_is_the_same(self, client: APIClient) -> None:
        event = make_visit()
        for number in range(9):
            AlertFactory.create(event=event, created_at=NOON + timedelta(seconds=number // 3))
        address, forth = f"{ALERTS}?page_size=2", walk(client, f"{ALERTS}?page_size=2")
        page = client.get(address).json()
        assert page["previous"] is None
        while page["next"]:
            last, page = page["next"], client.get(page["next"]).json()
        assert walk(client, last, "previous") == forth

    def test_what_comes_meanwhile_shifts_nothing(self, client: APIClient) -> None:
        event = make_visit()
        old = [str(AlertFactory.create(event=event, created_at=NOON + n * timedelta(seconds=1)).pk) for n in range(4)]
        first = client.get(f"{ALERTS}?page_size=2").json()
        AlertFactory.create(event=event)
        assert walk(client, first["next"]) == old[1::-1]


def test_the_number_of_queries_does_not_grow(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    RuleFactory.create(cooldown_seconds=0, channels=[ChannelFactory.create()])
    for _ in range(3):
        make_visit()
    evaluate_changed()
    # session, user, alerts with visit and person, notices
    with django_assert_num_queries(4):
        assert len(client.get(ALERTS).json()["results"]) == 3


@pytest.mark.parametrize("hide", ["event", "camera"])
def test_those_of_what_was_put_away_are_gone(client: APIClient, hide: str) -> None:
    alert = alert_at()
    row = alert.event if hide == "event" else alert.event.camera
    row.deleted_at = timezone.now()
    row.save(update_fields=["deleted_at"])
    assert client.get(ALERTS).json()["results"] == []
