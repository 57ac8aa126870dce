"""Zones on a camera's page: who sees them, who draws, changes and deletes them, and what they are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role, User
from cameras.models import Camera
from tests.factories import CaptureFactory, DetectionFactory, RuleFactory, UserFactory, ZoneFactory
from tests.pages.conftest import signed_in_as
from tests.pages.test_cameras import text_of
from zones.editing import state_of
from zones.models import Zone

FRONT = "/cameras/front_door/"
DRAW = f"{FRONT}draw-zone/"
PORCH = f"{FRONT}zones/front_door_porch/"
IN_PAGE = {"HX-Request": "true"}
CORNERS = [[0.1, 0.2], [0.4, 0.2], [0.4, 0.9], [0.1, 0.9]]
BOW_TIE = [[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]


@pytest.fixture
def porch(front: Camera) -> Zone:
    """A zone on a camera that has a picture."""
    DetectionFactory.create(capture__camera=front)
    return ZoneFactory.create(camera=front, name="Porch", zone_type="entry_point")


@pytest.fixture
def viewer(front: Camera) -> Client:
    return signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))


def sent(zone: Zone | None = None, **fields: object) -> dict[str, str]:
    """What the form sends."""
    form: dict[str, object] = {
        "name": "Porch",
        "zone_type": "entry_point",
        "shape": "rectangle",
        "coordinates": json.dumps(CORNERS),
        "overlap": "",
        "color": "#3B82F6",
        "enabled": "on",
        "seen": state_of(zone) if zone else "",
    }
    return {name: str(value) for name, value in (form | fields).items() if value is not None}


def zones_part(page: Client) -> str:
    return text_of(page, FRONT).split('id="camera-zones"', 1)[1].split("</section>", 1)[0]


class TestSeeing:
    def test_zones_are_drawn_over_the_latest_picture_and_listed(self, page: Client, porch: Zone) -> None:
        part = zones_part(page)
        capture = porch.camera.captures.get()
        assert f'href="/media/previews/{capture.pk}"' in part
        assert 'points="500,281 1000,281 1000,562 500,562"' in part
        assert "With zones drawn, scores tell the pavement from the door." in part
        assert '<span class="zone-title">Porch</span>' in part and "Entrance" in part

    def test_the_first_is_on_top_and_first_in_the_list(self, page: Client, porch: Zone) -> None:
        ZoneFactory.create(camera=porch.camera, name="Everything", priority=-1)
        picture, listed = zones_part(page).split("</svg>", 1)
        assert picture.index(">Everything</text>") < picture.index(">Porch</text>")
        assert listed.index(">Porch</span>") < listed.index(">Everything</span>")

    def test_what_is_special_about_one_is_said(self, page: Client, porch: Zone) -> None:
        Zone.objects.update(enabled=False, min_overlap=0.5)
        part = zones_part(page)
        assert "switched off" in part and "counts when 50 % of somebody is in it" in part

    def test_a_viewer_sees_them_and_no_way_to_change_them(self, viewer: Client, porch: Zone) -> None:
        text = text_of(viewer, FRONT)
        assert '<span class="zone-title">Porch</span>' in text and "<polygon" in text
        for offer in ("draw-zone", "/zones/", "zone-editor", "zone_editor"):
            assert offer not in text

    def test_a_viewer_of_a_camera_without_any_sees_nothing_of_zones(self, viewer: Client, front: Camera) -> None:
        DetectionFactory.create(capture__camera=front)
        assert "Zones" not in text_of(viewer, FRONT)

    def test_without_a_picture_it_is_said_how_one_comes(self, page: Client, front: Camera) -> None:
        assert "No picture of Front door can be shown yet" in zones_part(page)
        assert "draw-zone" not in zones_part(page)
        CaptureFactory.create(camera=front)
        assert "No picture" not in zones_part(page) and "Draw a rectangle" in zones_part(page)

    def test_one_more_than_the_most_is_not_offered(self, page: Client, porch: Zone) -> None:
        ZoneFactory.create_batch(19, camera=porch.camera)
        assert "It has 20 zones, which is the most." in zones_part(page)
        assert "draw-zone" not in zones_part(page)

    def test_they_cost_the_same_however_many_there_are(
        self,
        page: Client,
        porch: Zone,
        django_assert_num_queries: Callable[[int], AbstractContextManager[None]],
    ) -> None:
        # session, user · camera · its zones' colours, its zones · the latest picture · people seen lately
        queries = 7
        with django_assert_num_queries(queries):
            page.get(DRAW, headers=IN_PAGE)
        ZoneFactory.create_batch(5, camera=porch.camera)
        DetectionFactory.create_batch(5, capture__camera=porch.camera)
        with django_assert_num_queries(queries):
            page.get(DRAW, headers=IN_PAGE)

    def test_another_page_is_told_of_a_change(self, page: Client, porch: Zone) -> None:
        before = text_of(page, FRONT)
        marks = [piece.split('"', 1)[0] for piece in before.split('name="seen" value="')[1:]]
        assert page.get(f"{FRONT}changes", {"seen": marks}).status_code == 204
        page.post(PORCH, sent(porch, name="Front step"))
        changed = page.get(f"{FRONT}changes", {"seen": marks}).content.decode()
        assert changed.count("<section") == 1 and ">Front step</span>" in changed
        assert "zone-editor" not in changed.replace("#zone-editor", "")  # what is being drawn stays
        assert 'data-hints="ftp capture event camera stage zone"' in before


class TestDrawing:
    @pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
    def test_the_household_draws(self, front: Camera, role: Role) -> None:
        answer = signed_in_as(UserFactory.create(role=role)).post(DRAW, sent(overlap="0.5"))
        assert answer["Location"] == f"{FRONT}#camera-zones"
        zone = Zone.objects.get()
        assert (zone.name, zone.zone_type, zone.shape, zone.coordinates) == (
            "Porch",
            "entry_point",
            "rectangle",
            CORNERS,
        )
        assert (zone.min_overlap, zone.color, zone.enabled, zone.camera) == (0.5, "#3B82F6", True, front)
        assert AuditLog.objects.get().action == "zone_created"

    def test_in_the_page_the_answer_is_a_sentence_and_what_changed_is_asked_for(
        self, page: Client, front: Camera
    ) -> None:
        answer = page.post(DRAW, sent(), headers=IN_PAGE)
        assert "Porch is drawn." in answer.content.decode() and "<html" not in answer.content.decode()
        assert json.loads(answer["HX-Trigger"]) == {"changed": {"target": "#changes"}}

    def test_a_new_one_gets_a_colour_that_is_free(self, page: Client, front: Camera, porch: Zone) -> None:
        assert 'value="#14B8A6" checked' in text_of(page, DRAW)

    def test_it_is_drawn_beside_the_others_and_where_people_stood_lately(self, page: Client, porch: Zone) -> None:
        old = CaptureFactory.create(camera=porch.camera, captured_at=now() - timedelta(days=2))
        DetectionFactory.create(capture=old, bbox_x=0)
        DetectionFactory.create(capture__camera=porch.camera, object_type="car", bbox_x=0)
        form = text_of(page, DRAW)
        assert ">Porch</text>" in form
        assert form.count('class="zone-feet" d="M438 406h0"') == 1  # (500 + 60) / 1280, 520 / 720

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"coordinates": json.dumps(BOW_TIE), "shape": "polygon"}, "crosses"),
            ({"coordinates": "[]"}, "Draw it on the picture first."),
            ({"coordinates": None}, "Draw it on the picture first."),
            ({"coordinates": "[[0.1,"}, "That is no drawing."),
            ({"coordinates": "[" * 19_000}, "That is no drawing."),
            ({"coordinates": "{}"}, "Corners are a list of pairs"),
            ({"coordinates": "[[0,0],[2,0],[1,1]]"}, "outside the picture"),
            ({"coordinates": "[[0,0],[NaN,0],[1,1]]"}, "outside the picture"),
            ({"name": " "}, "needs a name"),
            ({"name": None}, "needs a name"),
            ({"zone_type": ""}, "Choose what it is."),
            ({"zone_type": "moat"}, "There is no such type"),
            ({"overlap": "much"}, "Choose one of these."),
            ({"overlap": "nan"}, "It is a share above 0"),
            ({"color": "red"}, "A colour is"),
            ({"shape": "circle"}, "There is no such shape"),
        ],
        ids=str,
    )
    def test_what_is_refused_is_told_and_the_drawing_is_kept(
        self, page: Client, front: Camera, fields: dict[str, str | None], said: str
    ) -> None:
        form = sent(None, **fields)
        for headers in (IN_PAGE, {}):
            text = page.post(DRAW, form, headers=headers).content.decode()
            assert said in text and 'role="alert"' in text
            kept = form.get("coordinates", "").replace('"', "&quot;")
            assert f'name="coordinates" value="{kept}"' in " ".join(text.split())
        assert not Zone.objects.exists()

    def test_a_name_that_is_taken_is_told_beside_the_name(self, page: Client, porch: Zone) -> None:
        text = " ".join(page.post(DRAW, sent(name="porch"), headers=IN_PAGE).content.decode().split())
        assert 'aria-describedby="zone-name-error"' in text
        assert "has a zone called porch already" in text.split('id="zone-name-error"', 1)[1].split("</div>", 1)[0]


class TestChanging:
    def test_the_form_holds_what_is_stored(self, page: Client, porch: Zone) -> None:
        Zone.objects.update(min_overlap=0.3, color="#123456", enabled=False)
        form = text_of(page, PORCH)
        assert 'name="coordinates" value="[[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]"' in form
        assert '<option value="0.3" selected>' in form
        assert 'value="#123456" checked' in form and 'value="entry_point" checked' in form
        assert 'name="enabled" checked' not in form

    def test_it_is_stored_and_nothing_else_of_it_changes(self, page: Client, porch: Zone) -> None:
        Zone.objects.update(priority=7)
        page.post(PORCH, sent(porch, zone_type="yard", enabled=None))
        porch.refresh_from_db()
        assert (porch.zone_type, porch.enabled, porch.coordinates, porch.priority) == ("yard", False, CORNERS, 7)
        assert AuditLog.objects.get().action == "zone_updated"

    def test_what_somebody_else_changed_meanwhile_is_not_overwritten_unseen(self, page: Client, porch: Zone) -> None:
        mine = sent(porch, name="My porch")
        page.post(PORCH, sent(porch, name="Their porch"))
        text = page.post(PORCH, mine, headers=IN_PAGE).content.decode()
        assert "Somebody changed Their porch while you drew." in text
        assert 'value="My porch"' in text and ">Their porch</text>" in text
        porch.refresh_from_db()
        assert porch.name == "Their porch"
        page.post(PORCH, mine | {"seen": state_of(porch)})  # as the form now has it
        porch.refresh_from_db()
        assert f'value="{state_of(porch)}"' not in text and porch.name == "My porch"

    def test_one_that_was_deleted_meanwhile_can_be_drawn_anew(self, page: Client, porch: Zone) -> None:
        mine = sent(porch)
        porch.delete()
        text = page.post(PORCH, mine, headers=IN_PAGE).content.decode()
        assert "Somebody deleted this zone while you drew." in text
        assert f'action="{DRAW}"' in text and 'name="seen" value=""' in " ".join(text.split())
        assert not Zone.objects.exists()

    def test_being_located_anew_does_not_count_as_a_change(self, page: Client, porch: Zone) -> None:
        form = sent(porch, name="Step")
        Zone.objects.update(is_located=False, updated_at=now())
        page.post(PORCH, form)
        porch.refresh_from_db()
        assert porch.name == "Step"

    def test_what_is_refused_keeps_the_drawing(self, page: Client, porch: Zone) -> None:
        drawn = json.dumps(BOW_TIE)
        text = page.post(PORCH, sent(porch, coordinates=drawn, shape="polygon"), headers=IN_PAGE).content.decode()
        assert "crosses" in text and f'value="{drawn}"' in text and "data-unsaved" in text

    def test_without_javascript_it_is_a_page(self, page: Client, porch: Zone) -> None:
        text = text_of(page, PORCH)
        assert "<html" in text and "<noscript>" in text and "hx-post" not in text


class TestDeleting:
    def test_it_goes(self, page: Client, porch: Zone) -> None:
        answer = page.post(f"{PORCH}delete/", headers=IN_PAGE)
        assert "Porch is deleted." in answer.content.decode() and "HX-Trigger" in answer
        assert not Zone.objects.exists()

    @pytest.mark.parametrize("headers", [IN_PAGE, {}], ids=["in the page", "alone"])
    def test_it_stays_while_rules_name_it_and_says_why(
        self, page: Client, porch: Zone, headers: dict[str, str]
    ) -> None:
        RuleFactory.create_batch(2, zones=[porch])
        text = page.post(f"{PORCH}delete/", headers=headers, follow=True).content.decode()
        assert "Porch stays: 2 rules name it." in text and "is-error" in text
        assert Zone.objects.exists()

    def test_one_that_is_gone_is_not_there(self, page: Client, porch: Zone) -> None:
        porch.delete()
        assert page.post(f"{PORCH}delete/").status_code == 404


class TestAccess:
    ADDRESSES = (("get", DRAW), ("post", DRAW), ("get", PORCH), ("post", PORCH), ("post", f"{PORCH}delete/"))

    @pytest.mark.parametrize(("method", "address"), ADDRESSES)
    def test_a_viewer_may_not(self, viewer: Client, porch: Zone, method: str, address: str) -> None:
        assert getattr(viewer, method)(address, sent(porch)).status_code == 403
        assert Zone.objects.get().name == "Porch"

    @pytest.mark.parametrize(("method", "address"), ADDRESSES)
    def test_a_viewer_of_another_camera_may_not(self, stranger: User, porch: Zone, method: str, address: str) -> None:
        assert getattr(signed_in_as(stranger), method)(address, sent(porch)).status_code == 403

    @pytest.mark.parametrize(("method", "address"), ADDRESSES)
    def test_nobody_else_may(self, client: Client, porch: Zone, method: str, address: str) -> None:
        assert getattr(client, method)(address, sent(porch))["Location"].startswith("/login/")
        assert Zone.objects.count() == 1

    @pytest.mark.parametrize(("method", "address"), ADDRESSES)
    def test_a_camera_that_was_put_away_has_none(self, page: Client, porch: Zone, method: str, address: str) -> None:
        Camera.objects.update(deleted_at=now())
        assert getattr(page, method)(address, sent(porch)).status_code == 404

    def test_a_zone_of_another_camera_is_not_there(self, page: Client, porch: Zone, back: Camera) -> None:
        address = PORCH.replace("front_door", "back_garden", 1)
        assert page.get(address).status_code == 404
        assert page.post(f"{address}delete/").status_code == 404
        assert "Somebody deleted" in page.post(address, sent(porch)).content.decode()
        assert Zone.objects.get().name == "Porch"

    def test_a_press_needs_the_token(self, owner: User, porch: Zone) -> None:
        page = Client(enforce_csrf_checks=True)
        page.force_login(owner)
        assert page.post(PORCH, sent(porch)).status_code == 403

    def test_a_hostile_name_is_shown_as_it_is(self, page: Client, porch: Zone) -> None:
        Zone.objects.update(name="<script>alert(1)</script>")
        for address in (FRONT, PORCH):
            assert "<script>alert" not in text_of(page, address)
