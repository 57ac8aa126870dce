"""A camera that a person makes: its name, its folder, and what is refused in words."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import AuditLog
from cameras.adding import FieldRefused, NameRefused, PlaceRefused, ZoneRefused, add_camera
from cameras.changing import change_camera
from cameras.intake import take_in
from cameras.models import Camera, FTPAccount, Place
from cameras.scan import Scanner
from tests.factories import CameraFactory
from tests.files import drop, picture_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "cameras"


class TestAdding:
    def test_it_has_a_folder_and_a_place_that_its_name_suggests(self, root: Path) -> None:
        camera, credentials = add_camera("  Side   Gate ", ftp=False)
        camera.refresh_from_db()
        assert (camera.pk, camera.name, camera.place, credentials) == ("side_gate", "Side Gate", "side", None)
        assert camera.folder == root / "side_gate" and camera.folder.is_dir()
        entry = AuditLog.objects.get()
        assert (entry.action, entry.resource_id, entry.details) == (
            "camera_created",
            "side_gate",
            {"name": "Side Gate", "ftp": False},
        )

    def test_what_is_said_counts_more_than_what_is_guessed(self) -> None:
        camera, _ = add_camera("Side Gate", ftp=False, place=Place.STREET, timezone="Asia/Tokyo")
        assert (camera.place, camera.zone.key) == ("street", "Asia/Tokyo")

    def test_its_password_is_told_and_kept_nowhere(self) -> None:
        camera, credentials = add_camera("Gate", ftp=True)
        assert credentials is not None and credentials.password is not None
        account = FTPAccount.objects.get(camera=camera)
        kept = f"{vars(account)} {[vars(entry) for entry in AuditLog.objects.all()]}"
        assert credentials.user == account.user and credentials.password not in kept

    def test_it_is_offline_until_its_first_file(self, root: Path) -> None:
        camera, _ = add_camera("Side Gate", ftp=False)
        assert Camera.objects.get().status == "offline"
        take_in(drop(camera.folder, "a.jpg", picture_bytes(1)))
        assert Camera.objects.get().status == "online"

    def test_its_name_turns_no_text_around_it(self) -> None:
        with pytest.raises(NameRefused, match="control characters"):
            add_camera("Front\u202edoor", ftp=False)

    def test_its_first_file_is_its(self, root: Path) -> None:
        camera, _ = add_camera("Side Gate", ftp=False)
        take_in(drop(camera.folder, "a.jpg", picture_bytes(1)))
        assert Camera.objects.get().captures.count() == 1

    def test_files_that_lie_there_already_are_found(self, root: Path) -> None:
        drop(root / "gate", "a.jpg", picture_bytes(1))
        add_camera("Gate", ftp=False)
        assert [path.name for path in Scanner(root).full()] == ["a.jpg"]

    def test_many_older_ones_are_offered_first(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("cameras.scan.OLD_AT_FIRST_SCAN", timedelta(seconds=-5))
        for number in range(51):
            drop(root / "gate", f"{number}.jpg", b"old")
        camera, _ = add_camera("Gate", ftp=False)
        assert list(Scanner(root).full()) == []
        camera.refresh_from_db()
        assert camera.older_files == 51

    def test_an_empty_folder_does_not_count_as_its_first_scan(self, root: Path) -> None:
        camera, _ = add_camera("Gate", ftp=False)
        list(Scanner(root).full())
        camera.refresh_from_db()
        assert camera.first_scanned_at is None

    def test_without_its_folder_there_is_no_camera(self, root: Path) -> None:
        (root / "gate").write_text("a file in its way")
        with pytest.raises(FileExistsError):
            add_camera("Gate", ftp=True)
        assert not Camera.objects.exists() and not FTPAccount.objects.exists() and not AuditLog.objects.exists()

    @pytest.mark.parametrize(
        "name",
        ["", "  ", "---", "…", "x" * 201, "gate\x00", "ga\x1bte", "\ud800gate", "字" * 100],
        ids=["empty", "spaces", "dashes", "dots", "long", "nul", "escape", "surrogate", "long folder"],
    )
    def test_some_names_cannot_be(self, name: str) -> None:
        with pytest.raises(NameRefused):
            add_camera(name, ftp=False)
        assert not Camera.objects.exists()

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "europe/berlin\x00", "UTC+1"])
    def test_a_time_zone_nobody_knows_is_refused(self, zone: str) -> None:
        with pytest.raises(ZoneRefused, match="There is no time zone"):
            add_camera("Gate", ftp=False, timezone=zone)
        assert not Camera.objects.exists()

    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.text(max_size=210))
    def test_any_name_makes_a_camera_in_its_own_folder_or_is_refused(self, name: str, root: Path) -> None:
        try:
            camera, _ = add_camera(name, ftp=True)
        except FieldRefused:
            return
        assert camera.folder.parent == root and camera.folder.is_dir()
        camera.delete()


class TestTakenNames:
    def test_one_that_appeared_by_itself(self, root: Path) -> None:
        take_in(drop(root / "Front Door", "a.jpg", picture_bytes(1)))
        with pytest.raises(NameRefused, match="There is a camera Front Door already") as refused:
            add_camera("front-door", ftp=True)
        assert refused.value.camera == Camera.objects.get()
        assert not FTPAccount.objects.exists()

    def test_one_that_was_put_away(self) -> None:
        CameraFactory.create(id="gate", name="Gate", deleted_at=timezone.now())
        with pytest.raises(NameRefused, match="Gate was put away"):
            add_camera("Gate", ftp=False)

    def test_one_that_was_merged(self) -> None:
        front = CameraFactory.create(name="Front door")
        CameraFactory.create(id="gate", deleted_at=timezone.now(), merged_into=front)
        with pytest.raises(NameRefused, match="A camera of this name was merged into Front door"):
            add_camera("Gate", ftp=False)

    def test_what_another_is_called_now(self) -> None:
        CameraFactory.create(id="yard", name="The Gate")
        with pytest.raises(NameRefused, match="There is a camera The Gate already"):
            add_camera("the gate", ftp=False)

    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_once_one_is_told_so(self) -> None:
        together = threading.Barrier(4)

        def add(_: int) -> str:
            together.wait()
            try:
                add_camera("Gate", ftp=True)
            except NameRefused as refusal:
                return str(refusal)
            finally:
                connection.close()
            return "made"

        with ThreadPoolExecutor(4) as threads:
            answers = sorted(threads.map(add, range(4)))
        assert answers[-1] == "made" and {answer[:22] for answer in answers[:-1]} == {"There is a camera Gate"}
        assert AuditLog.objects.filter(action="camera_created").count() == 1


class TestChanging:
    def test_only_what_differs_is_written(self) -> None:
        camera = CameraFactory.create(id="gate", name="Gate", place="side", timezone="UTC")
        Camera.objects.update(status="offline")
        changed = change_camera(camera, {"name": " Garden  gate ", "place": "side", "timezone": "Asia/Tokyo"}, None)
        assert changed == ["name", "timezone"]
        camera.refresh_from_db()
        assert (camera.name, camera.place, camera.zone.key, camera.status) == (
            "Garden gate",
            "side",
            "Asia/Tokyo",
            "offline",
        )
        assert AuditLog.objects.get().details == {"name": "Garden gate", "timezone": "Asia/Tokyo"}

    def test_nothing_new_leaves_no_trace(self) -> None:
        camera = CameraFactory.create(name="Gate")
        assert change_camera(camera, {"name": "Gate"}, None) == []
        assert not AuditLog.objects.exists()

    def test_two_cameras_are_never_called_the_same(self) -> None:
        CameraFactory.create(name="Gate")
        CameraFactory.create(name="Shed", deleted_at=timezone.now())
        camera = CameraFactory.create(name="Door")
        with pytest.raises(NameRefused, match="There is a camera Gate already"):
            change_camera(camera, {"name": "gate"}, None)
        assert change_camera(camera, {"name": "DOOR"}, None) == ["name"]
        assert change_camera(camera, {"name": "Shed"}, None) == ["name"]

    def test_it_stays_as_it_is_where_a_part_is_refused(self) -> None:
        camera = CameraFactory.create(name="Gate", place="side")
        with pytest.raises(ZoneRefused):
            change_camera(camera, {"name": "Door", "timezone": "Mars"}, None)
        with pytest.raises(PlaceRefused):
            change_camera(camera, {"name": "Door", "place": "roof"}, None)
        with pytest.raises(NameRefused):
            change_camera(camera, {"name": "", "place": "back"}, None)
        camera.refresh_from_db()
        assert (camera.name, camera.place) == ("Gate", "side")

    def test_a_correction_of_its_clock_can_be_dropped(self) -> None:
        camera = CameraFactory.create(clock_offset=3600)
        assert change_camera(camera, {"clock_offset": None}, None) == ["clock_offset"]
        camera.refresh_from_db()
        assert camera.clock_offset is None
