"""The API's dead letters: who sees them, who decides, and that each is decided once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditLog, Scope
from cameras import dead_letters
from cameras.claims import claim_captures, held
from cameras.models import Camera, Capture
from tests.api.callers import NOT_READERS, READERS, WRITERS, caller, client_with
from tests.factories import CameraFactory, CaptureFactory
from tests.people import make_key, make_user

DOOR = "/api/v1/dead-letters/"
DIED = "The detector died or stalled while it looked at this file alone."
BROKEN = "the picture could not be decoded"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture
def front() -> Camera:
    return CameraFactory.create(id="front_door")


@pytest.fixture
def bedroom() -> Camera:
    return CameraFactory.create(id="bedroom")


def make_failed(camera: Camera, error: str = DIED, **fields: Any) -> Capture:
    return CaptureFactory.create(camera=camera, state="failed", error=error, attempts=3, placed_at=None, **fields)


def states() -> list[str]:
    return list(Capture.objects.order_by("pk").values_list("state", flat=True))


def listed(client: APIClient, query: str = "") -> list[int]:
    response = client.get(f"{DOOR}{query}")
    assert response.status_code == 200, response.json()
    return [row["id"] for row in response.json()["results"]]


class TestReading:
    @pytest.mark.parametrize(("name", "visible"), READERS.items())
    def test_readers_see_those_of_their_cameras(self, front: Camera, bedroom: Camera, name: str, visible: int) -> None:
        make_failed(front)
        hidden = make_failed(bedroom)
        client = caller(name)
        assert len(listed(client)) == visible
        assert client.get(f"{DOOR}{hidden.pk}/").status_code == (200 if visible == 2 else 404)

    @pytest.mark.parametrize(("name", "status"), NOT_READERS.items())
    def test_others_are_refused(self, name: str, status: int) -> None:
        assert caller(name).get(DOOR).status_code == status

    def test_each_tells_what_went_wrong_where_and_when(self, front: Camera) -> None:
        capture = make_failed(front, file_path="Front/a.jpg", captured_at=NOON)
        assert caller("owner").get(f"{DOOR}{capture.pk}/").json() == {
            "id": capture.pk,
            "stage": "detect",
            "camera_id": "front_door",
            "file_path": "Front/a.jpg",
            "media_type": "image",
            "error": DIED,
            "attempts": 3,
            "captured_at": "2026-03-04T13:00:00+01:00",
            "arrived_at": "2026-03-04T13:00:00+01:00",
            "failed_at": "2026-03-04T13:00:00+01:00",
        }

    def test_what_is_not_failed_is_none(self, front: Camera) -> None:
        others = [CaptureFactory.create(camera=front, state=state) for state in ("queued", "detected", "rejected")]
        client = caller("owner")
        assert listed(client) == []
        assert [client.get(f"{DOOR}{capture.pk}/").status_code for capture in others] == [404] * 3

    def test_filters(self, front: Camera, bedroom: Camera) -> None:
        first, second, third = make_failed(front), make_failed(front, BROKEN), make_failed(bedroom, f"{BROKEN} ")
        client = caller("owner")
        for query, expected in {
            "": [third, second, first],
            "?camera_id=front_door": [second, first],
            f"?error={BROKEN}": [second],
            f"?error={BROKEN} ": [third],
            f"?error={DIED}&camera_id=bedroom": [],
        }.items():
            assert listed(client, query) == [capture.pk for capture in expected], query

    @pytest.mark.parametrize("query", ["?state=failed", "?error=", "?camera_id=%00", "?cursor=x"])
    def test_what_is_not_understood_is_refused(self, query: str) -> None:
        assert caller("owner").get(f"{DOOR}{query}").status_code == 400

    def test_pages_have_all_of_them(self, front: Camera) -> None:
        failed = [make_failed(front).pk for _ in range(5)]
        client = caller("owner")
        page = client.get(f"{DOOR}?page_size=2").json()
        found = [row["id"] for row in page["results"]]
        while page["next"]:
            page = client.get(page["next"]).json()
            found += [row["id"] for row in page["results"]]
        assert found == failed[::-1]

    def test_the_number_of_queries_does_not_grow(
        self, front: Camera, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(3):
            make_failed(front)
        client = caller("owner")
        with django_assert_num_queries(3):  # session, user, rows
            client.get(DOOR)


class TestDecidingOne:
    @pytest.mark.parametrize("deed", ["requeue", "dismiss"])
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, front: Camera, name: str, status: int, deed: str) -> None:
        capture = make_failed(front)
        assert caller(name).post(f"{DOOR}{capture.pk}/{deed}/").status_code == status
        assert (states() == ["failed"]) == (status != 200)

    def test_it_is_tried_again_from_scratch(self, front: Camera) -> None:
        capture = make_failed(front, claim_alone=True)
        assert caller("owner").post(f"{DOOR}{capture.pk}/requeue/").json() == {"requeued": 1}
        capture.refresh_from_db()
        assert (capture.state, capture.attempts, capture.claim_alone, capture.error) == ("queued", 0, False, "")

    def test_it_is_let_go_and_keeps_its_reason(self, front: Camera) -> None:
        capture = make_failed(front)
        assert client_with(make_key(Scope.WRITE)).post(f"{DOOR}{capture.pk}/dismiss/").json() == {"dismissed": 1}
        capture.refresh_from_db()
        assert (capture.state, capture.error) == ("rejected", f"dismissed by script: {DIED}")

    @pytest.mark.parametrize("deed", ["requeue", "dismiss"])
    def test_pressed_twice_the_second_is_told_so(self, front: Camera, deed: str) -> None:
        capture = make_failed(front)
        client = caller("owner")
        client.post(f"{DOOR}{capture.pk}/{deed}/")
        again = client.post(f"{DOOR}{capture.pk}/{deed}/")
        assert again.status_code == 404
        assert "somebody was faster" in again.json()["detail"]
        assert AuditLog.objects.count() == 1

    @pytest.mark.parametrize("deed", ["requeue", "dismiss"])
    def test_one_of_a_deleted_camera_is_none(self, deed: str) -> None:
        capture = make_failed(CameraFactory.create(id="gone", deleted_at=NOON))
        assert caller("owner").post(f"{DOOR}{capture.pk}/{deed}/").status_code == 404
        assert states() == ["failed"]

    @pytest.mark.parametrize("pk", ["0", "999999999999999999999", str(2**63)])
    def test_a_number_beyond_all_ids_is_none(self, pk: str) -> None:
        assert caller("owner").post(f"{DOOR}{pk}/requeue/").status_code == 404


class TestDecidingAKind:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"error": DIED}, ["queued", "failed", "queued", "failed"]),
            ({"camera_id": "front_door"}, ["queued", "queued", "failed", "failed"]),
            ({"error": DIED, "camera_id": "front_door"}, ["queued", "failed", "failed", "failed"]),
            ({"error": "another"}, ["failed"] * 4),
            ({"error": f"{BROKEN} "}, ["failed", "failed", "failed", "queued"]),
        ],
    )
    def test_which(self, front: Camera, bedroom: Camera, body: dict[str, str], expected: list[str]) -> None:
        make_failed(front), make_failed(front, BROKEN), make_failed(bedroom), make_failed(bedroom, f"{BROKEN} ")
        response = caller("owner").post(f"{DOOR}requeue/", body)
        assert response.json() == {"requeued": expected.count("queued")}
        assert states() == expected

    def test_all_are_let_go(self, front: Camera, bedroom: Camera) -> None:
        make_failed(front), make_failed(bedroom)
        assert caller("owner").post(f"{DOOR}dismiss/", {"error": DIED}).json() == {"dismissed": 2}
        assert states() == ["rejected", "rejected"]

    @pytest.mark.parametrize("deed", ["requeue", "dismiss"])
    @pytest.mark.parametrize(
        "body", [{}, {"error": ""}, {"camera_id": ""}, {"error": None}, {"errors": DIED}, {"error": DIED, "id": 1}, []]
    )
    def test_a_kind_must_be_said(self, front: Camera, deed: str, body: Any) -> None:
        make_failed(front)
        response = caller("owner").post(f"{DOOR}{deed}/", body)
        assert response.status_code == 400
        assert states() == ["failed"]

    def test_the_refusal_says_what_to_give(self) -> None:
        problem = caller("owner").post(f"{DOOR}requeue/", {}).json()
        assert "give error, camera_id or both" in problem["detail"]

    @pytest.mark.parametrize("deed", ["requeue", "dismiss"])
    @pytest.mark.parametrize(("name", "status"), WRITERS.items())
    def test_who_may(self, front: Camera, name: str, status: int, deed: str) -> None:
        make_failed(front)
        assert caller(name).post(f"{DOOR}{deed}/", {"error": DIED}).status_code == status
        assert (states() == ["failed"]) == (status != 200)

    def test_many_are_done_in_short_transactions_and_told_of_in_few_lines(
        self, front: Camera, bedroom: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dead_letters, "FILES_A_TRANSACTION", 3)
        captures = [make_failed(camera) for camera in (front, bedroom) for _ in range(4)]
        assert caller("owner").post(f"{DOOR}requeue/", {"error": DIED}).json() == {"requeued": 8}
        assert set(states()) == {"queued"}
        trail = AuditLog.objects.order_by("pk").values_list("action", "actor", "resource_id", "details")
        ids = [capture.pk for capture in captures]
        assert list(trail) == [
            ("capture_requeued", "olga", None, {"error": DIED, "count": 3, "capture_ids": ids[:3]}),
            ("capture_requeued", "olga", None, {"error": DIED, "count": 3, "capture_ids": ids[3:6]}),
            ("capture_requeued", "olga", None, {"error": DIED, "count": 2, "capture_ids": ids[6:]}),
        ]

    def test_ten_thousand_cost_few_queries_each(
        self, front: Camera, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        pattern = make_failed(front)
        Capture.objects.bulk_create(copies(pattern, 1099))
        client = caller("owner")
        # session and user; for each of the three transactions its two ends, the locked rows, the audit line, the update
        with django_assert_num_queries(2 + 3 * 5):
            assert client.post(f"{DOOR}dismiss/", {"error": DIED}).json() == {"dismissed": 1100}


def copies(pattern: Capture, count: int) -> list[Capture]:
    fields = {
        field.attname: getattr(pattern, field.attname)
        for field in Capture._meta.concrete_fields
        if field.attname not in ("id", "file_path")
    }
    return [Capture(**fields, file_path=f"front/copy-{number}.jpg") for number in range(count)]


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """With real threads, each with a connection of its own."""

    FILES = 60

    @pytest.fixture(autouse=True)
    def small_transactions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dead_letters, "FILES_A_TRANSACTION", 4)

    @pytest.fixture(autouse=True)
    def failed(self, front: Camera) -> QuerySet[Capture]:
        Capture.objects.bulk_create(copies(make_failed(front), self.FILES - 1))
        return Capture.objects.all()

    def press(self, deed: str, key: str) -> Callable[[], int]:
        def press() -> int:
            with closing(connection):
                response = client_with(key).post(f"{DOOR}{deed}/", {"error": DIED})
                assert response.status_code == 200, response.json()
                return sum(response.json().values())

        return press

    def test_two_people_decide_each_file_once(self) -> None:
        key = make_key(*Scope, user=make_user())
        presses = [self.press(deed, key) for deed in ("requeue", "dismiss", "requeue", "dismiss")]
        with ThreadPoolExecutor(len(presses)) as threads:
            counts = list(threads.map(lambda press: press(), presses))
        assert sum(counts) == self.FILES
        assert states().count("queued") == counts[0] + counts[2]
        assert states().count("rejected") == counts[1] + counts[3]
        decided = [pk for line in AuditLog.objects.all() for pk in line.details["capture_ids"]]  # type: ignore[index]
        assert sorted(decided) == sorted(Capture.objects.values_list("pk", flat=True))

    def test_what_is_being_looked_at_again_is_left_alone(self) -> None:
        """While two go on pressing, a detector works off what was requeued: it loses none to them."""
        key = make_key(*Scope, user=make_user())
        detected: list[int] = []

        def detect() -> None:
            with closing(connection):
                while Capture.objects.filter(state__in=["failed", "queued", "detecting"]).exists():
                    if (claim := claim_captures("detect@test", 8)) is not None:
                        ids = [capture.pk for capture in claim.captures]
                        stored = Capture.objects.filter(held(claim), pk__in=ids).update(state="detected")
                        assert stored == len(ids), "somebody took a claimed capture away"
                        detected.extend(ids)

        with ThreadPoolExecutor(5) as threads:
            detecting = threads.submit(detect)
            presses = [self.press(deed, key) for deed in ("requeue", "dismiss") * 4]
            counts = list(threads.map(lambda press: press(), presses))
            detecting.result(timeout=60)
        requeued, dismissed = sum(counts[0::2]), sum(counts[1::2])
        assert requeued + dismissed == self.FILES
        assert len(detected) == len(set(detected)) == requeued
        assert states().count("detected") == requeued and states().count("rejected") == dismissed

    def test_what_fails_again_at_once_is_met_once(self) -> None:
        """Else the press would not end as long as files go on failing."""
        press = self.press("requeue", make_key(*Scope, user=make_user()))
        pressed = threading.Event()

        def fail_again() -> None:
            with closing(connection):
                while not pressed.is_set():
                    Capture.objects.filter(state="queued").update(state="failed", error=DIED)

        with ThreadPoolExecutor(2) as threads:
            failing = threads.submit(fail_again)
            try:
                assert threads.submit(press).result(timeout=60) == self.FILES
            finally:
                pressed.set()
            failing.result(timeout=60)
