"""Opening files by stored paths: regular ones below the root, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cameras.stored_files import NotThere, open_below


def test_a_file_below_the_root_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.jpg").write_bytes(b"picture")
    with open_below(tmp_path, "a/b/c.jpg") as file:
        assert file.read() == b"picture"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "c.jpg").write_bytes(b"picture")
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    open_below(tmp_path / "root", "c.jpg").close()


@pytest.mark.parametrize("path", ["", ".", "..", "../x", "a/../../x", "/x", "a\0b", "folder", "pipe", "gone", "pipe/x"])
def test_nothing_else_is(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (tmp_path / "x").write_text("outside")
    os.mkfifo(root / "pipe")
    with pytest.raises(NotThere):
        open_below(root, path)
