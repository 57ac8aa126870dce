"""Settings: read in one place, refused by name when they are wrong, documented from that place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from inference.registry import ANALYSTS, DETECTORS
from security_site.config import BASE_DIR, Config, ConfigError, load_config, system_time_zone
from security_site.management.commands.document_settings import PAGE, settings_page
from tests.site.processes import environment


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Config.model_fields:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(Config.model_config, "env_file", None)


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setitem(Config.model_config, "env_file", path)
    return path


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "eighty", "PORT='eighty' is refused"),
        ("PORT", "70000", "PORT='70000' is refused"),
        ("DETECT_CONFIDENCE", "50", "DETECT_CONFIDENCE='50' is refused"),
        ("DETECTOR", "magic", "DETECTOR='magic' is refused: Input should be 'auto'"),
        ("TIME_ZONE", "Mars/Base", "TIME_ZONE='Mars/Base' is refused: it is not a time zone"),
        ("ALLOWED_HOSTS", "a.example,*", "list the names"),
        (
            "FTP_PORT",
            "7990",
            "FTP_PORT='7990' is refused: it takes the ports 7990 to 8010, and PORT=8000 is one of them",
        ),
        ("FTP_PORT", "65530", "FTP_PORT='65530' is refused"),
        ("PORT", "2130", "PORT=2130 is one of them"),
        ("REDIS_URL", "localhost", "REDIS_URL is refused: must start with redis://"),
        ("SITE_URL", "attic.local", "SITE_URL='attic.local' is refused: must be an address such as https://attic"),
        ("SITE_URL", "https://attic.local/?a=1", "without ? and #"),
    ],
)
def test_a_malformed_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refusal:
        load_config()
    assert told in str(refusal.value)


def test_a_refusal_does_not_print_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:hunter2@db/x")
    with pytest.raises(ConfigError, match="DATABASE_URL is refused") as refusal:
        load_config()
    assert "hunter2" not in str(refusal.value)


def test_a_misspelt_variable_is_refused_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEDUPE_SECOND", "5")
    with pytest.raises(ConfigError, match="DEDUPE_SECOND is not a setting; did you mean DEDUPE_SECONDS"):
        load_config()


def test_variables_of_other_programs_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE", "REDIS_PASSWORD", "XDG_DATA_DIRS", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "/x")
    assert load_config().PORT == 8000


def test_every_problem_is_told_at_once(env_file: Path) -> None:
    env_file.write_text("PORT=none\nVISIT_GAP=5\nCOLOUR=red\n")
    with pytest.raises(ConfigError) as refusal:
        load_config()
    assert [line.split()[0] for line in str(refusal.value).splitlines()] == ["PORT='none'", "VISIT_GAP", "COLOUR"]


def test_the_environment_wins_over_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("PORT=8001\nHOST=0.0.0.0\n")
    monkeypatch.setenv("PORT", "8002")
    config = load_config()
    assert (config.PORT, config.HOST) == (8002, "0.0.0.0")  # noqa: S104  (compared)


def test_an_empty_value_counts_as_not_given(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("PORT=\nCAMERA_ROOT=\n")
    monkeypatch.setenv("DATA_DIR", "")
    config = load_config()
    assert (config.PORT, config.DATA_DIR, config.camera_root) == (8000, BASE_DIR / "data", BASE_DIR / "data/cameras")


def test_folders_count_from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "elsewhere")
    monkeypatch.setenv("CAMERA_ROOT", "/srv/ftp")
    config = load_config()
    assert (config.DATA_DIR, config.camera_root) == (BASE_DIR / "elsewhere", Path("/srv/ftp"))


def test_a_machines_odd_time_zone_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Paris")
    assert system_time_zone() == "Europe/Paris"
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    assert system_time_zone() is None
    assert load_config().TIME_ZONE == "UTC"


def test_the_engines_that_can_be_named_are_those_there_are() -> None:
    assert set(get_args(Config.model_fields["DETECTOR"].annotation)) == {"auto", *DETECTORS}
    assert set(get_args(Config.model_fields["ANALYST"].annotation)) == {"auto", *ANALYSTS}


def test_the_page_of_settings_is_current() -> None:
    assert PAGE.read_text() == settings_page(), "run: python manage.py document_settings"


def test_wrong_settings_end_a_command_before_anything_is_started(home: Path) -> None:
    ran = _manage(home, "migrate", PORT="none")
    assert ran.returncode == 2
    assert ran.stderr.startswith("Settings are wrong, nothing was started:\nPORT='none' is refused")
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("command", [("--help",), ("migrate", "--help"), ("makemigrations", "--check", "--dry-run")])
def test_a_command_that_needs_no_database_starts_none(home: Path, command: tuple[str, ...]) -> None:
    ran = _manage(home, *command)
    assert ran.returncode == 0, ran.stderr
    assert not (home / "postgres").exists()


def test_a_command_that_needs_the_database_has_it_for_its_time(home: Path) -> None:
    ran = _manage(home, "migrate", "--plan")
    assert "Planned operations" in ran.stdout, ran.stderr
    assert (home / "postgres" / "PG_VERSION").exists()
    assert not (home / "postgres" / "postmaster.pid").exists()


def _manage(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
    env = {**environment(home, 8000), **settings, "ENV_FILE": os.devnull}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)
