"""Makes alerts and their deliveries of what rules were met: the half of `alerts.evaluate` that writes.

The caller holds the visit and its chain; everything here is part of its transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone

from alerts.conditions import LATE_AFTER, Sight
from alerts.gates import Ask, Refusal, ask
from alerts.models import Alert, Delivery, NotificationChannel
from alerts.outcomes import FIRED, SUPPRESSED, Condition, Outcome
from alerts.quiet import quiet_until
from alerts.standing_rules import LEVELS, RANK, StandingRule
from cameras.words import clock_words, span_words
from events.models import Event
from telemetry.broadcast import broadcast
from telemetry.wake import wake

DELIVER = "alerts.deliver_due"
RAISED = ("event", "severity", "status", "dedup_key", "metadata", "handled_by", "handled_at", "updated_at")


@dataclass(frozen=True)
class News:
    """That a rule is met, and nobody was told of it, or not of how severe it is now: `rank`."""

    rule: StandingRule
    deciding: Sight
    rank: int
    alert: Alert | None

    @property
    def rises(self) -> bool:
        return self.alert is not None and self.rank > RANK[self.alert.severity]


@dataclass
class _Telling:
    """What becomes of one piece of news. `silence` is why nobody is told, with what the outcome says of it."""

    news: News
    alert_id: uuid.UUID
    key: str
    silence: Condition | None = None
    wanted: Any = None
    got: Any = None
    why: str = ""

    @cached_property
    def ask(self) -> Ask:
        return Ask(self.alert_id, self.key, self.news.rank, self.news.rule.cooldown_s)

    def is_silenced_by(self, condition: Condition, wanted: Any, got: Any, why: str) -> None:
        self.silence, self.wanted, self.got, self.why = condition, wanted, got, why


Quiet = Mapping[int, datetime | None]


def tell(event: Event, news: Sequence[News], now: datetime) -> dict[str, Outcome]:
    """Store what follows of this news; gives the outcome of each rule, by its id."""
    risen = _held([one.alert for one in news if one.alert])
    channels = {channel.pk: channel for one in news for channel in one.rule.channels}
    quiet = {pk: quiet_until(channel, now) for pk, channel in channels.items()}
    tellings = [_telling(event, one, quiet) for one in news]
    waiting = _waiting_deliveries(risen)
    refusals = ask([one.ask for one in tellings if one.silence is None])
    for one in tellings:
        if refusal := refusals.get(one.alert_id):
            _refuse(one, refusal, event)
    outcomes = {one.alert_id: _outcome(one, risen.get(one.alert_id), now) for one in tellings}
    kept = [one for one in tellings if one.news.rises or one.silence is not Condition.COOLDOWN]
    alerts = _store_alerts(event, kept, outcomes, risen, now)
    _store_deliveries(kept, waiting, quiet, now)
    for alert in alerts[:1]:  # the most severe: pages fetch what else there is
        hint = {"alert_id": str(alert.pk), "status": alert.status, "severity": alert.severity}
        broadcast("alert", {"camera_id": event.camera_id, **hint})
    return {str(one.news.rule.pk): outcomes[one.alert_id] for one in tellings}


def stored_outcome(rule: StandingRule, alert: Alert) -> Outcome:
    """What the rule decided when the alert was made or rose last: it stays, whatever the score does later."""
    if silenced := alert.metadata.get("silenced"):
        return rule.decided(SUPPRESSED, Condition(silenced["condition"]), silenced["wanted"], silenced["got"])
    return rule.decided(FIRED, None, None, {"alert_id": str(alert.pk), **alert.metadata.get("told", {})})


def was_told_too_late(alert: Alert) -> bool:
    """Whether nobody was told since its pictures had come too late."""
    return bool((alert.metadata.get("silenced") or {}).get("condition") == Condition.TOO_OLD)


def _held(alerts: Iterable[Alert]) -> dict[uuid.UUID, Alert]:
    ids = [alert.pk for alert in alerts]
    held = Alert.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    return {alert.pk: alert for alert in held} if ids else {}


def _telling(event: Event, news: News, quiet: Quiet) -> _Telling:
    deciding, rule = news.deciding, news.rule
    alert_id = news.alert.pk if news.alert else uuid.uuid4()
    telling = _Telling(news, alert_id, rule.key_of(event.camera_id, event.risk_level, deciding))
    if not deciding.is_live:
        why = f"Its pictures came {span_words(deciding.late)} after they were taken."
        late = round(deciding.late.total_seconds())
        telling.is_silenced_by(Condition.TOO_OLD, round(LATE_AFTER.total_seconds()), late, why)
    elif rule.channels and all(quiet[channel.pk] for channel in rule.channels):
        until = min(end for channel in rule.channels if (end := quiet[channel.pk]))
        got = {"channels": [channel.name for channel in rule.channels], "until": until.isoformat()}
        telling.is_silenced_by(Condition.QUIET_HOURS, None, got, "")
    return telling


def _refuse(telling: _Telling, refusal: Refusal, event: Event) -> None:
    got = {
        "dedup_key": refusal.key,
        "until": refusal.until.isoformat(),
        "told_at": refusal.told_at.isoformat(),
        "severity": LEVELS[refusal.rank],
        "alert_id": str(refusal.alert_id),
        "event_id": refusal.event_id or event.pk,
    }
    told_at = clock_words(refusal.told_at, timezone.get_default_timezone())
    why = f"Already told of this at {told_at}."
    telling.is_silenced_by(Condition.COOLDOWN, telling.news.rule.cooldown_s, got, why)


def _outcome(telling: _Telling, risen: Alert | None, now: datetime) -> Outcome:
    news = telling.news
    if telling.silence is None:
        got = {
            "alert_id": str(telling.alert_id),
            "detection_id": news.deciding.detection_id,
            "severity": LEVELS[news.rank],
            "at": now.isoformat(),
            "channels": [channel.name for channel in news.rule.channels],
        }
        return news.rule.decided(FIRED, None, None, got)
    if risen is not None and (earlier := stored_outcome(news.rule, risen))["outcome"] == FIRED:
        return earlier
    return news.rule.decided(SUPPRESSED, telling.silence, telling.wanted, telling.got)


def _store_alerts(
    event: Event,
    tellings: Iterable[_Telling],
    outcomes: Mapping[uuid.UUID, Outcome],
    risen: Mapping[uuid.UUID, Alert],
    now: datetime,
) -> list[Alert]:
    """The most severe first."""
    chain_id = event.chain_id_or_own
    alerts = []
    for one in sorted(tellings, key=lambda one: -one.news.rank):
        alert = risen.get(one.alert_id) or Alert(id=one.alert_id, rule_id=one.news.rule.pk, created_at=now)
        alert.event_id, alert.chain_id, alert.dedup_key = event.pk, chain_id, one.key
        alert.severity, alert.status = LEVELS[one.news.rank], Alert.Status.PENDING
        alert.handled_by = alert.handled_at = None
        alert.metadata, alert.updated_at = _metadata(event, one, outcomes[one.alert_id]), now
        alerts.append(alert)
    Alert.objects.bulk_create([alert for alert in alerts if alert.pk not in risen])
    if risen:
        Alert.objects.bulk_update(risen.values(), RAISED)
    return alerts


def _metadata(event: Event, telling: _Telling, outcome: Outcome) -> dict[str, Any]:
    deciding = telling.news.deciding
    return {
        "rule": telling.news.rule.name,
        "detection_id": deciding.detection_id,
        "object_type": deciding.object_type,
        "confidence": deciding.confidence,
        "seen_at": deciding.seen_at.isoformat(),
        "zone_ids": list(deciding.zone_ids),
        "risk_score": event.risk_score,
        "summary": event.summary,
        **_how_it_went(outcome),
    }


def _how_it_went(outcome: Outcome) -> dict[str, Any]:
    """What `stored_outcome` needs of it."""
    if outcome["outcome"] == FIRED:
        return {"told": {name: value for name, value in outcome["got"].items() if name != "alert_id"}}
    return {"silenced": {name: outcome[name] for name in ("condition", "wanted", "got")}}


def _waiting_deliveries(risen: Mapping[uuid.UUID, Alert]) -> dict[tuple[uuid.UUID, int], Delivery]:
    """Of alerts that rose, what nobody is sending right now and was not sent: by alert and channel, what will be sent
    before what was suppressed, then the newest."""
    if not risen:
        return {}
    unsent = Q(state=Delivery.State.PENDING, claim_id=None) | Q(state=Delivery.State.SUPPRESSED)
    rows = Delivery.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    found = rows.filter(unsent, alert__in=risen, channel__isnull=False).order_by("pk")
    last_counts = sorted(found, key=lambda row: (row.state == Delivery.State.PENDING, row.pk))
    return {(row.alert_id, row.channel_id): row for row in last_counts if row.alert_id and row.channel_id}


def _store_deliveries(
    tellings: Iterable[_Telling], waiting: Mapping[tuple[uuid.UUID, int], Delivery], quiet: Quiet, now: datetime
) -> None:
    new = []
    anything_waits = False
    for one in tellings:
        for channel in one.news.rule.channels:
            state, why = _state_of(one, quiet[channel.pk])
            anything_waits |= state == Delivery.State.PENDING
            severity = LEVELS[one.news.rank]
            if (unsent := waiting.get((one.alert_id, channel.pk))) and _takes_up(unsent, severity, state):
                Delivery.objects.filter(pk=unsent.pk).update(severity=severity, state=state, error=why)
            else:
                new.append(_delivery(one, channel, state, why, now))
    Delivery.objects.bulk_create(new)
    if anything_waits:
        wake(DELIVER)  # who takes one wakes another for the next


def _takes_up(unsent: Delivery, severity: str, state: Delivery.State) -> bool:
    """Whether an earlier delivery says the new severity, so that nobody is told twice within a moment."""
    if unsent.state == Delivery.State.PENDING:
        return state == Delivery.State.PENDING
    return unsent.severity == severity  # one that was suppressed: there is one of each severity


def _delivery(
    telling: _Telling, channel: NotificationChannel, state: Delivery.State, why: str, now: datetime
) -> Delivery:
    return Delivery(
        alert_id=telling.alert_id,
        channel_id=channel.pk,
        channel_name=channel.name,
        kind=Delivery.Kind.UPDATE if telling.news.alert else Delivery.Kind.NOTICE,
        severity=LEVELS[telling.news.rank],
        state=state,
        error=why,
        created_at=now,  # and no default of the database: rows with one are inserted several times slower
    )


def _state_of(telling: _Telling, quiet_end: datetime | None) -> tuple[Delivery.State, str]:
    if telling.silence in (Condition.TOO_OLD, Condition.COOLDOWN):
        return Delivery.State.SUPPRESSED, telling.why
    if quiet_end is not None:
        end = clock_words(quiet_end, timezone.get_default_timezone(), now=quiet_end - timedelta(minutes=1))
        return Delivery.State.SUPPRESSED, f"Its quiet hours last until {end}."
    return Delivery.State.PENDING, ""
