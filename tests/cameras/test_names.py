import os

from hypothesis import given
from hypothesis import strategies as st

from cameras.models import normalize_camera_id
from cameras.names import decode_path, encode_path


@given(st.binary(max_size=300).filter(lambda raw: b"\0" not in raw))
def test_any_name_the_disk_can_hold_survives_the_way_to_the_database_and_back(raw: bytes) -> None:
    path = os.fsdecode(raw)
    stored = encode_path(path)
    stored.encode("utf-8")  # what PostgreSQL needs
    assert decode_path(stored) == path


@given(st.text(max_size=120))
def test_a_camera_id_is_never_empty_and_is_its_own_camera_id(folder: str) -> None:
    camera_id = normalize_camera_id(folder)
    assert camera_id
    assert len(camera_id) <= 100
    assert normalize_camera_id(camera_id) == camera_id


def test_spellings_of_one_name_are_one_camera() -> None:
    assert {normalize_camera_id(name) for name in ("Front Door", "front-door", "FRONT_door", "front  door")} == {
        "front_door"
    }


def test_letters_of_every_alphabet_are_kept() -> None:
    assert normalize_camera_id("Einfahrt Süd") == "einfahrt_süd"
    assert normalize_camera_id("玄関") == "玄関"
