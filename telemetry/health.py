"""Whether this web process is alive. Whether the whole program is ready: `system.health`."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse


@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """Asks nothing of the database or of Redis: restarting this process would not help them."""
    return JsonResponse({"status": "ok"})
