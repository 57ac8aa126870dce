"""What pages and lists of the API cost, beside the very same SQL run bare. Used by the benchmark of growth.

Each request alternates with a replay of its queries through psycopg, so that whatever else the machine does falls on
both alike.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode

import psycopg
from django.db import connection
from django.db.models import Count, Max
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from cameras.models import Camera
from detections.models import Detection
from events.models import Event

REQUESTS = 40
WARM_UPS = 5
Query = tuple[str, Any]


@dataclass
class PageCost:
    """Milliseconds of each request, and of each of its queries in each replay."""

    name: str
    queries: list[Query] = field(default_factory=list)
    request_ms: list[float] = field(default_factory=list)
    replays_ms: list[list[float]] = field(default_factory=list)

    @property
    def row(self) -> dict[str, object]:
        bare_ms = [sum(replay) for replay in self.replays_ms]
        slowest_ms = max(median(of_query) for of_query in zip(*self.replays_ms, strict=False))
        return {
            "page": self.name,
            "p50_ms": round(median(self.request_ms), 1),
            "p95_ms": round(p95(self.request_ms), 1),
            "queries": len(self.queries),
            "bare_sql_p50_ms": round(median(bare_ms), 1),
            "bare_sql_p95_ms": round(p95(bare_ms), 1),
            "p50_to_bare": round(median(self.request_ms) / median(bare_ms), 1),
            "slowest_query_ms": round(slowest_ms, 1),
        }


def p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


def page_costs() -> list[PageCost]:
    """Every page and list, for the database that is the default one now."""
    user = User.objects.filter(role=Role.OWNER).first() or User.objects.create_user("bench", role=Role.OWNER)
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    return [_cost_of(client, name, address) for name, address in addresses().items()]


def addresses() -> dict[str, str]:
    """What is asked for; dates lie in the middle of the archive, where no short cut leads."""
    middle = Event.objects.filter(pk__gte=(Event.objects.aggregate(Max("pk"))["pk__max"] or 0) // 2).first()
    assert middle is not None, "an archive needs visits"
    day = middle.started_at.date()
    one_day = {"since": day, "until": day + timedelta(days=1)}
    in_list = {"since": day, "until": day}
    cursor = {"cursor": b64encode(urlencode({"p": middle.pk}).encode()).decode()}
    longest = Event.objects.annotate(size=Count("memberships")).order_by("-size", "pk").first()
    camera = Camera.objects.filter(pk="patio").first() or Camera.objects.first()
    detection = Detection.objects.order_by("pk").last()
    assert longest is not None and camera is not None and detection is not None
    of = _address_of
    return {
        "live": "/",
        "live, changes": of("/live/changes", since=_microseconds(timezone.now() - timedelta(minutes=1))),
        "events": "/events/",
        "events, deep": of("/events/", before=middle.pk),
        "events, medium and above": of("/events/", level="look"),
        "events, critical, not reviewed": of("/events/", level="critical", reviewed="no"),
        "events, one camera": of("/events/", camera=camera.pk),
        "events, one camera, critical": of("/events/", camera=camera.pk, level="critical"),
        "events, going on": of("/events/", state="open"),
        "events, one day": of("/events/", **in_list),
        "events, today": of("/events/", since=timezone.localdate()),
        "events, until five months ago": of("/events/", until=_months_ago(5)),
        "events, until one month ago": of("/events/", until=_months_ago(1)),
        "events, one day, high": of("/events/", level="high", **in_list),
        "events, common words": of("/events/", q="person walked"),
        "events, rare words": of("/events/", q="meter reader"),
        "events, words on one day": of("/events/", q="parcel", **in_list),
        "event": longest.get_absolute_url(),
        "cameras": "/cameras/",
        "camera": f"/cameras/{camera.pk}/",
        "API events": "/api/v1/events/",
        "API events, 200 of them": of("/api/v1/events/", page_size=200),
        "API events, deep": of("/api/v1/events/", **cursor),
        "API events, one day": of("/api/v1/events/", **one_day),
        "API events, until five months ago": of("/api/v1/events/", until=_months_ago(5)),
        "API events, object type": of("/api/v1/events/", object_type="cat"),
        "API event": f"/api/v1/events/{longest.pk}/",
        "API captures": "/api/v1/captures/",
        "API captures, one day": of("/api/v1/captures/", **one_day),
        "API captures, until five months ago": of("/api/v1/captures/", until=_months_ago(5)),
        "API captures, failed": of("/api/v1/captures/", state="failed"),
        "API captures, one camera, one day": of("/api/v1/captures/", camera_id=camera.pk, **one_day),
        "API detections": "/api/v1/detections/",
        "API detections, one day": of("/api/v1/detections/", **one_day),
        "API detections, until five months ago": of("/api/v1/detections/", until=_months_ago(5)),
        "API detections, one day, cats": of("/api/v1/detections/", object_type="cat", **one_day),
        "API detections, one camera, one day": of("/api/v1/detections/", camera_id=camera.pk, **one_day),
        "API detections, of one event": of("/api/v1/detections/", event_id=longest.pk),
    }


def _address_of(path: str, **query: object) -> str:
    return f"{path}?{urlencode(query)}"


def _months_ago(months: int) -> date:
    return timezone.localdate() - timedelta(days=30 * months)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _cost_of(client: Client, name: str, address: str) -> PageCost:
    cost = PageCost(name)
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as bare:
        for number in range(WARM_UPS + REQUESTS):
            cost.queries.clear()
            with _noting(cost.queries):
                request_ms = _ms_of(partial(_get, client, address))
            replay_ms = [_ms_of(partial(_run, bare, query)) for query in cost.queries]
            if number >= WARM_UPS:
                cost.request_ms.append(request_ms)
                cost.replays_ms.append(replay_ms)
    return cost


def _get(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 200, f"{address}: {response.status_code}"


def _ms_of(deed: Callable[[], None]) -> float:
    started = time.perf_counter()
    deed()
    return 1000 * (time.perf_counter() - started)


@contextmanager
def _noting(queries: list[Query]) -> Iterator[None]:
    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        queries.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield


def _run(bare: psycopg.Connection[Any], query: Query) -> None:
    with bare.cursor() as cursor:
        cursor.execute(*query)
        if cursor.description:
            cursor.fetchall()
