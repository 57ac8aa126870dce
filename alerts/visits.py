"""The facts of visits that rules are held against, in a few queries however many they are and however long.

Called by `alerts.evaluate` and `alerts.trial`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from alerts.conditions import Household, Sight, Visit, condensed
from events.models import Event, EventDetection
from zones.membership import zones_of
from zones.models import Zone


def visits_of(
    events: Sequence[Event], household: Household, needs_sights: Callable[[str, int], bool] = lambda *_: True
) -> list[Visit]:
    """`events` come with their camera. Parked vehicles are no part of a visit: they meet nothing.

    What was seen is only read where it matters to whoever asks, by camera and score.
    """
    read = [event.pk for event in events if needs_sights(event.camera_id, event.risk_score)]
    members = EventDetection.objects.filter(event_id__in=read, parked=False)
    rows = members.values_list(
        *("event_id", "detection_id", "detection__object_type", "detection__confidence", "detection__detected_at"),
        *("detection__capture__captured_at", "detection__capture__arrived_at"),
    )
    zone_names = _zone_names(events)
    zones = zones_of(members.values_list("detection_id", flat=True)) if zone_names else {}
    sights: dict[int, list[Sight]] = defaultdict(list)
    for event_id, pk, object_type, confidence, seen_at, taken_at, arrived_at in rows:
        late, seen_in = arrived_at - taken_at, zones.get(pk, ())
        sight = Sight(pk, object_type, confidence, seen_at, late, seen_in, household.at(seen_at))
        sights[event_id].append(sight)
    return [
        Visit(
            event_id=event.pk,
            camera_id=event.camera_id,
            camera_name=event.camera.name,
            score=event.risk_score,
            sights=condensed(sights[event.pk]),
            zone_names=zone_names,
            hidden=_why_hidden(event),
        )
        for event in events
    ]


def _zone_names(events: Sequence[Event]) -> dict[str, str]:
    cameras = {event.camera_id for event in events}
    return dict(Zone.objects.filter(camera_id__in=cameras).values_list("pk", "name"))


def _why_hidden(event: Event) -> str:
    if event.deleted_at is not None:
        return "The visit was deleted."
    return f"{event.camera.name} was put away." if event.camera.deleted_at is not None else ""
