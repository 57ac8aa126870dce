"""Judging a visit: gathers what is known of it, keeps every answer for good, decides which one the event shows.

Called by placing, which has the rules judge, and by the analyze stage, which asks a language model.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db.models import F, Max, Min, QuerySet
from django.utils import timezone

from accounts.home import mode_at
from accounts.models import HomeMode
from cameras.models import Camera, Capture
from detections.sampling import sample_offsets
from events.models import NOT_REVIEWED, Assessment, Event
from inference.protocols import (
    AnswerRefused,
    Effort,
    EventContext,
    HouseholdFact,
    PlaceName,
    Sighting,
    Verdict,
    ZoneFact,
    ZoneKind,
)
from inference.registry import load_analyst
from inference.scale import rank_of
from telemetry.wake import wake
from zones.membership import zones_of

RULES, LLM = Assessment.Source.RULES, Assessment.Source.LLM


def assess_by_rules(event: Event) -> Assessment:
    """Judge the whole visit so far by the rules, in the caller's transaction; it may become the event's reading."""
    started = time.perf_counter()
    context = event_context(event)
    verdict = load_analyst("rules", settings.CONFIG).assess(context)
    latency_ms = round(1000 * (time.perf_counter() - started))
    assessment = keep(event, RULES, verdict, detection_count=len(context.sightings), latency_ms=latency_ms)
    show(event, assessment, verdict)
    return assessment


def newest_readings(assessments: QuerySet[Assessment]) -> QuerySet[Assessment]:
    """Of these, what `reading_of` needs of each event: the newest of each source that may be shown."""
    shown = assessments.filter(error="", is_replay=False)
    return shown.order_by("event_id", "source", "-id").distinct("event_id", "source")


def reading_of(assessments: Iterable[Assessment]) -> Assessment | None:
    """The one of a visit's judgements that counts, in whatever order: its score and words are the event's.

    A language model's newest, else the rules' newest. But where the visit has grown since the model looked and the
    rules worry more by now, theirs stands until the model has looked again; nothing lies below their newest floor.
    """
    newest: dict[str, Assessment] = {}
    for one in assessments:
        if not one.error and not one.is_replay and (one.source not in newest or one.pk > newest[one.source].pk):
            newest[one.source] = one
    rules, model = newest.get(RULES), newest.get(LLM)
    if model is None or rules is None:
        return model or rules
    has_grown = (rules.detection_count or 0) > (model.detection_count or 0)
    worries_more = _score(rules) > _score(model)
    return rules if (has_grown and worries_more) or rules.floor > _score(model) else model


def _score(assessment: Assessment) -> int:
    assert assessment.score is not None  # only a failed one has none
    return assessment.score


def event_context(event: Event) -> EventContext:
    """The facts of a visit as an analyst gets them: times by the camera's clock, boxes as shares of the picture."""
    zones = _zones(event.camera)
    return EventContext(
        camera_name=event.camera.name,
        place=cast("PlaceName", event.camera.place),
        sightings=_sightings(event, zones),
        frames=_frames(event),
        zones=zones or None,
        household=_household(event),
    )


def _zones(camera: Camera) -> tuple[ZoneFact, ...]:
    drawn = camera.zones.filter(enabled=True).values_list("pk", "name", "zone_type")
    return tuple(ZoneFact(pk, name, cast("ZoneKind", zone_type)) for pk, name, zone_type in drawn)


def _household(event: Event) -> HouseholdFact | None:
    """Whether anybody was home when the visit was seen last."""
    mode = mode_at(event.ended_at)
    return HouseholdFact(away=mode == HomeMode.Mode.AWAY) if mode else None


def _sightings(event: Event, zones: tuple[ZoneFact, ...]) -> tuple[Sighting, ...]:
    """Everything seen in the visit. Plain values: a long visit is read anew with every file, and objects cost most."""
    clock = event.camera.zone
    capture = "detection__capture__"
    rows = event.memberships.order_by("detection__detected_at", "pk").values_list(
        *("detection_id", "detection__capture_id", "detection__detected_at", "parked"),
        *("detection__object_type", "detection__confidence", f"{capture}width", f"{capture}height"),
        *("detection__bbox_x", "detection__bbox_y", "detection__bbox_width", "detection__bbox_height"),
    )
    seen = list(rows)
    zones_of_each = zones_of([detection_id for detection_id, *_ in seen]) if zones else {}
    return tuple(
        Sighting(
            detection_id=pk,
            capture_id=capture_id,
            seen_at=timezone.localtime(at, clock),
            label=label,
            confidence=confidence,
            box=(x / width, y / height, box_width / width, box_height / height),
            aspect=width / height,
            parked=parked,
            zones=zones_of_each.get(pk, ()),
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


def hold(visit: QuerySet[Event]) -> Event | None:
    """This one visit, if it is there, with its camera's row held to the end of the transaction.

    So do all who write judgements: a visit that goes meanwhile takes them along, and none is left behind.
    """
    camera_id = visit.values_list("camera_id", flat=True).first()
    if camera_id is None:
        return None
    try:
        Camera.objects.held(camera_id)
    except Camera.DoesNotExist:
        return None
    return visit.select_related("camera").defer("search_vector").first()


def keep(
    event: Event,
    source: Assessment.Source,
    verdict: Verdict,
    *,
    detection_count: int,
    latency_ms: int,
    **more: Any,
) -> Assessment:
    """Store an answer. `more` are further fields of it."""
    return Assessment.objects.create(
        event=event,
        source=source,
        model=verdict.model,
        detection_count=detection_count,
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
        grounded=verdict.grounded,
        latency_ms=latency_ms,
        raw_answer=verdict.raw_answer,
        **_tokens(verdict.effort),
        **more,
    )


def keep_refused(
    event: Event, refused: AnswerRefused, *, detection_count: int, latency_ms: int, **more: Any
) -> Assessment:
    """Store that a language model answered, and why that cannot be used."""
    return keep_failed(
        event,
        str(refused),
        model=refused.model,
        detection_count=detection_count,
        latency_ms=latency_ms,
        raw_answer=refused.raw_answer,
        **_tokens(refused.effort),
        **more,
    )


def keep_failed(event: Event, error: str, **more: Any) -> Assessment:
    """Store that no usable answer of a language model came, and why."""
    return Assessment.objects.create(event=event, source=LLM, error=error, parts=[], summary="", **more)


def _tokens(effort: Effort) -> dict[str, int | None]:
    """As they are kept: where none were told, they are not known."""
    return {
        "prompt_tokens": effort.prompt_tokens or None,
        "cached_tokens": effort.cached_tokens if effort.prompt_tokens else None,
        "completion_tokens": effort.completion_tokens or None,
    }


def show(event: Event, latest: Assessment, verdict: Verdict, **more: Any) -> None:
    """Make the reading that counts, now that there is `latest`, what the event's card says; set `more` along with it.

    One that worries more than what was reviewed wants a look again.
    """
    reading = reading_of([*newest_readings(event.assessments.all()), latest])
    assert reading is not None
    score = _score(reading)
    worries_more = rank_of(score) > rank_of(event.risk_score)
    # The picture changes with the words; those of an older reading have theirs already.
    picture = {"key_detection_id": verdict.key_detection_id} if reading == latest and verdict.key_detection_id else {}
    Event.objects.filter(pk=event.pk).update(
        **(NOT_REVIEWED if worries_more else {}),
        risk_score=score,
        summary=reading.summary,
        reasoning=reading.reasoning,
        **picture,
        **more,
        revision=F("revision") + 1,
        changed_at=timezone.now(),
    )
    wake("alerts.evaluate_changed")
