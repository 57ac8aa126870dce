"""The state of the program by the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cameras.models import Camera
from system.state import program_version
from telemetry.models import Job, Pause
from tests.api.callers import caller
from tests.factories import CaptureFactory
from tests.system.programs import DIED, ago, make_failed, make_queued, silence

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("running")]
DOOR = "/api/v1/system/"


@pytest.mark.parametrize(
    ("name", "status"),
    {
        "owner": 200,
        "member": 200,
        "read key": 200,
        "write key": 403,
        "ingest key": 403,
        "viewer": 403,
        "viewer's key": 403,
        "stranger": 401,
    }.items(),
)
def test_who_may_ask(name: str, status: int, front: Camera) -> None:
    response = caller(name).get(DOOR)
    assert response.status_code == status
    if name.startswith("viewer"):
        assert response.json()["detail"] == "The state of the program is for owners and members. Ask the owner."


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_is_changed_here(method: str) -> None:
    assert getattr(caller("owner"), method)(DOOR).status_code == 405


def test_all_is_well(front: Camera) -> None:
    CaptureFactory.create(camera=front)
    told = caller("owner").get(DOOR).json()
    assert (told["summary"], told["needs"], told["version"]) == ("Everything runs.", [], program_version())
    assert [stage["name"] for stage in told["stages"]] == ["intake", "detect", "place", "close", "evaluate", "deliver"]
    assert {stage["waiting"] for stage in told["stages"]} == {0}
    assert told["stages"][0]["done_last_hour"] == 1
    assert {worker["queue"]: worker["is_alive"] for worker in told["workers"]} == {
        "ftp": True,
        "watcher": True,
        "detect": True,
        "default": True,
        "deliver": True,
        "beat": True,
    }
    assert told["missing_queues"] == [] and told["pauses"] == []
    detector, analyst = told["engines"]
    assert (detector["role"], detector["name"], detector["running"]) == ("detector", "builtin", ["builtin"])
    assert (analyst["role"], analyst["name"]) == ("analyst", "rules") and analyst["why"]
    assert told["dead_letters"] == {"count": 0, "kinds": []}
    assert told["disks"][0]["total_bytes"] > told["disks"][0]["free_bytes"] > 0
    database, redis = told["servers"]
    assert (database["name"], redis["name"]) == ("PostgreSQL", "Redis")
    assert database["answers"] and database["size_bytes"] > 1_000_000 and database["version"]
    assert redis["answers"] and redis["size_bytes"] > 100_000
    assert told["jobs"] == []


def test_what_needs_a_person_is_told(front: Camera) -> None:
    first, second = make_failed(front), make_failed(front)
    waiting = make_queued(front, arrived_at=ago(hours=2))
    Pause.objects.create(stage="detect", reason="the model file is missing")
    Job.objects.create(kind="verify", state="failed", error="no memory", finished_at=timezone.now())
    silence("beat")
    told = caller("read key").get(DOOR).json()
    assert told["summary"] == "4 things need you."
    assert len(told["needs"]) == 4 and "the model file is missing" in " ".join(told["needs"])
    detect = told["stages"][1]
    assert (detect["waiting"], detect["is_paused"]) == (1, True)
    assert detect["oldest_at"] == timezone.localtime(waiting.arrived_at).isoformat()
    assert told["pauses"][0]["reason"] == "the model file is missing"
    assert told["missing_queues"] == ["beat"]
    (kind,) = told["dead_letters"]["kinds"]
    assert (kind["error"], kind["count"], kind["last_ids"]) == (DIED, 2, [second.pk, first.pk])
    assert (told["jobs"][0]["kind"], told["jobs"][0]["error"]) == ("verify", "no memory")


def test_a_backlog_that_nobody_can_count_is_null() -> None:
    silence("watcher", timedelta(seconds=30))
    assert caller("owner").get(DOOR).json()["stages"][0]["waiting"] is None


def test_it_costs_the_same_however_much_there_is(
    front: Camera, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = caller("owner")
    for number in range(4):
        make_failed(front, f"error {number}"), make_queued(front)
    with django_assert_num_queries(21):  # those of the page: see test_system_page
        client.get(DOOR)
