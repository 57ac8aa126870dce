"""Where people are signed in: what is written down, who sees it, how it is ended, and how long it goes on."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from django.utils import timezone

from accounts.models import AuditLog, Role, Session, User
from accounts.session_store import SessionStore
from tests.factories import PASSWORD
from tests.people import make_user

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
DAY = timedelta(days=1)


@pytest.fixture
def olga() -> User:
    return make_user("olga")


def log_in(username: str, user_agent: str = LAPTOP, address: str = "192.168.1.20", *, keep: bool = False) -> Client:
    """A browser somebody has logged in with."""
    browser = Client(headers={"user-agent": user_agent}, REMOTE_ADDR=address)
    form = {"username": username, "password": PASSWORD} | ({"keep_signed_in": "on"} if keep else {})
    assert browser.post("/login/", form).status_code == 302
    return browser


def key_of(browser: Client) -> str:
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def session_of(browser: Client) -> Session:
    return Session.objects.get(session_key=key_of(browser))


def is_signed_in(browser: Client) -> bool:
    return browser.get("/api/v1/cameras/").status_code == 200


def shown(browser: Client, whose: str = "own") -> list[tuple[str, str | None, bool]]:
    devices = browser.get("/sessions/").context[whose]
    return [(device.words, device.session.address, device.is_this) for device in devices]


def test_a_login_writes_down_who_from_where_and_with_what(olga: User) -> None:
    session = session_of(log_in("olga", PHONE, "192.168.1.50"))
    assert (session.user, session.address, session.user_agent) == (olga, "192.168.1.50", PHONE)
    assert timezone.now() - session.created_at < timedelta(minutes=1)


def test_the_page_lists_ones_own_devices_and_marks_this_one(olga: User) -> None:
    log_in("olga", PHONE, "192.168.1.50")
    laptop = log_in("olga")
    assert shown(laptop) == [
        ("Firefox on Linux", "192.168.1.20", True),
        ("Firefox on Android", "192.168.1.50", False),
    ]
    page = laptop.get("/sessions/").content.decode()
    assert page.count("This device") == 1 and "192.168.1.50" in page


def test_neither_page_nor_trail_holds_a_session_key(olga: User) -> None:
    phone, laptop = log_in("olga", PHONE), log_in("olga")
    page = laptop.get("/sessions/").content.decode()
    deleting = laptop.get(f"/admin/accounts/user/{make_user('mia').pk}/delete/").content.decode()
    laptop.post("/sessions/end-others/")
    trail = str(list(AuditLog.objects.values()))
    for key in (key_of(phone), key_of(laptop)):
        assert key not in page + deleting + trail
        assert key not in str(Session(session_key=key))


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_only_an_owner_sees_the_devices_of_others(olga: User, role: Role) -> None:
    make_user("mia", role)
    owner, mia = log_in("olga"), log_in("mia", PHONE)
    assert shown(mia, "others") == []
    assert shown(owner, "others") == [("Firefox on Android", "192.168.1.20", False)]
    assert "mia:" in owner.get("/sessions/").content.decode()


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    for answer in (client.get("/sessions/"), client.post("/sessions/end-others/")):
        assert answer.status_code == 302 and answer.headers["Location"].startswith("/login/")


def end(browser: Client, session: Session) -> int:
    return browser.post(f"/sessions/{session.public_id}/end/").status_code


def test_a_device_is_signed_out_at_once_and_that_is_written_down(olga: User) -> None:
    phone, laptop = log_in("olga", PHONE), log_in("olga")
    ended = session_of(phone)
    assert end(laptop, ended) == 302
    assert not is_signed_in(phone)
    assert is_signed_in(laptop)
    row = AuditLog.objects.get(action="session_revoked")
    assert (row.actor, row.resource_id) == ("olga", str(ended.public_id))
    assert row.details == {"username": "olga", "device": "Firefox on Android"}


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_an_owner_signs_out_others_and_nobody_else_does(olga: User, role: Role) -> None:
    make_user("mia", role)
    owner, mia = log_in("olga"), log_in("mia")
    assert end(mia, session_of(owner)) == 404
    assert is_signed_in(owner)
    assert end(owner, session_of(mia)) == 302
    assert not is_signed_in(mia)
    assert AuditLog.objects.get(action="session_revoked").actor == "olga"


def test_ending_this_device_is_a_logout(olga: User) -> None:
    laptop = log_in("olga")
    assert end(laptop, session_of(laptop)) == 302
    assert not is_signed_in(laptop)
    assert AuditLog.objects.filter(action="logout").exists()


def test_what_is_gone_already_is_not_found(olga: User) -> None:
    laptop = log_in("olga")
    assert laptop.post(f"/sessions/{uuid.uuid4()}/end/").status_code == 404
    assert laptop.get(f"/sessions/{session_of(laptop).public_id}/end/").status_code == 405


def test_everywhere_else_means_ones_own_devices(olga: User) -> None:
    make_user("mia", Role.MEMBER)
    laptop, mia = log_in("olga"), log_in("mia")
    others = [log_in("olga", PHONE), log_in("olga", LAPTOP)]
    assert "2 devices" in laptop.post("/sessions/end-others/", follow=True).content.decode()
    assert not any(is_signed_in(browser) for browser in others)
    assert is_signed_in(laptop) and is_signed_in(mia)
    assert AuditLog.objects.filter(action="session_revoked").count() == 2


def test_a_new_password_leaves_this_device_alone_in_the_list(olga: User) -> None:
    log_in("olga", PHONE)
    with time_machine.travel(timezone.now() - timedelta(hours=5)):
        laptop = log_in("olga")
    before = session_of(laptop)
    new = "eleven green bottles"
    laptop.post("/password/", {"old_password": PASSWORD, "new_password1": new, "new_password2": new})
    after = session_of(laptop)
    assert shown(laptop) == [("Firefox on Linux", "192.168.1.20", True)]
    assert after.session_key != before.session_key
    assert (after.created_at, after.user_agent) == (before.created_at, LAPTOP)


def test_the_admin_signs_out_whoever_is_deactivated_or_given_a_password(olga: User) -> None:
    mia, owner = make_user("mia", Role.MEMBER), log_in("olga")
    log_in("mia")
    new = {"usable_password": "true", "password1": "eleven green bottles", "password2": "eleven green bottles"}
    assert owner.post(f"/admin/accounts/user/{mia.pk}/password/", new).status_code == 302
    assert not mia.sessions.exists()
    mia.set_password(PASSWORD)
    mia.save(update_fields=["password"])
    log_in("mia")
    form = {"username": "mia", "role": "member", "date_joined_0": "2026-11-01", "date_joined_1": "10:00"}
    assert owner.post(f"/admin/accounts/user/{mia.pk}/change/", form).status_code == 302
    assert not mia.sessions.exists()
    assert is_signed_in(owner)


class TestUse:
    def test_it_is_noted_once_a_minute_with_the_address_of_then(
        self, olga: User, django_assert_num_queries: Any
    ) -> None:
        begun = timezone.now()
        phone = log_in("olga", PHONE, "192.168.1.50")
        with time_machine.travel(begun + timedelta(seconds=50)), django_assert_num_queries(3):  # session, user, rows
            phone.get("/api/v1/cameras/")
        later = begun + timedelta(minutes=5)
        with time_machine.travel(later, tick=False):
            with django_assert_num_queries(4):  # and the note
                phone.get("/api/v1/cameras/", REMOTE_ADDR="10.8.0.2")
            with django_assert_num_queries(3):
                phone.get("/api/v1/cameras/", REMOTE_ADDR="10.8.0.3")
        session = session_of(phone)
        assert (session.last_seen_at, session.address) == (later, "10.8.0.2")
        assert abs(session.created_at - begun) < timedelta(seconds=10)

    def test_what_is_no_address_is_not_written_down(self, olga: User) -> None:
        phone = log_in("olga", PHONE)
        with time_machine.travel(timezone.now() + timedelta(minutes=5)):
            assert phone.get("/api/v1/cameras/", REMOTE_ADDR="unknown").status_code == 200
        assert session_of(phone).address is None

    def test_a_long_name_is_cut(self, olga: User) -> None:
        assert len(session_of(log_in("olga", "x" * 5000)).user_agent) == 300

    def test_a_stranger_leaves_no_session(self, client: Client) -> None:
        client.get("/login/")
        client.get("/")
        assert not Session.objects.exists()

    def test_saving_the_session_keeps_what_is_known(self, olga: User) -> None:
        phone = log_in("olga", PHONE, "192.168.1.50")
        before = session_of(phone)
        session = phone.session
        session["anything"] = 1
        session.save()
        after = session_of(phone)
        same = ("public_id", "created_at", "address", "user_agent", "user_id")
        assert [getattr(after, name) for name in same] == [getattr(before, name) for name in same]

    def test_a_request_under_way_does_not_bring_back_what_was_ended(self, olga: User) -> None:
        phone = log_in("olga", PHONE)
        session = SessionStore(key_of(phone))
        assert session["_auth_user_id"] == str(olga.pk)
        Session.objects.all().delete()
        session.note_use()
        with pytest.raises(UpdateError):
            session.save()
        assert not Session.objects.exists()

    def test_the_page_takes_one_query_however_many_devices(self, olga: User, django_assert_num_queries: Any) -> None:
        make_user("mia", Role.MEMBER)
        laptop = log_in("olga")
        for _ in range(5):
            log_in("olga", PHONE)
            log_in("mia")
        with django_assert_num_queries(3):  # session, user, all sessions with their users
            laptop.get("/sessions/")


class TestHowLong:
    def age_of_cookie(self, answer: Any) -> Any:
        """Seconds the cookie of this answer lives; "" for one of the browser's own life, None if none was set."""
        cookie = answer.cookies.get(settings.SESSION_COOKIE_NAME)
        return cookie and cookie["max-age"]

    def test_a_kept_one_used_every_week_goes_on_for_a_year(self, olga: User) -> None:
        start = timezone.now()
        phone = log_in("olga", PHONE, keep=True)
        for week in range(1, 53):
            with time_machine.travel(start + week * 7 * DAY):
                answer = phone.get("/api/v1/cameras/")
                assert answer.status_code == 200
                assert self.age_of_cookie(answer) == 30 * 24 * 3600

    def test_a_kept_one_ends_thirty_days_after_its_last_use(self, olga: User) -> None:
        start = timezone.now()
        phone = log_in("olga", PHONE, keep=True)
        with time_machine.travel(start + 20 * DAY):
            assert is_signed_in(phone)
        with time_machine.travel(start + 49 * DAY):
            assert session_of(phone).expire_date > timezone.now()
        with time_machine.travel(start + 51 * DAY):
            assert not is_signed_in(phone)

    def test_its_end_is_put_off_about_once_a_day_not_at_every_request(self, olga: User) -> None:
        start = timezone.now()
        phone = log_in("olga", PHONE, keep=True)
        put_off = 0
        for hour in range(1, 73):
            with time_machine.travel(start + timedelta(hours=hour)):
                put_off += self.age_of_cookie(phone.get("/api/v1/cameras/")) is not None
        assert put_off == 2

    def test_one_that_is_not_kept_is_the_browsers_and_ends_after_a_day_without_use(self, olga: User) -> None:
        start = timezone.now()
        laptop = log_in("olga")
        for hours in (20, 40, 60):
            with time_machine.travel(start + timedelta(hours=hours)):
                answer = laptop.get("/api/v1/cameras/")
                assert answer.status_code == 200
                assert self.age_of_cookie(answer) == ""
        with time_machine.travel(start + timedelta(hours=85)):
            assert not is_signed_in(laptop)
