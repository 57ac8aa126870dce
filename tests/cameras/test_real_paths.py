"""Names and folders that cameras really write, from their upload to the camera, the time and the kind of file.

The paths lie in `real_paths/`, one file for each make, and each says what it must be read as.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from django.utils import timezone

from cameras.capture_time import EARLIEST, captured_at, time_in_name
from cameras.intake import Outcome, camera_folder_of, take_in
from cameras.media import is_readable_kind, is_video_name
from cameras.models import Camera, Capture, IgnoredFile, normalize_camera_id
from tests.files import drop, picture_bytes, video_bytes

DATA = Path(__file__).parent / "real_paths"
MAKES = ("foscam", "reolink", "dahua", "hikvision", "others")
FEWEST_PATHS = 30


@dataclass(frozen=True)
class RealPath:
    """A file below the camera root and what it tells. `at` is aware where the name speaks UTC."""

    path: str
    camera_id: str
    at: datetime | None
    media: Literal["image", "video", "not read"]
    reason: str
    is_first_of_family: bool


def real_paths(make: str) -> list[RealPath]:
    families = tomllib.loads((DATA / f"{make}.toml").read_text())["family"]
    return [
        RealPath(
            path=f"{family['folder']}/{file['path']}",
            camera_id=family["camera"],
            at=file.get("at"),
            media=file["media"],
            reason=file.get("reason", ""),
            is_first_of_family=position == 0,
        )
        for family in families
        for position, file in enumerate(family["files"])
    ]


EVERY = [pytest.param(real, id=f"{make}-{real.path}") for make in MAKES for real in real_paths(make)]


@pytest.mark.parametrize("real", EVERY)
def test_a_path_tells_its_camera_its_time_and_its_kind(real: RealPath) -> None:
    assert normalize_camera_id(camera_folder_of(real.path)) == real.camera_id
    assert time_in_name(real.path) == real.at
    told = time_in_name(real.path)
    assert (told and told.tzinfo) == (real.at and real.at.tzinfo)
    assert is_readable_kind(real.path) == (real.media != "not read")
    if real.media != "not read":
        assert is_video_name(real.path) == (real.media == "video")


@pytest.mark.parametrize("real", EVERY)
def test_the_camera_s_own_folder_makes_no_difference_to_the_time(real: RealPath) -> None:
    assert time_in_name(real.path.partition("/")[2]) == real.at


@pytest.mark.parametrize("make", MAKES)
def test_each_make_has_its_share_of_real_paths_and_none_twice(make: str) -> None:
    paths = [real.path for real in real_paths(make)]
    assert len(paths) >= FEWEST_PATHS
    assert len(set(paths)) == len(paths)


@pytest.mark.django_db
@pytest.mark.parametrize("make", MAKES)
def test_intake_reads_them_alike(make: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cameras.intake.Found.is_settled", lambda self: True)
    clip, of_family = video_bytes(1), [real for real in real_paths(make) if real.is_first_of_family or real.reason]
    for number, real in enumerate(of_family):
        folder, _, name = real.path.rpartition("/")
        file = drop(data_dir / "cameras" / folder, name, clip if real.media == "video" else picture_bytes(number))
        assert take_in(file) is (Outcome.IGNORED if real.media == "not read" else Outcome.TAKEN)
        if real.media == "not read":
            ignored = IgnoredFile.objects.get(file_path=real.path)
            assert ignored.camera_id == real.camera_id and real.reason in ignored.reason
        else:
            assert_taken_in_as(real)
    assert set(Camera.objects.values_list("pk", flat=True)) == {real.camera_id for real in of_family}


def assert_taken_in_as(real: RealPath) -> None:
    capture = Capture.objects.select_related("camera").get(file_path=real.path)
    assert (capture.camera_id, capture.media_type) == (real.camera_id, real.media)
    at = real.at and (real.at if real.at.tzinfo else real.at.replace(tzinfo=capture.camera.zone))
    if at and at >= EARLIEST:
        assert (capture.captured_at, capture.captured_at_source) == (at, "name")
    else:
        assert capture.captured_at_source == "mtime"


@pytest.mark.parametrize("make", MAKES)
def test_a_picture_without_a_time_is_as_old_as_its_file(make: str) -> None:
    now = timezone.now()
    timeless = [real for real in real_paths(make) if real.at is None and real.media != "not read"]
    for real in timeless:
        taken = captured_at(
            real.path,
            exif=None,
            mtime=now - timedelta(minutes=3),
            arrived_at=now,
            duration_s=None,
            zone=Camera().zone,
            clock_offset_s=None,
        )
        assert (taken.at, taken.source) == ((now - timedelta(minutes=3)).astimezone(UTC), "mtime")
