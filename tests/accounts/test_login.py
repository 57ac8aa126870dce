"""Login, logout, throttling, and what ends a session."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import AuditLog, Role, Session, User
from tests.factories import PASSWORD
from tests.people import make_user

pytestmark = pytest.mark.django_db
RIGHT = {"username": "olga", "password": PASSWORD}
WRONG = RIGHT | {"password": "not the one"}


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.fixture(autouse=True)
def nobody_waits_yet(olga: User) -> None:
    AuditLog.objects.all().delete()


def trail() -> list[tuple[str, str, str]]:
    return list(AuditLog.objects.order_by("id").values_list("action", "actor", "status"))


def test_a_login_leads_on_and_is_written_down(client: Client) -> None:
    response = client.post("/login/?next=/events/", RIGHT)
    assert response.headers["Location"] == "/events/"
    assert trail() == [("login", "olga", "success")]


def test_a_login_never_leads_to_another_site(client: Client) -> None:
    assert client.post("/login/?next=https://evil.example/", RIGHT).headers["Location"] == "/"


def test_the_session_ends_with_the_browser_unless_asked_otherwise(client: Client) -> None:
    cookie = client.post("/login/", RIGHT).cookies["hsi_session"]
    assert cookie["max-age"] == "" and cookie["httponly"] and cookie["samesite"] == "Lax"


def test_keep_me_signed_in_lasts_thirty_days(client: Client) -> None:
    cookie = client.post("/login/", RIGHT | {"keep_signed_in": "on"}).cookies["hsi_session"]
    assert cookie["max-age"] == 30 * 24 * 3600


def test_a_failed_login_is_written_down_with_the_account_that_was_tried(client: Client) -> None:
    assert client.post("/login/", WRONG).status_code == 200
    assert trail() == [("login_failed", "olga", "failure")]


def test_a_name_that_is_none_is_not_written_down(client: Client) -> None:
    client.post("/login/", {"username": "my secret password", "password": "olga"})
    assert trail() == [("login_failed", "unknown name", "failure")]


def test_somebody_deactivated_cannot_log_in(client: Client, olga: User) -> None:
    User.objects.update(is_active=False)
    assert client.post("/login/", RIGHT).status_code == 200
    assert "_auth_user_id" not in client.session


def test_logout_is_by_post_and_written_down(client: Client, olga: User) -> None:
    client.force_login(olga)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert trail() == [("logout", "olga", "success")]
    assert "_auth_user_id" not in client.session


def test_login_needs_the_csrf_token() -> None:
    assert Client(enforce_csrf_checks=True).post("/login/", RIGHT).status_code == 403


class TestThrottling:
    def fail(self, client: Client, times: int = 10, **extra: str) -> None:
        for _ in range(times):
            client.post("/login/", WRONG, **extra)  # type: ignore[arg-type]

    def test_ten_failures_lock_even_the_right_password(self, client: Client) -> None:
        self.fail(client)
        response = client.post("/login/", RIGHT)
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "900"
        assert "15 minutes" in response.content.decode()
        assert "_auth_user_id" not in client.session

    def test_nine_do_not_and_success_starts_the_count_anew(self, client: Client) -> None:
        self.fail(client, 9)
        assert client.post("/login/", RIGHT).status_code == 302
        client.logout()
        self.fail(client, 9)
        assert client.post("/login/", RIGHT).status_code == 302

    def test_others_and_other_addresses_are_not_locked_out(self, client: Client) -> None:
        make_user("mia", Role.MEMBER)
        self.fail(client)
        assert client.post("/login/", RIGHT | {"username": "mia"}).status_code == 302
        client.logout()
        assert client.post("/login/", RIGHT, REMOTE_ADDR="192.168.1.9").status_code == 302

    def test_the_lock_ends_by_itself(self, client: Client) -> None:
        self.fail(client)
        with time_machine.travel(timezone.now() + timedelta(minutes=16)):
            assert client.post("/login/", RIGHT).status_code == 302

    @pytest.mark.parametrize("address", ["unknown", "192.168.1.9:5060", "x" * 200, ""])
    def test_whoever_comes_from_no_address_is_counted_all_the_same(self, client: Client, address: str) -> None:
        self.fail(client, REMOTE_ADDR=address)
        assert set(AuditLog.objects.values_list("ip_address", flat=True)) == {None}
        assert client.post("/login/", RIGHT, REMOTE_ADDR="another").status_code == 429
        assert client.post("/login/", RIGHT, REMOTE_ADDR="fe80::1%eth0").status_code == 302
        assert AuditLog.objects.get(action="login").ip_address == "fe80::1"

    def test_a_locked_door_does_not_fill_the_trail(self, client: Client) -> None:
        self.fail(client, 15)
        assert AuditLog.objects.count() < 11


def test_a_new_password_ends_the_sessions_of_the_old_one(olga: User) -> None:
    laptop, phone = Client(), Client()
    laptop.post("/login/", RIGHT)
    phone.post("/login/", RIGHT)
    new = "eleven green bottles"
    response = laptop.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    assert response.headers["Location"] == "/"
    assert laptop.get("/api/v1/cameras/").status_code == 200
    assert phone.get("/api/v1/cameras/").status_code == 401
    assert Session.objects.exists()
    assert AuditLog.objects.filter(action="password_changed", actor=olga.username).count() == 1
