"""Who gets through which door of the API, and what they see behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.authentication import find_key
from accounts.models import APIKey, AuditLog, Role, Scope, User
from events.models import Event
from tests.api.callers import NOT_READERS, READERS, WRITERS, caller, client_of, client_with
from tests.factories import CameraFactory
from tests.files import picture_bytes
from tests.people import make_key, make_user
from tests.visits import make_visit

pytestmark = pytest.mark.django_db

UPLOADERS = {
    "owner": 201,
    "member": 201,
    "ingest key": 201,
    "viewer": 403,
    "viewer's key": 403,
    "read key": 403,
    "write key": 403,
    "stranger": 401,
}


@pytest.fixture
def hidden() -> Event:
    """A visit on a camera the viewer may not see; there is another on one they may."""
    make_visit(CameraFactory.create(id="front_door"))
    return make_visit(CameraFactory.create(id="bedroom"))


@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("rows", ["cameras", "captures", "detections", "events"])
@pytest.mark.parametrize(("name", "visible"), READERS.items())
def test_readers_see_the_rows_of_their_cameras(name: str, visible: int, rows: str) -> None:
    response = caller(name).get(f"/api/v1/{rows}/")
    assert response.status_code == 200
    assert len(response.json()["results"]) == visible


@pytest.mark.parametrize("rows", ["", "cameras/", "captures/", "detections/", "events/", "events/1/", "schema/"])
@pytest.mark.parametrize(("name", "status"), NOT_READERS.items())
def test_others_are_refused(name: str, status: int, rows: str) -> None:
    response = caller(name).get(f"/api/v1/{rows}")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["viewer", "viewer's key"])
def test_a_row_of_a_hidden_camera_does_not_exist(name: str, hidden: Event) -> None:
    client = caller(name)
    detection = hidden.detections.get()
    for row in (
        "cameras/bedroom",
        f"events/{hidden.pk}",
        f"detections/{detection.pk}",
        f"captures/{detection.capture_id}",
    ):
        assert client.get(f"/api/v1/{row}/").status_code == 404


@pytest.mark.parametrize(("name", "status"), WRITERS.items())
def test_who_may_review(name: str, status: int) -> None:
    event = make_visit(CameraFactory.create(id="front_door"))
    response = caller(name).patch(f"/api/v1/events/{event.pk}/", {"reviewed": True})
    event.refresh_from_db()
    assert response.status_code == status
    assert event.reviewed == (status == 200)


@pytest.mark.parametrize(("name", "status"), UPLOADERS.items())
def test_who_may_add_pictures(name: str, status: int) -> None:
    camera = CameraFactory.create(id="front_door")
    upload = SimpleUploadedFile("porch.jpg", picture_bytes(1))
    response = caller(name).post("/api/v1/cameras/front_door/captures/", {"file": upload}, format="multipart")
    assert response.status_code == status
    assert camera.captures.count() == (status == 201)


def test_rows_of_a_deleted_camera_are_gone_for_everybody() -> None:
    event = make_visit(CameraFactory.create(id="front_door", deleted_at=timezone.now()))
    client = caller("owner")
    for rows in ("cameras", "captures", "detections", "events"):
        assert client.get(f"/api/v1/{rows}/").json()["results"] == []
    assert client.get(f"/api/v1/events/{event.pk}/").status_code == 404


class TestKeys:
    def knock(self, key: str) -> int:
        return client_with(key).get("/api/v1/cameras/").status_code

    def test_a_good_one_opens_and_its_use_is_noted(self) -> None:
        key = make_key(Scope.READ)
        assert self.knock(key) == 200
        assert APIKey.objects.get().last_used_at is not None

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
            lambda key: "00000000" + key[8:],
            lambda key: key.split(".")[1],
            lambda key: key.upper(),
            lambda key: "",
            lambda key: "a" * 10_000,
            lambda key: "\x00.",
        ],
    )
    def test_a_wrong_one_does_not(self, spoil: object) -> None:
        assert callable(spoil)
        assert self.knock(spoil(make_key(Scope.READ))) == 401

    @pytest.mark.parametrize("change", [{"is_active": False}, {"expires_at": timezone.now() - timedelta(seconds=1)}])
    def test_a_revoked_or_expired_one_does_not(self, change: dict[str, object]) -> None:
        key = make_key(Scope.READ)
        APIKey.objects.update(**change)
        assert self.knock(key) == 401

    def test_it_dies_with_its_person(self) -> None:
        key = make_key(Scope.READ, user=make_user("mia", Role.MEMBER))
        User.objects.update(is_active=False)
        assert self.knock(key) == 401

    def test_a_bad_one_is_not_mended_by_a_session(self) -> None:
        client = client_of(make_user())
        assert client.get("/api/v1/cameras/", headers={"X-API-Key": "wrong"}).status_code == 401

    def test_the_answer_says_how_to_ask(self) -> None:
        assert APIClient().get("/api/v1/cameras/").headers["WWW-Authenticate"].startswith("X-API-Key")

    def test_the_secret_is_nowhere_in_the_database(self) -> None:
        text = make_key(Scope.READ)
        key = find_key(text)
        assert key is not None and text.split(".")[1] not in str(vars(key))

    def test_deeds_of_a_household_key_are_its_own(self) -> None:
        event = make_visit(CameraFactory.create())
        client_with(make_key(Scope.WRITE)).patch(f"/api/v1/events/{event.pk}/", {"notes": "post"})
        assert AuditLog.objects.get(action="event_noted").actor.startswith("script (")


def test_a_session_needs_the_csrf_token_to_change_anything() -> None:
    event = make_visit(CameraFactory.create())
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_user())
    assert client.patch(f"/api/v1/events/{event.pk}/", {"reviewed": True}).status_code == 403
