"""What may be loaded under a model's name: what lies in the folder, and only as it was recorded."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

import pytest

from inference.model_files import locate, record, records, sha256_of, verified
from inference.protocols import EngineUnavailable


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_bare_name_lies_in_the_folder_and_any_other_place_is_named_whole(models: Path, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.onnx")
    assert locate("a.onnx", put(models / "a.onnx").parent) == models / "a.onnx"
    assert locate(str(mine), models) == mine
    assert locate("own/b.onnx", put(models / "own" / "b.onnx").parent.parent) == models / "own" / "b.onnx"


@pytest.mark.parametrize("name", ["../mine.onnx", "own/../../mine.onnx", "link.onnx", "folder/mine.onnx"])
def test_a_bare_name_cannot_leave_the_folder(models: Path, tmp_path: Path, name: str) -> None:
    put(tmp_path / "mine.onnx")
    (models / "own").mkdir()
    (models / "link.onnx").symlink_to(tmp_path / "mine.onnx")
    (models / "folder").symlink_to(tmp_path)
    with pytest.raises(EngineUnavailable, match="leads out of"):
        locate(name, models)


def test_links_within_the_folder_and_a_folder_that_is_a_link_are_fine(models: Path, tmp_path: Path) -> None:
    put(models / "real.onnx")
    (models / "link.onnx").symlink_to("real.onnx")
    (tmp_path / "elsewhere").symlink_to(models)
    assert locate("link.onnx", tmp_path / "elsewhere").read_bytes() == b"weights"


def test_links_in_a_circle_lead_nowhere(models: Path) -> None:
    (models / "round.onnx").symlink_to("round.onnx")
    with pytest.raises(EngineUnavailable, match=r"round\.onnx is not in"):
        locate("round.onnx", models)


def test_what_was_put_there_by_hand_is_recorded_when_it_was_loaded(models: Path) -> None:
    put(models / "a.onnx")
    with verified("a.onnx", models) as (path, sha256):
        assert (path, sha256) == (models / "a.onnx", hashlib.sha256(b"weights").hexdigest())
        assert records(models) == {}
    assert records(models)["a.onnx"].sha256 == sha256
    with verified("a.onnx", models) as (_, again):
        assert again == sha256


def test_what_could_not_be_loaded_is_not_recorded(models: Path) -> None:
    put(models / "a.onnx")
    with pytest.raises(ValueError, match="broken"), verified("a.onnx", models):
        raise ValueError("broken")
    assert records(models) == {}


def test_another_file_under_a_recorded_name_is_refused_with_what_to_do(models: Path) -> None:
    record(put(models / "a.onnx"), sha256_of(models / "a.onnx"), models, origin="https://makers.example/a.onnx")
    put(models / "a.onnx", b"other weights")
    with pytest.raises(EngineUnavailable) as refusal, verified("a.onnx", models):
        pytest.fail("it was handed out")
    told = str(refusal.value)
    assert told.startswith("a.onnx is not the file that was fetched on ")
    assert "fetch it again (manage.py fetch_models --again)" in told
    assert f"remove its entry from {models / 'manifest.json'}" in told


def test_a_file_that_changes_while_it_is_loaded_is_refused(models: Path) -> None:
    put(models / "a.onnx")
    with pytest.raises(EngineUnavailable, match="changed while it was loaded"), verified("a.onnx", models) as (path, _):
        path.write_bytes(b"longer than it was")
    assert records(models) == {}


def test_another_file_with_the_size_and_time_of_the_first_is_refused_too(models: Path) -> None:
    before = put(models / "a.onnx").stat()
    with pytest.raises(EngineUnavailable, match="changed while it was loaded"), verified("a.onnx", models) as (path, _):
        os.utime(put(path, b"Weights"), ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_that_is_gone_once_it_was_loaded_is_no_crash(models: Path) -> None:
    put(models / "a.onnx")
    with pytest.raises(EngineUnavailable, match=r"a\.onnx cannot be kept"), verified("a.onnx", models) as (path, _):
        path.unlink()


def test_a_checksum_that_cannot_be_written_lets_nothing_through(models: Path) -> None:
    put(models / "a.onnx")
    (models / ".manifest.json.part").mkdir()
    refused = pytest.raises(EngineUnavailable, match=r"a\.onnx cannot be kept in .*: Is a directory")
    with refused, verified("a.onnx", models):
        pass
    assert records(models) == {}


def test_a_folder_of_weights_has_one_checksum_of_all_its_files(models: Path) -> None:
    folder = models / "a_openvino_model"
    put(folder / "a.xml", b"graph")
    put(folder / "a.bin", b"weights")
    before = sha256_of(folder)
    put(folder / "a.bin", b"others!")
    assert sha256_of(folder) != before
    (folder / "a.bin").rename(folder / "b.bin")
    put(folder / "b.bin", b"weights")
    assert sha256_of(folder) != before


def test_a_file_elsewhere_is_recorded_by_its_whole_path(models: Path, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine.onnx")
    with verified(str(mine), models):
        pass
    assert list(records(models)) == [str(mine)]


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"a": {"sha": ""}}'])
def test_a_manifest_that_cannot_be_read_lets_nothing_through(models: Path, content: str) -> None:
    put(models / "a.onnx")
    (models / "manifest.json").write_text(content)
    with pytest.raises(EngineUnavailable, match=r"manifest\.json, with the checksums"), verified("a.onnx", models):
        pytest.fail("it was handed out")


def test_two_that_record_at_once_keep_both(models: Path) -> None:
    threads = [threading.Thread(target=record, args=(put(models / f"{n}.onnx"), str(n), models)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(json.loads((models / "manifest.json").read_text())) == [f"{n}.onnx" for n in range(8)]
