"""Whether a camera is silent for longer than it ever is: shown on its tile, never an event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median, quantiles

from django.db.models.functions import Now

from cameras.models import Camera

ARRIVALS_LOOKED_AT = 200
SAME_BURST_S = 60
FEWEST_PAUSES = 8
SHORTEST_SILENCE = timedelta(hours=1)


# Whatever its habits, a camera that has sent nothing for a whole day counts as away until its next file.
OFFLINE_AFTER = timedelta(hours=24)


def mark_offline() -> int:
    """Note which cameras have been silent for a day; returns how many became offline. Intake brings them back."""
    silent = Camera.objects.filter(status=Camera.Status.ONLINE, last_seen_at__lt=Now() - OFFLINE_AFTER)
    return silent.update(status=Camera.Status.OFFLINE)


@dataclass(frozen=True)
class Silence:
    """A camera that usually sends something every `usual` has not for `lasting`."""

    usual: timedelta
    lasting: timedelta


def unusual_silence(arrivals: Sequence[datetime], now: datetime) -> Silence | None:
    """The silence of a camera whose last files came at `arrivals`, newest first; None while it is an ordinary one.

    Files that come in bursts count once. Ordinary is up to twice the pause that only one in twenty exceeds:
    a quiet night is no silence.
    """
    pauses_s = [(later - earlier).total_seconds() for later, earlier in pairwise(arrivals)]
    pauses_s = [pause for pause in pauses_s if pause > SAME_BURST_S]
    if len(pauses_s) < FEWEST_PAUSES:
        return None
    lasting = now - arrivals[0]
    rarely_exceeded = timedelta(seconds=quantiles(pauses_s, n=20)[-1])
    if lasting < max(SHORTEST_SILENCE, 2 * rarely_exceeded):
        return None
    return Silence(usual=timedelta(minutes=round(median(pauses_s) / 60)), lasting=lasting)
