"""The sweep makes every lost message harmless: whatever is due is woken, whatever is lost is freed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from cameras.claims import claim_captures
from cameras.models import Camera, Capture
from events.tasks import sweep
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat
from tests.events.rows import detected, make_camera

pytestmark = pytest.mark.django_db


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr("events.tasks.wake", lambda *call: calls.append(call))
    return calls


def test_it_wakes_the_stage_that_has_work_and_no_other(woken: list[tuple[str, ...]]) -> None:
    sweep()
    assert woken == []
    capture = detected(make_camera("front"), 0)
    detected(make_camera("front"), 1)
    sweep()
    assert woken == [("events.place_detected", "front")]
    woken.clear()
    Capture.objects.filter(pk=capture.pk).update(state="queued")
    sweep()
    assert sorted(woken) == [("detections.detect_queued",), ("events.place_detected", "front")]


def test_it_frees_what_a_dead_worker_held_and_wakes_for_it(woken: list[tuple[str, ...]]) -> None:
    detected(make_camera(), 0)
    Capture.objects.update(state="queued")
    assert claim_captures("dead", 8)
    Capture.objects.update(lease_until=Now() + timedelta(seconds=49))
    sweep()
    assert Capture.objects.get().state == "queued"
    assert woken == [("detections.detect_queued",)]


def test_it_forgets_processes_that_are_long_gone(woken: list[tuple[str, ...]]) -> None:
    beat("old", "detect", {})
    beat("young", "detect", {})
    Heartbeat.objects.filter(pk="old").update(at=Now() - timedelta(hours=2))
    sweep()
    assert list(Heartbeat.objects.values_list("worker", flat=True)) == ["young"]


def test_a_camera_that_sent_nothing_for_a_day_is_offline(woken: list[tuple[str, ...]]) -> None:
    for name, hours in (("silent", 25), ("reporting", 23)):
        make_camera(name)
        Camera.objects.filter(pk=name).update(last_seen_at=timezone.now() - timedelta(hours=hours))
    sweep()
    assert dict(Camera.objects.values_list("id", "status")) == {"silent": "offline", "reporting": "online"}
