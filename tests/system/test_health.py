"""/healthz and /readyz, as monitors read them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Scope
from system.workers import NEEDED_QUEUES
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Pause
from tests.api.callers import caller
from tests.factories import CaptureFactory
from tests.people import make_key, make_user


def test_healthz_answers_without_a_database(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200 and response.json() == {"status": "ok"}


@pytest.fixture
def everybody_lives() -> None:
    for queue in NEEDED_QUEUES:
        beat(f"{queue}@home", queue, {"engine": "builtin", "why": "the only one"} if queue == "detect" else {})


@pytest.mark.django_db
class TestReadiness:
    def ask(self, client: Client, **headers: str) -> tuple[int, dict[str, Any]]:
        response = client.get("/readyz", headers=headers)
        return response.status_code, response.json()

    @pytest.mark.usefixtures("everybody_lives")
    def test_ready(self, client: Client) -> None:
        assert self.ask(client) == (
            200,
            {
                "status": "ready",
                "checks": dict.fromkeys(["database", "redis", *NEEDED_QUEUES, "stages"], "ok"),
            },
        )

    @pytest.mark.usefixtures("everybody_lives")
    def test_an_ftp_server_that_nobody_needs_yet_is_no_fault(self, client: Client) -> None:
        beat("ftp@home", "ftp", {"listening": "", "why_not": "no camera has an account yet", "is_wanted": False})
        assert self.ask(client)[0] == 200

    @pytest.mark.usefixtures("everybody_lives")
    @pytest.mark.parametrize("queue", NEEDED_QUEUES)
    def test_a_dead_process_is_named(self, client: Client, queue: str) -> None:
        Heartbeat.objects.filter(queue=queue).delete()
        status, body = self.ask(client)
        assert status == 503 and body["status"] == "not ready" and body["checks"][queue] == "missing"

    @pytest.mark.usefixtures("everybody_lives")
    def test_a_pause_is_told_and_its_reason_to_those_who_may_know(self, client: Client) -> None:
        Pause.objects.create(stage="detect", reason="the model file is missing")
        status, body = self.ask(client)
        assert (status, body["checks"]["stages"]) == (503, "paused")
        assert "model" not in str(body)
        client.force_login(make_user())
        assert self.ask(client)[1]["pauses"][0]["reason"] == "the model file is missing"

    @pytest.mark.usefixtures("everybody_lives")
    def test_engines_and_backlog_are_told_to_those_who_may_know(self, client: Client) -> None:
        CaptureFactory.create(state="queued")
        CaptureFactory.create(state="detected", placed_at=None)
        body = self.ask(client, **{"X-API-Key": make_key(Scope.READ)})[1]
        detect = next(worker for worker in body["workers"] if worker["queue"] == "detect")
        assert (detect["engine"], detect["why"]) == ("builtin", "the only one")
        assert body["backlog"] == {"detect": 1, "default": 1, "deliver": 0}

    def test_reasons_are_told_to_those_who_may_know(self) -> None:
        body = self.ask(caller("viewer"))[1]
        assert body["reasons"]["detect"] == "no sign of life in the last 10 s"

    @pytest.mark.parametrize("key", ["nonsense", "an ingest key"])
    def test_others_get_the_bare_states(self, client: Client, key: str) -> None:
        text = make_key(Scope.INGEST) if key == "an ingest key" else key
        assert set(self.ask(client, **{"X-API-Key": text})[1]) == {"status", "checks"}

    def test_redis_away(self, client: Client, settings: Settings) -> None:
        settings.REDIS_URL = "unix:///nowhere/redis.sock"
        status, body = self.ask(client)
        assert (status, body["checks"]["redis"], body["checks"]["database"]) == (503, "missing", "ok")

    def test_database_lost_between_two_questions(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        def lost(*_: object) -> None:
            raise OperationalError("server closed the connection unexpectedly")

        monkeypatch.setattr(Heartbeat.objects, "with_life", lost)
        status, body = self.ask(client)
        assert (status, body["checks"]["database"], body["checks"]["detect"]) == (503, "missing", "unknown")


def test_database_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/readyz")
    checks = response.json()["checks"]
    assert response.status_code == 503
    assert (checks["database"], checks["detect"], checks["redis"]) == ("missing", "unknown", "ok")
