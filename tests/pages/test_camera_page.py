"""The page of one camera: how it does, what stands in its way, what may be changed by whom. And those put away."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role
from cameras.importing import ImportProgress
from cameras.models import Camera, FTPAccount, FTPLogEntry, IgnoredFile
from telemetry.models import Heartbeat
from tests.factories import CameraFactory, CaptureFactory, EventFactory, IgnoredFileFactory, UserFactory
from tests.pages.conftest import signed_in_as
from tests.pages.test_cameras import picture, text_of

Step = FTPLogEntry.Step
FRONT = "/cameras/front_door/"


@pytest.fixture
def account(front: Camera) -> FTPAccount:
    return FTPAccount.objects.create(camera=front, user="frontdoor", password_hash="x")


def logged(account: FTPAccount, step: Step, sentence: str = "", minutes_ago: float = 0) -> None:
    at = now() - timedelta(minutes=minutes_ago)
    FTPLogEntry.objects.create(account=account, step=step, sentence=sentence, address="192.168.1.23", at=at)


def test_an_upload_that_broke_off_is_shown_by_the_name_it_was_to_get(page: Client, front: Camera) -> None:
    part = "front_door/2026-11-21/.snap.jpg.1a2b3c4d.part"
    CaptureFactory.create(camera=front, file_path=part, state="rejected", error="connection lost at 312 KB")
    text = text_of(page, FRONT)
    assert "2026-11-21/snap.jpg" in text and "Rejected: connection lost at 312 KB" in text and ".part" not in text


def test_it_tells_when_the_camera_signed_in_and_how_its_folder_is_watched(page: Client, account: FTPAccount) -> None:
    assert "Has not signed in by FTP yet." in text_of(page, FRONT)
    logged(account, Step.LOGGED_IN, minutes_ago=12)
    Heartbeat.objects.create(worker="watcher@1", queue="watcher", detail={"how": "told by the kernel"})
    text = text_of(page, FRONT)
    assert "Signed in by FTP" in text and "12 min ago" in text
    assert "New files are seen at once." in text


def test_a_folder_that_must_be_polled_is_told(page: Client, front: Camera) -> None:
    how = "polling every 2 s: it lies on nfs, which does not tell of files written elsewhere"
    Heartbeat.objects.create(worker="watcher@1", queue="watcher", detail={"how": how})
    assert f"New files are found by {how}." in text_of(page, FRONT)


def test_a_flooding_camera_is_named_for_an_hour(page: Client, account: FTPAccount, back: Camera) -> None:
    logged(account, Step.SLOWED, "more than 5 files a second", minutes_ago=50)
    assert "It sends more than is taken at once" in text_of(page, FRONT)
    assert "more than 5 files a second" in text_of(page, FRONT)
    assert "It sends more" not in text_of(page, "/cameras/back_garden/")
    assert text_of(page, "/cameras/").count("Sends more than is taken at once") == 1
    FTPLogEntry.objects.update(at=now() - timedelta(minutes=61))
    assert "Sends more" not in text_of(page, "/cameras/")
    assert "It sends more" not in text_of(page, FRONT)


def test_a_wrong_password_is_told_to_the_owner_only(page: Client, account: FTPAccount) -> None:
    logged(account, Step.REFUSED, "192.168.1.23: wrong password for frontdoor")
    assert "wrong password" in text_of(page, FRONT)
    member = signed_in_as(UserFactory.create(role=Role.MEMBER))
    assert "wrong password" not in text_of(member, FRONT)


def test_a_viewer_learns_nothing_of_how_files_get_here(account: FTPAccount) -> None:
    for step in Step:
        logged(account, step, f"a sentence about {step}")
    IgnoredFileFactory.create(camera=account.camera, kind=IgnoredFile.Kind.UNREADABLE, reason="owned by ftp")
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=["front_door"]))
    for url in (FRONT, f"{FRONT}changes", "/cameras/"):
        text = text_of(viewer, url)
        for secret in (
            "a sentence about",
            "192.168.1.23",
            "FTP",
            "/connect/",
            "tried again every minute",
            "Sends more",
        ):
            assert secret not in text


def test_a_viewer_of_another_camera_gets_no_part_of_it(front: Camera, stranger: object, client: Client) -> None:
    assert signed_in_as(stranger).get(f"{FRONT}changes").status_code == 404  # type: ignore[arg-type]  # a fixture
    assert client.get(f"{FRONT}changes")["Location"].startswith("/login/")


def test_files_that_may_not_be_read_are_named_with_advice(page: Client, front: Camera) -> None:
    advice = "owned by ftp, mode 600: this program may not read it; run chmod a+r on it or share a group"
    IgnoredFileFactory.create_batch(7, camera=front, kind=IgnoredFile.Kind.UNREADABLE, reason=advice)
    state = text_of(page, FRONT).split('id="camera-state"', 1)[1].split("</section>", 1)[0]
    assert "tried again every minute" in state
    assert state.count(advice) == 5


def test_an_import_tells_how_far_it_is(page: Client, front: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = ImportProgress(done=3100, total=12_400, started_at=now(), finished=False)
    monkeypatch.setattr("cameras.views.camera.progress_of", lambda _: progress)
    text = text_of(page, FRONT)
    assert "Older files are taken in: 3,100 of 12,400" in text
    assert '<progress id="import-progress" value="3100" max="12400">' in text
    done = ImportProgress(done=12_400, total=12_400, started_at=now(), finished=True)
    monkeypatch.setattr("cameras.views.camera.progress_of", lambda _: done)
    assert "12,400 older files were taken in" in text_of(page, FRONT)


def test_a_test_upload_is_of_this_camera_and_comes_back_to_it(page: Client, front: Camera, back: Camera) -> None:
    text = text_of(page, FRONT)
    assert "Test upload" in text and '<input type="hidden" name="camera" value="front_door">' in text
    response = page.post("/upload/", {"pictures": picture(), "camera": "front_door", "next": "camera"})
    assert response["Location"] == FRONT
    assert "visitor.jpg" in text_of(page, FRONT)
    assert page.post("/upload/", {"pictures": [], "camera": "no", "next": "camera"})["Location"] == "/cameras/"


def test_its_time_zone_is_chosen(page: Client, front: Camera) -> None:
    assert "<option selected>UTC</option>" in text_of(page, FRONT)
    response = page.post(f"{FRONT}change/", {"timezone": "Asia/Tokyo", "next": "camera"}, follow=True)
    front.refresh_from_db()
    assert front.timezone == "Asia/Tokyo"
    assert "Its clock is that of Asia/Tokyo from its next file on." in response.content.decode()
    response = page.post(f"{FRONT}change/", {"timezone": "Mars/Olympus", "next": "camera"}, follow=True)
    assert "There is no time zone" in response.content.decode()


def test_only_what_changed_is_sent_again(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front)
    marks = re.findall(r'name="seen" value="([^"]+)"', text_of(page, FRONT))
    assert len(marks) == 6
    assert page.get(f"{FRONT}changes", {"seen": marks}).status_code == 204
    IgnoredFileFactory.create(camera=front, arrived_at=now())
    changed = text_of(page, f"{FRONT}changes?" + "&".join(f"seen={mark}" for mark in marks))
    assert re.findall(r'<section class="part" id="([^"]+)"', changed) == ["camera-day", "camera-files"]


def test_it_is_put_away_and_brought_back(page: Client, front: Camera) -> None:
    assert "Put Front door away" in text_of(page, FRONT)
    response = page.post(f"{FRONT}hide/", follow=True)
    text = " ".join(response.content.decode().split())
    assert "Front door is put away." in text and "1 put away" in text
    assert page.get(FRONT).status_code == 404
    response = page.post(f"{FRONT}restore/", follow=True)
    assert "Front door is back, with all its pictures and visits." in response.content.decode()
    assert [line.action for line in AuditLog.objects.order_by("id")] == ["camera_deleted", "camera_restored"]


def test_one_that_was_merged_tells_where_its_files_are_and_stays_away(
    page: Client, front: Camera, back: Camera
) -> None:
    Camera.objects.filter(pk=back.pk).update(deleted_at=now(), merged_into=front)
    text = text_of(page, "/cameras/")
    assert "is part of" in text and "/restore/" not in text
    response = page.post("/cameras/back_garden/restore/", follow=True)
    assert "was merged into Front door" in response.content.decode()


def test_one_that_was_merged_can_still_be_connected_from_the_page_it_is_part_of(
    page: Client, front: Camera, account: FTPAccount, back: Camera
) -> None:
    Camera.objects.filter(pk=front.pk).update(deleted_at=now(), merged_into=back)
    text = text_of(page, "/cameras/back_garden/")
    assert "<code>front_door</code> belong here, too" in text and 'href="/cameras/front_door/connect/"' in text
    assert "Connect Front door" in text_of(page, "/cameras/front_door/connect/")
    member = signed_in_as(UserFactory.create(role=Role.MEMBER))
    assert "belong here, too" not in text_of(member, "/cameras/back_garden/")
    Camera.objects.filter(pk=back.pk).update(deleted_at=now())
    assert page.get("/cameras/front_door/connect/").status_code == 404


def test_a_test_upload_of_one_that_was_merged_leads_to_the_page_it_is_part_of(
    page: Client, front: Camera, back: Camera
) -> None:
    Camera.objects.filter(pk=front.pk).update(deleted_at=now(), merged_into=back)
    sent = {"camera": "front_door", "next": "camera", "pictures": picture()}
    assert page.post("/upload/", sent).headers["Location"] == "/cameras/back_garden/"


def test_no_camera_is_called_by_a_nul(page: Client, front: Camera) -> None:
    assert [page.get(f"/cameras/%00{rest}").status_code for rest in ("/", "/connect/")] == [404, 404]
    assert page.post(f"{FRONT}merge/", {"target": "\0"}).status_code == 404


def test_those_put_away_are_the_owners_business(front: Camera) -> None:
    CameraFactory.create(id="attic", name="Attic", deleted_at=now())
    for role in (Role.MEMBER, Role.VIEWER):
        assert "Attic" not in text_of(signed_in_as(UserFactory.create(role=role, camera_ids=["attic"])), "/cameras/")


def test_merging_is_offered_to_the_owner_with_what_it_means(page: Client, front: Camera, back: Camera) -> None:
    text = text_of(page, FRONT)
    assert 'action="/cameras/front_door/merge/"' in text and "This cannot be undone." in text
    assert '<option value="back_garden">Back garden</option>' in text
    member = signed_in_as(UserFactory.create(role=Role.MEMBER))
    assert "/merge/" not in text_of(member, FRONT) and "/hide/" not in text_of(member, FRONT)


def test_an_only_camera_is_merged_into_nothing(page: Client, front: Camera) -> None:
    assert "/merge/" not in text_of(page, FRONT)


def test_it_costs_the_same_however_many_files_there_are(
    page: Client, account: FTPAccount, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    EventFactory.create(camera=account.camera)
    # session, user · camera · clock · account, its last login, refusal, slowing down · watcher · unreadable files ·
    # the tile, its picture · pictures · the day: where it begins, captures, ignored, their kinds · files,
    # ignored files · zones, what they are drawn over · other cameras · cameras merged into it
    queries = 23
    with django_assert_num_queries(queries):
        page.get(FRONT)
    for _ in range(4):
        EventFactory.create(camera=account.camera)
        CaptureFactory.create(camera=account.camera)
        logged(account, Step.SLOWED)
        IgnoredFileFactory.create(camera=account.camera, kind=IgnoredFile.Kind.UNREADABLE)
    with django_assert_num_queries(queries):
        page.get(FRONT)
