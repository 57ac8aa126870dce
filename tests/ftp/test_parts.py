"""Names of unfinished uploads, and how such an upload gets its name after all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.ftp import parts
from cameras.names import encode_path
from tests.files import picture_bytes

NAMES = st.binary(min_size=1, max_size=255).filter(lambda raw: not {b"/"[0], 0} & set(raw)).map(os.fsdecode)
LONG_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=60).filter(
    lambda name: 240 < len(os.fsencode(name)) <= 255
)


@given(NAMES | LONG_NAMES)
def test_a_part_fits_beside_its_file_whatever_its_name(name: str) -> None:
    part = parts.new_part_name(name)
    assert len(os.fsencode(part)) <= 255 and part.startswith(".") and "/" not in part
    assert parts.is_part_of(part, name)


@given(NAMES)
def test_a_short_name_is_known_from_its_part_also_as_the_ledger_writes_it(name: str) -> None:
    part = parts.new_part_name(name)
    if len(os.fsencode(name)) <= 240:
        assert parts.real_name(part) == name
        assert parts.shown_name(encode_path(part)) == encode_path(name)


@given(NAMES, NAMES)
def test_a_part_belongs_to_one_name(one: str, another: str) -> None:
    assert parts.is_part_of(parts.new_part_name(one), another) == (one == another)


def test_long_names_that_differ_at_their_ends_have_different_parts() -> None:
    one, another = "ä" * 120 + "1.jpg", "ä" * 120 + "2.jpg"
    assert not parts.is_part_of(parts.new_part_name(one), another)
    assert parts.shown_name(parts.new_part_name(one)).endswith(".jpg")


@pytest.mark.parametrize(
    "name", ["snap.jpg", ".hidden.jpg", "a.jpg.part", ".0123456789abcdef.part", ".a.jpg.12345.part"]
)
def test_other_names_are_no_parts(name: str) -> None:
    assert parts.real_name(name) is None and parts.shown_name(name) == name


@given(NAMES | LONG_NAMES.map(lambda name: name[:-4] + ".jpg"), st.integers(2, 10**6))
def test_a_numbered_name_fits_and_keeps_its_kind(name: str, number: int) -> None:
    numbered = parts.numbered(name, number)
    assert len(os.fsencode(numbered)) <= 255
    assert f"-{number}" in numbered
    assert numbered.endswith(f"-{number}.jpg") or not name.endswith(".jpg")


@given(st.sets(st.integers(2, 300)))
def test_a_free_number_is_free_and_found_in_few_questions(taken: set[int]) -> None:
    asked: list[int] = []

    def is_taken(number: int) -> bool:
        asked.append(number)
        return number in taken

    assert parts.free_number(is_taken) not in taken
    assert len(asked) <= 20


def test_taken_names_are_numbered_in_a_row(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    folder = os.open(home, os.O_RDONLY)
    for number in range(5):
        (home / "arriving").write_text(str(number))
        parts.place("arriving", folder, "snap.jpg", folder)
    os.close(folder)
    assert {path.name: path.read_text() for path in home.iterdir()} == {
        "snap.jpg": "0",
        "snap-2.jpg": "1",
        "snap-3.jpg": "2",
        "snap-4.jpg": "3",
        "snap-5.jpg": "4",
    }


def test_a_whole_picture_gets_its_name(tmp_path: Path) -> None:
    part = tmp_path / parts.new_part_name("snap.jpg")
    part.write_bytes(picture_bytes(1))
    assert parts.settle(part) == tmp_path / "snap.jpg"
    assert not part.exists()


def test_half_a_picture_stays(tmp_path: Path) -> None:
    part = tmp_path / parts.new_part_name("snap.jpg")
    part.write_bytes(picture_bytes(1)[:3000])
    assert parts.settle(part) is None
    assert part.exists()


def test_a_part_that_somebody_writes_is_left_alone(tmp_path: Path) -> None:
    part = tmp_path / parts.new_part_name("snap.jpg")
    part.write_bytes(picture_bytes(1))
    with part.open("rb") as held:
        parts.lock(held.fileno())
        with pytest.raises(parts.InUse):
            parts.settle(part)
    assert parts.settle(part) is not None
