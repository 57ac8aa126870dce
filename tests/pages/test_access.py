"""Who may see and change what: the owner, a member, a viewer of another camera, nobody."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import Role, User
from cameras.models import Camera
from events.models import Event
from tests.factories import EventFactory, UserFactory
from tests.pages.conftest import signed_in_as

PAGES = ("/", "/live/changes?since=0", "/events/", "/cameras/")
OF_A_CAMERA = ("/events/{event}/", "/cameras/{camera}/", "/cameras/{camera}/changes")
CHANGES = (
    "/events/{event}/reviewed/",
    "/events/{event}/notes/",
    "/cameras/{camera}/change/",
    "/cameras/{camera}/import-older/",
    "/cameras/{camera}/correct-clock/",
    "/cameras/{camera}/zones/gone/delete/",
)
OF_NO_CAMERA = ("/upload/", "/demo/", "/home-mode/")


@pytest.fixture
def event(front: Camera) -> Event:
    return EventFactory.create(camera=front, summary="A person came to the front door.", risk_score=50)


def address(pattern: str, event: Event) -> str:
    return pattern.format(event=event.pk, camera=event.camera_id)


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
@pytest.mark.parametrize("pattern", [*PAGES, *OF_A_CAMERA])
def test_the_household_sees_every_page(event: Event, role: Role, pattern: str) -> None:
    response = signed_in_as(UserFactory.create(role=role)).get(address(pattern, event))
    assert response.status_code == 200
    assert re.search("[Ff]ront.door", response.content.decode())


@pytest.mark.parametrize("pattern", [*PAGES, *OF_A_CAMERA])
def test_nobody_sees_a_page_without_logging_in(event: Event, client: Client, pattern: str) -> None:
    response = client.get(address(pattern, event))
    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


@pytest.mark.parametrize("pattern", PAGES)
def test_a_viewer_of_another_camera_sees_nothing_of_this_one(event: Event, stranger: User, pattern: str) -> None:
    page = signed_in_as(stranger).get(address(pattern, event)).content.decode()
    assert "ront door" not in page


@pytest.mark.parametrize("pattern", OF_A_CAMERA)
def test_a_page_of_another_camera_is_not_there_for_a_viewer(event: Event, stranger: User, pattern: str) -> None:
    assert signed_in_as(stranger).get(address(pattern, event)).status_code == 404


@pytest.mark.parametrize("pattern", [*CHANGES, *OF_NO_CAMERA])
def test_a_viewer_changes_nothing_not_even_on_their_own_camera(event: Event, pattern: str) -> None:
    viewer = UserFactory.create(role=Role.VIEWER, camera_ids=[event.camera_id])
    assert signed_in_as(viewer).post(address(pattern, event)).status_code == 403


def test_a_viewer_is_offered_nothing_to_change(event: Event) -> None:
    viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[event.camera_id]))
    for url in ("/", f"/events/{event.pk}/", "/cameras/", f"/cameras/{event.camera_id}/"):
        page = viewer.get(url).content.decode()
        assert ">Reviewed</button>" not in page
        assert "<textarea" not in page
        assert 'type="file"' not in page


@pytest.mark.parametrize("pattern", [*CHANGES, *OF_NO_CAMERA])
def test_nobody_changes_anything_without_logging_in(event: Event, client: Client, pattern: str) -> None:
    assert client.post(address(pattern, event))["Location"].startswith("/login/")


@pytest.mark.parametrize("pattern", [*CHANGES, *OF_NO_CAMERA])
def test_another_site_cannot_send_a_form(event: Event, owner: User, pattern: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    response = client.post(address(pattern, event), {"reviewed": "yes"})
    assert response.status_code == 403
    assert "too old to send" in response.content.decode()


@pytest.mark.parametrize("pattern", [*CHANGES, *OF_NO_CAMERA])
def test_nothing_changes_by_following_a_link(event: Event, page: Client, pattern: str) -> None:
    assert page.get(address(pattern, event)).status_code == 405


def test_a_deactivated_person_is_logged_out(event: Event) -> None:
    user = UserFactory.create()
    client = signed_in_as(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(
    "url", ["/events/?camera=front_door&q=%22%3C", "/events/0/", "/events/999999999999999999/", "/cameras/nowhere/"]
)
def test_odd_addresses_are_answered(event: Event, page: Client, url: str) -> None:
    assert page.get(url).status_code in (200, 404)


def test_pages_carry_a_policy_without_inline_script(page: Client) -> None:
    policy = page.get("/")["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_pages_hold_no_inline_script_or_style(event: Event, page: Client) -> None:
    for url in (
        "/",
        "/events/",
        f"/events/{event.pk}/",
        "/cameras/",
        "/cameras/front_door/",
        "/add-camera/",
        "/cameras/front_door/connect/",
        "/alerts/",
        "/rules/",
        "/rules/new/",
        "/channels/",
        "/channels/new/",
    ):
        text = page.get(url).content.decode()
        assert "<script>" not in text
        assert " style=" not in text
        assert " onclick=" not in text
        assert "//cdn" not in text
