"""Captures and detections as the API shows them, and pictures that come in by it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from cameras.models import Camera, Capture
from tests.api.callers import caller
from tests.factories import CameraFactory, CaptureFactory, DetectionFactory
from tests.files import picture_bytes
from tests.visits import make_visit

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


def test_a_camera(client: APIClient) -> None:
    CameraFactory.create(id="front_door", name="Front Door")
    row = client.get("/api/v1/cameras/front_door/").json()
    assert row["name"] == "Front Door"
    assert set(row) >= {"id", "name", "folder_path", "place", "status", "created_at", "last_seen_at"}


def test_a_camera_named_in_another_script(client: APIClient) -> None:
    CameraFactory.create(id="площадь")
    assert client.get("/api/v1/cameras/площадь/").json()["id"] == "площадь"


def test_a_capture_carries_what_is_promised(client: APIClient) -> None:
    event = make_visit(CameraFactory.create())
    capture = Capture.objects.get()
    row = client.get(f"/api/v1/captures/{capture.pk}/").json()
    assert set(row) >= {
        "id",
        "camera_id",
        "event_id",
        "file_path",
        "file_type",
        "media_type",
        "sha256",
        "size",
        "state",
        "error",
        "attempts",
        "captured_at",
        "captured_at_source",
        "arrived_at",
        "processed_at",
        "width",
        "height",
        "duration",
        "video_codec",
    }
    assert row["event_id"] == event.pk
    assert row["preview_url"] == f"/media/previews/{capture.pk}"


def test_a_duplicate_belongs_to_the_event_of_the_first(client: APIClient) -> None:
    event = make_visit(CameraFactory.create())
    first = Capture.objects.get()
    again = CaptureFactory.create(camera=first.camera, state="duplicate", duplicate_of=first)
    row = client.get(f"/api/v1/captures/{again.pk}/").json()
    assert (row["event_id"], row["duplicate_of_id"], row["preview_url"]) == (event.pk, first.pk, None)


def test_a_detection_of_a_picture_has_no_size_of_a_video(client: APIClient) -> None:
    detection = DetectionFactory.create()
    row = client.get(f"/api/v1/detections/{detection.pk}/").json()
    assert (row["media_type"], row["video_width"], row["video_height"]) == ("image", None, None)
    assert row["file_path"] == detection.capture.file_path and row["event_id"] is None
    assert row["thumbnail_url"] == f"/media/thumbnails/{detection.pk}"


def test_a_detection_of_a_video_shows_the_facts_of_its_file(client: APIClient) -> None:
    facts = {"media_type": "video", "file_type": "video/mp4", "duration": 12.5, "video_codec": "h264"}
    video = CaptureFactory.create(**facts)
    detection = DetectionFactory.create(capture=video, frame_offset=3.0)
    row = client.get(f"/api/v1/detections/{detection.pk}/").json()
    assert {name: row[name] for name in facts} == facts
    assert (row["video_width"], row["video_height"], row["frame_offset"]) == (1280, 720, 3.0)


class TestUpload:
    def send(self, client: APIClient, camera: str = "porch", name: str = "a.jpg", content: bytes | None = None) -> Any:
        upload = SimpleUploadedFile(name, picture_bytes(7) if content is None else content)
        return client.post(f"/api/v1/cameras/{camera}/captures/", {"file": upload}, format="multipart")

    def test_it_is_taken_in_at_once(self, client: APIClient) -> None:
        camera = CameraFactory.create(id="porch")
        response = self.send(client)
        capture = camera.captures.get()
        row = response.json()
        assert response.status_code == 201
        assert (row["id"], row["camera_id"], row["state"], row["event_id"]) == (capture.pk, "porch", "queued", None)
        assert capture.path.read_bytes() == picture_bytes(7)

    def test_it_makes_the_camera_as_a_new_folder_would(self, client: APIClient) -> None:
        assert self.send(client, "New Gate").json()["camera_id"] == "new_gate"
        assert Camera.objects.get().pk == "new_gate"

    def test_a_put_away_camera_takes_nothing(self, client: APIClient) -> None:
        camera = CameraFactory.create(id="porch", deleted_at=timezone.now())
        assert self.send(client).status_code == 404
        assert not camera.captures.exists()

    @pytest.mark.parametrize(
        ("name", "content"),
        [("a.txt", b"hello"), ("a.jpg", b""), ("a.jpg", picture_bytes(1)[:-500])],
    )
    def test_what_cannot_be_taken_in_is_refused_in_words(self, client: APIClient, name: str, content: bytes) -> None:
        response = self.send(client, name=name, content=content)
        assert response.status_code == 400
        assert list(response.json()["errors"]) == ["file"] and not Capture.objects.exists()

    def test_a_wrong_content_is_kept_as_rejected(self, client: APIClient) -> None:
        response = self.send(client, content=b"GIF89a" + bytes(100))
        assert response.status_code == 201
        assert response.json()["state"] == "rejected" and response.json()["error"]

    @pytest.mark.parametrize("name", ["../../evil.jpg", "/etc/evil.jpg", "..\\evil.jpg"])
    def test_its_name_leads_nowhere_else(self, client: APIClient, name: str) -> None:
        assert self.send(client, name=name).json()["file_path"] == "porch/evil.jpg"

    def test_no_file_at_all(self, client: APIClient) -> None:
        response = client.post("/api/v1/cameras/porch/captures/", {}, format="multipart")
        assert response.status_code == 400 and list(response.json()["errors"]) == ["file"]

    def test_another_encoding_is_refused(self, client: APIClient) -> None:
        response = client.post("/api/v1/cameras/porch/captures/", {"file": "x"}, format="json")
        assert response.status_code == 415 and response.json()["title"] == "Unsupported Media Type"

    def test_more_than_two_gigabytes_are_not_even_read(self, client: APIClient) -> None:
        response = client.post(
            "/api/v1/cameras/porch/captures/",
            b"",
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH="3000000000",
        )
        assert response.status_code == 413 and "2 GB" in response.json()["detail"]
