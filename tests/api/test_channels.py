"""Channels by API: set up, tried, their log; and a URL that goes in and never comes out."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import AuditLog
from alerts.models import Delivery, NotificationChannel
from alerts.sealing import unseal
from tests.api.callers import WRITERS, caller
from tests.factories import ChannelFactory, DeliveryFactory, RuleFactory

pytestmark = pytest.mark.django_db

CHANNELS = "/api/v1/channels/"
SECRET = "hush-7f3a"
URL = f"jsons://{SECRET}:pw@1.1.1.1/{SECRET}"
READERS = {"owner": 200, "member": 200, "read key": 200, "viewer": 403, "viewer's key": 403}
NOT_READERS = {"stranger": 401, "write key": 403, "ingest key": 403}


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "Phone", "url": URL, **fields}


class TestLooking:
    @pytest.mark.parametrize(("name", "status"), (READERS | NOT_READERS).items())
    def test_who_may(self, name: str, status: int) -> None:
        channel = ChannelFactory.create()
        client = caller(name)
        for address in ("", f"{channel.pk}/", f"{channel.pk}/deliveries/"):
            assert client.get(CHANNELS + address).status_code == status

    def test_all_of_it_but_the_url(self, client: APIClient) -> None:
        channel = ChannelFactory.create(name="Phone", url=URL)
        row = client.get(f"{CHANNELS}{channel.pk}/").json()
        assert set(row) == {
            "id",
            "name",
            "service",
            "enabled",
            "may_reach_private",
            "quiet_from",
            "quiet_until",
            "problem",
            "created_at",
            "updated_at",
        }
        assert (row["name"], row["service"], row["problem"]) == ("Phone", "JSON", "")
        assert channel.sealed_url not in str(row)

    def test_a_broken_seal_is_told(self) -> None:
        channel = ChannelFactory.create(sealed_url="sealed by another key")
        row = caller("read key").get(f"{CHANNELS}{channel.pk}/").json()
        assert "enter the URL again" in row["problem"]

    def test_filters(self, client: APIClient) -> None:
        on, off = ChannelFactory.create(), ChannelFactory.create(enabled=False, service="ntfy")
        queries = ("", "?enabled=true", "?service=NTFY")
        ids = {query: [row["id"] for row in client.get(CHANNELS + query).json()["results"]] for query in queries}
        assert ids == {"": [off.pk, on.pk], "?enabled=true": [on.pk], "?service=NTFY": [off.pk]}
        assert client.get(f"{CHANNELS}?url=x").status_code == 400

    def test_a_list_costs_the_same_with_more_of_them(
        self, client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        ChannelFactory.create_batch(5)
        with django_assert_num_queries(3):  # the session, its person, the channels
            assert len(client.get(CHANNELS).json()["results"]) == 5

    def test_what_was_sent_newest_first(
        self, client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        channel = ChannelFactory.create()
        sent = DeliveryFactory.create(
            channel=channel, state="sent", text="A\nb", answer="ok", latency_ms=40, attempts=1, sent_at=timezone.now()
        )
        failed = DeliveryFactory.create(channel=channel, state="failed", error="No.")
        DeliveryFactory.create()
        address = f"{CHANNELS}{channel.pk}/deliveries/"
        with django_assert_num_queries(4):  # the session, its person, the channel, its deliveries
            rows = client.get(address).json()["results"]
        assert [row["id"] for row in rows] == [failed.pk, sent.pk]
        told = {name: rows[1][name] for name in ("kind", "state", "text", "answer", "latency_ms", "attempts")}
        assert told == {
            "kind": "notice",
            "state": "sent",
            "text": "A\nb",
            "answer": "ok",
            "latency_ms": 40,
            "attempts": 1,
        }
        assert rows[1]["alert_id"] == str(sent.alert_id)
        assert [row["id"] for row in client.get(f"{address}?state=failed").json()["results"]] == [failed.pk]
        assert client.get(f"{CHANNELS}{channel.pk + 99}/deliveries/").status_code == 404


class TestMaking:
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        response = caller(name).post(CHANNELS, body(), format="json")
        assert response.status_code == (201 if status == 200 else status)
        assert NotificationChannel.objects.exists() == (status == 200)

    def test_the_url_goes_in_and_never_comes_out(self, client: APIClient) -> None:
        response = client.post(CHANNELS, body(quiet_from="22:00", quiet_until="07:00"), format="json")
        row = response.json()
        assert response.headers["Location"] == f"{CHANNELS}{row['id']}/"
        assert (row["service"], row["quiet_from"], row["quiet_until"]) == ("JSON", "22:00:00", "07:00:00")
        assert unseal(NotificationChannel.objects.get().sealed_url) == URL
        answers = [response, client.get(CHANNELS), client.get(response.headers["Location"])]
        assert not [answer for answer in answers if SECRET in answer.content.decode()]
        assert not any(SECRET in str(vars(line)) for line in AuditLog.objects.all())

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": ""}, "name"),
            ({"url": f"nothing-{SECRET}"}, "url"),
            ({"url": f"json://192.168.1.5/{SECRET}"}, "url"),
            ({"url": f"syslog://{SECRET}"}, "url"),
            ({"quiet_from": "22:00"}, "quiet_until"),
            ({"quiet_from": "25:00", "quiet_until": "07:00"}, "quiet_from"),
            ({"service": "JSON"}, "service"),
            ({"may_reach_private": True}, "may_reach_private"),
        ],
    )
    def test_what_is_refused(self, client: APIClient, fields: dict[str, Any], field: str) -> None:
        response = client.post(CHANNELS, body(**fields), format="json")
        assert response.status_code == 400 and list(response.json()["errors"]) == [field]
        assert SECRET not in response.content.decode()
        assert not NotificationChannel.objects.exists()

    @pytest.mark.parametrize(("name", "status"), [("owner", 201), ("write key", 201), ("member", 400)])
    def test_into_the_home_an_owner_or_a_household_key_only(self, name: str, status: int, settings: Settings) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update={"ALLOW_PRIVATE_TARGETS": True})
        response = caller(name).post(CHANNELS, body(url="json://192.168.1.5/x"), format="json")
        assert response.status_code == status


class TestChanging:
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        channel = ChannelFactory.create()
        client, address = caller(name), f"{CHANNELS}{channel.pk}/"
        assert client.patch(address, {"enabled": False}, format="json").status_code == status
        channel.refresh_from_db()
        assert channel.enabled == (status != 200)

    def test_what_is_left_out_stays(self, client: APIClient) -> None:
        channel = ChannelFactory.create(url=URL)
        row = client.patch(f"{CHANNELS}{channel.pk}/", {"name": "Tablet"}, format="json").json()
        channel.refresh_from_db()
        assert row["name"] == channel.name == "Tablet" and unseal(channel.sealed_url) == URL

    def test_a_whole_new_one_is_not_put_in_its_place(self, client: APIClient) -> None:
        channel = ChannelFactory.create()
        assert client.put(f"{CHANNELS}{channel.pk}/", body(), format="json").status_code == 405


class TestDeleting:
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        channel = ChannelFactory.create()
        assert caller(name).delete(f"{CHANNELS}{channel.pk}/").status_code == (204 if status == 200 else status)
        assert NotificationChannel.objects.exists() == (status != 200)

    def test_not_while_a_rule_names_it(self, client: APIClient) -> None:
        channel = ChannelFactory.create()
        RuleFactory.create(channels=[channel])
        response = client.delete(f"{CHANNELS}{channel.pk}/")
        assert response.status_code == 409 and "1 rule tells" in response.json()["detail"]


class TestTesting:
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        channel = ChannelFactory.create()
        assert caller(name).post(f"{CHANNELS}{channel.pk}/test/").status_code == (202 if status == 200 else status)
        assert Delivery.objects.exists() == (status == 200)

    def test_it_is_on_its_way_once(self, client: APIClient) -> None:
        channel = ChannelFactory.create()
        first, second = (client.post(f"{CHANNELS}{channel.pk}/test/").json() for _ in range(2))
        assert first == second and (first["kind"], first["state"], first["alert_id"]) == ("test", "pending", None)
        assert first["channel_id"] == channel.pk
