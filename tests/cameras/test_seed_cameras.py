"""Sample cameras: made once, listed, and removed only while they hold nothing of anybody's."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from accounts.models import AuditAction, AuditLog
from cameras.models import Camera, Capture

pytestmark = pytest.mark.django_db

SAMPLES = {
    "front_door": "front",
    "back_yard": "back",
    "driveway": "driveway",
    "garage": "driveway",
    "side_gate": "side",
    "living_room": "inside",
}


def seed_cameras(*options: str) -> str:
    said = StringIO()
    call_command("seed_cameras", *options, stdout=said)
    return said.getvalue()


def folders_in(root: Path) -> set[str]:
    return {folder.name for folder in root.iterdir()}


def test_it_makes_six_cameras_with_their_places_and_folders(settings: Settings) -> None:
    seed_cameras()
    assert dict(Camera.objects.values_list("pk", "place")) == SAMPLES
    assert folders_in(settings.CAMERA_ROOT) == set(SAMPLES)


def test_a_camera_that_never_reported_is_not_called_online() -> None:
    seed_cameras("--count", "1")
    assert Camera.objects.get().status == Camera.Status.OFFLINE


def test_running_it_again_changes_nothing() -> None:
    seed_cameras()
    Camera.objects.filter(pk="garage").update(name="My garage", place="inside")
    assert seed_cameras().count("there already") == 6
    assert Camera.objects.get(pk="garage").name == "My garage"
    assert AuditLog.objects.filter(action=AuditAction.CAMERA_CREATED).count() == 6


def test_a_deleted_camera_stays_deleted() -> None:
    seed_cameras("--count", "1")
    Camera.objects.update(deleted_at=datetime.now(UTC))
    assert "bring it back" in seed_cameras("--count", "1")
    assert Camera.objects.get().deleted_at


def test_count_without_folders(settings: Settings) -> None:
    seed_cameras("--count", "2", "--no-folders")
    assert Camera.objects.count() == 2
    assert folders_in(settings.CAMERA_ROOT) == set()


@pytest.mark.parametrize("count", ["0", "-1", "7"])
def test_a_count_it_cannot_make_is_refused(count: str) -> None:
    with pytest.raises(CommandError, match="1 to 6"):
        seed_cameras("--count", count)


def test_a_folder_that_cannot_be_made_is_named(settings: Settings) -> None:
    (settings.CAMERA_ROOT / "front_door").write_text("a file stands here")
    with pytest.raises(CommandError, match=r"Cannot make .*front_door"):
        seed_cameras()


def test_the_list_of_nothing_says_what_to_do() -> None:
    assert "No cameras yet" in seed_cameras("--list")


def test_the_list_shows_place_status_and_captures() -> None:
    seed_cameras("--count", "1")
    a_capture_of("front_door")
    row = next(line for line in seed_cameras("--list").splitlines() if "front_door" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "front_door",
        "Front Door",
        "front",
        "offline",
        "1",
    ]


def test_clear_removes_cameras_and_their_empty_folders(settings: Settings) -> None:
    seed_cameras()
    assert seed_cameras("--clear").count("removed") == 6
    assert not Camera.objects.exists()
    assert folders_in(settings.CAMERA_ROOT) == set()


def test_clear_keeps_a_camera_with_pictures_and_says_why(settings: Settings) -> None:
    seed_cameras()
    a_capture_of("garage")
    (settings.CAMERA_ROOT / "driveway" / "picture.jpg").write_bytes(b"not taken in yet")
    said = seed_cameras("--clear")
    assert "Garage (garage): kept, it has 1 capture\n" in said
    assert "Driveway (driveway): kept, files lie in " in said
    assert set(Camera.objects.values_list("pk", flat=True)) == {"garage", "driveway"}
    assert (settings.CAMERA_ROOT / "driveway" / "picture.jpg").exists()


def test_clear_leaves_other_cameras_alone() -> None:
    Camera.objects.create(pk="porch", name="Porch", place="front")
    seed_cameras("--clear")
    assert Camera.objects.get().pk == "porch"


def test_clear_with_count_starts_afresh() -> None:
    seed_cameras()
    seed_cameras("--clear", "--count", "3")
    assert set(Camera.objects.values_list("pk", flat=True)) == {"front_door", "back_yard", "driveway"}


def a_capture_of(camera_id: str) -> Capture:
    moment = datetime(2025, 6, 1, tzinfo=UTC)
    return Capture.objects.create(
        camera_id=camera_id,
        file_path=f"{camera_id}/picture.jpg",
        media_type=Capture.MediaType.IMAGE,
        sha256="0" * 64,
        size=1,
        mtime=moment,
        captured_at=moment,
        captured_at_source=Capture.TimeSource.MTIME,
        state=Capture.State.QUEUED,
    )
