"""`/readyz`: whether everything that turns a file into an event is there, and what is missing.

Written for monitors: it answers in milliseconds, also while the database or Redis is away, and never fails.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import APIKey, Scope
from events.asking import is_wanted
from system.backlog import not_judged, not_looked_at, not_placed, not_sent
from system.engines import engines
from system.servers import database_answers, redis_answers
from system.workers import SILENCE, missing_queues, needed_queues, workers
from telemetry.models import Pause

logger = logging.getLogger(__name__)
OK, MISSING, UNKNOWN, PAUSED = "ok", "missing", "unknown", "paused"


class Readiness(APIView):
    """200 when all is there, else 503. Callers who may read are told why, too."""

    permission_classes = ()

    def perform_authentication(self, request: Request) -> None:
        """Later, and only if the database is there to ask."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        checks = {"database": OK if database_answers() else MISSING, "redis": OK if redis_answers() else MISSING}
        told: dict[str, Any] = {}
        try:
            checks |= _pipeline_states(checks["database"])
            if checks["database"] == OK and _may_be_told(request):
                told = _particulars()
        except DatabaseError as error:
            logger.warning("the database went away during /readyz: %s", error)
            checks |= {"database": MISSING} | _pipeline_states(MISSING)
        ready = all(state == OK for state in checks.values())
        body = {"status": "ready" if ready else "not ready", "checks": checks, **told}
        return Response(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


readyz = Readiness.as_view()


def _pipeline_states(database: str) -> dict[str, str]:
    """Whether each queue has somebody alive, and whether a stage is paused."""
    if database != OK:
        return dict.fromkeys((*needed_queues(), "stages"), UNKNOWN)
    missing = missing_queues(workers())
    states = {queue: MISSING if queue in missing else OK for queue in needed_queues()}
    return states | {"stages": PAUSED if Pause.objects.exists() else OK}


def _may_be_told(request: Request) -> bool:
    try:
        known = request.user.is_authenticated
    except AuthenticationFailed:
        return False
    return known and (not isinstance(request.auth, APIKey) or Scope.READ in request.auth.scopes)


def _particulars() -> dict[str, Any]:
    """Who works on what; which engines, why those, their weights and speed; what waits; what is paused and why."""
    present = workers()
    return {
        "reasons": dict.fromkeys(missing_queues(present), SILENCE),
        "workers": [
            {"worker": worker.name, "queue": worker.queue, "since": worker.started_at, **worker.detail}
            for worker in present
            if worker.lives
        ],
        "engines": [engine.told() for engine in engines(present)],
        "backlog": _waiting(),
        "pauses": list(Pause.objects.order_by("stage").values("stage", "reason", "since")),
    }


def _waiting() -> dict[str, int | None]:
    """How much waits in each queue."""
    waiting = {"detect": not_looked_at().waiting, "default": not_placed().waiting, "deliver": not_sent().waiting}
    return waiting | ({"analyze": not_judged().waiting} if is_wanted() else {})
