"""Zones in the admin: changed by the same rules as in the editor, neither added nor deleted there."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditLog
from cameras.models import Camera
from tests.people import make_user
from tests.zones.drawings import ELSEWHERE, TRIANGLE, draw
from zones.models import Zone

pytestmark = pytest.mark.django_db


@pytest.fixture
def zone(camera: Camera) -> Zone:
    return draw(camera)


def change(zone: Zone, **fields: object) -> tuple[int, str]:
    client = Client()
    client.force_login(make_user("olga"))
    form = {
        "name": zone.name,
        "zone_type": zone.zone_type,
        "coordinates": json.dumps(zone.coordinates),
        "shape": zone.shape,
        "min_overlap": "",
        "color": zone.color,
        "enabled": "on",
        "priority": "0",
    }
    response = client.post(reverse("admin:zones_zone_change", args=[zone.pk]), form | fields)
    zone.refresh_from_db()
    return response.status_code, response.content.decode()


def test_only_what_was_changed_is_written_and_it_is_looked_at_again(zone: Zone) -> None:
    Zone.objects.update(is_located=True)
    assert change(zone, coordinates=json.dumps(ELSEWHERE))[0] == 302
    assert (zone.coordinates, zone.is_located) == (ELSEWHERE, False)
    entry = AuditLog.objects.get(action="zone_updated")
    assert (entry.actor, entry.resource_id) == ("olga", zone.pk)
    assert entry.details == {"camera_id": "front_door", "coordinates": ELSEWHERE}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("name", "PORCH", "has a zone called PORCH already"),
        ("coordinates", json.dumps(TRIANGLE), "Make it a polygon instead"),
        ("coordinates", "[[0, 0], [1, 1]]", "three corners at least"),
        ("coordinates", "nonsense", "valid JSON"),
        ("coordinates", "null", "required"),
        ("min_overlap", "2", "up to 1"),
        ("color", "red", "six digits"),
        ("zone_type", "pool", "not one of the available choices"),
        ("priority", "5000", "from -1000 to 1000"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(zone: Zone, field: str, value: str, why: str) -> None:
    draw(zone.camera, "Porch", ELSEWHERE)
    before = Zone.objects.values().get(pk=zone.pk)
    status, page = change(zone, **{field: value})
    assert status == 200 and why in page
    assert Zone.objects.values().get(pk=zone.pk) == before


def test_none_is_added_or_deleted_there(zone: Zone) -> None:
    client = Client()
    client.force_login(make_user("olga"))
    assert client.get(reverse("admin:zones_zone_add")).status_code == 403
    assert client.post(reverse("admin:zones_zone_delete", args=[zone.pk]), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in client.get(reverse("admin:zones_zone_changelist")).content.decode()
