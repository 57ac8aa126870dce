"""From a file in a folder to an event, through the real processes, seen from outside."""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import Stack, eventually
from tests.files import drop, picture_bytes, video_bytes
from tests.footage import draw_empty_jpeg, draw_person_jpeg, draw_walker_mp4

pytestmark = pytest.mark.stack
SHARED_FOOTAGE = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_a_picture_of_somebody_becomes_an_event_that_says_why(stack: Stack) -> None:
    draw_person_jpeg(stack.camera("front") / "a.jpg", seed=1)
    (capture,) = stack.settled("front", 1)
    assert (capture["state"], capture["error"]) == ("detected", "")
    event = eventually(lambda: stack.events("front"))[0]
    assert capture["event_id"] == event["id"] or stack.captures("front")[0]["event_id"] == event["id"]
    assert event["object_types"] == ["person"]
    assert event["summary"] and event["assessment"]["source"] == "rules" and event["assessment"]["parts"]
    detail = stack.api.get(f"events/{event['id']}/").json()
    assert sum(part["points"] for part in event["assessment"]["parts"]) == event["assessment"]["raw_score"]
    assert {d["id"] for d in detail["detections"]} == set(event["detection_ids"])
    assert (stack.data_dir / detail["detections"][0]["thumbnail_path"]).stat().st_size > 1000


def test_a_video_of_somebody_is_one_event(stack: Stack) -> None:
    draw_walker_mp4(stack.camera("drive") / "a.mp4", seconds=3, seed=2)
    (capture,) = stack.settled("drive", 1)
    assert (capture["media_type"], capture["state"]) == ("video", "detected")
    (event,) = eventually(lambda: stack.events("drive"))
    detections = stack.all("detections/", camera_id="drive")
    assert len({d["frame_offset"] for d in detections}) >= 2
    assert set(event["detection_ids"]) == {d["id"] for d in detections}


def test_ingest_waits_for_the_outcome_and_tells_it(stack: Stack, tmp_path: Path) -> None:
    person = draw_person_jpeg(tmp_path / "somebody.jpg", seed=3)
    nobody = draw_empty_jpeg(tmp_path / "nobody.jpg", seed=3)
    told = json.loads(stack.command("ingest", str(person), str(nobody), "--camera", "Side Gate", "--wait", "--json"))
    first, second = told["captures"]
    assert first["camera_id"] == "side_gate" and first["event_id"] is not None
    assert second["state"] == "detected" and second["event_id"] is None
    assert second["receipt"] == "Nothing found: the built-in detector sees standing people only"


def test_an_upload_by_the_api_becomes_an_event(stack: Stack, tmp_path: Path) -> None:
    person = draw_person_jpeg(tmp_path / "somebody.jpg", seed=4)
    with person.open("rb") as file:
        answer = stack.api.post("cameras/porch/captures/", files={"file": ("somebody.jpg", file, "image/jpeg")})
    assert answer.status_code == 201, answer.text
    stack.settled("porch", 1)
    assert eventually(lambda: stack.events("porch"))


def test_every_bad_file_ends_with_its_reason_and_the_good_one_goes_on(stack: Stack, tmp_path: Path) -> None:
    folder = stack.camera("bad")
    secret = drop(tmp_path, "secret.jpg", picture_bytes(9))
    drop(folder, "empty.jpg", b"")
    drop(folder, "letter.jpg", b"Dear camera, this is a letter and no picture.")
    drop(folder, "cut.jpg", picture_bytes(1, size=(800, 600))[:5000])
    drop(folder, "cut.mp4", video_bytes(1, seconds=8)[:-2000])
    drop(folder, "zero.mp4", video_bytes(1, seconds=0))
    with (folder / "huge.mp4").open("wb") as file:
        file.truncate(3 * 1024**3)
    (folder / "link.jpg").symlink_to(secret)
    drop(folder, "index.html", b"<p>")
    before = time.monotonic()
    drop(folder, "good.jpg", picture_bytes(2))
    eventually(lambda: [c for c in stack.captures("bad") if c["file_path"].endswith("good.jpg")], within_s=5)
    assert time.monotonic() - before < 5
    captures = stack.settled("bad", 8)
    outcomes = {Path(c["file_path"]).name: (c["state"], c["error"]) for c in captures}
    assert outcomes.pop("good.jpg") == ("detected", "")
    assert {state for state, _ in outcomes.values()} == {"rejected"}
    assert all(error for _, error in outcomes.values()), outcomes


def test_two_hundred_files_at_once_on_four_cameras_are_all_accounted_for(stack: Stack) -> None:
    for number in range(200):
        drop(stack.camera(f"crowd {number % 4}"), f"{number}.jpg", picture_bytes(number, size=(160, 120)))
    for number in range(4):
        captures = stack.settled(f"crowd_{number}", 50, within_s=120)
        assert {capture["state"] for capture in captures} == {"detected"}


def test_files_that_arrive_while_everything_is_stopped_and_kills_in_between_lose_nothing(home: Path) -> None:
    """One stack of its own: stopped, started, and every kind of process killed while it works."""
    stack = Stack(home / "data")
    stack.start()
    try:
        stack.make_owner()
        stack.stop()
        for number in range(4):
            draw_person_jpeg(stack.camera("front") / f"while-away-{number}.jpg", seed=number + 1)
        stack.start()
        victims = (
            "-Q detect",
            "-Q default",
            "celery.* beat",
            "manage.py watch",
            "redis-server",
            "postgres.* -D",
            "uvicorn",
        )
        for number, victim in enumerate(victims):
            draw_person_jpeg(stack.camera("front") / f"kill-{number}.jpg", seed=100 + number)
            kill(stack, victim)
        eventually(stack.is_ready, within_s=60)
        captures = eventually(lambda: _all_done(stack, 4 + len(victims)), within_s=90)
        assert {capture["state"] for capture in captures} <= {"detected", "duplicate"}
        detections = stack.all("detections/", camera_id="front")
        members = [d for event in stack.events("front") for d in event["detection_ids"]]
        assert sorted(members) == sorted(d["id"] for d in detections)
        assert {d["capture_id"] for d in detections} == {c["id"] for c in captures if c["event_id"]}
    finally:
        stack.stop()
    assert not stack.log.read_text().count("Traceback (most recent call last)") > len(victims) * 4


def kill(stack: Stack, victim: str) -> None:
    """End a process as a crash would, once it is there; of a worker with children, the child that does the work."""
    eventually(lambda: stack.processes(victim))[-1].send_signal(signal.SIGKILL)


def _all_done(stack: Stack, count: int) -> list[dict[str, object]]:
    try:
        captures = stack.captures("front")
    except httpx.TransportError:
        return []
    done = [c for c in captures if c["event_id"] or c["state"] not in ("queued", "detecting", "detected")]
    return captures if len(done) == len(captures) == count else []


@pytest.mark.skipif(not SHARED_FOOTAGE.is_dir(), reason="no folder of real footage beside the project")
def test_real_footage_has_people_in_it(stack: Stack) -> None:
    for path in sorted(SHARED_FOOTAGE.iterdir()):
        if path.suffix in (".jpg", ".avi"):
            stack.camera("real").mkdir(parents=True, exist_ok=True)
            shutil.copy(path, stack.camera("real") / path.name)
    captures = stack.settled("real", 7, within_s=120)
    seen = {d["file_path"].rsplit("/", 1)[-1] for d in stack.all("detections/", camera_id="real")}
    assert {capture["state"] for capture in captures} == {"detected"}
    assert "walkers-overhead.avi" in seen
    assert len(seen - {"walkers-overhead.avi"}) >= 3
    assert "000000052891.jpg" not in seen
