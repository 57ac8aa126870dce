"""What a run of cleanup leaves behind about itself, and that there is only one at a time."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from cameras.models import Camera
from system.retention import clean_up, what_would_go
from telemetry.jobs import ENDED_EARLY, AlreadyRunning, run_job
from telemetry.models import Job
from tests.files import drop
from tests.system.archive import (
    days_ago,
    fails_at_the_logins,
    visit,
)

pytestmark = pytest.mark.django_db
OLD = 31


class TestJob:
    def test_a_run_leaves_a_row_with_what_it_did(self, reporting: Camera) -> None:
        visit(reporting, days_ago(OLD))
        report = clean_up()
        job = Job.objects.get()
        assert (job.kind, job.state, job.progress, job.error) == ("cleanup", "done", 1.0, "")
        assert job.result == report.as_dict() and job.finished_at is not None

    def test_a_dry_run_leaves_none(self) -> None:
        what_would_go()
        assert not Job.objects.exists()

    def test_what_died_before_is_marked(self) -> None:
        died = Job.objects.create(kind="cleanup")
        other = Job.objects.create(kind="verify")
        clean_up()
        died.refresh_from_db()
        other.refresh_from_db()
        assert (died.state, died.error, other.state) == ("failed", ENDED_EARLY, "running")

    @pytest.mark.django_db(transaction=True)
    def test_one_that_fails_half_way_leaves_its_counts(self, data_dir: Path) -> None:
        stray = drop(data_dir / "thumbnails" / "2026-01-01", "999999999-0.jpg", b"left behind")
        os.utime(stray, (days_ago(OLD).timestamp(),) * 2)
        with fails_at_the_logins(), pytest.raises(DatabaseError):
            clean_up()
        job = Job.objects.get()
        assert (job.state, job.result["thumbnails_deleted"], job.result["space_reclaimed"]) == ("failed", 1, 11)

    def test_what_went_is_noted_while_it_runs(self, reporting: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("telemetry.jobs.TOLD_EVERY_S", 0)
        noted = []
        visit(reporting, days_ago(OLD))
        clean_up(lambda share: noted.append(Job.objects.get().result["events_deleted"]))
        assert noted == [1]

    def test_an_error_is_kept_and_goes_on(self) -> None:
        with pytest.raises(ZeroDivisionError), run_job(Job.Kind.CLEANUP):
            raise ZeroDivisionError("by zero")
        job = Job.objects.get()
        assert (job.state, job.error) == ("failed", "by zero") and job.finished_at is not None
        clean_up()  # and the lock is free

    @pytest.mark.django_db(transaction=True)
    def test_only_one_runs_at_a_time(self) -> None:
        refused: list[str] = []

        def second() -> None:
            try:
                clean_up()
            except AlreadyRunning as error:
                refused.append(str(error))
            finally:
                connection.close()

        with run_job(Job.Kind.CLEANUP), run_job(Job.Kind.VERIFY):
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
        assert refused == ["Another cleanup is running; wait until it is done."]
        second()
        assert len(refused) == 1
