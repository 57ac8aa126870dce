"""`create_user` and `create_api_key`, as a person and a script use them."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.test import RequestFactory

from accounts.authentication import find_key
from accounts.models import APIKey, AuditLog, Role, User
from tests.factories import PASSWORD
from tests.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    return monkeypatch


def create_user(*arguments: str) -> None:
    call_command("create_user", "--password-stdin", *arguments)


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(("role", "enters_admin"), [("owner", True), ("member", False), ("viewer", False)])
def test_it_makes_somebody_who_can_log_in(role: str, enters_admin: bool) -> None:
    create_user("--username", "anna", "--role", role)
    user = User.objects.get()
    assert (user.role, user.is_staff, user.is_superuser) == (role, enters_admin, enters_admin)
    assert authenticate(RequestFactory().post("/"), username="anna", password=PASSWORD) == user
    assert AuditLog.objects.values_list("action", "actor", "ip_address").get() == (
        "user_created",
        "command line",
        None,
    )


@pytest.mark.usefixtures("typed")
def test_a_viewer_is_limited_to_cameras() -> None:
    create_user("--username", "vera", "--role", "viewer", "--cameras", "front_door, garage")
    assert User.objects.get().camera_ids == ["front_door", "garage"]


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--username", "OLGA", "--role", "member"), "already somebody named OLGA"),
        (("--username", "a b", "--role", "member"), "valid username"),
        (("--username", "anna", "--role", "king"), "invalid choice: 'king'"),
        (("--username", "anna", "--role", "member", "--cameras", "garage"), "limits viewers"),
        (("--role", "member"), "--username"),
    ],
)
def test_bad_input_is_refused_in_words(arguments: tuple[str, ...], message: str) -> None:
    make_user("olga")
    with pytest.raises(CommandError, match=message):
        create_user(*arguments)
    assert User.objects.count() == 1


@pytest.mark.parametrize(("password", "message"), [("", "empty"), ("1234", "too short"), ("password123", "common")])
def test_a_weak_password_is_refused(monkeypatch: pytest.MonkeyPatch, password: str, message: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    with pytest.raises(CommandError, match=message):
        create_user("--username", "anna", "--role", "member")
    assert not User.objects.exists()


def test_without_a_terminal_it_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="--password-stdin"):
        call_command("create_user", "--username", "anna", "--role", "member")


def test_the_key_is_the_last_word_printed(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_api_key", "porch script", "--scope", "read", "--scope", "ingest")
    key = find_key(capsys.readouterr().out.split()[-1])
    assert key is not None
    assert (key.name, key.scopes, key.user, key.expires_at) == ("porch script", ["ingest", "read"], None, None)
    assert AuditLog.objects.get().action == "api_key_created"


def test_a_key_can_be_somebodys_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    mia = make_user("mia", Role.MEMBER)
    call_command("create_api_key", "hers", "--scope", "read", "--user", "mia", "--days", "30")
    key = APIKey.objects.get()
    assert key.user == mia and key.expires_at is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "--scope", "everything"), "invalid choice: 'everything'"),
        (("x",), "--scope"),
        (("x", "--scope", "read", "--user", "nobody"), "nobody named nobody"),
        (("x", "--scope", "read", "--days", "0"), "--days"),
        (("x" * 101, "--scope", "read"), "1 to 100 characters"),
        ((" ", "--scope", "read"), "1 to 100 characters"),
    ],
)
def test_bad_keys_are_refused_in_words(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("create_api_key", *arguments)
    assert not APIKey.objects.exists()
