"""Where the servers are reached: whether a port is free, whether the web server answers, what a person types."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import socket

import psutil

from security_site.runtime import StartError

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
NOWHERE = "192.0.2.1"  # reserved for documentation; nothing is ever sent to it


def refuse_taken_port(host: str, port: int) -> None:
    """Raise StartError, with what to do, where the web server could not listen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror as error:
        raise StartError(f"HOST={host} is no address: {error.strerror}. HOST=0.0.0.0 listens on all.") from error
    except OSError as error:
        raise StartError(_why_not(error, host, port)) from error


def _why_not(error: OSError, host: str, port: int) -> str:
    another = f"choose another one: PORT={port + 1 if port < 65535 else 8000} make run"
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is already in use{by_whom(port)}. End that program, or {another}"
    if error.errno == errno.EACCES:
        return f"Port {port} may only be opened by root; {another.replace(str(port + 1), '8000')}"
    return f"HOST={host} is not an address of this machine ({error.strerror}). HOST=0.0.0.0 listens on all it has."


def by_whom(port: int) -> str:
    """ " by " and the program that listens on `port`, as far as the system lets us look; else nothing."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""


def own_url(host: str, port: int) -> str:
    """The address to open on this machine itself."""
    return f"http://{_for_url(EVERYWHERE.get(host, host))}:{port}/"


def lan_url(host: str, port: int) -> str | None:
    """The address to open on other devices of the home, where the server listens to them."""
    address = lan_address() if host in EVERYWHERE else None
    return address and f"http://{address}:{port}/"


def lan_address() -> str | None:
    """This machine's address in the home's network; None where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((NOWHERE, 9))  # a datagram socket only looks up the way, it sends nothing
        except OSError:
            return None
        return str(probe.getsockname()[0])


def is_private(address: str) -> bool:
    """Whether it is an address of loopback, the home's own networks, link-local or VPNs: not routed on the Internet."""
    try:
        return not ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def answers(host: str, port: int, path: str = "/healthz") -> bool:
    """Whether the web server says that it is well."""
    connection = http.client.HTTPConnection(EVERYWHERE.get(host, host), port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _for_url(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host
