"""Who may tell under a dedup key now. Asked by `alerts.evaluate`, in the transaction that stores the alert.

The gate of a key holds how severe the last told alert was and when. It lets pass what is more severe, and anything
once the asker's own cooldown is over. Rows are taken in order of key, each by one statement that both looks and takes:
however many workers ask at once, one passes and nobody deadlocks. All times are the database's.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from alerts.models import Alert, AlertGate

TAKE = """
INSERT INTO alert_gates (dedup_key, severity, reserved_at, alert_id)
SELECT dedup_key, severity, clock_timestamp(), alert_id
FROM unnest(%(keys)s::text[], %(ranks)s::smallint[], %(alerts)s::uuid[])
     WITH ORDINALITY AS asked (dedup_key, severity, alert_id, place)
ORDER BY place
ON CONFLICT (dedup_key) DO UPDATE
SET severity = EXCLUDED.severity, reserved_at = clock_timestamp(), alert_id = EXCLUDED.alert_id
WHERE alert_gates.severity < EXCLUDED.severity
   OR CASE (%(cooldowns)s::jsonb ->> EXCLUDED.dedup_key)::int
      WHEN 0 THEN alert_gates.severity = EXCLUDED.severity
      ELSE alert_gates.reserved_at
           + make_interval(secs => (%(cooldowns)s::jsonb ->> EXCLUDED.dedup_key)::int) <= clock_timestamp()
      END
   -- reserved by a clock that has since been set back
   OR alert_gates.reserved_at > clock_timestamp() + interval '5 minutes'
RETURNING dedup_key
"""


@dataclass(frozen=True)
class Ask:
    """An alert that wants to be told."""

    alert_id: uuid.UUID
    key: str
    rank: int
    cooldown_s: int


@dataclass(frozen=True)
class Refusal:
    """Who was told last under the key, and until when the asker has to wait."""

    key: str
    until: datetime
    told_at: datetime
    rank: int
    alert_id: uuid.UUID
    event_id: int | None
    """None: the asker's own."""


def ask(asks: Sequence[Ask]) -> dict[uuid.UUID, Refusal]:
    """Take the gates of those that may pass; gives why the others may not. In the caller's transaction.

    Of several that ask for one gate, the most severe comes first; the others find it taken. Without a cooldown one
    passes in any case, and keeps those of its severity and below waiting.
    """
    queues: dict[str, list[Ask]] = {}
    for one in sorted(asks, key=lambda ask: (-ask.rank, ask.cooldown_s)):
        queues.setdefault(one.key, []).append(one)
    passed: set[uuid.UUID] = {one.alert_id for one in asks if not one.cooldown_s}
    while queues:
        first = [queues[key][0] for key in sorted(queues)]
        taken = _take(first)
        for one in first:
            if one.key in taken:
                passed.add(one.alert_id)
            rest = queues.pop(one.key)[1:]
            # Who is less severe and waits no shorter is refused for the same reason.
            rest = [] if one.key in taken else [other for other in rest if _may_do_better(other, one)]
            if rest:
                queues[one.key] = rest
    return _refusals([one for one in asks if one.alert_id not in passed])


def release(alert: Alert) -> None:
    """Forget that it was told: no notice of it arrived anywhere. The next one may pass at once."""
    AlertGate.objects.filter(alert=alert).delete()


def _may_do_better(other: Ask, refused: Ask) -> bool:
    return bool(other.cooldown_s) and (not refused.cooldown_s or other.cooldown_s < refused.cooldown_s)


def _take(asks: Sequence[Ask]) -> set[str]:
    """Keys whose gates let pass, and now hold, these; of each key one asks, in order of key."""
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE,
            {
                "keys": [one.key for one in asks],
                "ranks": [one.rank for one in asks],
                "alerts": [one.alert_id for one in asks],
                "cooldowns": json.dumps({one.key: one.cooldown_s for one in asks}),
            },
        )
        return {key for (key,) in cursor.fetchall()}


def _refusals(refused: Sequence[Ask]) -> dict[uuid.UUID, Refusal]:
    if not refused:
        return {}
    gates = {gate.pk: gate for gate in AlertGate.objects.filter(pk__in={one.key for one in refused})}
    # Those of the asker's own event are not stored yet.
    told = {gate.alert_id for gate in gates.values()}
    event_of = dict(Alert.objects.filter(pk__in=told).values_list("pk", "event_id"))
    return {
        one.alert_id: Refusal(
            key=one.key,
            until=gates[one.key].reserved_at + timedelta(seconds=one.cooldown_s),
            told_at=gates[one.key].reserved_at,
            rank=gates[one.key].severity,
            alert_id=gates[one.key].alert_id,
            event_id=event_of.get(gates[one.key].alert_id),
        )
        for one in refused
    }
