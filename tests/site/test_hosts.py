"""The site answers under the home's own names only, and lets only its own pages open sockets."""

from __future__ import annotations

import socket

import pytest
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from security_site.hosts import host_allowed, is_own_origin

OURS = [
    "127.0.0.1:8000",
    "localhost",
    "192.168.1.20:8000",
    "10.0.0.7",
    "172.16.3.4",
    "169.254.10.1",
    "100.64.0.9",
    "[::1]:8000",
    "[fe80::1]",
    "[fd12:3456::1]:8000",
]
STRANGERS = [
    "example.com",
    "192.168.1.20.example.com",
    "8.8.8.8",
    "[2001:4860:4860::8888]",
    "localhost.example.com",
    "",
]


@pytest.mark.parametrize("host", OURS)
def test_it_answers_to_private_addresses(host: str) -> None:
    assert host_allowed(host)
    assert is_own_origin(f"http://{host}", host)


@pytest.mark.parametrize("host", STRANGERS)
def test_it_does_not_answer_to_names_of_the_internet(host: str) -> None:
    assert not host_allowed(host)
    assert not is_own_origin(f"http://{host}", host)


def test_it_answers_to_the_machines_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Attic.example.net")
    for name in ("attic", "attic.local", "attic.lan:8000", "attic.home", "ATTIC.local", "attic.example.net"):
        assert host_allowed(name)
    assert not host_allowed("cellar.local")


def test_it_answers_to_names_that_are_listed(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*", "cameras.example.com"]
    assert host_allowed("cameras.example.com:443")
    assert is_own_origin("https://cameras.example.com", "Cameras.example.com")
    assert not host_allowed("other.example.com")


@pytest.mark.parametrize("origin", ["", "null", "file:///etc", "ftp://127.0.0.1", "http://[broken", "127.0.0.1:8000"])
def test_what_is_no_web_page_may_not_open_a_socket(origin: str) -> None:
    assert not is_own_origin(origin, "127.0.0.1:8000")


@pytest.mark.parametrize("origin", ["http://192.168.1.20:8080", "http://192.168.1.20", "http://192.168.1.99:8000"])
def test_another_program_of_the_home_may_not_open_a_socket(origin: str) -> None:
    assert not is_own_origin(origin, "192.168.1.20:8000")


def test_a_stranger_is_told_what_to_set() -> None:
    answer = Client().get("/healthz", headers={"host": "example.com:8000"})
    assert answer.status_code == 400
    assert b"ALLOWED_HOSTS=example.com" in answer.content


async def test_so_it_is_under_the_web_server_too() -> None:
    answer = await AsyncClient().get("/healthz", headers={"host": "example.com"})
    assert answer.status_code == 400


@pytest.mark.django_db
def test_a_page_is_served_under_a_private_address() -> None:
    assert Client().get("/healthz", headers={"host": "192.168.1.20:8000"}).status_code == 200
