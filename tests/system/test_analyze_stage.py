"""The stage of the language model on the System page, in its API and for monitors: only where one is chosen."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Pause
from tests.api.callers import caller
from tests.factories import AssessmentFactory, EventFactory
from tests.system.programs import ago, first_line, silence, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("running")]


@pytest.fixture
def chosen(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "LLM_URL": "http://192.168.1.20:8080/v1"})
    beat("analyze@home:1", "analyze", {"engine": "llm", "why": "LLM_URL names its server", "model": "stub-1"})


def stages() -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in caller("owner").get("/api/v1/system/").json()["stages"]}


def make_waiting(minutes: float, **fields: Any) -> None:
    EventFactory.create(analysis_state="pending", analysis_asked_at=ago(minutes=minutes), **fields)


def test_without_a_language_model_nothing_is_said_of_it(page: Client, client: Client) -> None:
    assert "analyze" not in stages()
    assert "Ask the language model" not in words(page) and first_line(page) == "Everything runs."
    assert "analyze" not in client.get("/readyz").json()["checks"]
    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("chosen")
class TestChosen:
    def test_all_is_well(self, page: Client, client: Client) -> None:
        assert first_line(page) == "Everything runs."
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["analyze"]) == (200, "ok")
        assert "judges visits by the language model, with llm" in words(page)

    def test_what_waits_since_when_what_is_in_hand_and_what_was_done_in_the_last_hour(self, page: Client) -> None:
        make_waiting(4.2)
        make_waiting(0.2, analysis_next_at=ago(minutes=-3))
        event = EventFactory.create(analysis_state="running", analysis_claim_id="5b1e6cf4-2b32-4bb8-9a3c-3bb9a3d0a111")
        AssessmentFactory.create(event=event, source="llm")
        AssessmentFactory.create(event=event, source="llm", score=None, raw_score=None, error="no answer")
        AssessmentFactory.create(event=event, source="llm", is_replay=True)
        assert "Ask the language model 1 in hand 2 4 min 2" in words(page)
        stage = stages()["analyze"]
        assert (stage["queue"], stage["waiting"], stage["in_hand"], stage["done_last_hour"]) == ("analyze", 2, 1, 2)

    def test_visits_are_no_files_on_their_way(self, page: Client) -> None:
        make_waiting(1)
        assert "none waits" in words(page)

    def test_a_worker_that_is_gone_is_missed(self, page: Client, client: Client) -> None:
        silence("analyze")
        assert first_line(page) == "1 thing needs you: no process judges visits by the language model."
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["analyze"]) == (503, "missing")
        Heartbeat.objects.filter(queue="analyze").delete()
        assert client.get("/readyz").json()["checks"]["analyze"] == "missing"

    def test_why_the_visits_wait(self, page: Client) -> None:
        make_waiting(42)
        Pause.objects.create(stage="analyze", reason="http://192.168.1.20:8080/v1 cannot be reached", attempts=3)
        assert first_line(page) == "1 thing needs you: visits wait for the language model."
        assert "http://192.168.1.20:8080/v1 cannot be reached" in words(page)

    def test_visits_that_wait_long_though_somebody_is_there(self, page: Client) -> None:
        make_waiting(4)
        assert first_line(page) == "Everything runs."
        make_waiting(42)
        assert first_line(page) == "1 thing needs you: visits wait 42 min for the language model."
        assert "2 visits wait for the language model, the oldest for 42 min." in words(page)

    def test_monitors_that_may_know_are_told_how_many_wait(self) -> None:
        make_waiting(1)
        assert caller("read key").get("/readyz").json()["backlog"] == {
            "detect": 0,
            "default": 0,
            "deliver": 0,
            "analyze": 1,
        }

    def test_it_costs_the_same_however_much_waits(self, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        client = caller("owner")
        for _ in range(2):
            make_waiting(1)
            with django_assert_num_queries(24):  # the speed, what waits, what is in hand, the last hour: four more
                client.get("/api/v1/system/")
