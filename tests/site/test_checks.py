"""Each check finds what it is for, says what to do, and is silent otherwise."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from pytest_django.fixtures import Settings

from security_site import checks
from security_site.config import Config


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def config(settings: Settings) -> Config:
    config = Config(HOST="127.0.0.1", TIME_ZONE="Europe/Berlin")
    settings.CONFIG = config
    return config


@pytest.fixture
def nothing_is_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may do anything, whatever the mode


def ids(found: list[CheckMessage]) -> list[str | None]:
    assert all(message.hint for message in found)
    return [message.id for message in found]


def test_a_data_folder_that_can_be_made_is_fine(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path / "not" / "yet"
    assert ids(checks.data_dir_is_writable()) == []


@pytest.mark.usefixtures("nothing_is_permitted")
def test_a_data_folder_that_cannot_be_written_is_an_error() -> None:
    assert ids(checks.data_dir_is_writable()) == ["hsi.E001"]


def test_a_camera_folder_that_is_there_or_can_be_made_is_fine(settings: Settings, tmp_path: Path) -> None:
    assert ids(checks.camera_root_is_readable()) == []
    settings.CAMERA_ROOT = tmp_path / "cameras" / "new"
    assert ids(checks.camera_root_is_readable()) == []


@pytest.mark.usefixtures("nothing_is_permitted")
def test_a_camera_folder_that_cannot_be_read_is_an_error() -> None:
    assert ids(checks.camera_root_is_readable()) == ["hsi.E002"]


def test_a_camera_folder_that_is_a_file_is_an_error(settings: Settings, tmp_path: Path) -> None:
    settings.CAMERA_ROOT = tmp_path / "file"
    settings.CAMERA_ROOT.touch()
    assert ids(checks.camera_root_is_readable()) == ["hsi.E002"]


@pytest.mark.parametrize(("free", "expected"), [(9, ["hsi.W001"]), (10, [])])
def test_a_nearly_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch, free: int, expected: list[str]) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 100 - free, free))
    assert ids(checks.disk_has_room()) == expected


@pytest.mark.parametrize(("host", "expected"), [("0.0.0.0", ["hsi.W002"]), ("::1", []), ("127.0.0.1", [])])  # noqa: S104
def test_a_site_open_to_the_network_is_a_warning(settings: Settings, host: str, expected: list[str]) -> None:
    settings.CONFIG = Config(HOST=host)
    assert ids(checks.lan_is_told_of_plain_http()) == expected


def test_a_machine_without_a_time_zone_is_a_warning(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIME_ZONE", raising=False)
    settings.CONFIG = Config()
    monkeypatch.setattr(checks, "system_time_zone", lambda: None)
    assert ids(checks.time_zone_is_known()) == ["hsi.W003"]
    monkeypatch.setattr(checks, "system_time_zone", lambda: "Europe/Berlin")
    assert ids(checks.time_zone_is_known()) == []


@pytest.mark.usefixtures("config")
def test_a_time_zone_that_is_set_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "system_time_zone", lambda: None)
    assert ids(checks.time_zone_is_known()) == []


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(("limit", "expected"), [("8192\n", ["hsi.W004"]), ("524288\n", []), (None, [])])
def test_few_watches_are_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str | None, expected: list[str]
) -> None:
    file = tmp_path / "max_user_watches"
    if limit:
        file.write_text(limit)
    monkeypatch.setattr(checks, "INOTIFY_WATCHES", file)
    assert ids(checks.enough_folders_can_be_watched()) == expected


@pytest.mark.parametrize(("uid", "expected"), [(0, ["hsi.W005"]), (1000, [])])
def test_being_root_is_a_warning(monkeypatch: pytest.MonkeyPatch, uid: int, expected: list[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert ids(checks.it_need_not_be_root()) == expected


@pytest.mark.usefixtures("config")
def test_the_check_command_tells_the_engines_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check")
    said = capsys.readouterr().out
    assert "Detector: builtin (" in said
    assert "Analyst: rules (" in said


@pytest.mark.parametrize(
    ("weights", "cards", "found"),
    [("rtdetr-l.pt", (), ["hsi.W006"]), ("yolo26n.pt", (), []), ("rtdetr-l.pt", (Path("/dev/null"),), [])],
    ids=["large on a CPU", "small on a CPU", "large on a card"],
)
def test_a_large_detector_without_a_graphics_card_is_advised_against(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, weights: str, cards: tuple[Path, ...], found: list[str]
) -> None:
    settings.CONFIG = Config(DETECTOR="ultralytics", DETECTOR_WEIGHTS=weights)
    monkeypatch.setattr(checks, "GRAPHICS_CARDS", cards)
    assert ids(checks.the_detector_suits_the_machine()) == found


def test_a_language_model_that_is_named_and_not_there_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    weights = tmp_path / "model.gguf"
    named = settings.CONFIG = Config(LLM_MODEL=str(weights))
    assert ids(checks.a_language_model_that_is_named_is_used()) == ["hsi.W007"]
    for more in ({"LLM_MODEL": ""}, {"ANALYST": "rules"}, {"LLM_URL": "http://127.0.0.1:9/v1"}):
        settings.CONFIG = named.model_copy(update=more)
        assert ids(checks.a_language_model_that_is_named_is_used()) == []
    settings.CONFIG = named
    weights.touch()
    assert ids(checks.a_language_model_that_is_named_is_used()) == []
