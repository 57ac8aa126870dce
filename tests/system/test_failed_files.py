"""Failed files on the System page: shown by reason, tried again or let go; and told of on the live page."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditLog, Role
from cameras.models import Camera, Capture
from tests.factories import CameraFactory, CaptureFactory
from tests.system.programs import DIED, first_line, make_failed, signed_in, words

pytestmark = pytest.mark.django_db
REQUEUE, DISMISS = "/system/dead-letters/requeue/", "/system/dead-letters/dismiss/"


@pytest.mark.usefixtures("running")
class TestFailedFiles:
    def test_they_are_grouped_by_what_went_wrong(self, page: Client, front: Camera) -> None:
        for number in range(5):
            make_failed(front, file_path=f"front/died-{number}.jpg")
        make_failed(front, "cannot be decoded", file_path="front/broken.jpg")
        text = words(page)
        assert text.index(DIED) < text.index("Cannot be decoded")
        assert "5 files, the last" in text and "1 file, failed" in text
        assert [number for number in range(5) if f"died-{number}.jpg" in text] == [2, 3, 4]
        assert "Try all 5 again" in text and "Try all 1" not in text

    def test_rare_kinds_are_counted(self, page: Client, front: Camera) -> None:
        for number in range(12):
            make_failed(front, f"error {number:02}")
        assert "And 2 more, for other reasons." in words(page)

    def test_each_leads_to_its_file_and_loads_none_of_them(self, page: Client, front: Camera) -> None:
        capture = make_failed(front)
        text = page.get("/system/").content.decode()
        assert f'<a href="/media/originals/{capture.pk}">' in text
        assert "<img" not in text[text.index("<main") : text.index("</main>")]
        assert "Front door ·" in text

    def test_names_and_errors_are_text(self, page: Client) -> None:
        camera = CameraFactory.create(name="<script>alert(1)</script>")
        make_failed(camera, "<b>bad</b> & 🐈", file_path="a/<script>alert(2)</script> 🐈.jpg")
        text = page.get("/system/").content.decode()
        assert "<script>alert" not in text and "<b>bad" not in text
        assert "&lt;b&gt;bad&lt;/b&gt; &amp; 🐈" in text and "alert(1)" in text and "🐈.jpg" in text

    def test_all_of_a_kind_are_tried_again(self, page: Client, front: Camera) -> None:
        odd = "first line\nsecond line "  # a browser would send it back with another line end
        make_failed(front, odd), make_failed(front, odd), make_failed(front)
        key = re.search(r'name="kind" value="(\w+)"', page.get("/system/").content.decode())
        assert key
        response = page.post(REQUEUE, {"kind": key[1]}, follow=True)
        assert response.redirect_chain == [("/system/#dead-letters", 302)]
        assert "2 files are queued to be looked at again." in response.content.decode()
        assert list(Capture.objects.order_by("pk").values_list("state", flat=True)) == ["queued", "queued", "failed"]

    def test_letting_one_go_is_asked_about_first_without_javascript(self, page: Client, front: Camera) -> None:
        capture = make_failed(front)
        text = page.get("/system/").content.decode()
        fold = re.search(rf'<details class="let-go" id="let-go-{capture.pk}">.*?</details>', text, re.DOTALL)
        assert fold and "This cannot be taken back." in fold[0]
        assert f'action="{DISMISS}"' in fold[0] and f'action="{DISMISS}"' not in text.replace(fold[0], "")

    def test_one_is_let_go(self, page: Client, front: Camera) -> None:
        gone, kept = make_failed(front), make_failed(front)
        response = page.post(DISMISS, {"capture": gone.pk}, follow=True)
        assert "1 file is let go. What lies in the camera folders stays there." in response.content.decode()
        gone.refresh_from_db()
        kept.refresh_from_db()
        assert (gone.state, kept.state) == ("rejected", "failed")
        assert AuditLog.objects.get().action == "capture_dismissed"

    def test_somebody_was_faster(self, page: Client, front: Camera) -> None:
        capture = CaptureFactory.create(camera=front)
        response = page.post(DISMISS, {"capture": capture.pk}, follow=True)
        assert "Nothing was left to do" in response.content.decode()
        capture.refresh_from_db()
        assert capture.state == "detected"

    @pytest.mark.parametrize(
        "sent", [{}, {"capture": ""}, {"capture": "x"}, {"kind": "%"}, {"capture": "1", "kind": "0" * 32}]
    )
    def test_what_is_not_understood_is_refused(self, page: Client, front: Camera, sent: dict[str, str]) -> None:
        capture = make_failed(front)
        assert page.post(DISMISS, sent).status_code == 400
        capture.refresh_from_db()
        assert capture.state == "failed"

    def test_those_of_a_deleted_camera_are_nobodys_worry(self, page: Client, front: Camera) -> None:
        make_failed(CameraFactory.create(deleted_at=timezone.now()), file_path="gone/secret.jpg")
        make_failed(front)
        assert first_line(page) == "1 thing needs you: 1 file failed."
        assert "secret.jpg" not in words(page)

    def test_the_owner_is_led_to_all_of_them(self, page: Client, front: Camera) -> None:
        make_failed(front, file_path="front/failed.jpg")
        CaptureFactory.create(camera=front, file_path="front/fine.jpg")
        link = re.search(r'href="(/admin/[^"]*)">List all', page.get("/system/").content.decode())
        assert link
        listed = page.get(link[1]).content.decode()
        assert "failed.jpg" in listed and "fine.jpg" not in listed
        assert "List all" not in words(signed_in(Role.MEMBER))

    def test_a_selection_across_pages_of_the_admin_is_worked_off(self, page: Client, front: Camera) -> None:
        captures = [make_failed(front) for _ in range(55)]
        chosen = {"action": "try_again", "select_across": "1", "_selected_action": [captures[-1].pk]}
        address = f"{reverse('admin:cameras_capture_changelist')}?state__exact=failed"
        assert "Failed files queued again: 55." in page.post(address, chosen, follow=True).content.decode()


class TestOnTheLivePage:
    def test_who_may_decide_is_told(self, page: Client, front: Camera) -> None:
        make_failed(front), make_failed(front)
        hint = '<a href="/system/#dead-letters">2 files failed: see System.</a>'
        assert hint in page.get("/").content.decode()
        assert hint in page.get("/live/changes?since=0").content.decode()
        viewer = signed_in(Role.VIEWER, camera_ids=["front_door"])
        assert "see System" not in viewer.get("/").content.decode()

    def test_nothing_is_said_where_nothing_failed(self, page: Client, front: Camera) -> None:
        CaptureFactory.create(camera=front)
        assert "see System" not in page.get("/").content.decode()
