"""What intake makes of uploads to the FTP server that broke off."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from cameras.ftp import parts
from cameras.intake import Outcome, look_at, take_in
from cameras.models import Capture, IgnoredFile
from cameras.receipts import last_receipts
from system.verification import verify
from tests.files import picture_bytes, video_bytes
from tests.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)


def broken(root: Path, name: str, content: bytes, *, age_s: float = 0.0) -> Path:
    folder = root / "Front Door"
    folder.mkdir(exist_ok=True)
    part = folder / parts.new_part_name(name)
    part.write_bytes(content)
    os.utime(part, (time.time() - age_s, time.time() - age_s))
    return part


@pytest.fixture
def root(settings: Settings) -> Path:
    return Path(settings.CAMERA_ROOT)


@pytest.fixture
def impatient(settings: Settings) -> None:
    """Unchanged for no time at all is long enough."""
    settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 0})


def test_half_a_picture_is_waited_for(root: Path) -> None:
    part = broken(root, "snap.jpg", picture_bytes(1)[:3000])
    assert take_in(part) is Outcome.WAITING
    assert not Capture.objects.exists() and part.exists()


@pytest.mark.usefixtures("impatient")
def test_half_a_picture_is_rejected_with_how_far_it_came(root: Path) -> None:
    part = broken(root, "snap_20250601_120000.png", picture_bytes(1, size=(1500, 1000), kind="PNG")[: 312 * 1024])
    assert take_in(part) is Outcome.TAKEN
    capture = Capture.objects.get()
    assert (capture.state, capture.error) == ("rejected", "connection lost at 312 KB")
    assert capture.path == part and capture.media_type == "image"
    assert capture.file_name == "snap_20250601_120000.png"
    assert capture.captured_at_source == "name"
    assert take_in(part) is Outcome.KNOWN
    (receipt,) = last_receipts(make_user(), 10)
    assert (receipt.file_name, receipt.sentence) == ("snap_20250601_120000.png", "Rejected: connection lost at 312 KB")


@pytest.mark.usefixtures("impatient")
def test_half_a_clip_is_one_of_a_video(root: Path) -> None:
    take_in(broken(root, "clip.mp4", video_bytes(1)[:-2000]))
    assert Capture.objects.get().media_type == "video"
    assert Capture.objects.get().error.startswith("connection lost at ")


@pytest.mark.parametrize(("name", "content"), [("snap.jpg", picture_bytes(1)), ("clip.mp4", video_bytes(1))], ids="jv")
def test_a_whole_one_is_taken_in_at_once_under_its_name(root: Path, name: str, content: bytes) -> None:
    part = broken(root, name, content)
    assert take_in(part) is Outcome.TAKEN
    capture = Capture.objects.get()
    assert (capture.state, capture.file_path) == ("queued", f"Front Door/{name}")
    assert not part.exists() and (part.parent / name).read_bytes() == content


def test_a_whole_one_whose_name_is_taken_gets_a_number(root: Path) -> None:
    take_in(broken(root, "snap.jpg", picture_bytes(1)))
    take_in(broken(root, "snap.jpg", picture_bytes(2)))
    assert sorted(Capture.objects.values_list("file_path", flat=True)) == [
        "Front Door/snap-2.jpg",
        "Front Door/snap.jpg",
    ]


@pytest.mark.usefixtures("impatient")
def test_one_that_is_still_written_is_waited_for_however_long_it_stands(root: Path) -> None:
    part = broken(root, "snap.jpg", picture_bytes(1), age_s=1000)
    with part.open("rb") as held:
        parts.lock(held.fileno())
        assert look_at(part) is Outcome.WAITING
    assert look_at(part) is Outcome.TAKEN


@pytest.mark.usefixtures("impatient")
def test_other_kinds_are_ignored_with_both_reasons(root: Path) -> None:
    part = broken(root, "test.txt", b"hello camera")
    assert take_in(part) is Outcome.IGNORED
    ignored = IgnoredFile.objects.get()
    assert ignored.reason.startswith("connection lost at 12 bytes; .txt files are not read")
    (receipt,) = last_receipts(make_user(), 10)
    assert receipt.file_name == "test.txt"
    part.rename(part.parent / "test.txt")
    assert take_in(part) is Outcome.GONE
    assert not IgnoredFile.objects.exists()


@pytest.mark.usefixtures("impatient")
def test_one_of_a_long_name_gets_a_shortened_one(root: Path) -> None:
    name = "ä" * 123 + ".jpg"
    take_in(broken(root, name, picture_bytes(1)))
    stored = Capture.objects.get().path
    assert stored.exists() and stored.suffix == ".jpg" and stored.name.startswith("ä" * 100)


@pytest.mark.usefixtures("impatient")
def test_disk_and_ledger_agree_about_them(root: Path) -> None:
    take_in(broken(root, "snap.jpg", picture_bytes(1)[:3000]))
    take_in(broken(root, "test.txt", b"hello"))
    verdict = verify(repair=False)
    assert verdict.is_sound and verdict.met_nothing, verdict
