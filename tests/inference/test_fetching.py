"""Fetching a model from a real server over TLS: whole, cut off, gone on with, changed in between, refused."""

from __future__ import annotations

import hashlib
import inspect
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from inference.detectors.ultralytics.library import import_ultralytics
from inference.fetching import FetchError, fetch
from inference.model_files import locked, records, sha256_of
from inference.sources import NEMOTRON, NothingToFetch, NotPublished, Source, detector_source, llm_source
from security_site.config import BASE_DIR, Config
from tests.inference.model_server import ModelServer, serving
from tests.stack import eventually

CONTENT = np.random.default_rng(5).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PART = ".model.pt.part"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(ModelServer(CONTENT), tmp_path / "trusted.pem") as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


class Told:
    """What the bar would show."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None]] = []

    def __call__(self, done: int, total: int | None) -> None:
        self.steps.append((done, total))


def from_(server: ModelServer) -> Source:
    return Source("model.pt", server.url())


def left_over(models: Path) -> list[str]:
    """What lies in the folder besides the model, the manifest and the locks."""
    return sorted(path.name for path in models.iterdir() if not path.name.endswith((".lock", "manifest.json", "el.pt")))


def test_a_whole_file_arrives_with_its_checksum_recorded(server: ModelServer, models: Path) -> None:
    told = Told()
    fetched = fetch(from_(server), models, told)
    assert (models / "model.pt").read_bytes() == CONTENT
    assert (fetched.sha256, fetched.was_there, fetched.is_published) == (SHA256, False, False)
    assert (records(models)["model.pt"].sha256, records(models)["model.pt"].origin) == (SHA256, server.url())
    assert told.steps[-1] == (len(CONTENT), len(CONTENT)) and len(told.steps) > 2
    assert left_over(models) == []


def test_what_is_there_is_not_fetched_again_unless_that_is_asked(server: ModelServer, models: Path) -> None:
    fetch(from_(server), models, Told())
    assert fetch(from_(server), models, Told()).was_there
    assert len(server.asked) == 1
    server.content = CONTENT[::-1]
    assert not fetch(from_(server), models, Told(), again=True).was_there
    assert (models / "model.pt").read_bytes() == server.content
    assert records(models)["model.pt"].sha256 == sha256_of(models / "model.pt")


def test_what_is_there_but_another_file_is_told(server: ModelServer, models: Path) -> None:
    fetch(from_(server), models, Told())
    (models / "model.pt").write_bytes(b"something else")
    with pytest.raises(FetchError, match="--again fetches it anew"):
        fetch(from_(server), models, Told())


def test_a_connection_that_ends_early_is_gone_on_with_by_itself(server: ModelServer, models: Path) -> None:
    server.cut_after = 1_000_000
    assert fetch(from_(server), models, Told()).sha256 == SHA256
    (_, first), (_, second) = server.asked
    assert first == "" and second.startswith("bytes=") and int(second[6:-1]) <= 1_000_000


def test_a_file_that_changed_in_between_is_begun_anew(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    server.content, server.etag = CONTENT[::-1], '"two"'
    fetch(from_(server), models, Told())
    assert (models / "model.pt").read_bytes() == CONTENT[::-1]


def test_a_server_that_knows_no_ranges_is_begun_anew(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    server.ignores_ranges = True
    assert fetch(from_(server), models, Told()).sha256 == SHA256


def test_a_part_without_a_strong_etag_is_never_added_to(server: ModelServer, models: Path) -> None:
    server.etag = 'W/"weak"'
    leave_a_part(server, models)
    server.content = CONTENT[::-1]
    fetch(from_(server), models, Told())
    assert (models / "model.pt").read_bytes() == CONTENT[::-1]


def test_a_part_of_another_address_is_not_added_to(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    fetch(Source("model.pt", server.url("/other/model.pt")), models, Told())
    assert server.asked[-1] == ("/other/model.pt", "")
    assert (models / "model.pt").read_bytes() == CONTENT


def leave_a_part(server: ModelServer, models: Path) -> None:
    """As a process leaves it that is stopped in the middle."""

    def stop(done: int, _: int | None) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(from_(server), models, stop)
    assert 1_000_000 < (models / PART).stat().st_size < len(CONTENT)


def test_a_stopped_fetch_keeps_its_part_and_goes_on_from_there(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    assert not (models / "model.pt").exists()
    have = (models / PART).stat().st_size
    told = Told()
    assert fetch(from_(server), models, told).sha256 == SHA256
    assert server.asked[-1] == ("/model.pt", f"bytes={have}-")
    assert told.steps[0][0] > have and told.steps[-1] == (len(CONTENT), len(CONTENT))


FETCH = (
    "import sys; from pathlib import Path; from inference.fetching import fetch; from inference.sources import Source; "
)
FETCH += "fetch(Source('model.pt', sys.argv[1]), Path(sys.argv[2]), lambda *_: None)"


def test_a_killed_process_leaves_what_the_next_goes_on_from(server: ModelServer, models: Path) -> None:
    server.pause_s = 1.0
    command = [sys.executable, "-c", FETCH, server.url(), str(models)]
    killed = subprocess.Popen(command, cwd=BASE_DIR)
    part = models / PART
    eventually(lambda: part.exists() and part.stat().st_size > 500_000)
    with pytest.raises(FetchError, match="being fetched by another process"):
        fetch(from_(server), models, Told())
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    server.pause_s, have = 0.0, part.stat().st_size
    assert 0 < have < len(CONTENT) and not (models / "model.pt").exists()
    assert fetch(from_(server), models, Told()).sha256 == SHA256
    assert server.asked[-1][1] == f"bytes={have}-"


def test_a_part_that_is_whole_already_only_gets_its_name(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    (models / PART).write_bytes(CONTENT)
    assert fetch(from_(server), models, Told()).sha256 == SHA256
    assert server.asked[-1] == ("/model.pt", f"bytes={len(CONTENT)}-")


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server: ModelServer, models: Path) -> None:
    leave_a_part(server, models)
    (models / PART).write_bytes(CONTENT + b"more")
    assert fetch(from_(server), models, Told()).sha256 == SHA256


def test_a_checksum_that_the_server_tells_is_compared(server: ModelServer, models: Path) -> None:
    server.headers = {"X-Linked-ETag": f'"{SHA256}"'}
    assert fetch(from_(server), models, Told()).is_published
    server.headers = {"X-Linked-ETag": f'"{"0" * 64}"'}
    with pytest.raises(FetchError, match="is not what its makers published"):
        fetch(from_(server), models, Told(), again=True)
    assert (models / "model.pt").read_bytes() == CONTENT
    assert left_over(models) == []


@pytest.mark.parametrize(("status", "told"), [(404, "answers 404"), (500, "answers 500"), (403, "answers 403")])
def test_a_refusal_is_told(server: ModelServer, models: Path, status: int, told: str) -> None:
    server.status = status
    with pytest.raises(FetchError, match=told):
        fetch(from_(server), models, Told())
    assert left_over(models) == []


def test_a_server_that_sends_less_than_it_announced_is_asked_again_and_then_given_up(
    server: ModelServer, models: Path
) -> None:
    server.claims = len(CONTENT) + 10
    with pytest.raises(FetchError, match=r"cannot be reached after 3,000,000 bytes; a next try goes on from there"):
        fetch(from_(server), models, Told())
    assert not (models / "model.pt").exists()


def test_redirects_are_followed_to_https_only_and_not_for_ever(server: ModelServer, models: Path) -> None:
    server.status, server.headers = 302, {"Location": "http://127.0.0.1:1/model.pt"}
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:1/model\.pt is not encrypted"):
        fetch(from_(server), models, Told())
    server.headers = {"Location": "/again"}
    with pytest.raises(FetchError, match="redirected too often"):
        fetch(from_(server), models, Told())


def test_a_redirect_leads_to_the_file(server: ModelServer, models: Path) -> None:
    server.moved, server.headers = {"/model.pt": "/store/x"}, {"X-Linked-ETag": f'"{SHA256}"'}
    assert fetch(from_(server), models, Told()).is_published
    assert [path for path, _ in server.asked] == ["/model.pt", "/store/x"]


def test_an_unencrypted_address_is_not_asked(models: Path) -> None:
    with pytest.raises(FetchError, match="fetched by https only"):
        fetch(Source("model.pt", "http://127.0.0.1:1/model.pt"), models, Told())


def test_a_server_that_nobody_vouches_for_is_not_believed(
    server: ModelServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch(from_(server), models, Told())
    assert server.asked == []


def test_a_full_disk_is_told_before_anything_comes(
    server: ModelServer, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nearly_full = SimpleNamespace(free=400 * 1024**2)
    monkeypatch.setattr("inference.fetching.shutil.disk_usage", lambda _: nearly_full)
    with pytest.raises(FetchError, match=r"has 0\.4 GB free"):
        fetch(from_(server), models, Told())
    assert (models / PART).stat().st_size == 0


def test_two_at_once_do_not_collide(server: ModelServer, models: Path) -> None:
    with locked(models / ".model.pt.lock"), pytest.raises(FetchError, match="by another process already"):
        fetch(from_(server), models, Told())


class TestSources:
    def config(self, tmp_path: Path, **settings: str) -> Config:
        return Config(DATA_DIR=tmp_path, **settings)  # type: ignore[arg-type]

    def test_every_address_of_weights_is_one_that_the_library_itself_knows(self, tmp_path: Path) -> None:
        import_ultralytics(tmp_path)
        from ultralytics.utils import downloads

        from inference.sources import DETECTION_WEIGHTS, ULTRALYTICS_RELEASE

        usual = [name for name in downloads.GITHUB_ASSETS_NAMES if DETECTION_WEIGHTS.fullmatch(name)]
        assert {"rtdetr-l.pt", "yolo26n.pt", "yolo11s.pt"} <= set(usual) and len(usual) == 33
        (release,) = re.findall(r'release: str = "(v[\d.]+)"', inspect.getsource(downloads))
        assert f"https://github.com/ultralytics/assets/releases/download/{release}/" == ULTRALYTICS_RELEASE

    def test_weights_of_ones_own_are_not_fetched(self, tmp_path: Path) -> None:
        for name in ("best.pt", "/srv/x.pt", "yolo26n-seg.pt", "../rtdetr-l.pt"):
            with pytest.raises(NotPublished, match="none of the published weights"):
                detector_source(self.config(tmp_path, DETECTOR_WEIGHTS=name))
        assert detector_source(self.config(tmp_path)).url.endswith("/v8.4.0/rtdetr-l.pt")

    def test_the_language_model_is_the_makers_own(self, tmp_path: Path) -> None:
        assert llm_source(self.config(tmp_path)).name == NEMOTRON
        with pytest.raises(NotPublished, match=r"LLM_MODEL=mine\.gguf is your own choice"):
            llm_source(self.config(tmp_path, LLM_MODEL="mine.gguf"))
        with pytest.raises(NothingToFetch, match="runs at LLM_URL"):
            llm_source(self.config(tmp_path, LLM_URL="http://127.0.0.1:1/v1"))


class TestTheCommand:
    @pytest.fixture(autouse=True)
    def configured(self, data_dir: Path, settings: Settings) -> None:
        settings.CONFIG = Config(DATA_DIR=data_dir)

    def test_without_a_network_it_says_so_and_that_the_detector_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_network(*_: object, **__: object) -> None:
            raise socket.gaierror("Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", no_network)
        with pytest.raises(CommandError) as failure:
            call_command("fetch_models", "detector")
        told = str(failure.value)
        assert "https://github.com/ultralytics/assets/releases/download/v8.4.0/rtdetr-l.pt cannot be reached" in told
        assert "The detector that runs goes on as it is; without weights that is the built-in one." in told
        assert failure.value.returncode == 1

    def test_of_several_each_is_tried_and_every_failure_told(
        self, data_dir: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.moved = {"/rtdetr-l.pt": "http://127.0.0.1:1/"}
        monkeypatch.setattr("inference.sources.ULTRALYTICS_RELEASE", server.url("/"))
        monkeypatch.setattr("inference.sources.NEMOTRON_RELEASE", server.url("/"))
        with pytest.raises(CommandError, match="is not encrypted"):
            call_command("fetch_models", "all")
        assert (data_dir / "models" / NEMOTRON).read_bytes() == CONTENT

    def test_ones_own_that_are_there_need_no_fetching(
        self, data_dir: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
    ) -> None:
        own = data_dir / "models" / "mine.onnx"
        own.parent.mkdir()
        own.touch()
        settings.CONFIG = Config(DATA_DIR=data_dir, DETECTOR_WEIGHTS="mine.onnx", LLM_URL="http://127.0.0.1:1/v1")
        call_command("fetch_models", "all")
        assert capsys.readouterr().out == (
            f"{own} is your own, and there: nothing to fetch.\n"
            "The language model runs at LLM_URL=http://127.0.0.1:1/v1: nothing to fetch.\n"
        )

    def test_it_tells_what_it_fetched(
        self, data_dir: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("inference.sources.ULTRALYTICS_RELEASE", server.url("/"))
        call_command("fetch_models")
        path = data_dir / "models" / "rtdetr-l.pt"
        assert f"{path}, SHA-256 {SHA256}, recorded; its makers tell none to compare." in capsys.readouterr().out
        call_command("fetch_models")
        assert "It is there already" in capsys.readouterr().out

    def test_a_language_model_comes_with_what_turns_it_on(
        self, data_dir: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("inference.sources.NEMOTRON_RELEASE", server.url("/"))
        call_command("fetch_models", "llm")
        assert f"To use it: LLM_MODEL={NEMOTRON} in .env" in capsys.readouterr().out
