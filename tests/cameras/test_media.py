"""What a file is, told from its content alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from cameras import media
from cameras.media import Incomplete, Unacceptable, inspect
from tests.files import picture_bytes, video_bytes


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp"), ("PNG", "a.jpg")])
def test_a_whole_picture_is_known_by_its_content(tmp_path: Path, kind: str, name: str) -> None:
    facts = inspect(put(tmp_path, name, picture_bytes(1, kind=kind)))
    assert (facts.width, facts.height, facts.is_video) == (320, 240, False)
    assert facts.mime_type == f"image/{kind.lower()}"
    assert len(facts.sha256) == 64


def test_bytes_after_the_end_are_fine(tmp_path: Path) -> None:
    assert inspect(put(tmp_path, "a.jpg", picture_bytes(1) + b"\0" * 100)).width == 320


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.98])
def test_a_picture_that_ends_early_is_incomplete(tmp_path: Path, kind: str, share: float) -> None:
    content = picture_bytes(1, kind=kind, size=(800, 600))
    with pytest.raises(Incomplete):
        inspect(put(tmp_path, f"a.{kind.lower()}".replace("jpeg", "jpg"), content[: int(len(content) * share)]))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\0" * 5000])
def test_the_first_bytes_alone_are_incomplete(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Incomplete):
        inspect(put(tmp_path, "a.jpg", content))


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_text_under_a_picture_s_name_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unacceptable, match="what is inside is no"):
        inspect(put(tmp_path, name, b"Dear camera, this is a letter, not a picture."))


def test_a_few_bytes_of_text_need_not_be_waited_for(tmp_path: Path) -> None:
    with pytest.raises(Unacceptable, match="no picture"):
        inspect(put(tmp_path, "a.jpg", b"hello\n"))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (10_001, 10_000)).save(tmp_path / "bomb.png")
    with pytest.raises(Unacceptable, match="at most 50"):
        inspect(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("kind", "name", "mime"),
    [
        ("mp4", "a.mp4", "video/mp4"),
        ("mov", "a.mov", "video/mp4"),
        ("matroska", "a.mkv", "video/x-matroska"),
        ("avi", "a.avi", "video/x-msvideo"),
    ],
)
def test_a_whole_video_tells_its_length(tmp_path: Path, kind: str, name: str, mime: str) -> None:
    facts = inspect(put(tmp_path, name, video_bytes(1, seconds=3, kind=kind)))
    assert (facts.width, facts.height, facts.is_video, facts.codec) == (160, 120, True, "h264")
    assert facts.mime_type == mime
    assert facts.duration_s == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("kind", ["mp4", "matroska", "avi"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_video_that_ends_early_is_incomplete(tmp_path: Path, kind: str, share: float) -> None:
    content = video_bytes(1, seconds=20, kind=kind)
    suffix = {"matroska": "mkv"}.get(kind, kind)
    with pytest.raises(Incomplete):
        inspect(put(tmp_path, f"a.{suffix}", content[: int(len(content) * share)]))


def test_a_video_without_a_frame_is_incomplete(tmp_path: Path) -> None:
    with pytest.raises(Incomplete, match=r"no pictures|not complete"):
        inspect(put(tmp_path, "a.mp4", video_bytes(1, seconds=0)))


def test_a_playlist_under_a_video_s_name_opens_no_other_file(tmp_path: Path) -> None:
    secret = put(tmp_path, "secret.mp4", video_bytes(2))
    with pytest.raises(Unacceptable):
        inspect(put(tmp_path, "a.mp4", f"#EXTM3U\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()))


def test_a_picture_turned_by_its_exif_has_its_shown_size(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 32)).save(tmp_path / "a.jpg", exif=exif)
    facts = inspect(tmp_path / "a.jpg")
    assert (facts.width, facts.height) == (32, 64)


def test_names_decide_only_what_is_looked_at() -> None:
    assert media.is_readable_kind("A.JPEG") and media.is_readable_kind("x.dav")
    assert not media.is_readable_kind("index.html") and not media.is_readable_kind("jpg")


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 4)])
def test_the_smallest_pictures_are_pictures_too(tmp_path: Path, size: tuple[int, int]) -> None:
    facts = inspect(put(tmp_path, "a.jpg", picture_bytes(1, size=size)))
    assert (facts.width, facts.height) == size


def test_a_video_in_a_code_nobody_knows_is_refused(tmp_path: Path) -> None:
    content = video_bytes(1, kind="avi", codec="mpeg4").replace(b"FMP4", b"QQQQ").replace(b"fmp4", b"qqqq")
    with pytest.raises((Unacceptable, Incomplete)):
        inspect(put(tmp_path, "a.avi", content))
