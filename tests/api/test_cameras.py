"""Cameras by API: added, changed, put away, brought back, given a password; and their last picture."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import AuditLog, Scope
from accounts.models import hash_key as sha256
from cameras.hiding import put_away
from cameras.models import Camera, Capture, FTPAccount
from cameras.stored_files import mtime_of
from tests.api.callers import NOT_READERS, OWNERS, WRITERS, caller, client_with
from tests.factories import CameraFactory, CaptureFactory, write_original, write_preview
from tests.files import picture_bytes
from tests.people import make_key
from tests.visits import NOON

pytestmark = pytest.mark.django_db

CAMERAS = "/api/v1/cameras/"


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


@pytest.fixture(autouse=True)
def _at_home(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"FTP_HOST": "192.168.0.5", "FTP_PORT": 2121})


def is_problem(response: Any, status: int) -> bool:
    assert response.headers["Content-Type"] == "application/problem+json"
    return bool(response.status_code == response.json()["status"] == status and response.json()["detail"])


class TestAdding:
    @pytest.mark.parametrize(("name", "status"), OWNERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        response = caller(name).post(CAMERAS, {"name": "Gate"})
        assert response.status_code == (201 if status == 200 else status)
        assert Camera.objects.exists() == (status == 200)

    def test_with_an_account(self, client: APIClient) -> None:
        response = client.post(CAMERAS, {"name": "Side gate", "ftp": True})
        row = response.json()
        password = row["ftp"].pop("password")
        assert response.status_code == 201
        assert (response.headers["Location"], response.headers["Cache-Control"]) == (
            f"{CAMERAS}side_gate/",
            "no-store",
        )
        assert row["ftp"] == {"host": "192.168.0.5", "port": 2121, "user": "sidegate", "passive": True}
        assert (row["id"], row["name"], row["place"], row["ftp_user"]) == ("side_gate", "Side gate", "side", "sidegate")
        assert (row["deleted_at"], row["merged_into_id"]) == (None, None) and row["created_at"]
        assert FTPAccount.objects.get().password_hash == sha256(password)
        assert password not in client.get(f"{CAMERAS}side_gate/").content.decode()
        assert not any(password in str(vars(entry)) for entry in AuditLog.objects.all())

    def test_without(self, client: APIClient) -> None:
        row = client.post(CAMERAS, {"name": "Hall", "place": "street", "timezone": "Asia/Tokyo"}).json()
        assert (row["ftp"], row["ftp_user"], row["place"], row["timezone"]) == (None, None, "street", "Asia/Tokyo")

    def test_where_it_is_said_to_lie_it_lies(self, client: APIClient) -> None:
        response = client.post(CAMERAS, {"name": "Площадь"})
        assert client.get(response.headers["Location"]).json()["id"] == "площадь"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "---"}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "gate\x00"}, "name"),
            ({"name": "字" * 100}, "name"),
            ({"name": "Shed"}, "name"),
            ({"name": "Away"}, "name"),
            ({"name": "Gate", "place": "roof"}, "place"),
            ({"name": "Gate", "timezone": "Mars"}, "timezone"),
            ({"name": "Gate", "ftp": "perhaps"}, "ftp"),
            ({"name": "Gate", "nmae": "x"}, "nmae"),
            ({"name": "Gate", "deleted_at": None}, "deleted_at"),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused_by_name(self, client: APIClient, body: dict[str, object], field: str) -> None:
        CameraFactory.create(id="shed", name="Shed")
        CameraFactory.create(id="away", name="Away", deleted_at=timezone.now())
        response = client.post(CAMERAS, body)
        assert is_problem(response, 400) and list(response.json()["errors"]) == [field]
        assert Camera.objects.count() == 2

    def test_a_disk_that_refuses_is_told(self, client: APIClient, settings: Settings) -> None:
        (settings.CAMERA_ROOT / "gate").write_text("a file in its way")
        assert is_problem(client.post(CAMERAS, {"name": "Gate", "ftp": True}), 507)
        assert not Camera.objects.exists()

    def test_the_key_is_named_in_the_audit_trail(self) -> None:
        client_with(make_key(Scope.WRITE)).post(CAMERAS, {"name": "Gate"})
        assert AuditLog.objects.get().actor.startswith("script (")


class TestChanging:
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        CameraFactory.create(id="front_door", name="Front door")
        response = caller(name).patch(f"{CAMERAS}front_door/", {"name": "Door"})
        assert response.status_code == status
        assert (Camera.objects.get().name == "Door") == (status == 200)

    def test_each(self, client: APIClient) -> None:
        CameraFactory.create(id="gate")
        changes = {"name": "The gate", "place": "side", "timezone": "Asia/Tokyo", "clock_offset": 3600}
        row = client.patch(f"{CAMERAS}gate/", changes).json()
        assert {name: row[name] for name in changes} == changes
        assert AuditLog.objects.get().details == changes
        assert client.patch(f"{CAMERAS}gate/", {"clock_offset": None}).json()["clock_offset"] is None

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": "Shed"}, "name"),
            ({"name": " "}, "name"),
            ({"place": "roof"}, "place"),
            ({"timezone": "Mars"}, "timezone"),
            ({"clock_offset": 10**12}, "clock_offset"),
            ({"id": "x"}, "id"),
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused_by_name(self, client: APIClient, body: dict[str, object], field: str) -> None:
        CameraFactory.create(id="shed", name="Shed")
        CameraFactory.create(id="gate", name="Gate")
        response = client.patch(f"{CAMERAS}gate/", body)
        assert is_problem(response, 400) and list(response.json()["errors"]) == [field]
        assert not AuditLog.objects.exists()

    def test_one_that_was_put_away_is_not_there(self, client: APIClient) -> None:
        CameraFactory.create(id="gate", deleted_at=timezone.now())
        assert is_problem(client.patch(f"{CAMERAS}gate/", {"name": "x"}), 404)

    def test_it_is_not_replaced_as_a_whole(self, client: APIClient) -> None:
        CameraFactory.create(id="gate")
        assert is_problem(client.put(f"{CAMERAS}gate/", {"name": "x"}), 405)


class TestPuttingAway:
    @pytest.mark.parametrize(("name", "status"), OWNERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        camera = CameraFactory.create(id="front_door")
        who = caller(name)
        assert who.delete(f"{CAMERAS}front_door/").status_code == (204 if status == 200 else status)
        camera.refresh_from_db()
        assert (camera.deleted_at is not None) == (status == 200)
        Camera.objects.update(deleted_at=timezone.now())
        assert who.post(f"{CAMERAS}front_door/restore/").status_code == status
        camera.refresh_from_db()
        assert (camera.deleted_at is None) == (status == 200)

    def test_what_is_away_is_found_and_brought_back(self, client: APIClient) -> None:
        CameraFactory.create(id="front")
        CameraFactory.create(id="gate", name="Gate")
        assert client.delete(f"{CAMERAS}gate/").content == b""
        assert [row["id"] for row in client.get(CAMERAS).json()["results"]] == ["front"]
        assert [row["id"] for row in client.get(f"{CAMERAS}?deleted=false").json()["results"]] == ["front"]
        (away,) = client.get(f"{CAMERAS}?deleted=true").json()["results"]
        assert (away["id"], away["merged_into_id"]) == ("gate", None) and away["deleted_at"]
        assert is_problem(client.get(f"{CAMERAS}gate/"), 404)
        assert is_problem(client.delete(f"{CAMERAS}gate/"), 404)
        back = client.post(f"{CAMERAS}gate/restore/")
        assert (back.status_code, back.json()["deleted_at"]) == (200, None)
        assert client.post(f"{CAMERAS}gate/restore/").status_code == 200, "twice is once"

    @pytest.mark.parametrize(
        ("name", "status"), {**NOT_READERS, "owner": 200, "read key": 200, "member": 403, "viewer": 403}.items()
    )
    def test_who_may_see_what_is_away(self, name: str, status: int) -> None:
        assert caller(name).get(f"{CAMERAS}?deleted=true").status_code == status

    def test_one_that_was_merged_stays_with_the_other(self, client: APIClient) -> None:
        front = CameraFactory.create(id="front", name="Front door")
        CameraFactory.create(id="gate", deleted_at=timezone.now(), merged_into=front)
        (row,) = client.get(f"{CAMERAS}?deleted=true").json()["results"]
        assert row["merged_into_id"] == "front"
        response = client.post(f"{CAMERAS}gate/restore/")
        assert is_problem(response, 409) and "merged into Front door" in response.json()["detail"]

    def test_one_whose_name_is_taken_stays_away(self, client: APIClient) -> None:
        CameraFactory.create(id="shed", name="Gate")
        CameraFactory.create(id="gate", name="Gate", deleted_at=timezone.now())
        response = client.post(f"{CAMERAS}gate/restore/")
        assert is_problem(response, 409) and "called Gate now" in response.json()["detail"]

    @pytest.mark.parametrize("camera_id", ["nobody", "%00"])
    def test_nobody_comes_back(self, client: APIClient, camera_id: str) -> None:
        assert client.post(f"{CAMERAS}{camera_id}/restore/").status_code == 404


class TestPasswords:
    @pytest.mark.parametrize(("name", "status"), OWNERS.items())
    def test_who_may(self, name: str, status: int) -> None:
        CameraFactory.create(id="front_door")
        assert caller(name).post(f"{CAMERAS}front_door/ftp-password/").status_code == status
        assert FTPAccount.objects.exists() == (status == 200)

    def test_each_is_told_once_and_ends_the_one_before(self, client: APIClient) -> None:
        CameraFactory.create(id="gate")
        first, second = (client.post(f"{CAMERAS}gate/ftp-password/") for _ in range(2))
        assert second.headers["Cache-Control"] == "no-store"
        assert first.json() | {"password": ""} == second.json() | {"password": ""}
        assert first.json()["password"] != second.json()["password"]
        assert FTPAccount.objects.get().password_hash == sha256(second.json()["password"])
        assert client.get(f"{CAMERAS}gate/").json()["ftp_user"] == "gate"

    def test_one_that_was_put_away_gets_none(self, client: APIClient) -> None:
        CameraFactory.create(id="gate", deleted_at=timezone.now())
        assert is_problem(client.post(f"{CAMERAS}gate/ftp-password/"), 404)

    def test_one_that_was_merged_gets_one_as_long_as_the_other_is_there(self, client: APIClient) -> None:
        front = CameraFactory.create(id="front_door")
        CameraFactory.create(id="gate", deleted_at=timezone.now(), merged_into=front)
        assert client.post(f"{CAMERAS}gate/ftp-password/").json()["user"] == "gate"
        put_away(front, None)
        assert is_problem(client.post(f"{CAMERAS}gate/ftp-password/"), 404)


class TestLatest:
    @pytest.fixture
    def front(self) -> Camera:
        return CameraFactory.create(id="front_door")

    @pytest.mark.parametrize(
        ("name", "status"), {**NOT_READERS, "owner": 200, "member": 200, "viewer": 200, "read key": 200}.items()
    )
    def test_who_may_see_it(self, front: Camera, name: str, status: int) -> None:
        write_original(CaptureFactory.create(camera=front))
        response = caller(name).get(f"{CAMERAS}front_door/latest/")
        assert response.status_code == status
        assert (response.headers["Content-Type"] == "image/jpeg") == (status == 200)

    @pytest.mark.parametrize("name", ["viewer", "viewer's key"])
    def test_not_of_a_camera_one_may_not_see(self, name: str) -> None:
        write_original(CaptureFactory.create(camera=CameraFactory.create(id="bedroom")))
        assert is_problem(caller(name).get(f"{CAMERAS}bedroom/latest/"), 404)

    def test_not_of_one_that_was_put_away(self, client: APIClient, front: Camera) -> None:
        write_original(CaptureFactory.create(camera=front))
        Camera.objects.update(deleted_at=timezone.now())
        assert is_problem(client.get(f"{CAMERAS}front_door/latest/"), 404)

    def test_it_is_the_picture_taken_last(self, client: APIClient, front: Camera) -> None:
        late = CaptureFactory.create(camera=front, captured_at=NOON, preview_path="previews/2026-03-04/1.jpg")
        preview = write_preview(late)
        write_original(CaptureFactory.create(camera=front, captured_at=NOON - timedelta(seconds=1)))
        CaptureFactory.create(camera=front, captured_at=NOON + timedelta(seconds=1), state="rejected")
        CaptureFactory.create(camera=front, captured_at=NOON + timedelta(seconds=2), media_type="video")
        response = client.get(f"{CAMERAS}front_door/latest/")
        assert response.content == preview.read_bytes()
        assert response.headers["Cache-Control"] == "private, no-cache"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    def test_one_whose_file_is_another_by_now_is_left_out(self, client: APIClient, front: Camera) -> None:
        kept = write_original(CaptureFactory.create(camera=front, captured_at=NOON, file_path="front_door/a.jpg"))
        gone = CaptureFactory.create(
            camera=front, captured_at=NOON + timedelta(seconds=1), file_path="front_door/b.jpg"
        )
        write_original(gone).write_bytes(picture_bytes(1))
        assert client.get(f"{CAMERAS}front_door/latest/").content == kept.read_bytes()

    @pytest.mark.parametrize("accept", ["*/*", "image/*", "image/jpeg", "image/avif,image/webp,*/*;q=0.8"])
    def test_whoever_asks_for_a_picture_gets_it_or_a_problem(
        self, client: APIClient, front: Camera, accept: str
    ) -> None:
        assert is_problem(client.get(f"{CAMERAS}front_door/latest/", headers={"Accept": accept}), 404)
        write_original(CaptureFactory.create(camera=front))
        assert client.get(f"{CAMERAS}front_door/latest/", headers={"Accept": accept}).status_code == 200

    def test_one_with_megabytes_behind_its_end_is_passed_over(
        self, client: APIClient, front: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_original(CaptureFactory.create(camera=front, captured_at=NOON, file_path="front_door/a.jpg"))
        small = client.get(f"{CAMERAS}front_door/latest/").content
        monkeypatch.setattr("cameras.pictures.MOST_BYTES", len(small))
        later = CaptureFactory.create(camera=front, captured_at=NOON + timedelta(hours=1), file_path="front_door/b.jpg")
        with write_original(later).open("ab") as file:
            file.write(b"x")
        Capture.objects.filter(pk=later.pk).update(size=later.path.stat().st_size, mtime=mtime_of(later.path.stat()))
        assert client.get(f"{CAMERAS}front_door/latest/").content == small

    def test_the_same_one_is_not_sent_twice(self, client: APIClient, front: Camera) -> None:
        write_original(CaptureFactory.create(camera=front, captured_at=NOON, file_path="front_door/a.jpg"))
        first = client.get(f"{CAMERAS}front_door/latest/")
        for header, validator in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            again = client.get(f"{CAMERAS}front_door/latest/", headers={header: first.headers[validator]})
            assert (again.status_code, again.content) == (304, b"")
        write_original(
            CaptureFactory.create(camera=front, captured_at=NOON + timedelta(hours=1), file_path="front_door/b.jpg")
        )
        newer = client.get(f"{CAMERAS}front_door/latest/", headers={"If-None-Match": first.headers["ETag"]})
        assert newer.status_code == 200


class TestUploadsToOneThatWasMerged:
    def test_they_go_to_the_other(self, client: APIClient) -> None:
        front = CameraFactory.create(id="front_door")
        CameraFactory.create(id="gate", deleted_at=timezone.now(), merged_into=front)
        upload = SimpleUploadedFile("a.jpg", picture_bytes(1))
        response = client.post(f"{CAMERAS}gate/captures/", {"file": upload}, format="multipart")
        assert (response.status_code, response.json()["camera_id"]) == (201, "front_door")
        assert Capture.objects.get().file_path == "front_door/a.jpg"
