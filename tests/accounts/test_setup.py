"""The first start: the one-time link, the page behind it, and the command that prints it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import AuditLog, Role, User
from accounts.setup import is_setup_token, keep_token
from security_site.management.commands import setup_link
from security_site.runtime import setup_path
from tests.factories import PASSWORD
from tests.people import make_user

ACCOUNT = {"username": "olga", "password1": PASSWORD, "password2": PASSWORD}
pytestmark = pytest.mark.django_db


def link() -> str:
    keep_token()
    path = setup_path(settings.DATA_DIR)
    assert path is not None
    return path


def test_the_link_stays_the_same_until_it_is_used() -> None:
    assert link() == link()
    assert link().startswith("/setup/") and len(link()) > len("/setup//") + 40


def test_the_token_is_readable_by_its_owner_only(data_dir: Path) -> None:
    link()
    assert stat.S_IMODE((data_dir / "setup_token").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir() if "setup" in path.name] == ["setup_token"]


def test_no_token_fits_before_one_was_handed_out() -> None:
    assert not is_setup_token("")
    assert not is_setup_token("anything")


def test_the_page_makes_an_owner_who_is_logged_in(
    client: Client, data_dir: Path, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    path = link()
    assert client.get(path).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        response = client.post(path, ACCOUNT)

    owner = User.objects.get()
    assert response.status_code == 302 and response.headers["Location"] == "/"
    assert (owner.username, owner.role, owner.is_staff, owner.is_superuser) == ("olga", Role.OWNER, True, True)
    assert client.session["_auth_user_id"] == str(owner.pk)
    assert not (data_dir / "setup_token").exists()
    assert AuditLog.objects.values_list("action", "actor", "resource_id").get() == (
        "user_created",
        "olga",
        str(owner.pk),
    )


@pytest.mark.parametrize("token", ["wrong", "ünïcode", "x" * 43])
def test_a_wrong_token_is_not_found(client: Client, token: str) -> None:
    link()
    assert client.get(f"/setup/{token}/").status_code == 404
    assert client.post(f"/setup/{token}/", ACCOUNT).status_code == 404
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "change",
    [{"password1": "short", "password2": "short"}, {"password2": "another one entirely"}, {"username": ""}],
)
def test_bad_input_is_refused_and_the_link_stays(client: Client, change: dict[str, str]) -> None:
    path = link()
    response = client.post(path, ACCOUNT | change)
    assert response.status_code == 200 and response.context["form"].errors
    assert not User.objects.exists()
    assert link() == path


def test_a_taken_name_is_refused_in_words(client: Client) -> None:
    make_user("Olga", Role.MEMBER)
    response = client.post(link(), ACCOUNT)
    assert "username" in response.context["form"].errors


def test_a_used_link_leads_to_the_login_page(client: Client) -> None:
    path = link()
    make_user()
    keep_token()
    assert setup_path(settings.DATA_DIR) is None
    assert client.get(path).headers["Location"] == "/login/"
    assert client.post(path, ACCOUNT | {"username": "mallory"}).headers["Location"] == "/login/"
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_submit_at_once_make_one_owner() -> None:
    path = link()
    start = Barrier(2)

    def submit(username: str) -> str:
        start.wait()
        try:
            return Client().post(path, ACCOUNT | {"username": username}).headers["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        places = list(threads.map(submit, ["olga", "mallory"]))

    assert User.objects.filter(role=Role.OWNER).count() == 1
    assert sorted(places) == ["/", "/login/"]


def test_setup_link_prints_the_address_last(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("setup_link")
    assert capsys.readouterr().out.splitlines()[-1] == f"http://127.0.0.1:8000{link()}"


def test_setup_link_says_that_there_is_an_owner(capsys: pytest.CaptureFixture[str]) -> None:
    make_user()
    call_command("setup_link")
    assert capsys.readouterr().out.splitlines() == [
        "There is an owner already. Log in at:",
        "http://127.0.0.1:8000/login/",
    ]


def test_setup_link_names_the_address_in_the_lan_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    monkeypatch.setattr(setup_link, "lan_url", lambda host, port: f"http://192.168.1.5:{port}/")
    settings.CONFIG = settings.CONFIG.model_copy(update={"HOST": "0.0.0.0", "PORT": 8123})  # noqa: S104
    call_command("setup_link")
    assert capsys.readouterr().out.splitlines() == [
        f"http://192.168.1.5:8123{link()}",
        f"http://127.0.0.1:8123{link()}",
    ]
