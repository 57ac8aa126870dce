"""What a cleanup lets go and what it keeps, that a dry run tells the same, and that nothing interrupts it for good."""

from __future__ import annotations

import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from cameras.intake import Outcome, take_in
from cameras.models import OVERWRITTEN, REMOVED, Camera, Capture
from cameras.scan import Scanner
from detections.models import Detection
from events.models import Assessment, Batch, Event, EventDetection
from events.placing import place_detected
from system.retention import clean_up, is_due, last_daily_run, what_would_go
from system.tasks import clean_up_if_due
from telemetry.jobs import ENDED_EARLY, AlreadyRunning, run_job
from telemetry.models import Job
from tests.cameras.conftest import not_as_root
from tests.events.rows import detected
from tests.factories import CameraFactory
from tests.files import drop, picture_bytes
from tests.system.archive import (
    capture_with_file,
    configure,
    days_ago,
    detection_with_files,
    files_below,
    visit,
)

pytestmark = pytest.mark.django_db
OLD, YOUNG = 31, 29


@pytest.fixture
def front(data_dir: Path) -> Camera:
    """A camera that still reports: its folder is not empty."""
    camera = CameraFactory.create(id="front")
    drop(data_dir / "cameras" / "front", "notes.txt", b"the camera's own")
    return camera


def counts() -> tuple[int, ...]:
    return tuple(rows.objects.count() for rows in (Event, Batch, EventDetection, Assessment, Detection))


class TestEvents:
    def test_an_old_visit_goes_with_all_that_belongs_to_it(self, front: Camera) -> None:
        visit(front, days_ago(OLD), pictures=3)
        report = clean_up()
        assert counts() == (0, 0, 0, 0, 0)
        assert files_below("thumbnails") == files_below("previews") == set()
        assert set(Capture.objects.values_list("state", "preview_path")) == {("expired", "")}
        assert (report.events_deleted, report.detections_deleted, report.thumbnails_deleted) == (1, 3, 3)
        assert report.images_deleted == 0 and report.space_reclaimed > 0
        assert len(files_below("cameras/front")) == 4

    def test_a_young_one_stays_whole(self, front: Camera) -> None:
        visit(front, days_ago(YOUNG))
        before = files_below("thumbnails"), files_below("previews"), counts()
        report = clean_up()
        assert (files_below("thumbnails"), files_below("previews"), counts()) == before
        assert report.events_deleted == report.space_reclaimed == 0
        assert set(Capture.objects.values_list("state", flat=True)) == {"detected"}

    @pytest.mark.parametrize(
        "fields",
        [{"state": "open"}, {"ended_at": days_ago(YOUNG)}, {"created_at": days_ago(YOUNG)}],
        ids=["open", "ended later", "arrived later"],
    )
    def test_what_is_open_or_ended_or_arrived_later_stays(self, front: Camera, fields: dict[str, Any]) -> None:
        visit(front, days_ago(OLD), **fields)
        clean_up()
        assert counts()[0] == 1 and counts()[4] == 2

    def test_a_late_picture_that_was_placed_since_keeps_it(self, front: Camera) -> None:
        event = visit(front, days_ago(OLD))
        event.batches.update(last_placed_at=days_ago(YOUNG))
        clean_up()
        assert Event.objects.exists()

    def test_a_car_that_is_still_parked_keeps_the_visit_it_came_in(self, front: Camera) -> None:
        event = visit(front, days_ago(OLD))
        lately = detection_with_files(front, days_ago(1))
        EventDetection.objects.create(detection=lately, event=event, batch=event.batches.get(), parked=True)
        clean_up()
        assert counts()[4] == 3 and not Capture.objects.filter(state="expired").exists()

    def test_nothing_of_a_visit_across_the_cutoff_goes(self, front: Camera) -> None:
        visit(front, days_ago(30) - timedelta(seconds=2), pictures=60)
        clean_up()
        assert counts()[4] == 60 and not Capture.objects.filter(state="expired").exists()

    def test_visits_are_worked_off_in_more_than_one_transaction(
        self, front: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("system.retention.EVENTS_AT_ONCE", 2)
        at = days_ago(OLD)
        for number in range(5):
            visit(front, at + timedelta(seconds=number // 3), pictures=1)  # three end at the same moment
        assert what_would_go().events_deleted == 5
        assert clean_up().events_deleted == 5
        assert not Event.objects.exists()

    def test_zero_days_keep_for_ever(self, front: Camera, settings: Settings) -> None:
        configure(settings, RETENTION_DAYS=0)
        visit(front, days_ago(4000))
        assert clean_up().events_deleted == 0
        assert Event.objects.exists()


class TestCaptures:
    @pytest.mark.parametrize("state", ["detected", "duplicate", "rejected"])
    def test_old_ones_in_a_final_state_expire_and_keep_their_row(self, front: Camera, state: str) -> None:
        capture_with_file(front, days_ago(OLD), state=state)
        clean_up()
        assert Capture.objects.get().state == "expired"

    @pytest.mark.parametrize("state", ["queued", "detecting", "failed"])
    def test_those_somebody_will_still_look_at_do_not(self, front: Camera, state: str) -> None:
        capture_with_file(front, days_ago(OLD), state=state)
        clean_up()
        assert Capture.objects.get().state == state

    def test_unplaced_ones_wait_for_their_visit(self, front: Camera) -> None:
        capture = capture_with_file(front, days_ago(OLD), placed_at=None)
        clean_up()
        capture.refresh_from_db()
        assert capture.state == "detected"

    def test_an_old_picture_that_arrived_lately_counts_from_its_arrival(self, front: Camera) -> None:
        capture_with_file(front, days_ago(400), arrived_at=days_ago(1))
        clean_up()
        assert Capture.objects.get().state == "detected"

    def test_an_old_file_is_not_imported_again(self, front: Camera, data_dir: Path) -> None:
        path = drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1))
        os.utime(path, (days_ago(OLD).timestamp(),) * 2)
        assert take_in(path) is Outcome.TAKEN
        Capture.objects.update(state="rejected", error="anything", captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        for _ in range(2):
            clean_up()
            assert take_in(path) is Outcome.KNOWN
            assert path not in list(Scanner(data_dir / "cameras").full())
        path.touch()
        assert take_in(path) is Outcome.KNOWN
        assert Capture.objects.get().state == "expired"

    def test_the_row_goes_once_the_file_is_gone(self, front: Camera) -> None:
        capture = capture_with_file(front, days_ago(OLD))
        clean_up()
        capture.path.unlink()
        clean_up()
        assert not Capture.objects.exists()

    def test_a_disk_that_is_away_costs_no_row(self, front: Camera) -> None:
        capture = capture_with_file(front, days_ago(OLD), state="expired")
        away = front.folder.rename(front.folder.with_name("elsewhere"))
        clean_up()  # no folder
        front.folder.mkdir()
        clean_up()  # a mount point with nothing mounted
        assert Capture.objects.exists()
        front.folder.rmdir()
        away.rename(front.folder)
        clean_up()
        assert capture.path.exists() and Capture.objects.exists()

    def test_a_folder_that_may_not_be_entered_costs_no_row(self, open_root: Path) -> None:
        camera = CameraFactory.create(id="front")
        capture_with_file(camera, days_ago(OLD), name="inner/a.jpg", state="expired")
        (open_root / "front" / "inner").chmod(0o700)
        (open_root / "front").chmod(0o755)
        with not_as_root():
            clean_up()
        assert Capture.objects.exists()

    def test_content_that_was_overwritten_keeps_no_row(self, front: Camera) -> None:
        for number in range(3):
            capture = capture_with_file(
                front, days_ago(40 - number), name="snapshot.jpg", sha256=f"{number:064}", state="expired"
            )
        clean_up()
        assert Capture.objects.get() == capture

    @pytest.mark.parametrize("error", [REMOVED, OVERWRITTEN])
    def test_content_nobody_has_read_is_read_when_it_comes_back(
        self, front: Camera, data_dir: Path, settings: Settings, error: str
    ) -> None:
        configure(settings, DELETE_ORIGINALS=True)
        path = drop(data_dir / "cameras" / "front", "a.jpg", picture_bytes(1))
        os.utime(path, (days_ago(OLD).timestamp(),) * 2)
        take_in(path)
        Capture.objects.update(state="rejected", error=error, captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        assert clean_up().images_deleted == 0
        assert path.exists() and not Capture.objects.exists()
        assert take_in(path) is Outcome.TAKEN

    def test_names_that_are_no_utf8_are_found(self, front: Camera) -> None:
        capture_with_file(front, days_ago(OLD), name="caf\\xe9\\\\.jpg")
        clean_up()
        clean_up()
        assert Capture.objects.get().state == "expired"


class TestOriginals:
    @pytest.fixture(autouse=True)
    def delete_them(self, settings: Settings) -> None:
        configure(settings, DELETE_ORIGINALS=True)

    def test_they_go_with_their_rows_and_count(self, front: Camera) -> None:
        event = visit(front, days_ago(OLD))
        alone = capture_with_file(front, days_ago(OLD))
        report = clean_up()
        assert report.images_deleted == 3
        assert files_below("cameras/front") == {"notes.txt"}
        assert not Capture.objects.exists() and not Event.objects.filter(pk=event.pk).exists()
        assert not alone.path.exists()

    def test_those_that_expired_before_the_setting_was_made_go_too(self, front: Camera) -> None:
        capture_with_file(front, days_ago(OLD), state="expired")
        assert clean_up().images_deleted == 1

    def test_one_that_is_another_content_now_stays(self, front: Camera) -> None:
        capture = capture_with_file(front, days_ago(OLD))
        capture.path.write_bytes(b"somebody else's")
        assert clean_up().images_deleted == 0
        assert capture.path.read_bytes() == b"somebody else's"

    def test_one_that_was_written_again_lately_stays(self, front: Camera) -> None:
        capture_with_file(front, days_ago(OLD), mtime=days_ago(1))
        assert clean_up().images_deleted == 0

    def test_a_link_in_its_place_stays_and_so_does_what_it_leads_to(self, front: Camera, tmp_path: Path) -> None:
        capture = capture_with_file(front, days_ago(OLD))
        target = capture.path.rename(tmp_path / "target.jpg")
        capture.path.symlink_to(target)
        assert clean_up().images_deleted == 0
        assert target.exists() and capture.path.is_symlink()

    def test_a_link_that_was_rejected_as_one_stays(self, front: Camera, tmp_path: Path) -> None:
        link = front.folder / "link.jpg"
        link.symlink_to(drop(tmp_path, "target.jpg", picture_bytes(1)))
        os.utime(link, (days_ago(OLD).timestamp(),) * 2, follow_symlinks=False)
        take_in(link)
        Capture.objects.update(captured_at=days_ago(OLD), arrived_at=days_ago(OLD))
        assert clean_up().images_deleted == 0
        assert link.is_symlink() and Capture.objects.get().state == "expired"

    def test_a_link_on_the_way_is_not_followed(self, front: Camera, tmp_path: Path) -> None:
        capture = capture_with_file(front, days_ago(OLD), name="inner/a.jpg")
        capture.path.parent.rename(tmp_path / "elsewhere")
        capture.path.parent.symlink_to(tmp_path / "elsewhere")
        assert clean_up().images_deleted == 0
        assert (tmp_path / "elsewhere" / "a.jpg").exists()

    def test_folders_that_were_emptied_go_if_they_are_old_but_not_the_cameras_own(self, front: Camera) -> None:
        (front.folder / "notes.txt").unlink()
        old = capture_with_file(front, days_ago(OLD), name="2026/10/01/a.jpg").path.parent
        fresh = capture_with_file(front, days_ago(OLD), name="incoming/a.jpg").path.parent
        for folder in (old, old.parent, old.parent.parent):
            os.utime(folder, (days_ago(OLD).timestamp(),) * 2)
        clean_up()
        assert not (front.folder / "2026").exists()
        assert fresh.exists() and front.folder.exists()

    def test_what_may_not_be_deleted_is_told_the_same_by_both_runs(
        self, open_root: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        camera = CameraFactory.create(id="front")
        capture_with_file(camera, days_ago(OLD))
        (open_root / "front").chmod(0o755)
        with not_as_root():
            assert what_would_go().images_deleted == clean_up().images_deleted == 0
        assert "1 files could not be deleted, such as front/" in caplog.text
        assert Capture.objects.get().state == "expired"
        assert clean_up().images_deleted == 1


class TestPictures:
    def test_a_missing_or_closed_folder_stops_nothing(self, front: Camera, data_dir: Path) -> None:
        visit(front, days_ago(OLD))
        (data_dir / "thumbnails").rename(data_dir / "gone")
        (data_dir / "previews").rename(data_dir / "closed")
        (data_dir / "previews").write_text("not a folder")
        report = clean_up()
        assert (report.events_deleted, report.thumbnails_deleted, report.space_reclaimed) == (1, 0, 0)

    def test_those_whose_rows_are_gone_are_found_again(self, front: Camera) -> None:
        event = visit(front, days_ago(OLD))
        Detection.objects.all().delete()
        event.delete()
        Capture.objects.update(state="expired", preview_path="")
        _age(Path(django_settings.DATA_DIR))
        assert what_would_go().thumbnails_deleted == 2
        assert clean_up().thumbnails_deleted == 2
        assert files_below("thumbnails") == files_below("previews") == set()
        assert not list((Path(django_settings.DATA_DIR) / "previews").iterdir())

    def test_those_being_made_just_now_are_left_alone(self, front: Camera, data_dir: Path) -> None:
        capture = capture_with_file(front, days_ago(OLD), arrived_at=timezone.now(), state="detecting")
        folder = data_dir / "thumbnails" / f"{capture.captured_at.astimezone(UTC):%Y-%m-%d}"
        being_made = drop(folder, f"{capture.pk}-0.jpg", b"first frame")
        fresh = drop(folder, "999999999-0.jpg", b"not yet named")
        foreign = drop(folder, "holiday.jpg", b"not ours")
        _age(being_made, foreign)
        clean_up()
        assert being_made.exists() and fresh.exists() and foreign.exists()


def _age(*paths: Path) -> None:
    """Make files look an hour old, so that no task can still be about to name them."""
    for path in paths:
        for file in (path, *path.rglob("*")):
            os.utime(file, (datetime.now(UTC).timestamp() - 3600,) * 2)


def test_old_failed_logins_and_ended_sessions_go(settings: Settings) -> None:
    for days in (8, 6):
        AccessAttempt.objects.create(username="eve", ip_address=f"10.0.0.{days}", failures_since_start=1)
        AccessAttempt.objects.filter(ip_address=f"10.0.0.{days}").update(attempt_time=days_ago(days))
    for key, days in (("over", 1), ("alive", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=days_ago(days))
    assert what_would_go().logs_deleted == 1
    assert clean_up().logs_deleted == 1
    assert AccessAttempt.objects.get().ip_address == "10.0.0.6"
    assert Session.objects.get().session_key == "alive"
    configure(settings, LOG_RETENTION_DAYS=0)
    AccessAttempt.objects.update(attempt_time=days_ago(999))
    assert clean_up().logs_deleted == 0


AGES = st.sampled_from([29.5, 30.5, 45])
SHAPES = st.fixed_dictionaries(
    {
        "age": AGES,
        "pictures": st.integers(0, 3),
        "arrived": st.sampled_from([0, 20]),
        "is_open": st.booleans(),
        "thumbnails_there": st.booleans(),
        "originals_there": st.booleans(),
        "state": st.sampled_from(["detected", "duplicate", "rejected", "failed", "queued", "expired"]),
    }
)


@given(shapes=st.lists(SHAPES, min_size=1, max_size=5), delete_originals=st.booleans())
@hypothesis_settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_dry_run_tells_what_the_real_one_does(
    data_dir: Path, settings: Settings, shapes: list[dict[str, Any]], delete_originals: bool
) -> None:
    configure(settings, DELETE_ORIGINALS=delete_originals)
    for rows in (Event, Detection, Capture):
        rows.objects.all().delete()
    shutil.rmtree(data_dir)
    for number, shape in enumerate(shapes):
        _make(CameraFactory.create(id=f"camera_{number}"), number, shape)
    before = _everything(data_dir)
    dry = what_would_go()
    assert _everything(data_dir) == before
    real = clean_up()
    assert dry.as_dict() | {"dry_run": False, "timestamp": real.timestamp} == real.as_dict()
    gone = {path: size for path, size in before[1].items() if path not in _everything(data_dir)[1]}
    assert real.space_reclaimed == sum(gone.values())
    assert real.thumbnails_deleted == sum(path.startswith("thumbnails/") for path in gone)
    assert real.images_deleted == sum(path.startswith("cameras/") for path in gone)
    assert before[0][0] - Event.objects.count() == real.events_deleted
    assert before[0][1] - Detection.objects.count() == real.detections_deleted
    again = clean_up()
    assert (again.events_deleted, again.space_reclaimed) == (0, 0)
    assert not EventDetection.objects.filter(detection__capture__state="expired").exists()


def _make(camera: Camera, number: int, shape: dict[str, Any]) -> None:
    at = days_ago(shape["age"]) + timedelta(minutes=number)
    if shape["pictures"]:
        event = visit(camera, at, pictures=shape["pictures"], state="open" if shape["is_open"] else "closed")
        event.batches.update(state=event.state)
        Event.objects.filter(pk=event.pk).update(created_at=at + timedelta(days=shape["arrived"]))
        paths = [Path(django_settings.DATA_DIR) / d.thumbnail_path for d in event.detections.all()]
        if not shape["thumbnails_there"]:
            paths[0].unlink()
    else:
        arrived = at + timedelta(days=shape["arrived"])
        capture = capture_with_file(camera, at, state=shape["state"], arrived_at=arrived)
        if not shape["originals_there"]:
            capture.path.unlink()


def _everything(data_dir: Path) -> tuple[tuple[int, ...], dict[str, int]]:
    files = {str(path.relative_to(data_dir)): path.stat().st_size for path in data_dir.rglob("*") if path.is_file()}
    return (Event.objects.count(), Detection.objects.count(), Capture.objects.count()), files


class TestJob:
    def test_a_run_leaves_a_row_with_what_it_did(self, front: Camera) -> None:
        visit(front, days_ago(OLD))
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


BERLIN, ATHENS = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Athens")


class TestWhen:
    @pytest.mark.parametrize(
        ("now", "zone", "last"),
        [
            ("2026-11-21T02:30:00Z", BERLIN, "2026-11-21T02:00:00Z"),
            ("2026-11-21T01:59:59Z", BERLIN, "2026-11-20T02:00:00Z"),
            ("2026-11-21T02:00:00Z", BERLIN, "2026-11-21T02:00:00Z"),
            ("2026-03-29T01:00:00Z", BERLIN, "2026-03-29T01:00:00Z"),  # 02:00 → 03:00
            ("2026-10-25T02:00:00Z", BERLIN, "2026-10-25T02:00:00Z"),  # 03:00 → 02:00, then 03:00 again
            ("2026-10-25T01:59:59Z", BERLIN, "2026-10-24T01:00:00Z"),
            ("2026-03-29T00:59:59Z", ATHENS, "2026-03-28T01:00:00Z"),
            ("2026-03-29T01:00:00Z", ATHENS, "2026-03-29T01:00:00Z"),  # 03:00 → 04:00: there is no 03:00
            ("2026-10-25T00:30:00Z", ATHENS, "2026-10-25T00:00:00Z"),  # 03:00 comes twice
            ("2026-10-25T01:30:00Z", ATHENS, "2026-10-25T00:00:00Z"),
        ],
    )
    def test_the_last_three_o_clock_at_home(self, now: str, zone: ZoneInfo, last: str) -> None:
        assert last_daily_run(datetime.fromisoformat(now), zone) == datetime.fromisoformat(last)

    @given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
    def test_it_is_never_more_than_a_day_and_an_hour_ago(self, now: datetime) -> None:
        assert timedelta() <= now - last_daily_run(now, ATHENS) <= timedelta(hours=25)

    @pytest.mark.parametrize(
        ("state", "started", "due"),
        [
            ("done", "2026-11-20T02:10:00Z", True),
            ("done", "2026-11-21T02:10:00Z", False),
            ("failed", "2026-11-21T02:10:00Z", True),
            ("failed", "2026-11-21T10:30:00Z", False),
            ("running", "2026-11-21T10:30:00Z", False),
        ],
    )
    def test_it_is_due_until_it_was_done_and_tried_again_after_an_hour(
        self, state: str, started: str, due: bool
    ) -> None:
        Job.objects.create(kind="cleanup", state=state, started_at=datetime.fromisoformat(started))
        Job.objects.create(kind="verify", state="done")
        assert is_due(datetime.fromisoformat("2026-11-21T11:00:00Z")) is due

    def test_the_task_runs_it_once(self, front: Camera) -> None:
        visit(front, days_ago(OLD))
        clean_up_if_due()
        clean_up_if_due()
        assert not Event.objects.exists() and Job.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_late_picture_while_its_visit_goes_makes_a_visit_of_its_own(
    front: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = days_ago(OLD)
    old = visit(front, at)
    late = detected(front, at + timedelta(seconds=1))
    placed = threading.Event()

    def place() -> None:
        place_detected(front.pk)
        placed.set()
        connection.close()

    from system import retention

    delete, placing = retention._delete, threading.Thread(target=place)

    def delete_while_placing(haul: Any) -> None:
        placing.start()
        assert not placed.wait(0.5), "placing waits for the camera's row"
        delete(haul)

    monkeypatch.setattr(retention, "_delete", delete_while_placing)
    clean_up()
    placing.join()
    event = Event.objects.get()
    assert event.pk != old.pk
    assert list(event.detections.all()) == list(late.detections.all())


def test_the_number_of_queries_does_not_grow_with_the_visits(front: Camera) -> None:
    def queries() -> int:
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            clean_up()
        return len(captured)

    visit(front, days_ago(OLD), pictures=1)
    few = queries()
    for number in range(10):
        visit(front, days_ago(OLD) + timedelta(minutes=number), pictures=2)
    assert queries() <= few + 1
