"""Every file below the camera root becomes exactly one fact, with a reason a person understands."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from cameras.intake import Outcome, give_up_on, take_in
from cameras.models import OVERWRITTEN, Camera, Capture, IgnoredFile
from cameras.scan import Scanner
from tests.cameras.conftest import not_as_root
from tests.files import drop, picture_bytes, video_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "cameras"


@pytest.fixture
def front(root: Path) -> Path:
    return root / "Front Door"


def long_ago(path: Path) -> Path:
    """As if nobody had touched the file for ten minutes; ctime cannot be set, so the settling time is none."""
    moment = (timezone.now() - timedelta(minutes=10)).timestamp()
    os.utime(path, (moment, moment))
    return path


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file counts as unchanged for long."""
    monkeypatch.setattr("cameras.intake.Found.is_settled", lambda self: True)


def test_the_first_file_makes_its_camera_and_waits_in_the_queue(front: Path) -> None:
    assert take_in(drop(front, "a.jpg", picture_bytes(1))) is Outcome.TAKEN
    camera = Camera.objects.get()
    assert (camera.pk, camera.name, camera.place) == ("front_door", "Front Door", "front")
    capture = Capture.objects.get()
    assert (capture.state, capture.file_path, capture.media_type) == ("queued", "Front Door/a.jpg", "image")
    assert (capture.width, capture.height, capture.file_type) == (320, 240, "image/jpeg")
    assert camera.last_seen_at == capture.arrived_at


def test_a_video_keeps_its_length_and_codec(front: Path) -> None:
    take_in(drop(front, "a.mp4", video_bytes(1)))
    capture = Capture.objects.get()
    assert (capture.media_type, capture.video_codec, capture.file_type) == ("video", "h264", "video/mp4")
    assert capture.duration == pytest.approx(2, abs=0.3)


def test_looking_again_changes_nothing(front: Path) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    assert [take_in(path), take_in(path)] == [Outcome.TAKEN, Outcome.KNOWN]
    assert Capture.objects.count() == 1


def test_a_known_file_is_not_read_again(front: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    take_in(path)
    monkeypatch.setattr("cameras.media.inspect", lambda path: pytest.fail("read again"))
    assert take_in(path) is Outcome.KNOWN


def test_a_name_used_again_with_other_content_is_a_capture_of_its_own(front: Path) -> None:
    take_in(drop(front, "snap.jpg", picture_bytes(1)))
    take_in(drop(front, "snap.jpg", picture_bytes(2)))
    assert Capture.objects.filter(state="queued").count() == 2


def test_the_same_content_written_again_under_its_name_is_the_same_capture(front: Path) -> None:
    take_in(drop(front, "snap.jpg", picture_bytes(1)))
    again = long_ago(drop(front, "snap.jpg", picture_bytes(1)))
    assert [take_in(again), take_in(again)] == [Outcome.KNOWN, Outcome.KNOWN]
    assert Capture.objects.count() == 1


def test_content_that_was_missed_is_queued_when_it_comes_back(front: Path) -> None:
    path = drop(front, "snap.jpg", picture_bytes(1))
    take_in(path)
    Capture.objects.update(state="rejected", error=OVERWRITTEN)
    os.utime(path)
    assert take_in(path) is Outcome.TAKEN
    assert Capture.objects.get().state == "queued"


def test_the_same_content_on_one_camera_is_a_duplicate_that_names_the_first(front: Path) -> None:
    take_in(drop(front, "a.jpg", picture_bytes(1)))
    take_in(drop(front, "b.jpg", picture_bytes(1)))
    first, second = Capture.objects.order_by("id")
    assert (second.state, second.duplicate_of) == ("duplicate", first)
    assert second.processed_at is not None


def test_the_same_content_on_two_cameras_is_two_pictures(root: Path) -> None:
    take_in(drop(root / "front", "a.jpg", picture_bytes(1)))
    take_in(drop(root / "back", "a.jpg", picture_bytes(1)))
    assert Capture.objects.filter(state="queued").count() == 2


def test_the_same_content_much_later_is_no_duplicate(front: Path) -> None:
    take_in(drop(front, "20260101_120000.jpg", picture_bytes(1)))
    take_in(drop(front, "20260101_120459.jpg", picture_bytes(1)))
    take_in(drop(front, "20260101_120501.jpg", picture_bytes(1)))
    assert list(Capture.objects.order_by("id").values_list("state", flat=True)) == ["queued", "duplicate", "queued"]


def test_an_unfinished_file_waits_and_is_rejected_only_once_it_is_left_alone(
    front: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drop(front, "a.jpg", picture_bytes(1, size=(800, 600))[:4000])
    assert take_in(path) is Outcome.WAITING
    assert not Capture.objects.exists()
    monkeypatch.setattr("cameras.intake.Found.is_settled", lambda self: True)
    assert take_in(path) is Outcome.TAKEN
    capture = Capture.objects.get()
    assert capture.state == "rejected" and "ends too early" in capture.error


def test_an_old_mtime_does_not_make_a_growing_file_look_settled(front: Path) -> None:
    path = long_ago(drop(front, "a.jpg", picture_bytes(1, size=(800, 600))[:4000]))
    assert take_in(path) is Outcome.WAITING


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jpg", b"", "empty"),
        ("letter.jpg", b"Dear camera, this is a letter.", "no picture"),
        ("zero.mp4", video_bytes(1, seconds=0), "not complete|no pictures"),
        ("cut.mp4", video_bytes(1, seconds=8)[:-3000], "not complete"),
    ],
)
def test_a_bad_file_is_rejected_with_its_reason(front: Path, name: str, content: bytes, reason: str) -> None:
    take_in(drop(front, name, content))
    capture = Capture.objects.get()
    assert capture.state == "rejected"
    assert any(word in capture.error for word in reason.split("|")), capture.error
    assert take_in(front / name) is Outcome.KNOWN


def test_a_sparse_video_of_three_gigabytes_is_rejected_unread(front: Path) -> None:
    front.mkdir()
    with (front / "huge.mp4").open("wb") as file:
        file.truncate(3 * 1024**3)
    started = timezone.now()
    assert take_in(front / "huge.mp4") is Outcome.TAKEN
    capture = Capture.objects.get()
    assert (capture.state, capture.error, capture.sha256) == ("rejected", "3.0 GB; the limit is 2 GB", "")
    assert timezone.now() - started < timedelta(seconds=1)
    assert take_in(front / "huge.mp4") is Outcome.KNOWN


def test_a_link_is_rejected_and_never_followed(root: Path, front: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path / "elsewhere", "secret.jpg", picture_bytes(1))
    front.mkdir()
    (front / "link.jpg").symlink_to(secret)
    (root / "linked").symlink_to(secret.parent)
    assert take_in(front / "link.jpg") is Outcome.TAKEN
    assert take_in(root / "linked" / "secret.jpg") is Outcome.GONE
    capture = Capture.objects.get()
    assert (capture.state, capture.sha256) == ("rejected", "") and "symbolic link" in capture.error


@pytest.mark.parametrize("path", ["../outside.jpg", "cameras/../../outside.jpg"])
def test_a_path_that_leaves_the_root_is_nothing(root: Path, path: str) -> None:
    drop(root.parent, "outside.jpg", picture_bytes(1))
    assert take_in(root / path) is Outcome.GONE
    assert not Camera.objects.exists()


@pytest.mark.parametrize("name", ["index.html", "noending", "thumbs.db"])
def test_other_kinds_are_counted_as_ignored_with_the_reason(front: Path, name: str) -> None:
    path = drop(front, name, b"x")
    assert [take_in(path), take_in(path)] == [Outcome.IGNORED, Outcome.IGNORED]
    ignored = IgnoredFile.objects.get()
    assert (ignored.kind, ignored.file_path) == ("ignored", f"Front Door/{name}")
    assert "not read" in ignored.reason


def test_what_a_nas_keeps_for_itself_beside_the_cameras_is_no_camera(root: Path) -> None:
    thumbnail = drop(root / "@eaDir" / "a.jpg", "SYNOPHOTO_THUMB_XL.jpg", picture_bytes(1))
    scanner = Scanner(root)
    assert take_in(thumbnail) is Outcome.GONE
    assert [*scanner.full(), *scanner.below(thumbnail.parent)] == []
    assert not Camera.objects.exists()


def test_what_a_nas_keeps_for_itself_beside_pictures_is_counted_as_one_and_not_looked_at(root: Path) -> None:
    foreign = root / "front" / "2025-12-31" / "@eaDir"
    thumbnail = drop(foreign / "a.jpg", "SYNOPHOTO_THUMB_XL.jpg", picture_bytes(1))
    assert list(Scanner(root).full()) == [foreign]
    assert {take_in(foreign), take_in(thumbnail)} == {Outcome.IGNORED}
    ignored = IgnoredFile.objects.get()
    assert (ignored.file_path, Capture.objects.count()) == ("front/2025-12-31/@eaDir", 0)
    shutil.rmtree(foreign)
    assert [take_in(path) for path in Scanner(root).full()] == [Outcome.GONE]
    assert not IgnoredFile.objects.exists()


@pytest.mark.parametrize("name", ["a.jpg.part", "a.jpg_", "12.00.00-12.00.00[M][0@0][0].dav_", ".a.jpg"])
def test_an_upload_under_its_temporary_name_is_waited_for_and_then_named(
    front: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = drop(front, name, picture_bytes(1))
    assert take_in(path) is Outcome.WAITING
    monkeypatch.setattr("cameras.intake.Found.is_settled", lambda self: True)
    assert take_in(path) is Outcome.IGNORED
    assert "unfinished upload" in IgnoredFile.objects.get().reason


@pytest.mark.parametrize(
    "name",
    [
        b"two\nlines.jpg",
        b"x" * 246 + b".jpg",
        "🚪 señor ñ.jpg".encode(),
        b"not-\xff\xfe-utf8.jpg",
        b"up..and..away...jpg",
        b"back\\slash.jpg",
        b"-rf; rm $(x) `y` %00.jpg",
        b"<script>alert(1)</script>.jpg".replace(b"/", b"\\"),
    ],
)
def test_good_pictures_with_odd_names_are_taken_in(front: Path, name: bytes) -> None:
    front.mkdir()
    path = front / os.fsdecode(name)
    path.write_bytes(picture_bytes(1))
    assert take_in(path) is Outcome.TAKEN
    assert Capture.objects.get().path == path
    assert Capture.objects.get().path.read_bytes() == picture_bytes(1)


def test_a_path_too_long_for_the_ledger_is_counted_as_ignored(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root / "front"
    folder.mkdir()
    monkeypatch.chdir(folder)  # such a path cannot be made in one go
    names = [f"{number}-{os.urandom(120).hex()}" for number in range(11)]
    for name in names:
        Path(name).mkdir()
        os.chdir(name)
    Path("a.jpg").write_bytes(picture_bytes(1))
    path = folder.joinpath(*names, "a.jpg")
    assert [take_in(path), take_in(path)] == [Outcome.IGNORED, Outcome.IGNORED]
    assert IgnoredFile.objects.get().reason == "its path is longer than 2000 bytes"


def test_a_file_in_the_root_itself_belongs_to_the_unsorted_camera(root: Path) -> None:
    take_in(drop(root, "a.jpg", picture_bytes(1)))
    assert Capture.objects.get().camera_id == "unsorted"


def test_spellings_of_a_folder_are_one_camera(root: Path) -> None:
    take_in(drop(root / "Front Door", "a.jpg", picture_bytes(1)))
    take_in(drop(root / "front-door", "b.jpg", picture_bytes(2)))
    assert Camera.objects.count() == 1
    assert Capture.objects.count() == 2


def test_the_time_in_the_name_is_the_time_of_the_picture(front: Path) -> None:
    take_in(drop(front, "MDAlarm_20260102-030405.jpg", picture_bytes(1)))
    capture = Capture.objects.select_related("camera").get()
    assert capture.captured_at_source == "name"
    assert capture.local_captured_at.replace(tzinfo=None) == datetime(2026, 1, 2, 3, 4, 5)


def test_without_any_other_sign_the_file_s_own_time_counts(front: Path) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    os.utime(path, (1_780_000_000, 1_780_000_000))
    take_in(path)
    capture = Capture.objects.get()
    assert (capture.captured_at, capture.captured_at_source) == (datetime.fromtimestamp(1_780_000_000, UTC), "mtime")


@pytest.mark.django_db(transaction=True)
def test_many_lookers_at_one_file_record_it_once(front: Path) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    outcomes = in_threads(8, lambda: take_in(path))
    assert outcomes.count(Outcome.TAKEN) == 1
    assert Capture.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_duplicates_that_arrive_at_the_same_moment_have_one_original(front: Path) -> None:
    paths = [drop(front, f"{number}.jpg", picture_bytes(1)) for number in range(6)]
    in_threads(6, lambda: take_in(paths.pop()))
    states = sorted(Capture.objects.values_list("state", flat=True))
    assert states == ["duplicate"] * 5 + ["queued"]


def in_threads(count: int, work: Callable[[], Outcome]) -> list[Outcome]:
    """Run `work` in threads that start together, each with a connection of its own."""
    start = threading.Barrier(count)
    outcomes: list[Outcome] = []

    def run() -> None:
        start.wait()
        try:
            outcomes.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(outcomes) == count
    return outcomes


def test_an_unreadable_file_is_shown_and_taken_in_once_it_may_be_read(open_root: Path) -> None:
    path = drop(open_root / "Front Door", "a.jpg", picture_bytes(1))
    path.chmod(0o000)
    with not_as_root():
        assert take_in(path) is Outcome.UNREADABLE
    unreadable = IgnoredFile.objects.get()
    assert unreadable.kind == "unreadable"
    assert f"owned by {path.owner()}, mode 0" in unreadable.reason and "chmod a+r" in unreadable.reason
    path.chmod(0o644)
    with not_as_root():
        assert take_in(path) is Outcome.TAKEN
    assert not IgnoredFile.objects.exists()


def test_an_ignored_file_is_forgotten_once_it_is_gone(front: Path) -> None:
    path = drop(front, "index.html", b"<p>")
    take_in(path)
    assert IgnoredFile.objects.exists()
    path.unlink()
    assert take_in(path) is Outcome.GONE
    assert not IgnoredFile.objects.exists()


def test_a_link_to_a_folder_says_what_to_do_instead(root: Path, tmp_path: Path) -> None:
    (root / "nas").symlink_to(tmp_path)
    take_in(root / "nas")
    assert "not followed" in IgnoredFile.objects.get().reason


def test_a_time_that_is_yet_to_come_does_not_keep_a_file_waiting(front: Path, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 0})
    path = drop(front, "a.jpg", picture_bytes(1)[:2000])
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert take_in(path) is Outcome.TAKEN
    assert Capture.objects.get().state == "rejected"


def test_what_no_reader_can_examine_is_rejected_once_it_is_settled(front: Path, settings: Settings) -> None:
    path = drop(front, "a.jpg", picture_bytes(1))
    assert give_up_on(path, "it could not be examined (ValueError)") is Outcome.WAITING
    settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 0})
    assert give_up_on(path, "it could not be examined (ValueError)") is Outcome.TAKEN
    assert Capture.objects.get().error == "it could not be examined (ValueError)"
