"""Where a request came from. Read by sessions, the audit trail and the throttle of logins (AXES_CLIENT_IP_CALLABLE)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """None where a proxy, which is believed, said something that is no address."""
    text, _, _ = request.META.get("REMOTE_ADDR", "").partition("%")  # the zone of a link-local one is ours alone
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
