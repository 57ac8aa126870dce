"""The System page: whether all is well, what waits and why, and who may know."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import Role
from cameras.models import Camera
from events.models import Batch
from system.verification import Finding, Verdict
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Job, Pause
from telemetry.stages import pause
from tests.factories import CaptureFactory, EventFactory, UserFactory
from tests.system.programs import ago, first_line, make_failed, make_queued, signed_in, silence, words

pytestmark = pytest.mark.django_db
REQUEUE, DISMISS = "/system/dead-letters/requeue/", "/system/dead-letters/dismiss/"


@pytest.mark.usefixtures("running")
class TestFirstLine:
    def test_all_is_well(self, page: Client, front: Camera) -> None:
        CaptureFactory.create(camera=front)
        assert first_line(page) == "Everything runs."
        text = page.get("/system/").content.decode()
        assert "is-warning" not in text and 'class="need"' not in text
        assert "1 file in the last hour · none waits · none failed" in words(page)

    def test_a_pause(self, page: Client) -> None:
        Pause.objects.create(stage="detect", reason="the model file is missing")
        assert first_line(page) == "1 thing needs you: pictures wait to be looked at."
        assert "Paused since" in words(page) and "the model file is missing" in words(page)

    def test_a_pause_of_a_stage_that_has_no_line_yet(self, page: Client) -> None:
        Pause.objects.create(stage="deliver", reason="no way out")
        assert first_line(page) == "1 thing needs you: deliver waits."

    def test_a_process_that_is_gone(self, page: Client) -> None:
        silence("detect")
        assert first_line(page) == "1 thing needs you: no process looks at pictures."
        assert "missing" in words(page) and "No process runs it now." in words(page)

    def test_cameras_that_cannot_send_by_ftp(self, page: Client) -> None:
        why = "port 2121 is already in use by vsftpd (process 812). End that program, or set another FTP_PORT."
        beat("ftp@1", "ftp", {"listening": "", "why_not": why, "is_wanted": True})
        assert first_line(page) == "1 thing needs you: cameras cannot send by FTP."
        assert f"Cameras cannot send by FTP: {why}" in words(page)

    def test_nobody_needs_ftp_yet(self, page: Client) -> None:
        beat("ftp@1", "ftp", {"listening": "", "why_not": "no camera has an account yet", "is_wanted": False})
        assert first_line(page) == "Everything runs."
        assert "receives what cameras send by FTP; off: no camera has an account yet" in words(page)

    def test_a_process_that_was_started_again(self, page: Client) -> None:
        silence("detect")
        beat("detect@home:2", "detect", {"engine": "builtin"})
        assert first_line(page) == "Everything runs."
        assert "detect@home:1 ended without a word" in words(page)

    @pytest.mark.parametrize(
        ("free", "expected"),
        [
            (0.11, "Everything runs."),
            (0.09, "1 thing needs you: the disk is almost full."),
            (0.01, "1 thing needs you: the disk is full."),
        ],
    )
    def test_the_disk(self, page: Client, monkeypatch: pytest.MonkeyPatch, free: float, expected: str) -> None:
        usage = SimpleNamespace(total=10**12, used=0, free=int(free * 10**12))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        assert first_line(page) == expected

    def test_a_full_disk_is_told_once(self, page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, used=0, free=0))
        Pause.objects.create(stage="intake", reason="the disk of /data is full")
        assert first_line(page) == "1 thing needs you: new files wait."

    def test_failed_files(self, page: Client, front: Camera) -> None:
        make_failed(front), make_failed(front)
        assert first_line(page) == "1 thing needs you: 2 files failed."

    def test_work_that_waits_long_though_somebody_is_there(self, page: Client, front: Camera) -> None:
        make_queued(front, arrived_at=ago(minutes=4))
        assert first_line(page) == "Everything runs."
        make_queued(front, arrived_at=ago(minutes=42))
        assert first_line(page) == "1 thing needs you: pictures wait 42 min to be looked at."
        assert "2 pictures wait to be looked at, the oldest for 42 min." in words(page)

    def test_work_that_waits_for_a_pause_is_no_second_thing(self, page: Client, front: Camera) -> None:
        make_queued(front, arrived_at=ago(hours=2))
        Pause.objects.create(stage="detect", reason="the model file is missing")
        assert first_line(page) == "1 thing needs you: pictures wait to be looked at."

    def test_an_engine_that_is_not_the_chosen_one(self, page: Client) -> None:
        beat("detect@home:1", "detect", {"engine": "ultralytics"})
        assert first_line(page) == "1 thing needs you: the detector is not the one that was chosen."
        assert "builtin was chosen as detector, but ultralytics runs." in words(page)

    def test_redis_away(self, page: Client, settings: Settings) -> None:
        settings.REDIS_URL = "unix:///nowhere/redis.sock"
        assert first_line(page) == "1 thing needs you: Redis does not answer."

    def test_housekeeping_that_failed_until_it_succeeds(self, page: Client) -> None:
        assert words(page).count("none yet") == 2
        Job.objects.create(kind="cleanup", state="failed", error="the disk refuses", finished_at=timezone.now())
        assert first_line(page) == "1 thing needs you: the last cleanup failed."
        assert "the disk refuses" in words(page)
        Job.objects.create(kind="cleanup", state="running", progress=0.4)
        assert first_line(page) == "Everything runs."
        assert "40 % done" in words(page)

    @pytest.mark.parametrize(
        ("repaired", "expected"), [(1, "1 thing needs you: the archive has gaps."), (3, "Everything runs.")]
    )
    def test_what_a_check_found_and_left(self, page: Client, repaired: int, expected: str) -> None:
        missing = Finding("missing_pictures", "previews that are missing", "drawn again", count=3, repaired=repaired)
        gone = Finding("lost_originals", "captures whose file is gone", "", "somebody deleted them", count=7)
        verdict = Verdict([missing, gone], repair=True, timestamp="2026-11-21T03:00:00Z")
        Job.objects.create(kind="verify", state="done", finished_at=timezone.now(), result=verdict.as_dict())
        assert first_line(page) == expected
        assert ("found 2 previews that are missing. Mend it: manage.py verify --repair" in words(page)) == (
            repaired < 3
        )
        assert ("rows and files agree" in words(page)) == (repaired == 3)

    def test_what_the_last_cleanup_did(self, page: Client) -> None:
        result = {"events_deleted": 1204, "space_reclaimed": 5 * 1024**3}
        Job.objects.create(kind="cleanup", state="done", finished_at=timezone.now(), result=result)
        assert "1,204 visits deleted, 5.0 GB of room made" in words(page)

    def test_two_things_are_named_and_more_are_counted(self, page: Client, front: Camera) -> None:
        make_failed(front)
        silence("beat")
        assert first_line(page) == "2 things need you: no process wakes the others; 1 file failed."
        Pause.objects.create(stage="detect", reason="no memory")
        assert first_line(page) == "3 things need you."
        assert page.get("/system/").content.decode().count('class="need"') == 3


@pytest.mark.usefixtures("running")
class TestBacklog:
    def test_files_the_watcher_has_seen(self, page: Client) -> None:
        beat("watcher@home:1", "watcher", {"watching": "/data/cameras", "how": "polling every 2 s", "waiting": 7})
        assert "Take in files /data/cameras , polling every 2 s 7 –" in words(page)
        silence("watcher")
        assert "Take in files not known –" in words(page)

    def test_files_the_watcher_has_seen_wait_since_the_first_of_them_was(self, page: Client) -> None:
        beat("watcher@home:1", "watcher", {"waiting": 2, "waiting_since": ago(minutes=3).isoformat()})
        beat("watcher@home:2", "watcher", {"waiting": 1, "waiting_since": None})
        assert "Take in files 3 3 min " in words(page)

    def test_each_living_process_tells_when_it_was_last_heard(self, page: Client) -> None:
        at = ago(seconds=4)
        Heartbeat.objects.filter(queue="beat").update(at=at)
        text = page.get("/system/").content.decode()
        assert f'data-since="{timezone.localtime(at).isoformat()}"' in text
        with time_machine.travel(at + timedelta(seconds=6), tick=False):
            assert "alive, 6 s ago" in words(page)

    def test_queued_files_wait_since_they_arrived(self, page: Client, front: Camera) -> None:
        """Not since they were taken, nor since the last try."""
        make_queued(front, captured_at=ago(days=3), arrived_at=ago(minutes=7.2), next_attempt_at=ago(seconds=-2))
        make_queued(front, captured_at=ago(seconds=9))
        CaptureFactory.create(camera=front, state="detecting")
        assert "Look at pictures 1 in hand 2 7 min" in words(page)

    def test_detected_files_wait_since_they_were_looked_at(self, page: Client, front: Camera) -> None:
        CaptureFactory.create(camera=front, placed_at=None, arrived_at=ago(hours=1), processed_at=ago(minutes=9.2))
        assert "Put them into visits 1 9 min" in words(page)

    def test_a_batch_waits_since_it_was_due(self, page: Client, front: Camera) -> None:
        event = EventFactory.create(camera=front)
        now = timezone.now()
        Batch.objects.filter(event=event).update(state="open", opened_at=now, last_placed_at=now)
        assert "End visits 1 still going on 0 –" in words(page)
        Batch.objects.filter(event=event).update(last_placed_at=now - timedelta(seconds=30, minutes=7.2))
        assert "End visits 1 7 min" in words(page)

    def test_what_passed_within_the_hour(self, page: Client, front: Camera) -> None:
        lately, before = ago(minutes=5), ago(minutes=65)
        CaptureFactory.create(camera=front, captured_at=before, processed_at=lately, placed_at=lately, nothing_found="")
        CaptureFactory.create(camera=front, captured_at=lately)  # nothing in it to place
        make_queued(front, captured_at=lately)
        CaptureFactory.create(camera=front, captured_at=before)
        text = words(page)
        assert re.search(r"told by the kernel 0 – 2 ", text)
        assert "Look at pictures 1 5 min 2 " in text
        assert "Put them into visits 0 – 1 " in text


class TestAccess:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
    def test_the_household_sees_it(self, front: Camera, role: Role) -> None:
        make_failed(front, file_path="front/failed.jpg")
        client = signed_in(role)
        assert "failed.jpg" in words(client)
        assert "System" in words(client, "/")

    @pytest.mark.parametrize("address", ["/system/", "/system/changes"])
    def test_a_viewer_is_told_whom_to_ask(self, front: Camera, address: str) -> None:
        make_failed(front, file_path="front/failed.jpg")
        client = signed_in(Role.VIEWER, camera_ids=["front_door"])
        assert client.get(address).status_code == 403
        assert "The state of the program is for owners and members. Ask the owner." in words(client, address)
        assert "failed.jpg" not in words(client, address)
        assert ">System</a>" not in client.get("/").content.decode()

    @pytest.mark.parametrize("address", ["/system/", "/system/changes"])
    def test_nobody_sees_it_without_logging_in(self, client: Client, address: str) -> None:
        assert client.get(address)["Location"].startswith("/login/")

    @pytest.mark.parametrize("address", [REQUEUE, DISMISS])
    def test_who_decides(self, client: Client, front: Camera, address: str) -> None:
        capture = make_failed(front)
        sent = {"capture": capture.pk}
        assert client.post(address, sent)["Location"].startswith("/login/")
        assert signed_in(Role.VIEWER, camera_ids=["front_door"]).post(address, sent).status_code == 403
        assert signed_in().get(address).status_code == 405
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(UserFactory.create())
        assert strict.post(address, sent).status_code == 403
        capture.refresh_from_db()
        assert capture.state == "failed"
        assert signed_in(Role.MEMBER).post(address, sent).status_code == 302
        capture.refresh_from_db()
        assert capture.state != "failed"

    def test_the_page_holds_no_inline_script_or_style(self, page: Client, front: Camera) -> None:
        make_failed(front)
        text = page.get("/system/").content.decode()
        assert "<script>" not in text and " style=" not in text and " onclick=" not in text


def marks(client: Client) -> list[str]:
    return re.findall(r'name="seen" value="([^"]*)"', client.get("/system/").content.decode())


@pytest.mark.usefixtures("running")
class TestChanges:
    def changed(self, client: Client, seen: list[str]) -> set[str]:
        """Ids of the parts that are sent, but for the one that tells of disks and servers: those fill by themselves."""
        response = client.get("/system/changes", {"seen": seen})
        text = response.content.decode()
        assert response.status_code == (200 if text else 204)
        assert response["X-Page-Clock"]
        assert text.count('hx-swap-oob="true"') == text.count('name="seen"')
        return set(re.findall(r'id="([a-z-]+)"\s+hx-swap-oob', text)) - {"storage"}

    def test_nothing_changed(self, page: Client, front: Camera) -> None:
        make_failed(front)
        assert self.changed(page, marks(page)) == set()

    def test_growing_ages_are_no_change(self, page: Client, front: Camera) -> None:
        make_queued(front, arrived_at=ago(seconds=20))
        seen, before = marks(page), words(page)
        with time_machine.travel(timezone.now() + timedelta(seconds=30)):
            assert words(page) != before
            assert self.changed(page, seen) == set()

    def test_only_what_changed_is_sent(self, page: Client, front: Camera) -> None:
        seen = marks(page)
        pause("detect", "the model file is missing")
        assert self.changed(page, seen) == {"head", "pipeline"}
        make_failed(front, captured_at=ago(days=1))
        assert self.changed(page, marks(page)) == set()

    def test_whoever_shows_nothing_gets_all(self, page: Client) -> None:
        assert len(self.changed(page, [])) == 5
        assert len(self.changed(page, ["head.0", "nonsense", ""])) == 5


@pytest.mark.usefixtures("running")
def test_the_page_costs_the_same_however_much_there_is(
    page: Client, front: Camera, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_failed(front)
    # session and user; heartbeats; pauses; what passed lately; the last file; queued, detecting, unplaced; batches;
    # failed: how many, of which kinds, the last files of each; the database's size; the last jobs;
    # speed of the detector and of the rules; visits for the alert rules; notices that wait, and were sent lately;
    # channels
    queries = 21
    with django_assert_num_queries(queries):
        page.get("/system/")
    for number in range(8):
        make_failed(front, f"error {number}"), make_failed(front), make_queued(front)
        EventFactory.create(camera=front)
        Pause.objects.create(stage=f"stage {number}", reason="none")
        Heartbeat.objects.create(worker=f"detect@{number}", queue="detect", at=ago(minutes=5))
    Job.objects.bulk_create(Job(kind=kind) for kind in ("cleanup", "verify", "cleanup"))
    for address in ("/system/", "/system/changes"):
        with django_assert_num_queries(queries):
            page.get(address)
