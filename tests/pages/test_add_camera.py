"""Adding a camera and its page of connection: who may, what is shown once, and the log that follows along."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role, hash_key
from cameras.models import Camera, FTPAccount, FTPLogEntry, IgnoredFile
from telemetry.models import Heartbeat
from tests.factories import CameraFactory, CaptureFactory, EventFactory, IgnoredFileFactory, UserFactory
from tests.pages.conftest import signed_in_as
from tests.pages.test_cameras import HOSTILE, text_of

Step = FTPLogEntry.Step
ROLES = (Role.OWNER, Role.MEMBER, Role.VIEWER)
WATCHER_DETAIL = {"how": "told by the kernel"}


@pytest.fixture(autouse=True)
def camera_root(tmp_path: Path, settings: object) -> Path:
    root = tmp_path / "cameras"
    root.mkdir()
    setattr(settings, "CAMERA_ROOT", root)  # noqa: B010  (a SettingsWrapper)
    return root


@pytest.fixture
def account(front: Camera) -> FTPAccount:
    long_ago = now() - timedelta(hours=1)
    return FTPAccount.objects.create(
        camera=front, user="frontdoor", password_hash=hash_key("secret"), renewed_at=long_ago
    )


def listening() -> None:
    Heartbeat.objects.create(
        worker="ftp@1", queue="ftp", detail={"listening": "0.0.0.0:2121", "since": now().isoformat()}
    )


def logged(account: FTPAccount | None, step: Step, sentence: str = "", at: datetime | None = None) -> None:
    FTPLogEntry.objects.create(
        account=account, step=step, sentence=sentence or step, address="192.168.1.23", at=at or now()
    )


def password_in(text: str) -> str:
    found = re.search(r'id="ftp-password" value="([^"]+)"', text)
    return found[1] if found else ""


def states_in(text: str) -> list[str]:
    return re.findall(r'class="step is-(\w+)"', text)


def log_text(client: Client) -> str:
    return text_of(client, "/cameras/front_door/connect/changes")


def test_a_camera_is_added_and_answered_with_what_to_type_where(page: Client, camera_root: Path) -> None:
    response = page.post("/add-camera/", {"name": "  Front  Door ", "way": "ftp", "place": ""})
    text = " ".join(response.content.decode().split())
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert "<h1>Connect Front Door</h1>" in text
    assert 'data-address="/cameras/front_door/connect/"' in text
    camera = Camera.objects.get()
    assert (camera.pk, camera.name, camera.place) == ("front_door", "Front Door", "front")
    assert f'value="{camera_root / "front_door"}"' in text
    assert 'id="ftp-user" value="frontdoor"' in text
    assert f'id="ftp-port" value="{settings.CONFIG.FTP_PORT}"' in text
    assert f"{settings.CONFIG.FTP_PORT + 1}–{settings.CONFIG.FTP_PORT + 20}" in text
    assert camera.ftp_account.password_hash == hash_key(password_in(text))
    for make in ("Foscam", "Reolink", "Dahua, Amcrest", "Hikvision"):
        assert f"<summary>{make}</summary>" in text


def test_the_password_is_in_that_answer_and_never_again(page: Client, owner: object) -> None:
    password = password_in(text_of_post(page, "/add-camera/", name="Front door", way="ftp", place=""))
    assert password
    for url in ("/cameras/front_door/connect/", "/cameras/front_door/connect/changes", "/cameras/front_door/", "/"):
        assert password not in text_of(page, url)
    assert "was shown once" in text_of(page, "/cameras/front_door/connect/")
    assert not any(password in str(line.details) for line in AuditLog.objects.all())
    assert password not in str(dict(page.session))


def text_of_post(client: Client, url: str, **data: str) -> str:
    return " ".join(client.post(url, data).content.decode().split())


def test_a_new_password_is_made_by_a_press_and_the_old_one_ends(page: Client, account: FTPAccount) -> None:
    text = text_of_post(page, "/cameras/front_door/connect/")
    account.refresh_from_db()
    assert account.password_hash == hash_key(password_in(text)) != hash_key("secret")
    assert 'data-address="/cameras/front_door/connect/"' in text
    assert AuditLog.objects.get().action == "ftp_password_made"


def test_a_camera_of_a_folder_has_no_password_but_may_get_one(page: Client) -> None:
    text = text_of_post(page, "/add-camera/", name="Gate", way="folder", place="street")
    assert not FTPAccount.objects.exists()
    assert Camera.objects.get().place == "street"
    assert "Put files into its folder" in text and "Let it send by FTP" in text and "ftp-user" not in text
    assert password_in(text_of_post(page, "/cameras/gate/connect/"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "This field is required."),
        ("—", "at least one letter or digit"),
        ("x" * 201, "at most 200"),
        ("Front door", "There is a camera Front door already"),
        ("front-DOOR", "There is a camera Front door already"),
    ],
)
def test_a_name_that_cannot_be_is_answered_with_a_sentence(page: Client, front: Camera, name: str, words: str) -> None:
    response = page.post("/add-camera/", {"name": name, "way": "ftp", "place": ""})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert 'aria-invalid="true"' in response.content.decode()
    assert Camera.objects.count() == 1 and not FTPAccount.objects.exists()


def test_a_name_that_is_taken_leads_to_its_camera(page: Client, front: Camera) -> None:
    text = text_of_post(page, "/add-camera/", name="Front door", way="ftp", place="")
    assert '<a href="/cameras/front_door/">To its page</a>' in text


def test_a_camera_just_added_leads_on_to_its_connection(page: Client) -> None:
    page.post("/add-camera/", {"name": "Gate", "way": "ftp", "place": ""})
    text = text_of(page, "/cameras/")
    assert '<a href="/cameras/gate/connect/">Connect it</a>' in text and "appeared by itself" not in text


def test_a_name_that_was_put_away_is_told_as_that(page: Client, front: Camera) -> None:
    Camera.objects.update(deleted_at=now())
    assert "was put away" in text_of_post(page, "/add-camera/", name="Front door", way="ftp", place="")


def test_a_folder_that_cannot_be_made_is_told(page: Client, camera_root: Path) -> None:
    camera_root.rmdir()
    camera_root.write_text("no folder")
    assert "Its folder could not be made: Not a directory." in text_of_post(
        page, "/add-camera/", name="Gate", way="ftp", place=""
    )
    assert not Camera.objects.exists()
    camera_root.unlink()


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("get", "/add-camera/"),
        ("post", "/add-camera/"),
        ("get", "/cameras/front_door/connect/"),
        ("post", "/cameras/front_door/connect/"),
        ("get", "/cameras/front_door/connect/changes"),
        ("post", "/cameras/front_door/hide/"),
        ("post", "/cameras/front_door/restore/"),
    ],
)
def test_only_an_owner_connects_and_hides_cameras(account: FTPAccount, client: Client, method: str, url: str) -> None:
    for role in (Role.MEMBER, Role.VIEWER):
        response = getattr(signed_in_as(UserFactory.create(role=role, camera_ids=["front_door"])), method)(url)
        assert response.status_code == 403
        assert "Ask the owner." in response.content.decode()
    assert getattr(client, method)(url)["Location"].startswith("/login/")
    account.refresh_from_db()
    assert account.password_hash == hash_key("secret")
    assert Camera.objects.get().deleted_at is None


@pytest.mark.parametrize("role", ROLES)
def test_the_way_there_is_shown_to_who_may_go_it(front: Camera, role: Role) -> None:
    client = signed_in_as(UserFactory.create(role=role, camera_ids=[front.pk]))
    assert ('href="/add-camera/"' in text_of(client, "/cameras/")) is (role == Role.OWNER)
    assert ('href="/cameras/front_door/connect/"' in text_of(client, "/cameras/front_door/")) is (role == Role.OWNER)


def test_the_first_page_of_all_offers_to_connect_a_camera_first(page: Client) -> None:
    text = text_of(page, "/")
    assert text.index("Connect a camera") < text.index("Drop a picture here")
    member = signed_in_as(UserFactory.create(role=Role.MEMBER))
    assert 'href="/add-camera/"' not in text_of(member, "/")


def test_another_site_cannot_make_a_password(account: FTPAccount, owner: object) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)  # type: ignore[arg-type]  # a fixture of it
    assert client.post("/cameras/front_door/connect/").status_code == 403


def test_the_steps_are_taken_one_after_the_other(page: Client, account: FTPAccount, front: Camera) -> None:
    assert states_in(log_text(page)) == ["next", *["later"] * 5]
    listening()
    text = log_text(page)
    assert states_in(text) == ["done", "next", *["later"] * 4]
    assert "press Test there" in text
    logged(account, Step.CONNECTED)
    assert states_in(log_text(page))[:3] == ["done", "done", "next"]
    logged(account, Step.LOGGED_IN, "frontdoor signed in from 192.168.1.23")
    assert "frontdoor signed in from 192.168.1.23" in log_text(page)
    logged(account, Step.RECEIVED, "test.txt received (21 bytes)")
    text = log_text(page)
    assert states_in(text) == ["done"] * 4 + ["next", "later"]
    assert "Walk past the camera" in text
    capture = CaptureFactory.create(camera=front, file_path="front_door/a.jpg")
    text = log_text(page)
    assert states_in(text) == ["done"] * 5 + ["next"]
    assert f'src="/media/originals/{capture.pk}"' in text
    assert "a.jpg: Nothing found: the built-in detector sees standing people only. Walk past the camera." in text
    event = EventFactory.create(camera=front, summary="A person came to the front door.")
    text = log_text(page)
    assert states_in(text) == ["done"] * 6
    assert "It works" in text and f'href="/events/{event.pk}/"' in text and "/media/thumbnails/" in text


def test_a_server_that_cannot_listen_says_why(page: Client, account: FTPAccount) -> None:
    why = "port 2121 is taken by vsftpd (process 812)"
    Heartbeat.objects.create(worker="ftp@1", queue="ftp", detail={"why_not": why})
    text = log_text(page)
    assert states_in(text)[0] == "failed" and why in text


def test_a_server_that_is_gone_is_told_whatever_was_received(page: Client, account: FTPAccount) -> None:
    logged(account, Step.RECEIVED)
    Heartbeat.objects.create(worker="ftp@1", queue="ftp", at=now() - timedelta(minutes=1))
    text = log_text(page)
    assert states_in(text)[:4] == ["next", "done", "done", "done"] and "does not run" in text


def test_a_wrong_password_is_told_until_the_right_one(page: Client, account: FTPAccount) -> None:
    listening()
    logged(None, Step.CONNECTED)
    logged(account, Step.REFUSED, "192.168.1.23: wrong password for frontdoor", now() - timedelta(minutes=2))
    text = log_text(page)
    assert states_in(text)[:3] == ["done", "done", "failed"]
    assert "192.168.1.23: wrong password for frontdoor" in text and "2 min ago" in text
    logged(account, Step.CONNECTED)
    logged(account, Step.LOGGED_IN)
    assert states_in(log_text(page))[:4] == ["done", "done", "done", "next"]
    logged(None, Step.CONNECTED)
    logged(account, Step.REFUSED, "192.168.1.23: wrong password for frontdoor")
    assert states_in(log_text(page))[:3] == ["done", "done", "failed"]


def test_a_password_that_is_wrong_now_is_told_whatever_came_before(page: Client, account: FTPAccount) -> None:
    listening()
    for step in (Step.CONNECTED, Step.LOGGED_IN, Step.RECEIVED):
        logged(account, step)
    EventFactory.create(camera=account.camera)
    logged(None, Step.CONNECTED)
    logged(account, Step.REFUSED, "192.168.1.23: wrong password for frontdoor")
    assert states_in(log_text(page)) == ["done", "done", "failed", "done", "done", "done"]


def test_a_server_that_is_about_to_listen_has_not_failed(page: Client, account: FTPAccount) -> None:
    detail = {"listening": "", "why_not": "no camera has an account yet", "is_wanted": False}
    Heartbeat.objects.create(worker="ftp@1", queue="ftp", detail=detail)
    assert states_in(log_text(page))[0] == "next"


def test_what_is_refused_after_signing_in_is_no_wrong_password(page: Client, account: FTPAccount) -> None:
    listening()
    for step in (Step.CONNECTED, Step.LOGGED_IN, Step.RECEIVED):
        logged(account, step)
    logged(account, Step.REFUSED, "delete files: a camera only writes here")
    assert states_in(log_text(page))[:4] == ["done"] * 4


def test_a_lost_connection_is_told_until_a_file_arrives(page: Client, account: FTPAccount) -> None:
    listening()
    logged(account, Step.LOGGED_IN)
    logged(account, Step.LOST, "the connection was lost at 312 KB of a.jpg")
    assert states_in(log_text(page))[:4] == ["done", "done", "done", "failed"]
    logged(account, Step.RECEIVED)
    assert states_in(log_text(page))[3] == "done"


def test_what_came_with_an_earlier_password_proves_nothing(page: Client, account: FTPAccount) -> None:
    listening()
    long_ago = now() - timedelta(days=3)
    for step in (Step.CONNECTED, Step.LOGGED_IN, Step.RECEIVED):
        logged(account, step, at=long_ago)
    EventFactory.create(camera=account.camera, started_at=long_ago)
    assert states_in(log_text(page)) == ["done", "next", *["later"] * 4]


def test_an_unknown_caller_is_shown_beside_the_camera_it_may_be(page: Client, account: FTPAccount) -> None:
    listening()
    logged(None, Step.CONNECTED, "192.168.1.23 connected")
    logged(None, Step.REFUSED, "192.168.1.23 tried to sign in as admin: there is no such user")
    text = log_text(page)
    assert "Unknown callers" in text
    assert "tried to sign in as admin: there is no such user. Is that this camera?" in text
    assert states_in(text)[:3] == ["done", "done", "next"]


def test_somebody_who_knocks_again_and_again_does_not_push_out_who_was_refused(
    page: Client, account: FTPAccount
) -> None:
    logged(None, Step.REFUSED, "192.168.1.23 tried to sign in as admin: there is no such user")
    for _ in range(50):
        logged(None, Step.CONNECTED, "192.168.1.99 connected")
    text = log_text(page)
    assert "tried to sign in as admin" in text and text.count("192.168.1.99 connected") == 1


def test_a_log_tells_nothing_of_another_camera(page: Client, account: FTPAccount, back: Camera) -> None:
    other = FTPAccount.objects.create(camera=back, user="backgarden", password_hash="x")
    logged(other, Step.RECEIVED, "secret.jpg received (1 KB)")
    CaptureFactory.create(camera=back, file_path="back_garden/secret.jpg")
    assert "secret" not in log_text(page)


def test_a_rejected_picture_is_told_with_its_reason(page: Client, front: Camera) -> None:
    CaptureFactory.create(
        camera=front, state="rejected", error="connection lost at 312 KB", file_path="front_door/a.jpg"
    )
    Heartbeat.objects.create(worker="watcher@1", queue="watcher", detail=WATCHER_DETAIL)
    text = log_text(page)
    assert states_in(text) == ["done", "done", "failed", "later"]
    assert "a.jpg: Rejected: connection lost at 312 KB" in text


def test_a_folder_has_steps_of_its_own(page: Client, front: Camera) -> None:
    assert states_in(log_text(page)) == ["next", "later", "later", "later"]
    Heartbeat.objects.create(worker="watcher@1", queue="watcher", detail=WATCHER_DETAIL)
    IgnoredFileFactory.create(camera=front, file_path="front_door/test.txt", arrived_at=now())
    text = log_text(page)
    assert states_in(text) == ["done", "done", "next", "later"]
    assert "New files are seen at once." in text and "test.txt" in text


def test_a_file_that_may_not_be_read_is_told_with_advice(page: Client, front: Camera) -> None:
    IgnoredFileFactory.create(
        camera=front, kind=IgnoredFile.Kind.UNREADABLE, reason="owned by ftp, mode 600; run chmod a+r on it"
    )
    assert "run chmod a+r on it" in log_text(page)


def test_a_log_that_did_not_change_is_not_sent_again(page: Client, account: FTPAccount) -> None:
    seen = re.search(r'name="seen" value="([^"]+)"', text_of(page, "/cameras/front_door/connect/"))
    assert seen
    changes = "/cameras/front_door/connect/changes"
    assert page.get(changes, {"seen": seen[1]}).status_code == 204
    logged(account, Step.CONNECTED)
    assert 'hx-swap-oob="true"' in page.get(changes, {"seen": seen[1]}).content.decode()


def test_words_from_outside_are_only_words(page: Client, account: FTPAccount, front: Camera) -> None:
    logged(account, Step.RECEIVED, HOSTILE)
    logged(None, Step.REFUSED, HOSTILE)
    CaptureFactory.create(camera=front, file_path=f"front_door/{HOSTILE}\\xff.jpg")
    Camera.objects.update(name=HOSTILE)
    for url in ("/cameras/front_door/connect/", "/cameras/front_door/"):
        assert HOSTILE not in text_of(page, url)


def test_the_log_costs_the_same_however_much_has_arrived(
    page: Client, account: FTPAccount, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
) -> None:
    listening()
    logged(account, Step.REFUSED)
    # session, user · camera · account · its lines · unknown callers · newest of each of the six steps · server ·
    # captures, visit, ignored file
    queries = 16
    with django_assert_num_queries(queries):
        page.get("/cameras/front_door/connect/changes")
    for _ in range(30):
        logged(account, Step.REFUSED)
        IgnoredFileFactory.create(camera=account.camera)
    with django_assert_num_queries(queries):
        page.get("/cameras/front_door/connect/changes")


def test_a_camera_that_may_not_be_is_not_there(page: Client) -> None:
    CameraFactory.create(id="gone", deleted_at=now())
    for url in ("/cameras/gone/connect/", "/cameras/nowhere/connect/", "/cameras/gone/connect/changes"):
        assert page.get(url).status_code == 404
