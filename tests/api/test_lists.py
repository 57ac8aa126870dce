"""Pages and parameters of the lists: everything is reached, nothing is silently ignored."""

from __future__ import annotations

import base64
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.api.callers import caller
from tests.factories import CameraFactory, CaptureFactory, DetectionFactory
from tests.visits import NOON, make_visit

pytestmark = pytest.mark.django_db
LISTS = ["cameras", "captures", "detections", "events"]


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


def ids(client: APIClient, address: str) -> list[object]:
    response = client.get(address)
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["results"]]


def walk(client: APIClient, address: str, direction: str = "next") -> list[object]:
    """Ids of all pages from `address` on."""
    found: list[object] = []
    while address:
        page = client.get(address).json()
        rows = [row["id"] for row in page["results"]]
        found = found + rows if direction == "next" else rows + found
        address = page[direction] or ""
    return found


class TestPages:
    @pytest.mark.parametrize("rows", LISTS)
    def test_all_rows_are_reached_though_their_times_are_equal(self, client: APIClient, rows: str) -> None:
        cameras = [CameraFactory.create(id=f"camera_{number}") for number in range(7)]
        for camera in cameras:
            make_visit(camera, at=NOON)
        found = walk(client, f"/api/v1/{rows}/?page_size=2")
        assert len(found) == len(set(found)) == 7
        assert found == sorted(found, reverse=rows != "cameras")  # type: ignore[type-var]

    def test_the_way_back_is_the_same(self, client: APIClient) -> None:
        camera = CameraFactory.create()
        for _ in range(5):
            CaptureFactory.create(camera=camera)
        page = client.get("/api/v1/captures/?page_size=2").json()
        while page["next"]:
            last, page = page["next"], client.get(page["next"]).json()
        assert walk(client, last, "previous") == walk(client, "/api/v1/captures/?page_size=2")

    def test_rows_that_arrive_meanwhile_shift_nothing(self, client: APIClient) -> None:
        camera = CameraFactory.create()
        old = [CaptureFactory.create(camera=camera).pk for _ in range(4)]
        first = client.get("/api/v1/captures/?page_size=2").json()
        CaptureFactory.create(camera=camera)
        assert walk(client, first["next"]) == sorted(old)[1::-1]

    def test_a_page_has_fifty_rows_and_two_hundred_at_most(self, client: APIClient) -> None:
        camera = CameraFactory.create()
        for _ in range(201):
            CaptureFactory.create(camera=camera)
        assert len(ids(client, "/api/v1/captures/")) == 50
        assert len(ids(client, "/api/v1/captures/?page_size=5000")) == 200

    def test_it_has_these_keys(self, client: APIClient) -> None:
        assert client.get("/api/v1/events/").json() == {"next": None, "previous": None, "results": []}


def cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("address", "parameter"),
    [
        ("events/?camera=front_door", "camera"),
        ("events/?risk_level=terrible", "risk_level"),
        ("events/?state=OPEN", "state"),
        ("events/?analysis_state=x", "analysis_state"),
        ("events/?reviewed=perhaps", "reviewed"),
        ("events/?object_type=persn", "object_type"),
        ("events/?since=yesterday", "since"),
        ("events/?until=2026-13-01", "until"),
        ("events/?since=2026-03-04T12:00:00+01:00", "since"),
        ("events/?search=", "search"),
        ("events/?search=%00", "search"),
        ("events/?reviewed=true&reviewed=false", "reviewed"),
        ("events/?page_size=many", "page_size"),
        ("events/?page_size=0", "page_size"),
        ("events/?page_size=-1", "page_size"),
        ("events/?cursor=nonsense", "cursor"),
        (f"events/?cursor={cursor('p=abc')}", "cursor"),
        (f"cameras/?cursor={cursor('p=%00')}", "cursor"),
        ("events/?min_confidence=0.5", "min_confidence"),
        ("detections/?min_confidence=1.5", "min_confidence"),
        ("detections/?min_confidence=nan", "min_confidence"),
        ("detections/?event_id=1.5", "event_id"),
        ("detections/?capture_id=x", "capture_id"),
        ("captures/?state=lost", "state"),
        ("captures/?media_type=sound", "media_type"),
        ("captures/?camera_id=%00", "camera_id"),
        ("cameras/?name=x", "name"),
        ("cameras/?deleted=perhaps", "deleted"),
        ("events/1/?fields=id", "fields"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(client: APIClient, address: str, parameter: str) -> None:
    response = client.get(f"/api/v1/{address}")
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert list(problem["errors"]) == [parameter]
    assert problem["status"] == 400 and problem["title"] == "Bad Request" and parameter in problem["detail"]


@pytest.mark.parametrize("number", ["99999999999999999999999", str(2**63)])
def test_a_number_beyond_all_ids_finds_nothing(client: APIClient, number: str) -> None:
    assert ids(client, f"/api/v1/detections/?event_id={number}") == []
    assert client.get(f"/api/v1/events/{number}/").status_code == 404


class TestCaptureFilters:
    def test_each(self, client: APIClient) -> None:
        front, back = CameraFactory.create(id="front"), CameraFactory.create(id="back")
        early = CaptureFactory.create(camera=front, state="failed", captured_at=NOON)
        late = CaptureFactory.create(camera=back, media_type="video", captured_at=NOON + timedelta(hours=1))
        for query, expected in {
            "camera_id=front": [early],
            "camera_id=nowhere": [],
            "state=failed": [early],
            "media_type=video": [late],
            "since=2026-03-04T13:00:00Z": [late],
            "until=2026-03-04T13:00:00Z": [early],
            "since=2026-03-04T13:00:00%2B01:00&until=2026-03-04T12:30:00Z": [early],
        }.items():
            assert ids(client, f"/api/v1/captures/?{query}") == [capture.pk for capture in expected], query


class TestDetectionFilters:
    def test_each(self, client: APIClient) -> None:
        event = make_visit(CameraFactory.create(id="front"), seen=("person",))
        person = event.detections.get()
        cat = DetectionFactory.create(
            capture=CaptureFactory.create(
                camera=CameraFactory.create(id="back"), captured_at=NOON + timedelta(hours=1)
            ),
            object_type="cat",
            confidence=0.95,
        )
        for query, expected in {
            "camera_id=back": [cat],
            "object_type=cat": [cat],
            "min_confidence=0.8": [cat, person],
            "min_confidence=0.81": [cat],
            f"event_id={event.pk}": [person],
            f"capture_id={cat.capture_id}": [cat],
            "since=2026-03-04T12:30:00Z": [cat],
            "until=2026-03-04T12:30:00Z": [person],
        }.items():
            assert ids(client, f"/api/v1/detections/?{query}") == [row.pk for row in expected], query


class TestEventFilters:
    def test_each(self, client: APIClient) -> None:
        cat = make_visit(
            CameraFactory.create(id="back"),
            seen=("cat",),
            risk_score=5,
            summary="A cat crossed the garden.",
            reviewed=True,
        )
        burglar = make_visit(
            CameraFactory.create(id="front"),
            at=NOON + timedelta(hours=1),
            seen=("car", "person"),
            risk_score=90,
            summary="A person came through the window.",
            notes="called the neighbours",
            state="open",
        )
        for query, expected in {
            "camera_id=back": [cat],
            "risk_level=critical": [burglar],
            "risk_level=low": [cat],
            "state=open": [burglar],
            "analysis_state=none": [burglar, cat],
            "reviewed=true": [cat],
            "reviewed=false": [burglar],
            "object_type=car": [burglar],
            "object_type=person": [burglar],
            "object_type=cat": [cat],
            "search=window": [burglar],
            "search=neighbour": [burglar],
            "search=garden or window": [burglar, cat],
            "search=person -window": [],
            'search="crossed the garden"': [cat],
            "search=the": [],
            "since=2026-03-04T12:30:00Z": [burglar],
            "until=2026-03-04T12:30:00Z": [cat],
        }.items():
            assert ids(client, f"/api/v1/events/?{query}") == [event.pk for event in expected], query


@pytest.mark.parametrize(
    ("rows", "queries"),
    [
        ("cameras", 3),  # session, user, rows with the account of each
        ("captures", 3),  # session, user, rows with the event of each
        ("detections", 3),  # session, user, rows with the file and the event of each
        ("events", 4),  # session, user, rows with ids of batches and detections, current assessments
    ],
)
def test_the_number_of_queries_does_not_grow(
    client: APIClient, rows: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        make_visit(CameraFactory.create(), seen=("person", "car"))
    with django_assert_num_queries(queries):
        client.get(f"/api/v1/{rows}/")


@pytest.mark.parametrize("path", ["nothing/", "events/abc/", "events/1/2/", "zebras/1/"])
def test_an_address_that_leads_nowhere_is_a_problem_too(client: APIClient, path: str) -> None:
    for knock in (client.get, client.post):
        response = knock(f"/api/v1/{path}")
        assert response.status_code == 404
        assert response.json()["title"] == "Not Found"


def test_a_forgotten_slash_leads_on(client: APIClient) -> None:
    assert urlsplit(client.get("/api/v1/events").headers["Location"]).path == "/api/v1/events/"


@pytest.mark.parametrize(
    ("rows", "method"),
    [(rows, method) for rows in LISTS for method in ("post", "put", "delete") if (rows, method) != ("cameras", "post")],
)
def test_there_is_no_other_way_to_change_a_list(client: APIClient, rows: str, method: str) -> None:
    response = getattr(client, method)(f"/api/v1/{rows}/")
    assert response.status_code == 405 and response.json()["title"] == "Method Not Allowed"
