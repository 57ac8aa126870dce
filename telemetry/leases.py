"""How long a worker may hold work, when what it holds counts as lost, and when a next try is due. For the stages.

The database's clock decides throughout: several processes with clocks of their own would free each other's work.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from telemetry.models import Heartbeat

LEASE = timedelta(seconds=60)
RENEWED_EVERY_S = 10.0
# A lease further ahead than this was written by a clock that has since been set back.
TOO_FAR = timedelta(minutes=5)
# So was a next try that lies further ahead: nothing waits for so long.
LONGEST_WAIT = timedelta(minutes=10)
# A worker beats before it claims; this only spares one whose beat is just being written.
JUST_CLAIMED = timedelta(seconds=3)


def is_time(field: str) -> Q:
    """Condition on rows whose next try, kept in this field, need not be waited for any longer."""
    return Q(**{field: None}) | Q(**{f"{field}__lte": Now()}) | Q(**{f"{field}__gt": Now() + LONGEST_WAIT})


def is_lost(prefix: str = "") -> Q:
    """Condition on claimed rows whose worker died or stalled. `prefix` begins the names of their fields."""
    lease, worker = f"{prefix}lease_until", f"{prefix}claimed_by"
    is_silent = ~Q(**{f"{worker}__in": Heartbeat.objects.alive().values("worker")})
    return (
        Q(**{f"{lease}__lt": Now()})
        | Q(**{f"{lease}__gt": Now() + TOO_FAR})
        | is_silent & Q(**{f"{lease}__lt": Now() + LEASE - JUST_CLAIMED})
    )
