"""Print the one-time link that makes the owner's account, as the last line; or where to log in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.setup import keep_token
from security_site.addresses import lan_url, own_url
from security_site.runtime import port_of_running, setup_path


class Command(BaseCommand):
    help = "Print the link that makes the owner's account."

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = settings.CONFIG.HOST, port_of_running(settings.DATA_DIR) or settings.CONFIG.PORT
        keep_token()
        path = setup_path(settings.DATA_DIR)
        if path is None:
            self.stdout.write("There is an owner already. Log in at:")
        for url in (lan_url(host, port), own_url(host, port)):
            if url is not None:
                self.stdout.write(urljoin(url, path or "/login/"))
