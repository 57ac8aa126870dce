"""Print the one-time link that makes the owner's account, as the last line; or where to log in."""

from __future__ import annotations

import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import reverse

from accounts.setup import setup_path

EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104  (compared with, not listened on)


class Command(BaseCommand):
    help = "Print the link that makes the owner's account."

    def handle(self, *args: Any, **options: Any) -> None:
        path = setup_path()
        if path is None:
            self.stdout.write("There is an owner already. Log in at:")
        for address in _addresses(settings.CONFIG.HOST):
            self.stdout.write(f"http://{address}:{settings.CONFIG.PORT}{path or reverse('login')}")


def _addresses(host: str) -> list[str]:
    """Hosts to write into a link to this machine: from other devices first, from itself last."""
    if host in EVERYWHERE:
        return [*_lan_address(), "127.0.0.1"]
    return [f"[{host}]" if ":" in host else host]


def _lan_address() -> list[str]:
    """The address this machine has towards other networks, if it has one. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [str(probe.getsockname()[0])]
