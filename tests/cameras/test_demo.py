"""The demo: what it drops, what can be seen in it, and that there is one show at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import time as dt_time
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import cv2
import numpy as np
import psutil
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from cameras.capture_time import captured_at, steady_offset
from cameras.demo.play import play
from cameras.demo.script import CAMERAS, Earlier, show
from cameras.demo.stage import AlreadyPlaying, stage, start_in_background
from cameras.models import Place, guess_place, normalize_camera_id
from inference.detectors.builtin import BuiltinDetector
from inference.protocols import Image
from tests.footage import draw_empty_jpeg, draw_person_jpeg, draw_walker_mp4

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2025, 11, 21, 16, 0, tzinfo=BERLIN)


def no_progress(done: int, total: int, what: str) -> None:
    """Nobody watches."""


def play_into(root: Path, seed: int = 1) -> list[Path]:
    return play(root, pace_s=0, now=lambda: NOW, seed=seed, progress=no_progress)


@pytest.fixture(scope="module")
def dropped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    root = tmp_path_factory.mktemp("cameras")
    return root, play_into(root)


@pytest.fixture
def short_show(monkeypatch: pytest.MonkeyPatch) -> int:
    """A show of its first four files, for what does not depend on all of them."""
    monkeypatch.setattr("cameras.demo.play.show", lambda seed: show(seed)[:4])
    return 4


def pictures_in(path: Path) -> list[Image]:
    if path.suffix == ".mp4":
        with av.open(path) as film:
            return [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in film.decode(video=0)]
    picture = cv2.imread(str(path))
    assert picture is not None
    return [np.asarray(picture, np.uint8)]


def sees_somebody(path: Path) -> bool:
    frames = pictures_in(path)[::20]
    return any(box.confidence >= 0.5 for boxes in BuiltinDetector().detect(frames) for box in boxes)


class TestTheShow:
    def test_every_file_is_whole_and_under_its_own_name(self, dropped: tuple[Path, list[Path]]) -> None:
        root, paths = dropped
        assert sorted(path for path in root.rglob("*") if path.is_file()) == sorted(set(paths))
        assert len(paths) == len(set(paths)) == len(show(1))
        assert all(pictures_in(path)[0].shape == (720, 1280, 3) for path in paths)

    def test_three_cameras_that_guess_their_places(self) -> None:
        places = {guess_place(normalize_camera_id(camera.folder)) for camera in CAMERAS}
        assert places == {Place.FRONT, Place.BACK, Place.DRIVEWAY}

    def test_every_name_tells_when_the_picture_was_taken(self, dropped: tuple[Path, list[Path]]) -> None:
        root, paths = dropped
        for path in paths:
            mtime = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found = captured_at(
                str(path.relative_to(root)),
                exif=None,
                mtime=mtime,
                arrived_at=NOW,
                duration_s=6 if path.suffix == ".mp4" else None,
                zone=BERLIN,
                clock_offset_s=None,
            )
            ended = found.at + timedelta(seconds=6 if path.suffix == ".mp4" else 0)
            assert (found.source, ended) == ("name", mtime.replace(microsecond=0))

    def test_no_camera_seems_to_have_a_wrong_clock(self, dropped: tuple[Path, list[Path]]) -> None:
        root, paths = dropped
        for camera in CAMERAS:
            own = [path for path in paths if path.is_relative_to(root / camera.folder)]
            ages = [round(NOW.timestamp() - path.stat().st_mtime) for path in own]
            assert steady_offset(list(reversed(ages))) is None

    def test_most_of_it_is_live(self, dropped: tuple[Path, list[Path]]) -> None:
        fresh = [path for path in dropped[1] if NOW.timestamp() - path.stat().st_mtime < 120]
        assert len(fresh) > len(dropped[1]) / 2

    def test_people_are_found_where_people_are_drawn_and_nowhere_else(self, dropped: tuple[Path, list[Path]]) -> None:
        every_other = list(zip(show(1), dropped[1], strict=True))[::2]
        seen = [(shot.shows_people, sees_somebody(path)) for shot, path in every_other]
        found = [was_found for is_there, was_found in seen if is_there]
        assert sum(found) >= 0.8 * len(found)
        assert not any(was_found for is_there, was_found in seen if not is_there)

    def test_one_picture_is_sent_twice(self, dropped: tuple[Path, list[Path]]) -> None:
        contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in dropped[1]]
        assert len(contents) - len(set(contents)) == 1

    def test_the_same_seed_plays_the_same_show(self, tmp_path: Path, short_show: int) -> None:
        told: list[int] = []

        def hear(done: int, total: int, what: str) -> None:
            told.append(done)

        first, again = (
            play(tmp_path / take, pace_s=0, now=lambda: NOW, seed=1, progress=hear) for take in ("first", "again")
        )
        assert [p.relative_to(tmp_path / "again") for p in again] == [p.relative_to(tmp_path / "first") for p in first]
        assert all(one.read_bytes() == other.read_bytes() for one, other in zip(first, again, strict=True))
        assert told == [*range(short_show + 1)] * 2


@pytest.mark.parametrize("hour", range(24))
def test_what_was_earlier_lies_within_the_last_day(hour: int) -> None:
    now = NOW.replace(hour=hour)
    for shot in show(1):
        if shot.earlier:
            assert timedelta(minutes=5) < now - shot.earlier.before(now) <= timedelta(days=1, minutes=10)


def test_a_time_of_day_that_is_past_is_todays() -> None:
    assert Earlier(dt_time(15, 0)).before(NOW) == NOW - timedelta(hours=1)


class TestTheCommand:
    def test_it_says_how_many_files_are_where(self, settings: Settings, short_show: int) -> None:
        said = StringIO()
        call_command("demo", "--fast", stdout=said)
        assert f"{short_show} files are in {settings.CAMERA_ROOT}." in said.getvalue()

    def test_it_refuses_while_another_plays(self) -> None:
        with stage(), pytest.raises(CommandError, match="playing already"):
            call_command("demo", "--fast")

    def test_a_folder_it_cannot_write_to_is_named(self, settings: Settings, tmp_path: Path) -> None:
        settings.CAMERA_ROOT = tmp_path / "file"
        settings.CAMERA_ROOT.write_text("not a folder")
        with pytest.raises(CommandError, match="Cannot write below"):
            call_command("demo", "--fast", stdout=StringIO())


def test_it_plays_in_the_background_once_at_a_time(settings: Settings) -> None:
    assert start_in_background()
    player = next(child for child in psutil.Process().children() if "demo" in child.cmdline())
    try:
        _wait_until(lambda: any(settings.CAMERA_ROOT.rglob("*.jpg")))
        assert not start_in_background()
    finally:
        player.terminate()
    _wait_until(_stage_is_free)


def _stage_is_free() -> bool:
    try:
        with stage():
            return True
    except AlreadyPlaying:
        return False


def _wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class TestFootageForTests:
    def test_each_seed_gives_other_bytes_and_the_same_again(self, tmp_path: Path) -> None:
        for draw in (draw_person_jpeg, draw_empty_jpeg):
            contents = [draw(tmp_path / "a.jpg", seed=seed).read_bytes() for seed in (1, 2, 3, 1)]
            assert len(set(contents)) == 3 and contents[0] == contents[3]

    @pytest.mark.parametrize("seed", range(1, 12))
    def test_the_builtin_detector_agrees(self, tmp_path: Path, seed: int) -> None:
        assert sees_somebody(draw_person_jpeg(tmp_path / "person.jpg", seed=seed))
        assert not sees_somebody(draw_empty_jpeg(tmp_path / "empty.jpg", seed=seed))

    def test_a_video_lasts_as_long_as_asked(self, tmp_path: Path) -> None:
        path = draw_walker_mp4(tmp_path / "walker.mp4", seconds=1.5)
        assert len(pictures_in(path)) == 15
        assert sees_somebody(path)
