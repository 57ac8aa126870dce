"""The real program with HOST=0.0.0.0, asked by other devices of the home and through a proxy with HTTPS."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from events.consumers import SIGNED_OUT
from security_site.addresses import lan_address
from security_site.config import BASE_DIR
from tests.footage import draw_person_jpeg
from tests.site.visitor import Visitor
from tests.stack import Stack, eventually, running_stack, short_folder

pytestmark = pytest.mark.stack
PHONE = "192.168.77.50"
RECIPE = re.compile(r"^```\n(?P<sites>[^\n]+) \{\n(?P<inside>.*?)^\}\n```$", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with short_folder() as folder, running_stack(folder, HOST="0.0.0.0") as running:  # noqa: S104
        yield running


@pytest.fixture(scope="module")
def lan(stack: Stack) -> str:
    """Address of the program in the home's network."""
    address = lan_address()
    if address is None or address.startswith("127."):
        pytest.skip("NO NETWORK: this machine has no address but its own loopback")
    return f"http://{address}:{stack.port}"


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_person_jpeg(tmp_path_factory.mktemp("pictures") / "somebody.jpg", seed=3)


def own_name() -> str:
    return socket.gethostname().partition(".")[0].lower()


def use_everything(browser: Visitor, picture: Path, camera: str) -> None:
    """Log in, look at pages, listen and upload, as the live page does."""
    browser.log_in()
    assert "<h1" in browser.get("/").text
    assert browser.get("/static/css/base.css").status_code == 200
    assert browser.get("/api/v1/docs/").status_code == 200
    with browser.socket() as hints:
        assert browser.upload(picture, camera) == 201
        eventually(lambda: f'"{camera}"' in str(hints.recv(timeout=20)))


def test_the_start_prints_the_address_for_other_devices_and_the_setup_link(stack: Stack, lan: str) -> None:
    # The server answers a moment before that is printed; the link comes last.
    eventually(lambda: re.search(rf"Make the owner's account, once: {lan}/setup/\S+/", stack.log.read_text()))
    assert f"On other devices of your network: {lan}/" in stack.log.read_text()


@pytest.mark.parametrize("suffix", ["an address", "", ".local", ".lan"])
def test_everything_works_from_a_phone(stack: Stack, lan: str, picture: Path, suffix: str) -> None:
    origin = lan if suffix == "an address" else f"http://{own_name()}{suffix}:{stack.port}"
    use_everything(Visitor(lan, origin), picture, f"phone{suffix.replace(' ', '_').replace('.', '_')}")


STRANGERS = ["https://evil.example", "null", "http://192.168.77.1", "http://localhost:1"]


@pytest.mark.parametrize("origin", STRANGERS)
def test_pages_of_others_can_neither_send_nor_listen(lan: str, origin: str) -> None:
    phone = Visitor(lan)
    phone.log_in()
    with pytest.raises(InvalidStatus) as refused, phone.socket(origin):
        pass
    assert refused.value.response.status_code == 403
    phone.origin = origin
    assert phone.send_form("/sessions/end-others/", "/sessions/").status_code == 403


def test_a_device_of_the_home_cannot_forge_where_it_is_nor_how_it_came(lan: str) -> None:
    liar = Visitor(lan, headers={"X-Forwarded-For": PHONE, "X-Forwarded-Proto": "https"})
    liar.log_in()  # its Origin says http, and so it is
    assert liar.own_address() == httpx.URL(lan).host
    assert not any(cookie["secure"] for cookie in liar.cookies.values())


class TestBehindAProxy:
    """Headers as a proxy on this machine sends them; what the phone itself said about its address stands first."""

    SAID = {"X-Forwarded-For": f"10.9.9.9, {PHONE}", "X-Forwarded-Proto": "https"}

    @pytest.fixture
    def phone(self, stack: Stack) -> Visitor:
        return Visitor(stack.url, f"https://{own_name()}.local", headers=self.SAID)

    def test_everything_works(self, phone: Visitor, picture: Path) -> None:
        use_everything(phone, picture, "proxied")

    def test_the_phone_is_known_by_its_own_address(self, phone: Visitor, stack: Stack) -> None:
        phone.log_in()
        assert phone.own_address() == PHONE
        last = "from accounts.models import AuditLog as A; print(A.objects.filter(action='login').last().ip_address)"
        assert stack.command("shell", "--no-imports", "-c", last).split()[-1] == PHONE

    def test_its_cookies_stay_on_https_and_the_browser_is_bound_to_nothing(self, phone: Visitor) -> None:
        phone.log_in()
        answer = phone.get("/")
        assert all(cookie["secure"] and cookie["samesite"] == "Lax" for cookie in phone.cookies.values())
        assert phone.cookies["hsi_session"]["httponly"]
        assert "strict-transport-security" not in answer.headers

    def test_links_of_the_api_are_https(self, phone: Visitor, picture: Path) -> None:
        phone.log_in()
        for camera in ("proxied_one", "proxied_two"):
            phone.upload(picture, camera)
        following = phone.get("/api/v1/cameras/?page_size=1").json()["next"]
        assert following.startswith(f"{phone.origin}/api/v1/")

    def test_a_page_of_plain_http_cannot_send_to_it(self, phone: Visitor) -> None:
        phone.log_in()
        phone.origin = phone.origin.replace("https", "http")
        assert phone.send_form("/sessions/end-others/", "/sessions/").status_code == 403


def test_signing_out_a_device_closes_its_open_page_within_seconds(lan: str) -> None:
    laptop, phone = Visitor(lan), Visitor(lan, headers={"User-Agent": "a phone to sign out"})
    laptop.log_in()
    phone.log_in()
    with phone.socket() as hints:
        page = laptop.get("/sessions/").text.split("a phone to sign out", 1)[1]
        door = re.search(r'action="(/sessions/[^"]+/end/)"', page)
        assert door and laptop.send_form(door[1], "/sessions/").status_code == 302
        assert eventually(lambda: code_of_close(hints), within_s=10) == SIGNED_OUT
    assert phone.get("/api/v1/cameras/").status_code == 401


def code_of_close(hints: ClientConnection) -> int | None:
    try:
        hints.recv(timeout=1)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    except TimeoutError:
        return None
    return None


@dataclass(frozen=True)
class Caddy:
    address: str
    trust: ssl.SSLContext
    plain_address: str


@pytest.fixture(scope="module")
def caddy(stack: Stack, lan: str) -> Iterator[Caddy]:
    """The real one, with the recipe of docs/lan-and-https.md."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("NO CADDY: the recipe for HTTPS is not tested. Install it: apt-get install caddy")
    host, plain, port = httpx.URL(lan).host, free_port(), free_port()
    with short_folder() as folder:
        file = folder / "Caddyfile"
        file.write_text(caddyfile(f"https://{host}:{port}", plain, port, stack.port))
        with (folder / "log").open("w") as log:
            running = subprocess.Popen(
                [program, "run", "--config", str(file)],
                env={**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            root = folder / "caddy/pki/authorities/local/root.crt"
            eventually(lambda: root.exists() and root.read_text().endswith("END CERTIFICATE-----\n"))
            trust = ssl.create_default_context(cafile=str(root))
            eventually(lambda: answers(f"https://{host}:{port}", trust))
            yield Caddy(f"https://{host}:{port}", trust, f"http://{host}:{plain}")
        finally:
            running.terminate()
            running.wait(20)


def test_everything_works_through_caddy_and_the_phone_is_known(caddy: Caddy, picture: Path) -> None:
    forged = {"X-Forwarded-For": PHONE, "X-Forwarded-Proto": "http"}
    phone = Visitor(caddy.address, trust=caddy.trust, headers=forged)
    use_everything(phone, picture, "through_caddy")
    assert phone.own_address() == httpx.URL(caddy.address).host
    assert all(cookie["secure"] for cookie in phone.cookies.values())


def test_caddy_leads_from_http_to_https(caddy: Caddy) -> None:
    answer = httpx.get(f"{caddy.plain_address}/login/")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"https://{httpx.URL(caddy.address).host}/login/"


def caddyfile(address: str, http: int, https: int, port: int) -> str:
    """The recipe, for an address and ports of the test's own; it leaves this machine's trust alone."""
    recipe = RECIPE.search((BASE_DIR / "docs/lan-and-https.md").read_text())
    assert recipe
    inside = recipe["inside"].replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    own = f"{{\n\tadmin off\n\tskip_install_trust\n\thttp_port {http}\n\thttps_port {https}\n}}\n"
    return f"{own}{address} {{\n{inside}}}\n"


def answers(address: str, trust: ssl.SSLContext) -> bool:
    try:
        return httpx.get(f"{address}/healthz", verify=trust).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
