"""Puts detected captures into batches and batches into visits. Called by the place task and the sweep.

The camera's row is locked first, always: it is what makes placing serial for a camera, and any other order of locks
deadlocks. Batches of a camera are disjoint in capture time whatever the order of arrival; a capture is never split.
Only those that were another camera's, until it was merged, may overlap others: where two would do, the later one takes
a capture, and nothing else depends on it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Exists, F, Prefetch, Q, QuerySet
from django.db.models.functions import Least
from django.utils import timezone

from cameras.models import Camera, Capture
from detections.models import Detection
from events.asking import ask
from events.assessment import assess_by_rules
from events.feed import event_hint
from events.models import NOT_REVIEWED, Batch, Event, EventDetection, as_rules_saw_it
from events.standing import Standing, standing_of
from telemetry.broadcast import broadcast
from zones.membership import store_zones
from zones.models import Zone

MAX_BATCH_DETECTIONS = 500
CAPTURES_AT_ONCE = 50
# A batch does not wait longer than this for captures that are still being looked at.
LONGEST_WAIT_FOR_CAPTURES = timedelta(minutes=10)
# A batch opened further ahead than this was opened before the clock was set back.
CLOCK_SET_BACK = timedelta(minutes=5)


def fits(batch: Batch, at: datetime) -> bool:
    """Whether a capture taken at `at` may join: near its span, within the longest span, and while there is room."""
    idle = timedelta(seconds=settings.CONFIG.BATCH_IDLE_SECONDS)
    window = timedelta(seconds=settings.CONFIG.BATCH_WINDOW_SECONDS)
    near = batch.started_at - idle <= at <= batch.last_activity_at + idle
    span = max(batch.last_activity_at, at) - min(batch.started_at, at)
    return near and span <= window and batch.detection_count < MAX_BATCH_DETECTIONS


def place_detected(camera_id: str) -> int:
    """Place every capture of a camera that waits for it; returns how many."""
    placed = 0
    while True:
        with transaction.atomic():
            count = _place_some(camera_id)
        placed += count
        if count < CAPTURES_AT_ONCE:
            return placed


def _place_some(camera_id: str) -> int:
    camera = Camera.objects.locked(camera_id).first()
    if camera is None:
        return 0
    captures = list(
        Capture.objects.unplaced()
        .filter(camera=camera)
        .annotate(has_zones=Exists(Zone.objects.filter(camera=camera, enabled=True)))
        .order_by("captured_at", "id")
        .prefetch_related(Prefetch("detections", Detection.objects.order_by("id")))[:CAPTURES_AT_ONCE]
    )
    if any(getattr(capture, "has_zones", False) for capture in captures):
        store_zones(camera, [detection for capture in captures for detection in capture.detections.all()])
    changed = {event.pk for capture in captures if (event := _place(camera, capture)) is not None}
    Capture.objects.filter(pk__in=[capture.pk for capture in captures]).update(placed_at=timezone.now())
    for event_id in changed:
        _judge(event_id)
    return len(captures)


def _judge(event_id: int) -> None:
    """Assess the visit as it is now, and tell the pages."""
    event = Event.objects.select_related("camera").get(pk=event_id)
    assess_by_rules(event)
    event.refresh_from_db()
    broadcast("event", event_hint(event))


def _place(camera: Camera, capture: Capture) -> Event | None:
    """Give the capture's detections a batch and a visit; returns the visit where it changed."""
    detections = list(capture.detections.all())
    if not detections:
        return None
    standing = standing_of(capture, detections)
    if len(standing) == len(detections) and all(stands.parked for stands in standing.values()):
        # Nothing but parked vehicles: they stay with the visit they arrived in, and change nothing of it.
        home = next(stands.membership for stands in standing.values() if stands.membership)
        _join(home.batch, home.event_id, detections, standing)
        return None
    batch = _batch_for(camera, capture)
    _extend_batch(batch, capture, len(detections))
    was_fast_path = batch.event.is_fast_path
    event = _extend_event(batch.event, capture, detections, standing)
    _join(batch, event.pk, detections, standing)
    if event.is_fast_path and not was_fast_path:
        ask(event.pk)
    if batch.state == Batch.State.CLOSED:
        # Late ones come in rows: one look after them will do.
        ask(event.pk, after=timedelta(seconds=settings.CONFIG.BATCH_IDLE_SECONDS))
    return event


def _join(batch: Batch, event_id: int, detections: list[Detection], standing: dict[int, Standing]) -> None:
    EventDetection.objects.bulk_create(
        EventDetection(
            detection=detection,
            event_id=event_id,
            batch=batch,
            standing_since=standing[detection.pk].since if detection.pk in standing else None,
            parked=detection.pk in standing and standing[detection.pk].parked,
        )
        for detection in detections
    )


def _batch_for(camera: Camera, capture: Capture) -> Batch:
    """The batch this capture joins: the one around it, else a neighbour it fits, else a new one."""
    at = capture.captured_at
    before = camera.batches.filter(started_at__lte=at).order_by("-started_at").select_related("event").first()
    after = camera.batches.filter(started_at__gt=at).order_by("started_at").select_related("event").first()
    if before is not None and before.started_at <= at <= before.last_activity_at:
        return before
    for neighbour in (before, after):
        if neighbour is not None and fits(neighbour, at):
            return neighbour
    return _new_batch(camera, capture, is_newest=after is None)


def _new_batch(camera: Camera, capture: Capture, *, is_newest: bool) -> Batch:
    """A batch with its visit. The newest is open and closes the one before; an older one is born closed."""
    now = timezone.now()
    at = capture.captured_at
    if is_newest:
        _close_for(camera, at, now)
    batch = Batch(
        id=uuid.uuid4(),
        camera=camera,
        state=Batch.State.OPEN if is_newest else Batch.State.CLOSED,
        started_at=at,
        last_activity_at=at,
        opened_at=now,
        last_placed_at=now,
        closed_at=None if is_newest else now,
        close_reason="" if is_newest else Batch.CloseReason.LATE,
    )
    visit = _visit_at(camera, at)
    if visit is not None and visit.reviewed and at > visit.ended_at:
        # Whoever reviewed it has not seen this: after a pause somebody came, perhaps somebody else.
        Event.objects.filter(pk=visit.pk).update(**NOT_REVIEWED)
    batch.event = visit or _new_event(camera, batch)
    batch.save(force_insert=True)
    if is_newest:
        Event.objects.filter(pk=batch.event.pk).update(state=Event.State.OPEN)
    return batch


def _close_for(camera: Camera, at: datetime, now: datetime) -> None:
    """Close the camera's open batch, since a capture came that does not fit it."""
    for batch in camera.batches.filter(state=Batch.State.OPEN):
        if batch.detection_count >= MAX_BATCH_DETECTIONS:
            reason = Batch.CloseReason.MAX_SIZE
        elif at - batch.last_activity_at <= timedelta(seconds=settings.CONFIG.BATCH_IDLE_SECONDS):
            reason = Batch.CloseReason.WINDOW
        else:
            reason = Batch.CloseReason.GAP
        _close(batch, reason, now)


def close_open_batch(camera: Camera) -> None:
    """Close the camera's open batch, if there is one, since nothing comes to it any more. The caller holds its row."""
    for batch in camera.batches.filter(state=Batch.State.OPEN):
        _close(batch, Batch.CloseReason.IDLE, timezone.now())


def _close(batch: Batch, reason: Batch.CloseReason, now: datetime) -> None:
    Batch.objects.filter(pk=batch.pk, state=Batch.State.OPEN).update(
        state=Batch.State.CLOSED, closed_at=now, close_reason=reason
    )
    Event.objects.filter(pk=batch.event_id).update(state=Event.State.CLOSED, **as_rules_saw_it(), changed_at=now)
    ask(batch.event_id)


def _visit_at(camera: Camera, at: datetime) -> Event | None:
    """The visit a new batch at `at` belongs to: the one around it, else the nearest within the gap, if it may grow."""
    gap = timedelta(seconds=settings.CONFIG.VISIT_GAP_SECONDS)
    if not gap:
        return None
    before = camera.events.filter(started_at__lte=at).order_by("-started_at").first()
    if before is not None and at <= before.ended_at:
        return before
    if before is not None and at - before.ended_at <= gap and _may_reach(before, at):
        return before
    after = camera.events.filter(started_at__gt=at, started_at__lte=at + gap).order_by("started_at").first()
    return after if after is not None and _may_reach(after, at) else None


def _may_reach(event: Event, at: datetime) -> bool:
    longest = timedelta(seconds=settings.CONFIG.VISIT_MAX_SECONDS)
    return max(event.ended_at, at) - min(event.started_at, at) <= longest


def _new_event(camera: Camera, batch: Batch) -> Event:
    """A visit of its own; where only its length kept it out of the one before, it points back."""
    gap = timedelta(seconds=settings.CONFIG.VISIT_GAP_SECONDS)
    at = batch.started_at
    previous = (
        camera.events.filter(ended_at__gte=at - gap, started_at__lte=at).order_by("-started_at").first()
        if gap
        else None
    )
    return Event.objects.create(
        batch_id=batch.pk,
        camera=camera,
        state=batch.state,
        started_at=at,
        ended_at=at,
        risk_score=0,
        summary="",
        object_types="",
        changed_at=timezone.now(),
        continues=previous,
        chain_id=previous.chain_id_or_own if previous else None,
        revision=0,
    )


def _extend_batch(batch: Batch, capture: Capture, detections: int) -> None:
    at = capture.captured_at
    batch.started_at = min(batch.started_at, at)
    batch.last_activity_at = max(batch.last_activity_at, at)
    batch.last_placed_at = timezone.now()
    batch.detection_count += detections
    batch.save(update_fields=["started_at", "last_activity_at", "last_placed_at", "detection_count"])


def _extend_event(
    event: Event, capture: Capture, detections: Iterable[Detection], standing: dict[int, Standing]
) -> Event:
    """Stretch the visit over what was seen, parked vehicles left out."""
    subjects = [d for d in detections if not (d.pk in standing and standing[d.pk].parked)]
    seen = [detection.detected_at for detection in subjects]
    event.started_at = min([event.started_at, *seen])
    event.ended_at = max([event.ended_at, *seen])
    event.object_types = ", ".join(sorted({*event.object_type_list, *(d.object_type for d in subjects)}))
    event.is_fast_path = event.is_fast_path or any(_is_fast_path(detection) for detection in subjects)
    event.save(update_fields=["started_at", "ended_at", "object_types", "is_fast_path"])
    return event


def _is_fast_path(detection: Detection) -> bool:
    return detection.object_type == "person" and detection.confidence >= settings.CONFIG.FAST_PATH_CONFIDENCE


def open_batches() -> QuerySet[Batch, Any]:
    """Open batches with `due_at`: when each is idle or past its window by wall clock."""
    idle_at = F("last_placed_at") + timedelta(seconds=settings.CONFIG.BATCH_IDLE_SECONDS)
    window_at = F("opened_at") + timedelta(seconds=settings.CONFIG.BATCH_WINDOW_SECONDS)
    return Batch.objects.filter(state=Batch.State.OPEN).annotate(
        due_at=Least(idle_at, window_at, output_field=DateTimeField())
    )


def close_due_batches() -> int:
    """Close batches that are idle or past their window by wall clock; returns how many."""
    now = timezone.now()
    window = timedelta(seconds=settings.CONFIG.BATCH_WINDOW_SECONDS)
    due = open_batches().filter(Q(due_at__lte=now) | Q(opened_at__gt=now + CLOCK_SET_BACK))
    closed = 0
    for batch_id, camera_id in due.values_list("pk", "camera_id"):
        with transaction.atomic():
            Camera.objects.locked(camera_id).get()
            batch = due.filter(pk=batch_id).select_related("event").first()
            if batch is None or _is_awaited(batch, now):
                continue
            past_window = batch.opened_at <= now - window
            _close(batch, Batch.CloseReason.WINDOW if past_window else Batch.CloseReason.IDLE, now)
            closed += 1
            event = Event.objects.select_related("camera").get(pk=batch.event_id)
            broadcast("event", event_hint(event))
    return closed


def _is_awaited(batch: Batch, now: datetime) -> bool:
    """Whether a capture that may fit is still on its way through the pipeline."""
    if now - batch.opened_at > LONGEST_WAIT_FOR_CAPTURES:
        return False
    idle = timedelta(seconds=settings.CONFIG.BATCH_IDLE_SECONDS)
    on_its_way = Q(state__in=[Capture.State.QUEUED, Capture.State.DETECTING]) | Q(
        state=Capture.State.DETECTED, placed_at=None
    )
    near = Capture.objects.filter(
        on_its_way,
        camera_id=batch.camera_id,
        captured_at__range=(batch.started_at - idle, batch.last_activity_at + idle),
    )
    return any(fits(batch, at) for at in near.values_list("captured_at", flat=True))
