"""`/readyz`: whether everything that turns a file into an event is there, and what is missing.

Written for monitors: it answers in milliseconds, also while the database or Redis is away, and never fails.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from drf_spectacular.utils import extend_schema
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import APIKey, Scope
from cameras.models import Capture
from telemetry.models import HEARTBEAT_DEAD_AFTER, Heartbeat, Pause

logger = logging.getLogger(__name__)
NEEDED_QUEUES = ("detect", "default", "watcher", "beat")
OK, MISSING, UNKNOWN, PAUSED = "ok", "missing", "unknown", "paused"


class Readiness(APIView):
    """200 when all is there, else 503. Callers who may read are told why, too."""

    permission_classes = ()

    def perform_authentication(self, request: Request) -> None:
        """Later, and only if the database is there to ask."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        checks = {"database": OK if _database_answers() else MISSING, "redis": OK if _redis_answers() else MISSING}
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


def _database_answers() -> bool:
    """What pg_isready asks. A query would wait for the connection pool for ten seconds while the server is away."""
    known = connection.settings_dict
    names = {"user": known["USER"], "dbname": known["NAME"]}
    server = make_conninfo("", host=known["HOST"], port=known["PORT"], connect_timeout=1, **names)
    return PGconn.ping(server.encode()) == Ping.OK


def _redis_answers() -> bool:
    try:
        with Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def _pipeline_states(database: str) -> dict[str, str]:
    """Whether each queue has somebody alive, and whether a stage is paused."""
    if database != OK:
        return dict.fromkeys((*NEEDED_QUEUES, "stages"), UNKNOWN)
    alive = set(Heartbeat.objects.alive().values_list("queue", flat=True))
    states = {queue: OK if queue in alive else MISSING for queue in NEEDED_QUEUES}
    return states | {"stages": PAUSED if Pause.objects.exists() else OK}


def _may_be_told(request: Request) -> bool:
    try:
        known = request.user.is_authenticated
    except AuthenticationFailed:
        return False
    return known and (not isinstance(request.auth, APIKey) or Scope.READ in request.auth.scopes)


def _particulars() -> dict[str, Any]:
    """Who works on what, with which engine and why that one; what waits; what is paused and why."""
    alive = Heartbeat.objects.alive().order_by("queue", "worker")
    living = {heartbeat.queue for heartbeat in alive}
    silence = f"no sign of life in the last {HEARTBEAT_DEAD_AFTER.seconds} s"
    return {
        "reasons": {queue: silence for queue in NEEDED_QUEUES if queue not in living},
        "workers": [
            {"worker": beat.worker, "queue": beat.queue, "since": beat.started_at, **beat.detail} for beat in alive
        ],
        "backlog": {
            "detect": Capture.objects.filter(state=Capture.State.QUEUED).count(),
            "default": Capture.objects.unplaced().count(),
        },
        "pauses": list(Pause.objects.order_by("stage").values("stage", "reason", "since")),
    }
