"""A cleanup that is killed, again and again, loses nothing and is finished by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from cameras.models import Capture
from detections.models import Detection
from events.models import Assessment, Batch, Event, EventDetection
from security_site.config import BASE_DIR
from system.verification import verify
from telemetry.jobs import ENDED_EARLY
from telemetry.models import Job
from tests.factories import CameraFactory
from tests.system.archive import days_ago, files_below, many_visits

KILLS = 3
VISITS = 800
# Eighty transactions, so that a kill after the first of them surely comes before the last.
IN_SMALL_STEPS = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "security_site.settings"
django.setup()
from django.core.management import call_command
from system import retention
retention.EVENTS_AT_ONCE = 10
call_command("cleanup", skip_checks=True)
"""


def start_cleanup(data_dir: Path) -> subprocess.Popen[bytes]:
    """`manage.py cleanup` in a process of its own, in small transactions, on the test's database and folder."""
    known = connection.settings_dict
    url = f"postgresql://{known['USER']}@/{known['NAME']}?host={known['HOST']}"
    environment = {
        **os.environ,
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": url,
        "REDIS_URL": django_settings.REDIS_URL,
        "DELETE_ORIGINALS": "true",
    }
    return subprocess.Popen([sys.executable, "-c", IN_SMALL_STEPS], cwd=BASE_DIR, env=environment)


@pytest.mark.django_db(transaction=True)
def test_a_killed_cleanup_is_finished_by_the_next(data_dir: Path) -> None:
    camera = CameraFactory.create(id="front")
    many_visits(camera, VISITS, days_ago(40))
    many_visits(camera, 10, days_ago(10))
    for _ in range(KILLS):
        left = Event.objects.count()
        process = start_cleanup(data_dir)
        while Event.objects.count() == left:
            assert process.poll() is None, "it ended without deleting anything"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Event.objects.count() > 10, "it was killed before it was done"
        assert counts_agree()
        assert not Capture.objects.filter(state="expired", detections__isnull=False).exists()
    assert start_cleanup(data_dir).wait() == 0
    assert Event.objects.count() == 10 and counts_agree()
    age_pictures(data_dir)  # those of a killed run are left alone until nobody can be writing them
    assert start_cleanup(data_dir).wait() == 0
    assert [len(files_below(kind)) for kind in ("thumbnails", "previews", "cameras")] == [10, 10, 10]
    assert set(Capture.objects.values_list("state", flat=True)) == {"detected"}
    jobs = Job.objects.filter(kind="cleanup").order_by("id").values_list("state", "error")
    assert list(jobs) == [("failed", ENDED_EARLY)] * KILLS + [("done", "")] * 2
    assert verify(repair=False).is_sound


def counts_agree() -> bool:
    """One of each for every visit, but no judgement."""
    found = {rows.objects.count() for rows in (Event, Batch, EventDetection, Detection)}
    return len(found) == 1 and not Assessment.objects.exists()


def age_pictures(data_dir: Path) -> None:
    for kind in ("thumbnails", "previews"):
        for path in (data_dir / kind).rglob("*.jpg"):
            os.utime(path, (time.time() - 3600,) * 2)


@pytest.mark.django_db(transaction=True)
def test_two_cleanups_at_once_are_one(data_dir: Path) -> None:
    many_visits(CameraFactory.create(id="front"), VISITS, days_ago(40))
    processes = [start_cleanup(data_dir) for _ in range(2)]
    ends = sorted(process.wait() for process in processes)
    assert ends[0] == 0 and set(ends) <= {0, 1}
    assert not Event.objects.exists() and not files_below("thumbnails")
    assert sum(job.result["events_deleted"] for job in Job.objects.filter(state="done")) == VISITS
