"""Where the FTP server is reached, as a person types it into a camera."""

from __future__ import annotations

from django.conf import settings

from security_site.addresses import EVERYWHERE, lan_address
from security_site.config import FTP_PORTS


def host_for_cameras() -> str:
    """The address of this machine in the home's network; its own where it is in none."""
    host: str = settings.CONFIG.FTP_HOST
    return (lan_address() or EVERYWHERE[host]) if host in EVERYWHERE else host


def port_for_cameras() -> int:
    port: int = settings.CONFIG.FTP_PORT
    return port


def passive_ports() -> range:
    """The ports above that of the server: fixed, so that a firewall can be told of them."""
    first = port_for_cameras()
    return range(first + 1, first + FTP_PORTS)
