"""Judging a visit: gathers what is known of it, asks an analyst, keeps the answer for good. Called by placing."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import cast

from django.db.models import F, Max, Min
from django.utils import timezone

from cameras.models import Capture
from detections.sampling import sample_offsets
from events.models import NOT_REVIEWED, Assessment, Event, EventDetection
from inference.protocols import EventContext, PlaceName, Sighting, Verdict
from inference.registry import load_analyst
from inference.scale import rank_of


def assess_by_rules(event: Event) -> Assessment:
    """Judge the whole visit so far by the rules, in the caller's transaction, and make it the event's reading."""
    started = time.perf_counter()
    verdict = load_analyst("rules").assess(event_context(event))
    assessment = _keep(event, verdict, latency_ms=round(1000 * (time.perf_counter() - started)))
    _show(event, verdict)
    return assessment


def event_context(event: Event) -> EventContext:
    """The facts of a visit as an analyst gets them: times in the camera's zone, boxes as shares of the picture."""
    memberships = event.memberships.select_related("detection__capture").order_by("detection__detected_at", "pk")
    return EventContext(
        camera_name=event.camera.name,
        place=cast("PlaceName", event.camera.place),
        sightings=tuple(_sighting(event, membership) for membership in memberships),
        frames=_frames(event),
    )


def _sighting(event: Event, membership: EventDetection) -> Sighting:
    detection = membership.detection
    width, height = detection.capture.width, detection.capture.height
    assert width and height, "a capture with detections has been decoded"
    return Sighting(
        detection_id=detection.pk,
        capture_id=detection.capture_id,
        seen_at=timezone.localtime(detection.detected_at, event.camera.zone),
        label=detection.object_type,
        confidence=detection.confidence,
        box=(
            detection.bbox_x / width,
            detection.bbox_y / height,
            detection.bbox_width / width,
            detection.bbox_height / height,
        ),
        aspect=width / height,
        parked=membership.parked,
    )


def _frames(event: Event) -> tuple[tuple[int, datetime], ...]:
    """Every picture and video frame of the visit that was looked at, whether or not anything was in it."""
    span = event.batches.aggregate(first=Min("started_at"), last=Max("last_activity_at"))
    looked_at = Capture.objects.filter(
        camera_id=event.camera_id,
        state=Capture.State.DETECTED,
        captured_at__range=(span["first"], span["last"]),
    )
    moments = [
        (pk, timezone.localtime(captured_at + timedelta(seconds=offset), event.camera.zone))
        for pk, captured_at, media_type, duration in looked_at.values_list(
            "pk", "captured_at", "media_type", "duration"
        )
        for offset in (sample_offsets(duration) if media_type == Capture.MediaType.VIDEO else [0.0])
    ]
    return tuple(sorted(moments, key=lambda moment: (moment[1], moment[0])))


def _keep(event: Event, verdict: Verdict, *, latency_ms: int) -> Assessment:
    return Assessment.objects.create(
        event=event,
        source=Assessment.Source.RULES,
        model=verdict.model,
        raw_score=verdict.raw_score,
        floor=verdict.floor,
        floor_why=verdict.floor_why,
        ceiling=verdict.ceiling,
        ceiling_why=verdict.ceiling_why,
        score=verdict.score,
        parts=[asdict(part) for part in verdict.parts],
        not_known=list(verdict.not_known),
        summary=verdict.summary,
        reasoning=verdict.reasoning,
        cited_detection_ids=list(verdict.cited_detection_ids),
        latency_ms=latency_ms,
    )


def _show(event: Event, verdict: Verdict) -> None:
    """Make the verdict what the event's card says. One that worries more than what was reviewed wants a look again."""
    worries_more = rank_of(verdict.score) > rank_of(event.risk_score)
    Event.objects.filter(pk=event.pk).update(
        **(NOT_REVIEWED if worries_more else {}),
        risk_score=verdict.score,
        summary=verdict.summary,
        reasoning=verdict.reasoning,
        key_detection_id=verdict.key_detection_id,
        revision=F("revision") + 1,
        changed_at=timezone.now(),
    )
