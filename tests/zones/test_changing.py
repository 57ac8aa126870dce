"""Drawing, changing and deleting zones: what is refused and why, what is written down, what is looked at again."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.models import AuditLog
from cameras.models import Camera
from events.merging import merge_camera
from tests.events.rows import make_camera
from tests.factories import RuleFactory
from tests.zones.drawings import AROUND_THE_FEET, ELSEWHERE, TRIANGLE, draw, rectangle
from zones.changing import MOST_ZONES, ZoneFields, ZoneRefused, change_zone, create_zone, delete_zone
from zones.models import Zone

pytestmark = pytest.mark.django_db


def change(zone: Zone, **fields: Any) -> list[str]:
    changes: ZoneFields = fields  # type: ignore[assignment]
    return change_zone(zone, changes, None)


class TestDrawing:
    def test_it_is_what_the_reference_says_unless_told_otherwise(self, camera: Camera) -> None:
        zone = draw(camera)
        zone.refresh_from_db()
        assert (zone.zone_type, zone.shape, zone.color, zone.enabled, zone.priority, zone.min_overlap) == (
            "other",
            "rectangle",
            "#3B82F6",
            True,
            0,
            None,
        )
        assert (zone.camera, zone.coordinates, zone.is_located) == (camera, AROUND_THE_FEET, False)

    def test_its_shape_is_that_of_its_corners(self, camera: Camera) -> None:
        assert draw(camera, coordinates=TRIANGLE).shape == "polygon"
        assert draw(camera, "Porch", shape="polygon").shape == "polygon"

    @pytest.mark.parametrize(
        ("name", "zone_id"),
        [
            ("Porch", "front_door_porch"),
            ("  The   big Gate! ", "front_door_the_big_gate"),
            ("Tür", "front_door_tür"),
            ("門", "front_door_門"),
            ("x" * 100, "front_door_" + "x" * 89),
        ],
    )
    def test_its_id_tells_camera_and_name(self, camera: Camera, name: str, zone_id: str) -> None:
        assert draw(camera, name).pk == zone_id

    def test_an_id_that_another_zone_has_is_numbered_and_never_changes(self, camera: Camera) -> None:
        elsewhere = make_camera("front")
        zones = [draw(camera, "Porch"), draw(elsewhere, "Door porch"), draw(camera, "Porch?"), draw(camera, "Porch 2")]
        ids = ["front_door_porch", "front_door_porch_2", "front_door_porch_3", "front_door_porch_2_2"]
        assert [zone.pk for zone in zones] == ids
        assert change(zones[0], name="Gate") == ["name"]
        assert Zone.objects.get(name="Gate").pk == "front_door_porch"
        assert draw(camera, "Porch").pk == "front_door_porch_4"

    @pytest.mark.parametrize(
        ("fields", "field", "why"),
        [
            ({"name": " "}, "name", "at least one letter or digit"),
            ({"name": "…"}, "name", "at least one letter or digit"),
            ({"name": "a\x00b"}, "name", "control characters"),
            ({"name": "a\u202eb"}, "name", "control characters"),
            ({"name": "x" * 101}, "name", "100 characters at most"),
            ({"name": "PORCH"}, "name", "Front door has a zone called PORCH already"),
            ({"zone_type": "pool"}, "zone_type", "there are entry_point, driveway, sidewalk, yard, other"),
            ({"coordinates": [[0, 0], [1, 1]]}, "coordinates", "three corners at least"),
            ({"coordinates": TRIANGLE, "shape": "rectangle"}, "coordinates", "Make it a polygon instead"),
            ({"shape": "circle"}, "shape", "there are rectangle and polygon"),
            ({"min_overlap": 0}, "min_overlap", "above 0, up to 1"),
            ({"min_overlap": 1.01}, "min_overlap", "above 0, up to 1"),
            ({"min_overlap": float("nan")}, "min_overlap", "above 0, up to 1"),
            ({"color": "red"}, "color", "six digits"),
            ({"color": "#3B82F6\n"}, "color", "six digits"),
            ({"priority": 1001}, "priority", "from -1000 to 1000"),
        ],
    )
    def test_what_cannot_be_is_refused_with_the_reason_and_nothing_is_stored(
        self, camera: Camera, fields: dict[str, Any], field: str, why: str
    ) -> None:
        porch = draw(camera, "Porch")
        written = AuditLog.objects.count()
        for attempt in (
            lambda: draw(camera, **{"name": "Gate", **fields}),
            lambda: change(draw(camera, "Gate"), **fields),
        ):
            with pytest.raises(ZoneRefused, match=why) as refused:
                attempt()
            assert refused.value.field == field
            assert list(Zone.objects.exclude(name="Gate")) == [porch]
        assert AuditLog.objects.count() == written + 1, "the one that was to be changed"

    @pytest.mark.parametrize("missing", ["name", "coordinates"])
    def test_name_and_corners_are_needed(self, camera: Camera, missing: str) -> None:
        fields: ZoneFields = {"name": "Gate", "coordinates": AROUND_THE_FEET}
        del fields[missing]  # type: ignore[misc]
        with pytest.raises(ZoneRefused, match="needed") as refused:
            create_zone(camera, fields, None)
        assert refused.value.field == missing

    def test_two_cameras_may_each_have_a_door(self, camera: Camera) -> None:
        draw(camera)
        assert draw(make_camera("back")).pk == "back_front_door"

    def test_there_are_twenty_at_most(self, camera: Camera) -> None:
        for number in range(MOST_ZONES):
            draw(camera, f"Zone {number}")
        with pytest.raises(ZoneRefused, match="Front door has 20 zones already, which is the most"):
            draw(camera, "One more")

    def test_a_camera_that_was_put_away_gets_none(self, camera: Camera) -> None:
        Camera.objects.update(deleted_at=timezone.now())
        with pytest.raises(ZoneRefused, match="was put away"):
            draw(camera)

    def test_on_one_that_was_merged_meanwhile_it_is_drawn_where_that_went(self, camera: Camera) -> None:
        yard = make_camera("yard")
        merge_camera(camera, yard, None)
        assert draw(camera).camera == yard


class TestChanging:
    def test_only_what_differs_is_changed_and_written_down(self, camera: Camera) -> None:
        zone = draw(camera)
        assert change(zone, name="Front door", priority=3, color="#000000") == ["priority", "color"]
        assert (zone.priority, zone.color) == (3, "#000000")
        entry = AuditLog.objects.latest("id")
        assert (entry.action, entry.resource_type, entry.resource_id) == ("zone_updated", "zone", zone.pk)
        assert entry.details == {"camera_id": "front_door", "priority": 3, "color": "#000000"}
        assert change(zone, priority=3) == []
        assert AuditLog.objects.latest("id") == entry

    @pytest.mark.parametrize(
        ("fields", "is_known_still"),
        [
            ({"name": "Gate", "color": "#000000", "priority": 9, "zone_type": "yard"}, True),
            ({"coordinates": AROUND_THE_FEET}, True),
            ({"coordinates": ELSEWHERE}, False),
            ({"min_overlap": 0.5}, False),
            ({"enabled": False}, False),
        ],
    )
    def test_who_was_in_it_is_asked_again_where_that_may_be_different(
        self, camera: Camera, fields: dict[str, Any], is_known_still: bool
    ) -> None:
        zone = draw(camera)
        Zone.objects.update(is_located=True)
        before = Zone.objects.get().updated_at
        changed = change(zone, **fields)
        zone.refresh_from_db()
        assert zone.is_located == is_known_still
        assert (zone.updated_at > before) == bool(changed)

    def test_a_rectangle_becomes_a_polygon_when_that_is_said(self, camera: Camera) -> None:
        zone = draw(camera)
        with pytest.raises(ZoneRefused, match="Make it a polygon instead"):
            change(zone, coordinates=TRIANGLE)
        change(zone, coordinates=TRIANGLE, shape="polygon")
        with pytest.raises(ZoneRefused, match="Make it a polygon instead") as refused:
            change(zone, shape="rectangle")
        assert refused.value.field == "shape"
        assert (zone.shape, zone.coordinates) == ("polygon", TRIANGLE)

    def test_one_that_somebody_deleted_is_told_of(self, camera: Camera) -> None:
        zone = draw(camera)
        Zone.objects.all().delete()
        for deed in (lambda: change(zone, name="Gate"), lambda: delete_zone(zone, None)):
            with pytest.raises(ZoneRefused, match="deleted this zone meanwhile"):
                deed()


class TestDeleting:
    def test_it_leaves_a_trace(self, camera: Camera) -> None:
        zone = draw(camera)
        delete_zone(zone, None)
        assert not Zone.objects.exists()
        entry = AuditLog.objects.latest("id")
        assert (entry.action, entry.resource_id) == ("zone_deleted", "front_door_front_door")
        assert entry.details == {"camera_id": "front_door", "name": "Front door"}

    @pytest.mark.parametrize(("rules", "why"), [(1, "1 rule names it. Take it out"), (2, "2 rules name it. Take it")])
    def test_one_that_rules_name_stays(self, camera: Camera, rules: int, why: str) -> None:
        zone = draw(camera)
        for _ in range(rules):
            RuleFactory.create(zones=[zone])
        with pytest.raises(ZoneRefused, match=why):
            delete_zone(zone, None)
        assert Zone.objects.get() == zone


class TestMerging:
    def test_zones_go_along_under_their_ids(self, camera: Camera) -> None:
        gate = make_camera("gate")
        for name in ("Porch", "Door", "DOOR 2"):
            draw(camera, name, rectangle(0, 0, 0.5, 0.5))
        moved = [draw(gate, "door"), draw(gate, "Path")]
        Zone.objects.update(is_located=True)
        merge_camera(gate, camera, None)
        assert not gate.zones.exists()
        assert set(camera.zones.values_list("pk", "name")) == {
            ("front_door_porch", "Porch"),
            ("front_door_door", "Door"),
            ("front_door_door_2", "DOOR 2"),
            (moved[0].pk, "door 3"),
            (moved[1].pk, "Path"),
        }
        assert not Zone.objects.filter(is_located=True).exists(), "each has the pictures of the other camera now, too"
        entries = AuditLog.objects.filter(action="zone_updated").order_by("resource_id")
        assert [entry.resource_id for entry in entries] == [zone.pk for zone in moved]
