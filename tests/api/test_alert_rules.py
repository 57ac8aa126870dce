"""Alert rules by API: written, refused, changed, deleted, tried."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditLog
from alerts.models import Alert, AlertRule
from tests.alerts.rows import camera_called, make_visit
from tests.api.callers import NOT_READERS, WRITERS, caller
from tests.factories import CameraFactory, ChannelFactory, RuleFactory, ZoneFactory
from zones.models import Zone

pytestmark = pytest.mark.django_db
RULES = "/api/v1/alert-rules/"
WITHOUT_VIEWERS = {"owner": 200, "member": 200, "read key": 200, "viewer": 403, "viewer's key": 403, **NOT_READERS}
NIGHT = {"days": ["mon", "sun"], "start_time": "22:00", "end_time": "06:00", "timezone": "America/Chicago"}


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


@pytest.fixture
def porch() -> Zone:
    return ZoneFactory.create(camera=camera_called("front_door"), id="front_door_porch", name="Porch")


def whole(porch: Zone) -> dict[str, Any]:
    return {
        "name": "Person at Night",
        "description": "Alert when person detected at front door after 10pm",
        "enabled": True,
        "severity": "high",
        "risk_threshold": 50,
        "object_types": ["person"],
        "camera_ids": ["front_door"],
        "zone_ids": [porch.pk],
        "min_confidence": 0.7,
        "schedule": NIGHT,
        "when": "any",
        "dedup_key_template": "{camera_id}:{rule_id}",
        "cooldown_seconds": 600,
        "channels": [ChannelFactory.create().pk],
    }


class TestWho:
    @pytest.mark.parametrize(("name", "status"), WITHOUT_VIEWERS.items())
    def test_may_see_them(self, name: str, status: int) -> None:
        rule = RuleFactory.create()
        visitor = caller(name)
        assert visitor.get(RULES).status_code == status
        assert visitor.get(f"{RULES}{rule.pk}/").status_code == status

    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_may_write_change_and_delete_them(self, name: str, status: int) -> None:
        rule = RuleFactory.create()
        visitor = caller(name)
        address = f"{RULES}{rule.pk}/"
        assert visitor.post(RULES, {"name": "x"}, format="json").status_code == (201 if status == 200 else status)
        assert visitor.patch(address, {"enabled": False}, format="json").status_code == status
        assert visitor.put(address, {"name": "y"}, format="json").status_code == status
        assert visitor.delete(address).status_code == (204 if status == 200 else status)
        assert AlertRule.objects.count() == 1

    @pytest.mark.parametrize(("name", "status"), WITHOUT_VIEWERS.items())
    def test_may_try_them(self, name: str, status: int) -> None:
        rule = RuleFactory.create()
        assert caller(name).post(f"{RULES}{rule.pk}/test/", {}, format="json").status_code == status


def test_a_rule_reads_as_it_was_written(client: APIClient, porch: Zone) -> None:
    fields = whole(porch)
    response = client.post(RULES, fields, format="json")
    assert response.status_code == 201, response.json()
    row = response.json()
    assert response.headers["Location"] == f"{RULES}{row['id']}/"
    assert {name: row[name] for name in fields} == fields
    assert row["problems"] == [] and row["in_words"].startswith("Tells Phone")
    assert client.get(f"{RULES}{row['id']}/").json() == row == client.get(RULES).json()["results"][0]
    assert AuditLog.objects.get(action="rule_created").actor == "olga"


def test_what_was_read_can_be_sent_back(client: APIClient, porch: Zone) -> None:
    row = client.post(RULES, whole(porch), format="json").json()
    sent = {name: row[name] for name in whole(porch)}
    for send in (client.put, client.patch):
        answer = send(f"{RULES}{row['id']}/", sent, format="json").json()
        assert answer == row
    assert not AuditLog.objects.filter(action="rule_updated").exists()


def test_a_patch_leaves_the_rest_and_a_put_does_not(client: APIClient, porch: Zone) -> None:
    row = client.post(RULES, whole(porch), format="json").json()
    address = f"{RULES}{row['id']}/"
    patched = client.patch(address, {"cooldown_seconds": 0, "schedule": None}, format="json").json()
    assert (patched["cooldown_seconds"], patched["schedule"], patched["severity"]) == (0, None, "high")
    put = client.put(address, {"name": "Any"}, format="json").json()
    assert (put["severity"], put["cooldown_seconds"], put["camera_ids"], put["channels"]) == ("medium", 300, [], [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"severity": "worst"}, "severity"),
        ({"risk_threshold": 101}, "risk_threshold"),
        ({"risk_threshold": "many"}, "risk_threshold"),
        ({"object_types": ["zebra"]}, "object_types"),
        ({"object_types": "person"}, "object_types"),
        ({"camera_ids": ["nowhere"]}, "camera_ids"),
        ({"zone_ids": ["moon"]}, "zone_ids"),
        ({"camera_ids": ["back"]}, "camera_ids"),
        ({"min_confidence": 1.5}, "min_confidence"),
        ({"schedule": {**NIGHT, "days": []}}, "schedule"),
        ({"schedule": {**NIGHT, "end_time": "22:00"}}, "schedule"),
        ({"schedule": {**NIGHT, "timezone": "Mars/Base"}}, "schedule"),
        ({"schedule": {**NIGHT, "hours": 3}}, "schedule"),
        ({"schedule": "always"}, "schedule"),
        ({"when": "asleep"}, "when"),
        ({"dedup_key_template": "{camera_id.__class__}"}, "dedup_key_template"),
        ({"cooldown_seconds": -1}, "cooldown_seconds"),
        ({"channels": [4711]}, "channels"),
        ({"channels": ["phone"]}, "channels"),
        ({"conditions": {}}, "conditions"),
        ({"id": "x"}, "id"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(
    client: APIClient, porch: Zone, change: dict[str, Any], field: str
) -> None:
    camera_called("back")
    row = client.post(RULES, whole(porch), format="json").json()
    response = client.patch(f"{RULES}{row['id']}/", change, format="json")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert list(response.json()["errors"]) == [field]
    assert client.get(f"{RULES}{row['id']}/").json() == row


def test_each_filter(client: APIClient) -> None:
    front, phone = camera_called("front_door"), ChannelFactory.create()
    merged = CameraFactory.create(id="frnt", merged_into=front, deleted_at=timezone.now())
    loud = RuleFactory.create(severity="high", cameras=[front, merged])
    typo = RuleFactory.create(severity="medium", cameras=[merged])
    quiet = RuleFactory.create(severity="low", enabled=False, channels=[phone])
    for query, expected in {
        "enabled=true": [typo, loud],
        "enabled=false": [quiet],
        "severity=low": [quiet],
        "camera_id=front_door": [typo, loud],
        "camera_id=frnt": [typo, loud],
        "camera_id=nowhere": [],
        f"channel={phone.pk}": [quiet],
        "": [quiet, typo, loud],
    }.items():
        rows = client.get(f"{RULES}?{query}").json()["results"]
        assert [row["id"] for row in rows] == [str(rule.pk) for rule in expected], query


@pytest.mark.parametrize(
    "query", ["enabled=perhaps", "severity=worst", "channel=x", "name=x", "cursor=x", "camera_id="]
)
def test_what_is_not_understood_is_refused(client: APIClient, query: str) -> None:
    response = client.get(f"{RULES}?{query}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [query.split("=")[0]]


def test_the_number_of_queries_does_not_grow(
    client: APIClient, porch: Zone, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    phone = ChannelFactory.create()
    for _ in range(4):
        RuleFactory.create(cameras=[porch.camera], zones=[porch], channels=[phone])
    # session, user, rules, cameras, zones, their cameras, channels
    with django_assert_num_queries(7):
        assert len(client.get(RULES).json()["results"]) == 4


def test_a_rule_whose_zone_was_switched_off_says_so(client: APIClient, porch: Zone) -> None:
    row = client.post(RULES, whole(porch), format="json").json()
    Zone.objects.update(enabled=False)
    assert client.get(f"{RULES}{row['id']}/").json()["problems"] == ["The zone Porch is switched off."]


class TestTrying:
    def test_the_last_week_unless_told_otherwise(self, client: APIClient) -> None:
        camera = camera_called("front_door")
        rule = RuleFactory.create(risk_threshold=60)
        now = timezone.now()
        make_visit(camera, at=now - timedelta(days=8), score=70)
        missed = make_visit(camera, at=now - timedelta(days=2), score=44)
        fired = make_visit(camera, at=now - timedelta(hours=2), score=70)
        answer = client.post(f"{RULES}{rule.pk}/test/", {}, format="json").json()
        counted = {"events": 2, "fired": 1, "suppressed": 0, "not_met": 1, "notices": 1, "truncated": False}
        assert {name: answer[name] for name in counted} == counted
        first, second = answer["results"]
        assert (first["event_id"], first["condition"], first["wanted"], first["got"]) == (
            *(missed.pk, "risk_threshold", 60, 44),
        )
        assert first["in_words"] == "Not told: the score was 44, it tells from 60 on."
        assert (second["event_id"], second["outcome"], second["camera_id"]) == (fired.pk, "fired", "front_door")
        assert not Alert.objects.exists()
        until = (now - timedelta(days=7)).isoformat()
        since = (now - timedelta(days=9)).isoformat()
        older = client.post(f"{RULES}{rule.pk}/test/", {"since": since, "until": until}, format="json").json()
        assert (older["events"], older["fired"]) == (1, 1)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"since": "yesterday"}, "since"),
            ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
            ({"days": 7}, "days"),
        ],
    )
    def test_what_is_no_time_is_refused(self, client: APIClient, body: dict[str, Any], field: str) -> None:
        rule = RuleFactory.create()
        response = client.post(f"{RULES}{rule.pk}/test/", body, format="json")
        assert response.status_code == 400 and list(response.json()["errors"]) == [field]

    def test_a_rule_that_is_not_there(self, client: APIClient) -> None:
        for pk in ("00000000-0000-4000-8000-000000000000", "x", "------------------------------------"):
            assert client.post(f"{RULES}{pk}/test/", {}, format="json").status_code == 404
