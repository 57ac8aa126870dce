"""A process holds what its work needs: memory and the time of a start go by what is imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from security_site.config import BASE_DIR

HEAVY = "cv2 av numpy shapely torch ultralytics llama_cpp"
BEAT = "import security_site.beat as b; b.app.loader.import_default_modules(); b.app.finalize()"
WORKER = "import security_site.worker as w; w.app.loader.import_default_modules(); w.app.finalize()"
DELIVERER = "import security_site.deliverer as d; d.app.loader.import_default_modules(); d.app.finalize()"
WEB = "import security_site.asgi, security_site.urls"
WATCHER = "import django; django.setup(); import cameras.watcher"
FTP = "import django; django.setup(); import cameras.ftp.server"


def loaded_by(statements: str, names: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of some modules a fresh process has once it is ready, as `manage.py up` starts it."""
    monkeypatch.setenv("CELERY_SKIP_CHECKS", "1")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "security_site.settings")
    tell = f"import sys; print(*(name for name in {names.split()} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statements}; {tell}"], cwd=BASE_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    "statements",
    [BEAT, WORKER, DELIVERER, WATCHER, FTP, WEB],
    ids=["beat", "worker", "deliverer", "watcher", "ftp", "web"],
)
def test_no_model_and_no_picture_library_is_loaded_before_it_is_needed(
    statements: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loaded_by(statements, HEAVY, monkeypatch) == []


@pytest.mark.parametrize("statements", [WORKER, WATCHER, WEB], ids=["worker", "watcher", "web"])
def test_nobody_loads_a_language_model_to_know_that_one_is_chosen(
    statements: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("LLM_MODEL", str(tmp_path / "tiny.gguf"))
    chosen = "from events.asking import is_wanted; assert is_wanted()"
    assert loaded_by(f"{statements}; {chosen}", HEAVY, monkeypatch) == []


def test_the_supervisor_stays_small_where_a_language_model_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_URL", "http://127.0.0.1:9/v1")
    chosen = (
        "import security_site.supervisor as s; from security_site.config import load_config; "
        "assert s.choose_analyst(load_config()).name == 'llm'"
    )
    assert loaded_by(chosen, f"{HEAVY} django celery httpx", monkeypatch) == []


@pytest.mark.parametrize("statements", [BEAT, WORKER, WATCHER, WEB], ids=["beat", "worker", "watcher", "web"])
def test_only_the_ftp_process_loads_the_ftp_server(statements: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded_by(statements, "pyftpdlib OpenSSL cryptography.x509", monkeypatch) == []


@pytest.mark.parametrize("statements", [WORKER, DELIVERER, WEB], ids=["worker", "deliverer", "web"])
def test_nobody_loads_the_kinds_of_services_before_there_is_a_channel(
    statements: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loaded_by(statements, "apprise alerts.sending", monkeypatch) == []


def test_the_process_that_sends_knows_its_own_task_and_none_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded_by(DELIVERER, "alerts.deliver_tasks events.placing events.tasks", monkeypatch) == [
        "alerts.deliver_tasks"
    ]


def test_beat_knows_every_name_it_sends_and_loads_no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded_by(BEAT, "django.db django.apps events cameras", monkeypatch) == []
    from security_site.beat import app
    from security_site.worker import app as worker

    worker.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(worker.tasks)
