"""What a channel may reach, with real sockets: the home's network only with permission, whatever leads there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import guard
from alerts.guard import ConnectionRefusedHere
from alerts.notice import Notice
from alerts.sending import SendFailed, send
from security_site.config import BASE_DIR
from tests.alerts.services import hangs, mail_server, webhook

NOTICE = Notice("A", "b")
EVERYWHERE = "0.0.0.0"  # noqa: S104  (connected to, it is this machine)


@pytest.mark.parametrize(
    "address",
    [
        ("127.0.0.1", 80),
        (EVERYWHERE, 80),
        ("10.1.2.3", 80),
        ("192.168.1.5", 80),
        ("172.16.0.1", 80),
        ("100.64.0.1", 80),
        ("169.254.169.254", 80),
        ("224.0.0.251", 5353),
        ("255.255.255.255", 80),
        ("::1", 80, 0, 0),
        ("::", 80, 0, 0),
        ("fe80::1%eth0", 80, 0, 2),
        ("fc00::1", 80, 0, 0),
        ("fec0::1", 80, 0, 0),
        ("ff02::1", 80, 0, 0),
        ("::ffff:127.0.0.1", 80, 0, 0),
        ("::ffff:10.0.0.1", 80, 0, 0),
        ("64:ff9b::c0a8:105", 80, 0, 0),
        ("2002:7f00:1::", 80, 0, 0),
        ("::7f00:1", 80, 0, 0),
        ("::ffff:0:127.0.0.1", 80, 0, 0),
        ("64:ff9b:1::7f00:1", 80, 0, 0),
        ("64:ff9b:1:7f00:0:100::", 80, 0, 0),
        ("5f00::1", 80, 0, 0),
        ("4000::1", 80, 0, 0),
        ("localhost", 80),
        ("example.org", 80),
        ("", 80),
        ("127.1", 80),
        ("0x7f000001", 80),
        (2130706433, 80),
        "/run/docker.sock",
        b"\0abstract",
        (),
        None,
    ],
)
def test_what_is_no_address_of_the_internet(address: object) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize(
    "address",
    [("1.1.1.1", 443), ("2606:4700::1111", 443, 0, 0), ("::ffff:1.1.1.1", 443, 0, 0), ("64:ff9b::101:101", 1)],
)
def test_what_is_one(address: object) -> None:
    assert guard.is_public(address)


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("2a02:8071:aa:bb:1234::5", False),
        ("2a02:8071:aa:bb::1", False),
        ("2a02:8071:aa:cc::1", True),
        ("93.184.216.40", False),
        ("93.184.217.40", True),
    ],
)
def test_a_machine_beside_this_one_is_at_home_whatever_its_address(
    monkeypatch: pytest.MonkeyPatch, address: str, is_public: bool
) -> None:
    addresses = [
        (socket.AF_INET6, "2a02:8071:aa:bb::1%eth0", "ffff:ffff:ffff:ffff::"),
        (socket.AF_INET, "93.184.216.34", "255.255.255.0"),
        (socket.AF_INET6, "fe80::1%eth0", None),
        (socket.AF_PACKET, "00:00:00:00:00:00", None),
    ]
    cards = {"eth0": [SimpleNamespace(family=one, address=own, netmask=mask) for one, own, mask in addresses]}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    assert guard.is_public((address, 80)) == is_public


@given(st.ip_addresses(v=4, network="10.0.0.0/8"), st.integers(1, 65535))
def test_an_address_is_as_private_in_whatever_it_is_wrapped(ip: object, port: int) -> None:
    assert not guard.is_public((str(ip), port)) and not guard.is_public((f"::ffff:{ip}", port, 0, 0))


class TestWithinAnAttempt:
    def test_the_home_is_refused_and_told_in_words_and_for_good(self) -> None:
        with webhook() as hook, pytest.raises(SendFailed, match=r"home's network.*ALLOW_PRIVATE_TARGETS=1") as failed:
            send(hook.url, NOTICE, may_reach_private=False)
        assert failed.value.is_final and hook.requests == []

    def test_and_allowed_with_permission(self) -> None:
        with webhook() as hook:
            send(hook.url, NOTICE, may_reach_private=True)
        assert len(hook.requests) == 1

    @pytest.mark.parametrize("host", ["localhost", "[::1]", EVERYWHERE, "2130706433"])
    def test_by_whatever_name(self, host: str) -> None:
        with webhook() as hook, pytest.raises(SendFailed) as failed:
            send(f"json://{host}:{hook.port}/", NOTICE, may_reach_private=False)
        assert hook.requests == []
        assert "home's network" in str(failed.value) or "not found" in str(failed.value)

    def test_a_name_that_leads_elsewhere_when_it_is_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real, answers = socket.getaddrinfo, iter(["1.1.1.1", "127.0.0.1"])

        def changes_its_mind(host: str, *rest: object, **options: object) -> object:
            return real(next(answers) if host == "rebinds.example.org" else host, *rest, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", changes_its_mind)
        assert guard.is_public(socket.getaddrinfo("rebinds.example.org", 80)[0][4])
        with webhook() as hook, pytest.raises(SendFailed, match="home's network") as failed:
            send(f"json://rebinds.example.org:{hook.port}/", NOTICE, may_reach_private=False)
        assert hook.requests == [] and not failed.value.is_final

    def test_mail_too(self) -> None:
        with mail_server() as box, pytest.raises(SendFailed, match="home's network"):
            send(box.url, NOTICE, may_reach_private=False)
        assert box.mails == []

    def test_datagrams_and_sockets_of_this_machine(self, tmp_path: os.PathLike[str]) -> None:
        with guard.attempt(may_reach_private=False):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(ConnectionRefusedHere):
                datagrams.sendto(b"x", ("127.0.0.1", 9))
            with socket.socket(socket.AF_UNIX) as local, pytest.raises(ConnectionRefusedHere):
                local.connect(os.path.join(tmp_path, "none"))  # noqa: PTH118

    def test_what_is_connected_already_is_not_asked_about_again(self) -> None:
        one, other = socket.socketpair()
        with one, other, guard.attempt(may_reach_private=False):
            assert one.sendmsg([b"x"]) == 1

    def test_after_it_nothing_is_held_back(self) -> None:
        with webhook() as hook:
            with guard.attempt(may_reach_private=False), pytest.raises(ConnectionRefusedHere):
                socket.create_connection(("127.0.0.1", hook.port))
            socket.create_connection(("127.0.0.1", hook.port)).close()

    def test_when_its_time_is_over_it_connects_no_more(self) -> None:
        with webhook(hangs) as hook, guard.attempt(may_reach_private=True, longest_s=0.05) as attempt:
            while not attempt.is_over:
                time.sleep(0.01)
            with pytest.raises(ConnectionRefusedHere, match="time is over"):
                socket.create_connection(("127.0.0.1", hook.port))

    def test_another_thread_is_not_in_it(self) -> None:
        found = []
        with guard.attempt(may_reach_private=False):
            thread = threading.Thread(target=lambda: found.append(guard.current()))
            thread.start()
            thread.join()
        assert found == [None]


def test_in_the_process_that_delivers_every_thread_is_watched() -> None:
    """In a process of its own: what is hung in there stays."""
    script = """
        import os, socket, sys, tempfile, threading
        from alerts import guard

        redis = socket.create_server(("127.0.0.1", 0))
        other = socket.create_server(("127.0.0.1", 0))
        folder = tempfile.mkdtemp()
        local = socket.socket(socket.AF_UNIX)
        local.bind(folder + "/s")
        local.listen()
        guard.close_process(f"redis://localhost:{redis.getsockname()[1]}/0")

        def reach(address, family=socket.AF_INET):
            def connect():
                try:
                    with socket.socket(family) as mine:
                        mine.settimeout(2)
                        mine.connect(address)
                    said.append("reached")
                except guard.ConnectionRefusedHere:
                    said.append("refused")
            thread = threading.Thread(target=connect)  # as a kind of service would start one
            thread.start()
            thread.join()

        said = []
        reach(redis.getsockname())
        reach(other.getsockname())
        reach(folder + "/s", socket.AF_UNIX)
        reach(("::1", redis.getsockname()[1], 0, 0), socket.AF_INET6)
        with guard.attempt(may_reach_private=False):
            reach(other.getsockname())
        print(*said)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=BASE_DIR,
        env={**os.environ, "PYTHONPATH": str(BASE_DIR)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    first, other, local, _, within = done.stdout.split() or [done.stderr] * 5
    assert (first, other, local, within) == ("reached", "refused", "reached", "refused"), done.stderr
