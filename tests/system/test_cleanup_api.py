"""`/api/v1/system/cleanup/` and `manage.py cleanup`: the doors to retention."""

from __future__ import annotations

import json
import os
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.utils.dateparse import parse_datetime
from pytest_django.fixtures import Settings

from accounts.models import AuditLog, Scope
from cameras.models import Camera
from events.models import Event
from telemetry import disk
from telemetry.jobs import LOCK_SPACE
from telemetry.models import Job
from tests.api.callers import caller, client_with
from tests.factories import CameraFactory
from tests.people import make_key, make_user
from tests.system.archive import configure, days_ago, fails_at_the_logins, visit

pytestmark = pytest.mark.django_db
URL = "/api/v1/system/cleanup/"
FIELDS = [
    "events_deleted",
    "detections_deleted",
    "gpu_stats_deleted",
    "logs_deleted",
    "thumbnails_deleted",
    "images_deleted",
    "space_reclaimed",
    "retention_days",
    "dry_run",
    "timestamp",
]


@pytest.fixture
def old_visit(data_dir: Path) -> Event:
    camera = CameraFactory.create(id="front")
    return visit(camera, days_ago(31))


@pytest.mark.usefixtures("old_visit")
def test_asking_tells_and_deletes_nothing() -> None:
    client = caller("owner")
    answer = client.get(URL, {"dry_run": "true"})
    assert answer.status_code == 200 and list(answer.json()) == FIELDS
    body = answer.json()
    assert (body["events_deleted"], body["detections_deleted"], body["thumbnails_deleted"]) == (1, 2, 2)
    assert (body["gpu_stats_deleted"], body["images_deleted"], body["retention_days"]) == (0, 0, 30)
    assert body["dry_run"] is True and body["space_reclaimed"] > 0 and parse_datetime(body["timestamp"])
    assert client.get(URL).json() | {"timestamp": ""} == body | {"timestamp": ""}
    assert Event.objects.exists() and not Job.objects.exists() and not AuditLog.objects.exists()


@pytest.mark.usefixtures("old_visit")
def test_posting_does_just_that_and_is_noted() -> None:
    client = caller("owner")
    told = client.get(URL).json()
    done = client.post(URL).json()
    assert list(done) == FIELDS
    assert done == told | {"dry_run": False, "timestamp": done["timestamp"]}
    assert not Event.objects.exists()
    line = AuditLog.objects.get()
    assert (line.action, line.resource_type, line.actor, line.details) == ("cleanup", "system", "olga", done)


@pytest.mark.parametrize("value", ["false", "0", "no", "", "1"])
def test_a_get_never_deletes_and_says_where_to(value: str) -> None:
    answer = caller("owner").get(URL, {"dry_run": value})
    assert answer.status_code == 400 and answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"] == {"dry_run": ["GET only tells what would go; POST deletes it."]}


@pytest.mark.parametrize(
    ("name", "get", "post"),
    [
        ("owner", 200, 200),
        ("member", 403, 403),
        ("viewer", 403, 403),
        ("viewer's key", 403, 403),
        ("read key", 200, 403),
        ("write key", 403, 200),
        ("ingest key", 403, 403),
        ("stranger", 401, 401),
    ],
)
def test_who_may(name: str, get: int, post: int) -> None:
    client = caller(name)
    assert (client.get(URL).status_code, client.post(URL).status_code) == (get, post)


def test_an_owner_needs_the_scope_as_well() -> None:
    client = client_with(make_key(Scope.READ, user=make_user()))
    assert (client.get(URL).status_code, client.post(URL).status_code) == (200, 403)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("old_visit")
def test_one_that_fails_half_way_is_noted_with_what_went() -> None:
    client = caller("owner")
    with fails_at_the_logins(), pytest.raises(DatabaseError):
        client.post(URL)
    line = AuditLog.objects.get()
    assert (line.action, line.status, line.actor) == ("cleanup", "failure", "olga")
    assert line.details and line.details["events_deleted"] == 1


@pytest.mark.usefixtures("old_visit")
def test_a_disk_that_does_not_answer_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "ANSWERS_WITHIN_S", 0.05)
    answer, look = threading.Event(), Path.stat

    def hangs(path: Path, **how: Any) -> os.stat_result:
        if path.name == "front":
            answer.wait(30)
        return look(path, **how)

    monkeypatch.setattr(Path, "stat", hangs)
    client = caller("owner")
    before = threading.active_count()
    for answered in (client.get(URL), client.post(URL)):
        assert answered.status_code == 503 and answered.headers["Content-Type"] == "application/problem+json"
        assert answered.json()["detail"].startswith("The camera folders do not answer")
    assert Event.objects.exists() and not Job.objects.exists() and not AuditLog.objects.exists()
    assert threading.active_count() == before + 1
    answer.set()
    for thread in threading.enumerate():
        if thread.name == "camera-disk":
            thread.join()
    monkeypatch.setattr(disk, "ANSWERS_WITHIN_S", 10.0)
    assert client.get(URL).status_code == 200


@pytest.fixture
def another_runs() -> Any:
    """A connection of its own holds the lock, as another process would."""
    other = connections.create_connection("default")
    other.settings_dict = connection.settings_dict
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, 0)", [LOCK_SPACE])
    yield
    other.close()


@pytest.mark.usefixtures("another_runs")
class TestWhileAnotherRuns:
    def test_posting_and_asking_are_conflicts(self) -> None:
        client = caller("owner")
        answer = client.post(URL)
        assert answer.status_code == 409
        assert answer.json()["detail"] == "Another cleanup is running; wait until it is done."
        assert client.get(URL).status_code == 409
        assert not AuditLog.objects.exists()

    def test_the_command_says_so(self) -> None:
        with pytest.raises(CommandError, match="Another cleanup is running; wait until it is done"):
            call_command("cleanup")
        call_command("cleanup", "--dry-run", stdout=StringIO())


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class TestCommand:
    def run(self, *arguments: str, output: StringIO | None = None) -> str:
        output = output or Terminal()
        call_command("cleanup", *arguments, stdout=output)
        return output.getvalue()

    def test_a_dry_run_is_a_table_and_deletes_nothing(self, old_visit: Event) -> None:
        lines = self.run("--dry-run").splitlines()
        assert lines[0] == "Older than 30 days, and would go:"
        assert [line.split()[0:2] for line in lines[1:3]] == [["events", "1"], ["detections", "2"]]
        assert lines[-1].split()[0] == "room" and lines[-1].endswith(("bytes", "kB"))
        assert Event.objects.exists()

    def test_a_real_one_deletes(self, old_visit: Event) -> None:
        assert self.run().startswith("Older than 30 days:\n")
        assert not Event.objects.exists()

    @pytest.mark.parametrize("output", [Terminal(), StringIO()], ids=["asked for", "read by a program"])
    def test_json_is_that_of_the_api(self, old_visit: Event, output: StringIO) -> None:
        report = json.loads(self.run(*(["--json"] if output.isatty() else []), output=output))
        assert list(report) == FIELDS and report["events_deleted"] == 1 and report["dry_run"] is False

    def test_keeping_for_ever_is_said(self, old_visit: Event, settings: Settings) -> None:
        configure(settings, RETENTION_DAYS=0)
        assert self.run().startswith("RETENTION_DAYS=0: events and files are kept for ever.")
        assert Camera.objects.exists() and Event.objects.exists()
