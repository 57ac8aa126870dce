"""Visits for tests of rules: what was seen, where, when, how sure, and how late it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from cameras.models import Camera
from events.models import Event
from tests.factories import CameraFactory, DetectionFactory, EventFactory
from zones.models import DetectionZone, Zone


@dataclass(frozen=True)
class Saw:
    """One detection, so many seconds after the visit began."""

    what: str = "person"
    sure: float = 0.8
    zones: Sequence[Zone] = ()
    after_s: float = 0
    late: timedelta = timedelta()
    parked: bool = False


def camera_called(camera_id: str = "front_door") -> Camera:
    return CameraFactory.create(id=camera_id)


def make_visit(
    camera: Camera | None = None,
    *saw: Saw,
    at: datetime | None = None,
    score: int = 22,
    continues: Event | None = None,
    **fields: Any,
) -> Event:
    """A visit that the rules have not seen yet."""
    began = at or timezone.now()
    camera = camera or camera_called()
    seen = saw or (Saw(),)
    detections = [
        DetectionFactory.create(
            capture__camera=camera,
            capture__captured_at=began + timedelta(seconds=one.after_s),
            capture__arrived_at=began + timedelta(seconds=one.after_s) + one.late,
            object_type=one.what,
            confidence=one.sure,
        )
        for one in seen
    ]
    links = [
        DetectionZone(detection=detection, zone=zone)
        for detection, one in zip(detections, seen, strict=True)
        for zone in one.zones
    ]
    DetectionZone.objects.bulk_create(links)
    event = EventFactory.create(
        camera=camera,
        detections=detections,
        started_at=began,
        ended_at=began + timedelta(seconds=max(one.after_s for one in seen)),
        risk_score=score,
        continues=continues,
        chain_id=continues.chain_id_or_own if continues else None,
        **fields,
    )
    for detection, one in zip(detections, seen, strict=True):
        if one.parked:
            event.memberships.filter(detection=detection).update(parked=True)
    event.refresh_from_db()
    return event


def comes_to(event: Event, score: int) -> None:
    """The visit is judged anew, as `events.assessment.show` does it."""
    Event.objects.filter(pk=event.pk).update(risk_score=score, revision=event.revision + 1)
    event.refresh_from_db()


def outcomes_of(event: Event) -> list[dict[str, Any]]:
    event.refresh_from_db()
    outcomes: list[dict[str, Any]] = event.rule_outcomes
    return outcomes


def outcome_of(event: Event) -> dict[str, Any]:
    (outcome,) = outcomes_of(event)
    return outcome
