"""Any captures in any order of arrival: disjoint batches and visits, no detection twice or nowhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cameras.models import Capture
from detections.models import Detection
from events.models import Batch, Event, EventDetection
from events.placing import place_detected
from tests.events.rows import Seen, detected, make_camera

moments = st.integers(0, 2500)
arrivals = st.lists(st.tuples(moments, st.sampled_from([1, 1, 1, 2, 300])), min_size=1, max_size=14)


@pytest.mark.django_db
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=arrivals, at_once=st.integers(1, 6))
def test_any_order_of_arrival_gives_disjoint_batches_and_visits(arrivals: list[tuple[int, int]], at_once: int) -> None:
    with transaction.atomic():
        camera = make_camera()
        for number, (moment, count) in enumerate(arrivals):
            detected(camera, moment, [Seen()] * count)
            if number % at_once == 0:
                place_detected(camera.pk)
        place_detected(camera.pk)

        assert not Capture.objects.unplaced().exists()
        assert EventDetection.objects.count() == Detection.objects.count()
        batches = list(Batch.objects.order_by("started_at"))
        for batch in batches:
            assert batch.memberships.count() == batch.detection_count > 0
            assert (batch.last_activity_at - batch.started_at).total_seconds() <= 90
            seen = batch.memberships.values_list("detection__capture__captured_at", flat=True)
            assert (min(seen), max(seen)) == (batch.started_at, batch.last_activity_at)
            assert set(batch.memberships.values_list("event_id", flat=True)) == {batch.event_id}
        assert all(one.last_activity_at < other.started_at for one, other in pairwise(batches))
        assert sum(batch.state == "open" for batch in batches) <= 1
        events = list(Event.objects.order_by("started_at"))
        assert all(event.memberships.exists() for event in events)
        assert all(one.ended_at < other.started_at for one, other in pairwise(events))
        transaction.set_rollback(True)
