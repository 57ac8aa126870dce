"""The archive that the benchmark of growth writes past the models must go on fitting them."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from benchmarks.archive import fill
from cameras.models import Camera, Capture
from detections.models import Detection
from events.models import Assessment, Event, EventDetection
from tests.factories import UserFactory

VISITS = 40


@pytest.mark.django_db(transaction=True)
def test_it_is_as_the_pipeline_would_have_left_it() -> None:
    with psycopg.connect(**connection.get_connection_params()) as filling:
        archive = fill(filling, VISITS, timezone.now())
    assert (Event.objects.count(), Capture.objects.count()) == (VISITS, archive.captures)
    # Foreign keys were not looked at: what belongs together is of one camera, and there.
    assert Detection.objects.filter(capture__camera_id=F("camera_id")).count() == archive.detections
    members = EventDetection.objects.filter(event__camera_id=F("detection__camera_id"), batch__event_id=F("event_id"))
    assert members.count() == archive.detections
    whole = Event.objects.filter(key_detection__membership__event_id=F("pk"), batches__id=F("batch_id"))
    assert whole.count() == VISITS
    assert Assessment.objects.filter(score=F("event__risk_score")).values("event").distinct().count() == VISITS
    newest = Event.objects.get(pk=VISITS)
    owner = Client()
    owner.force_login(UserFactory.create())
    for page in ("/", "/events/", newest.get_absolute_url(), "/cameras/", "/api/v1/events/"):
        assert owner.get(page).status_code == 200
    assert (
        Capture.objects.create(  # ids go on behind those that were written
            camera=Camera.objects.get(pk=newest.camera_id),
            file_path="front_door/next.jpg",
            media_type="image",
            size=1,
            mtime=newest.ended_at,
            captured_at=newest.ended_at,
            captured_at_source="mtime",
            state="queued",
        ).pk
        > archive.captures
    )
