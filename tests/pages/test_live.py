from __future__ import annotations

from django.test import Client

from cameras.models import Camera
from tests.factories import EventFactory


def test_smoke(page: Client, front: Camera) -> None:
    EventFactory.create(camera=front)
    event = EventFactory.create(camera=front, risk_score=66, summary="A person stood at the door.")
    for url in ("/", "/events/", f"/events/{event.pk}/", "/cameras/", "/cameras/front_door/", "/live/changes?since=0"):
        r = page.get(url)
        assert r.status_code == 200, url
