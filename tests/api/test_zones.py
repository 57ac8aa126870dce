"""The API's zones: who sees and who draws them, what is refused and how, and what they narrow."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditLog
from events.models import Event, EventDetection
from events.placing import place_detected
from tests.api.callers import NOT_READERS, READERS, WRITERS, caller
from tests.events.rows import detected, make_camera
from tests.factories import CameraFactory, RuleFactory, ZoneFactory
from tests.zones.drawings import AROUND_THE_FEET, ELSEWHERE, TRIANGLE, draw
from zones.models import Zone

pytestmark = pytest.mark.django_db
ZONES = "/api/v1/zones/"
PORCH = {"camera_id": "front_door", "name": "Porch", "coordinates": AROUND_THE_FEET}


@pytest.fixture
def zones() -> list[Zone]:
    """One of a camera that the viewer may see, and one of another."""
    return [
        ZoneFactory.create(camera=CameraFactory.create(id=camera_id), name="Lawn")
        for camera_id in ("front_door", "yard")
    ]


@pytest.fixture
def client(zones: list[Zone]) -> APIClient:
    return caller("owner")


class TestWho:
    @pytest.mark.parametrize(("name", "visible"), READERS.items())
    def test_readers_see_the_zones_of_their_cameras(self, zones: list[Zone], name: str, visible: int) -> None:
        client = caller(name)
        assert [zone["id"] for zone in client.get(ZONES).json()["results"]] == ["front_door_lawn", "yard_lawn"][
            :visible
        ]
        assert client.get(f"{ZONES}yard_lawn/").status_code == (200 if visible == 2 else 404)

    @pytest.mark.parametrize("path", ["", "front_door_lawn/"])
    @pytest.mark.parametrize(("name", "status"), NOT_READERS.items())
    def test_others_are_refused(self, zones: list[Zone], name: str, status: int, path: str) -> None:
        assert caller(name).get(ZONES + path).status_code == status

    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may_draw_change_and_delete(self, zones: list[Zone], name: str, status: int) -> None:
        client = caller(name)
        may = status == 200
        assert client.post(ZONES, PORCH).status_code == (201 if may else status)
        assert client.patch(f"{ZONES}front_door_lawn/", {"name": "Grass"}).status_code == status
        assert client.put(f"{ZONES}yard_lawn/", {"name": "Grass", "coordinates": ELSEWHERE}).status_code == status
        assert set(Zone.objects.values_list("name", flat=True)) == ({"Grass", "Porch"} if may else {"Lawn"})
        assert client.delete(f"{ZONES}front_door_lawn/").status_code == (204 if may else status)
        assert Zone.objects.filter(pk="front_door_lawn").exists() == (not may)
        deeds = set(AuditLog.objects.filter(resource_type="zone").values_list("action", flat=True))
        assert deeds == ({"zone_created", "zone_updated", "zone_deleted"} if may else set())


class TestDrawing:
    def test_it_answers_with_the_zone_and_where_it_is(self, client: APIClient) -> None:
        sent = {**PORCH, "zone_type": "entry_point", "min_overlap": 0.4, "color": "#ff0000", "priority": 2}
        response = client.post(ZONES, sent)
        assert response.status_code == 201 and response.headers["Location"] == f"{ZONES}front_door_porch/"
        answer = response.json()
        assert client.get(response.headers["Location"]).json() == answer
        assert {name: answer[name] for name in sent} == sent
        assert (answer["id"], answer["shape"], answer["enabled"], answer["is_located"]) == (
            "front_door_porch",
            "rectangle",
            True,
            False,
        )
        assert set(answer) - set(sent) == {"id", "shape", "enabled", "is_located", "created_at", "updated_at"}

    @pytest.mark.parametrize(
        ("fields", "field", "why"),
        [
            ({"name": "lawn"}, "name", "lawn already"),
            ({"name": ""}, "name", "blank"),
            ({"name": None}, "name", "null"),
            ({"name": "x" * 101}, "name", "100"),
            ({"camera_id": "nowhere"}, "camera_id", "no such camera"),
            ({"camera_id": ""}, "camera_id", "blank"),
            ({"coordinates": "all"}, "coordinates", "list of pairs"),
            ({"coordinates": None}, "coordinates", "null"),
            ({"coordinates": [[0, 0], [1, 1], [0, 2]]}, "coordinates", "Corner 3 lies outside the picture"),
            ({"coordinates": [[0, 0], [1, 1], [1, 0], [0, 1]]}, "coordinates", "crosses or touches itself"),
            ({"coordinates": TRIANGLE, "shape": "rectangle"}, "coordinates", "four corners"),
            ({"shape": "circle"}, "shape", "circle"),
            ({"zone_type": "pool"}, "zone_type", "pool"),
            ({"min_overlap": 2}, "min_overlap", "up to 1"),
            ({"min_overlap": "much"}, "min_overlap", "number"),
            ({"color": "blue"}, "color", "#3B82F6"),
            ({"enabled": "perhaps"}, "enabled", "boolean"),
            ({"enabled": None}, "enabled", "null"),
            ({"priority": 10**9}, "priority", "1000"),
            ({"priority": 1.5}, "priority", "integer"),
            ({"colour": "#000000"}, "colour", "Not known here"),
            ({"id": "mine"}, "id", "Not known here"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(
        self, client: APIClient, fields: dict[str, Any], field: str, why: str
    ) -> None:
        response = client.post(ZONES, {**PORCH, **fields})
        assert response.status_code == 400
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert list(problem["errors"]) == [field] and why in problem["errors"][field][0]
        assert Zone.objects.count() == 2

    def test_the_most_is_told_as_a_whole(self, client: APIClient) -> None:
        for number in range(19):
            client.post(ZONES, {**PORCH, "name": f"Zone {number}"})
        problem = client.post(ZONES, PORCH).json()
        assert problem["status"] == 400 and "20 zones already" in problem["errors"]["non_field_errors"][0]

    @pytest.mark.parametrize("body", [[], "Porch", 5, None])
    def test_a_body_that_is_no_object_is_refused(self, client: APIClient, body: Any) -> None:
        assert client.post(ZONES, body).status_code == 400
        assert client.patch(f"{ZONES}front_door_lawn/", [1]).status_code == 400

    def test_forms_are_not_understood(self, client: APIClient) -> None:
        assert client.post(ZONES, {"name": "Porch"}, format="multipart").status_code == 415


class TestChanging:
    def test_what_is_left_out_stays_or_becomes_as_for_a_new_one(self, client: APIClient) -> None:
        zone = f"{ZONES}front_door_lawn/"
        assert client.patch(zone, {"priority": 4}).json()["zone_type"] == "yard"
        answer = client.put(zone, {"name": "Lawn", "coordinates": ELSEWHERE}).json()
        assert (answer["zone_type"], answer["priority"], answer["coordinates"]) == ("other", 0, ELSEWHERE)
        assert client.put(zone, {"name": "Lawn"}).json()["errors"] == {"coordinates": ["This field is required."]}

    def test_it_stays_on_its_camera(self, client: APIClient) -> None:
        response = client.patch(f"{ZONES}front_door_lawn/", {"camera_id": "yard"})
        assert response.status_code == 400 and list(response.json()["errors"]) == ["camera_id"]

    def test_a_name_that_is_taken_is_refused(self, client: APIClient) -> None:
        client.post(ZONES, PORCH)
        response = client.patch(f"{ZONES}front_door_porch/", {"name": "LAWN"})
        assert response.status_code == 400 and "already" in response.json()["errors"]["name"][0]

    @pytest.mark.parametrize("zone_id", ["nowhere", "front_door_lawn%00", "..%2f"])
    def test_one_that_is_not_there_is_not_found(self, client: APIClient, zone_id: str) -> None:
        for answer in (client.get, client.patch, client.delete):
            assert answer(f"{ZONES}{zone_id}/").status_code == 404

    def test_one_that_rules_name_is_not_deleted(self, client: APIClient, zones: list[Zone]) -> None:
        RuleFactory.create(zones=[zones[0]])
        response = client.delete(f"{ZONES}front_door_lawn/")
        assert response.status_code == 409 and "1 rule names it" in response.json()["detail"]
        assert Zone.objects.count() == 2


class TestLists:
    def test_filters(self, client: APIClient) -> None:
        client.post(ZONES, {**PORCH, "zone_type": "entry_point", "enabled": False})
        for query, expected in {
            "": ["front_door_lawn", "front_door_porch", "yard_lawn"],
            "camera_id=front_door": ["front_door_lawn", "front_door_porch"],
            "camera_id=nowhere": [],
            "zone_type=entry_point": ["front_door_porch"],
            "enabled=true": ["front_door_lawn", "yard_lawn"],
            "enabled=false&camera_id=yard": [],
            "page_size=1": ["front_door_lawn"],
        }.items():
            assert [zone["id"] for zone in client.get(f"{ZONES}?{query}").json()["results"]] == expected, query

    @pytest.mark.parametrize("query", ["camera=yard", "zone_type=pool", "enabled=1", "name=Lawn"])
    def test_what_is_not_understood_is_refused(self, client: APIClient, query: str) -> None:
        assert client.get(f"{ZONES}?{query}").status_code == 400

    def test_it_costs_the_same_however_long_it_is(
        self, client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(2):
            with django_assert_num_queries(3):  # session, user, rows
                client.get(ZONES)
            ZoneFactory.create_batch(5)


class TestNarrowing:
    @pytest.fixture
    def visits(self) -> list[Event]:
        """One at the door, one elsewhere, one of another camera."""
        camera, other = make_camera(), make_camera("other")
        draw(camera, "Door", AROUND_THE_FEET)
        draw(camera, "Elsewhere", ELSEWHERE)
        draw(other, "Door", AROUND_THE_FEET)
        detected(camera, 0)
        place_detected(camera.pk)
        camera.zones.filter(name="Door").update(enabled=False)
        detected(camera, 3600)
        place_detected(camera.pk)
        detected(other, 7200)
        place_detected(other.pk)
        return list(Event.objects.order_by("pk"))

    def test_detections_tell_their_zones_and_are_found_by_them(self, visits: list[Event]) -> None:
        client = caller("owner")

        def found(query: str) -> list[list[str]]:
            return [row["zone_ids"] for row in client.get(f"/api/v1/detections/?{query}").json()["results"]]

        assert found("") == [["other_door"], [], ["front_door_door"]]
        assert found("zone_id=front_door_door") == [["front_door_door"]]
        assert found("zone_id=front_door_elsewhere") == found("zone_id=nowhere") == []
        detail = client.get(f"/api/v1/events/{visits[0].pk}/").json()
        assert detail["detections"][0]["zone_ids"] == ["front_door_door"]

    def test_visits_are_found_by_zone(self, visits: list[Event]) -> None:
        client = caller("owner")
        for zone_id, expected in {"front_door_door": [visits[0]], "other_door": [visits[2]], "nowhere": []}.items():
            found = client.get(f"/api/v1/events/?zone_id={zone_id}").json()["results"]
            assert [row["id"] for row in found] == [visit.pk for visit in expected], zone_id

    def test_what_is_parked_there_is_no_visitor(self, visits: list[Event]) -> None:
        EventDetection.objects.filter(event=visits[0]).update(parked=True)
        assert caller("owner").get("/api/v1/events/?zone_id=front_door_door").json()["results"] == []

    def test_a_viewer_finds_nothing_in_zones_of_others(self, visits: list[Event]) -> None:
        client = caller("viewer")
        for rows in ("events", "detections"):
            assert len(client.get(f"/api/v1/{rows}/?zone_id=front_door_door").json()["results"]) == 1
            assert client.get(f"/api/v1/{rows}/?zone_id=other_door").json()["results"] == []
