"""The command `ingest` where the program does not run: it does the workers' work itself, with the real detector."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from cameras.models import Camera, Capture
from events.models import Event
from inference.protocols import EngineLost
from telemetry.models import Heartbeat
from telemetry.stages import pause
from tests.files import drop, picture_bytes
from tests.footage import draw_empty_jpeg, draw_person_jpeg

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def beats_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from its thread: where a test takes long, that would wait for the end of the test's transaction, and then
    leave its row in the database for the other tests."""
    monkeypatch.setattr("telemetry.heartbeat.HEARTBEAT_INTERVAL_S", 3600)


def ingest(*arguments: str) -> str:
    said = io.StringIO()
    call_command("ingest", *arguments, stdout=said, stderr=io.StringIO())
    return said.getvalue()


def test_it_tells_what_became_of_each_file(tmp_path: Path) -> None:
    somebody, nobody = draw_person_jpeg(tmp_path / "a.jpg"), draw_empty_jpeg(tmp_path / "b.jpg")
    said = ingest(str(somebody), str(nobody), str(somebody), "--camera", "Front Door", "--wait")
    event = Event.objects.get()
    assert said.splitlines() == [
        f"front_door/a.jpg: Found: person → event {event.pk}",
        "front_door/b.jpg: Nothing found: the built-in detector sees standing people only",
        f"front_door/a-2.jpg: Same picture as another one → event {event.pk}",
    ]


def test_without_waiting_the_files_are_queued(tmp_path: Path) -> None:
    said = ingest(str(drop(tmp_path, "a.jpg", picture_bytes(1))), "--camera", "x", "--json")
    (row,) = json.loads(said)["captures"]
    assert (row["state"], row["event_id"], row["receipt"]) == ("queued", None, "Waits to be looked at…")
    assert Capture.objects.get().path.read_bytes() == picture_bytes(1)


def test_what_cannot_be_taken_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    good, letter = drop(tmp_path, "a.jpg", picture_bytes(1)), drop(tmp_path, "letter.txt", b"x")
    torn = drop(tmp_path, "torn.jpg", picture_bytes(2)[:900])
    with pytest.raises(CommandError, match="3 of 4 files were not taken in"):
        ingest(str(good), str(letter), str(torn), str(tmp_path / "gone.jpg"), "--camera", "x")
    assert Capture.objects.get().file_name == "a.jpg"
    assert [path.name for path in Camera.objects.get().folder.iterdir()] == ["a.jpg"]


def test_a_paused_stage_is_told_instead_of_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_no_disk(worker: str, most: int) -> int:
        pause("detect", "no disk")
        return 0

    monkeypatch.setattr("events.management.commands.ingest.detect_queued", find_no_disk)
    with pytest.raises(CommandError, match="paused: no disk"):
        ingest(str(drop(tmp_path, "a.jpg", picture_bytes(1))), "--camera", "x", "--wait")
    assert not Heartbeat.objects.exists(), "it must not be taken for a worker that lives"


def test_a_detector_that_is_lost_is_told_and_the_next_call_tries_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever calls this waits for it, so it does not wait for the workers' next try."""

    def lose(config: object) -> None:
        raise EngineLost("the graphics card failed")

    first, second = (str(drop(tmp_path, f"{number}.jpg", picture_bytes(number))) for number in (1, 2))
    with monkeypatch.context() as broken:
        broken.setattr("detections.detect.load_detector", lose)
        with pytest.raises(CommandError, match="paused: the graphics card failed"):
            ingest(first, "--camera", "x", "--wait")
    assert "2.jpg: Nothing found" in ingest(second, "--camera", "x", "--wait")
    assert set(Capture.objects.values_list("state", flat=True)) == {"detected"}
