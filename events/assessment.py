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
from events.models import NOT_REVIEWED, Assessment, Event
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
    return EventContext(
        camera_name=event.camera.name,
        place=cast("PlaceName", event.camera.place),
        sightings=_sightings(event),
        frames=_frames(event),
    )


def _sightings(event: Event) -> tuple[Sighting, ...]:
    """Everything seen in the visit. Plain values: a long visit is read anew with every file, and objects cost most."""
    zone = event.camera.zone
    capture = "detection__capture__"
    seen = event.memberships.order_by("detection__detected_at", "pk").values_list(
        *("detection_id", "detection__capture_id", "detection__detected_at", "parked"),
        *("detection__object_type", "detection__confidence", f"{capture}width", f"{capture}height"),
        *("detection__bbox_x", "detection__bbox_y", "detection__bbox_width", "detection__bbox_height"),
    )
    return tuple(
        Sighting(
            detection_id=pk,
            capture_id=capture_id,
            seen_at=timezone.localtime(at, zone),
            label=label,
            confidence=confidence,
            box=(x / width, y / height, box_width / width, box_height / height),
            aspect=width / height,
            parked=parked,
        )
        for pk, capture_id, at, parked, label, confidence, width, height, x, y, box_width, box_height in seen
    )


def _frames(event: Event) -> tuple[tuple[int, datetime], ...]:
    """Every picture and video frame of the visit that was looked at, whether or not anything was in it."""
    zone = event.camera.zone
    span = event.batches.aggregate(first=Min("started_at"), last=Max("last_activity_at"))
    looked_at = Capture.objects.filter(
        camera_id=event.camera_id,
        state=Capture.State.DETECTED,
        captured_at__range=(span["first"], span["last"]),
    )
    moments = [
        (pk, timezone.localtime(captured_at + timedelta(seconds=offset), zone))
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
