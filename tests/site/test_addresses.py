"""Where the web server is said to be."""

from __future__ import annotations

import pytest

from security_site.addresses import answers, lan_url, own_url, refuse_taken_port
from security_site.runtime import StartError


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("0.0.0.0", "http://127.0.0.1:8000/"),  # noqa: S104  (compared)
        ("::", "http://[::1]:8000/"),
        ("192.168.1.20", "http://192.168.1.20:8000/"),
        ("attic.local", "http://attic.local:8000/"),
    ],
)
def test_the_address_to_open_on_this_machine(host: str, url: str) -> None:
    assert own_url(host, 8000) == url


def test_only_a_server_that_listens_to_all_has_an_address_for_the_network() -> None:
    assert lan_url("127.0.0.1", 8000) is None
    found = lan_url("0.0.0.0", 8000)  # noqa: S104  (compared)
    assert found is None or found.endswith(":8000/")


def test_nobody_answers_on_a_free_port(port: int) -> None:
    refuse_taken_port("127.0.0.1", port)
    assert not answers("127.0.0.1", port)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_of_another_machine_is_refused_with_the_way_out(host: str, port: int) -> None:
    with pytest.raises(StartError, match=r"HOST=0\.0\.0\.0 listens on all"):
        refuse_taken_port(host, port)
