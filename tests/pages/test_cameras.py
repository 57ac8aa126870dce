"""The cameras' pages, what can be changed there, and pictures added by hand."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role, User
from cameras.models import Camera, Capture
from tests.factories import CameraFactory, CaptureFactory, EventFactory, IgnoredFileFactory, UserFactory
from tests.pages.conftest import signed_in_as

HOSTILE = "<script>alert(1)</script>"


def text_of(client: Client, url: str) -> str:
    return " ".join(client.get(url).content.decode().split())


def picture(name: str = "visitor.jpg", shade: int = 100) -> SimpleUploadedFile:
    _, content = cv2.imencode(".jpg", np.full((72, 128, 3), shade, np.uint8))
    return SimpleUploadedFile(name, content.tobytes(), "image/jpeg")


def test_a_tile_tells_how_old_its_picture_is(page: Client, front: Camera) -> None:
    capture = CaptureFactory.create(camera=front, captured_at=now() - timedelta(minutes=12))
    text = text_of(page, "/cameras/")
    assert "12 min ago" in text
    assert f'src="/media/originals/{capture.pk}"' in text


def test_an_offline_camera_shows_when_its_picture_is_of(page: Client) -> None:
    gate = CameraFactory.create(id="gate", status="offline", timezone="UTC")
    CaptureFactory.create(camera=gate, captured_at=now() - timedelta(days=400))
    text = text_of(page, "/cameras/")
    assert "tile is-offline" in text
    assert "Offline · " in text
    assert "tile-stamp" in text


def test_a_camera_silent_for_longer_than_ever_is_overdue(page: Client, front: Camera) -> None:
    for hours in range(3, 8):
        for minutes in (0, 20, 40):
            CaptureFactory.create(camera=front, captured_at=now() - timedelta(hours=hours, minutes=minutes))
    text = text_of(page, "/cameras/")
    assert "tile is-overdue" in text
    assert "usually every 20 min, silent 3 h" in text
    assert "silent for 3 h" in text_of(page, "/cameras/front_door/")


def test_a_camera_that_appeared_by_itself_is_new_until_somebody_names_or_places_it(page: Client, front: Camera) -> None:
    assert "appeared by itself" in text_of(page, "/cameras/")
    page.post("/cameras/front_door/change/", {"place": "street"})
    assert "appeared by itself" not in text_of(page, "/cameras/")


def test_a_camera_is_new_for_a_week_and_not_for_a_viewer(page: Client, front: Camera) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
    assert "appeared by itself" not in text_of(viewer, "/cameras/")
    Camera.objects.update(created_at=now() - timedelta(days=8))
    assert "appeared by itself" not in text_of(page, "/cameras/")


def test_the_place_is_one_click_away(page: Client, front: Camera) -> None:
    response = page.post("/cameras/front_door/change/", {"place": "street", "next": "cameras"}, follow=True)
    front.refresh_from_db()
    assert (front.place, front.name) == ("street", "Front door")
    assert "It looks at: Street." in response.content.decode()
    line = AuditLog.objects.get()
    assert (line.action, line.resource_id, line.details) == ("camera_updated", "front_door", {"place": "street"})


def test_the_name_is_changed_in_place(page: Client, front: Camera) -> None:
    response = page.post("/cameras/front_door/change/", {"name": "  Porch ", "next": "camera"})
    front.refresh_from_db()
    assert (front.name, front.place) == ("Porch", "front")
    assert response["Location"] == "/cameras/front_door/"


@pytest.mark.parametrize("change", [{"place": "moon"}, {"name": ""}, {"name": "x" * 201}, {"status": "offline"}, {}])
def test_what_cannot_be_is_refused_in_words(page: Client, front: Camera, change: dict[str, str]) -> None:
    page.post("/cameras/front_door/change/", change)
    unchanged = Camera.objects.get()
    assert (unchanged.name, unchanged.place, unchanged.status) == ("Front door", "front", "online")
    assert not AuditLog.objects.exists()


def test_a_member_cannot_change_a_deleted_camera(front: Camera) -> None:
    Camera.objects.update(deleted_at=now())
    member = signed_in_as(UserFactory.create(role=Role.MEMBER))
    assert member.post("/cameras/front_door/change/", {"name": "Porch"}).status_code == 404


def test_older_files_are_offered_and_imported(page: Client, front: Camera) -> None:
    Camera.objects.update(older_files=12_400, skip_before=now())
    assert "12,400 older files lay here" in text_of(page, "/cameras/")
    page.post("/cameras/front_door/import-older/")
    front.refresh_from_db()
    assert (front.older_files, front.skip_before) == (0, None)
    assert AuditLog.objects.get().details == {"imported_older_files": 12_400}


def test_a_clock_that_is_off_is_told_and_corrected_from_then_on(page: Client, front: Camera) -> None:
    for _ in range(5):
        CaptureFactory.create(camera=front, clock_difference=61 * 60)
    assert "Its clock is 61 min behind" in text_of(page, "/cameras/front_door/")
    page.post("/cameras/front_door/correct-clock/")
    front.refresh_from_db()
    assert front.clock_offset == 61 * 60
    assert AuditLog.objects.get().details == {"clock_offset": 61 * 60}
    text = text_of(page, "/cameras/front_door/")
    assert "Its clock is taken to be 61 min behind" in text and "correct its times" not in text


def test_a_clock_that_keeps_time_is_not_mentioned_nor_corrected(page: Client, front: Camera) -> None:
    for _ in range(5):
        CaptureFactory.create(camera=front, clock_difference=20)
    assert "Its clock" not in text_of(page, "/cameras/front_door/")
    page.post("/cameras/front_door/correct-clock/")
    front.refresh_from_db()
    assert front.clock_offset is None


def test_a_cameras_page_leads_to_the_visits_of_its_pictures(page: Client, front: Camera) -> None:
    event = EventFactory.create(camera=front)
    empty = CaptureFactory.create(camera=front, nothing_found="Nothing found (looked for people)")
    IgnoredFileFactory.create(camera=front, reason="txt files are not read")
    text = text_of(page, "/cameras/front_door/")
    assert f'href="/events/{event.pk}/?picture=' in text
    assert f'href="/media/originals/{empty.pk}"' in text
    assert "Nothing found (looked for people)" in text
    assert "txt files are not read" in text


def test_a_cameras_page_tells_nothing_of_another_camera(page: Client, front: Camera, back: Camera) -> None:
    CaptureFactory.create(camera=back, file_path="back_garden/secret.jpg")
    assert "secret.jpg" not in text_of(page, "/cameras/front_door/")


def test_names_from_outside_are_only_words(page: Client) -> None:
    camera = CameraFactory.create(id="hostile", name=HOSTILE, folder_path=f"/srv/{HOSTILE}", older_files=2)
    CaptureFactory.create(camera=camera, file_path=f"hostile/{HOSTILE}\\xff.jpg", state="failed", error=HOSTILE)
    for url in ("/cameras/", "/cameras/hostile/"):
        assert HOSTILE not in text_of(page, url)


def test_a_name_that_is_not_unicode_has_its_page(page: Client) -> None:
    camera = CameraFactory.create(id="caf_é", name="Café")
    CaptureFactory.create(camera=camera, file_path="caf\\xe9/a\\xff.jpg")
    assert "a\N{REPLACEMENT CHARACTER}.jpg" in text_of(page, "/cameras/caf_é/")


def test_it_costs_the_same_however_many_cameras_there_are(
    page: Client, front: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    EventFactory.create(camera=front)
    # session, user · cameras, their pictures · put away · touched by a person · slowed down · files, ignored files
    queries = 9
    with django_assert_num_queries(queries):
        page.get("/cameras/")
    for _ in range(4):
        EventFactory.create_batch(3)
    with django_assert_num_queries(queries):
        page.get("/cameras/")


def test_a_picture_is_added_without_script(page: Client) -> None:
    response = page.post("/upload/", {"pictures": picture(), "new_camera": "Side Gate", "next": "live"}, follow=True)
    capture = Capture.objects.get()
    assert (capture.camera_id, capture.state) == ("side_gate", "queued")
    assert capture.path.is_file()
    assert response.redirect_chain == [("/", 302)]
    assert "visitor.jpg: taken in; what becomes of it is told under Last files." in response.content.decode()


def test_several_pictures_are_added_to_a_known_camera(page: Client, front: Camera) -> None:
    files = [picture("one.jpg", 10), picture("two.jpg", 200)]
    page.post("/upload/", {"pictures": files, "camera": front.pk, "new_camera": ""})
    assert set(Capture.objects.values_list("camera_id", flat=True)) == {"front_door"}
    assert Capture.objects.count() == 2


def test_a_script_gets_a_sentence_for_each_file(page: Client) -> None:
    response = page.post("/upload/", {"pictures": picture()}, headers={"Accept": "application/json"})
    assert response.json() == {"sentences": ["visitor.jpg: taken in; what becomes of it is told under Last files."]}
    assert Capture.objects.get().camera_id == "unsorted"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "No file was chosen."),
        ([SimpleUploadedFile("notes.txt", b"hello")], "notes.txt is of a kind that is not read"),
        ([SimpleUploadedFile("half.jpg", picture().read()[:200])], "half.jpg is not whole"),
    ],
)
def test_what_cannot_be_taken_in_is_said(page: Client, files: list[SimpleUploadedFile], words: str) -> None:
    response = page.post("/upload/", {"pictures": files}, headers={"Accept": "application/json"})
    assert response.status_code == 422
    assert words in response.json()["sentences"][0]
    assert not Capture.objects.exists()


def test_a_disk_that_refuses_is_said(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Capture:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cameras.views.uploading.receive_upload", full)
    response = page.post("/upload/", {"pictures": picture()}, headers={"Accept": "application/json"})
    assert response.json() == {"sentences": ["visitor.jpg could not be stored: No space left on device."]}


@pytest.mark.parametrize("name", ["../../escape.jpg", "/etc/escape.jpg", "..\\escape.jpg"])
def test_a_name_cannot_lead_out_of_the_camera_folder(page: Client, settings: object, name: str) -> None:
    page.post("/upload/", {"pictures": picture(name), "new_camera": "../../up"})
    capture = Capture.objects.get()
    assert capture.camera_id == "up"
    assert capture.path.name == "escape.jpg"


def test_the_demo_is_started_in_the_background(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False])  # whether it was not playing yet
    monkeypatch.setattr("cameras.views.uploading.start_in_background", lambda: next(answers))
    assert "The demo is playing: its first pictures" in page.post("/demo/", follow=True).content.decode()
    assert "The demo is playing already." in page.post("/demo/", follow=True).content.decode()


def test_a_viewer_without_cameras_is_told_whom_to_ask(owner: User, front: Camera) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER))
    assert "You can see 0 of 1 cameras. Ask the owner." in text_of(viewer, "/cameras/")


def test_times_are_those_of_the_camera(page: Client) -> None:
    far = CameraFactory.create(id="cabin", timezone="Asia/Tokyo")
    CaptureFactory.create(camera=far, captured_at=datetime(2026, 1, 2, 23, 15, 7, tzinfo=UTC))
    assert "08:15:07" in text_of(page, "/cameras/cabin/")
