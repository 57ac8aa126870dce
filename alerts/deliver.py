"""Sends what waits to be sent: the ledger of the deliver stage, and its work. Called by the deliver task and the sweep.

    pending → sent · failed · suppressed

A worker claims one delivery, sends it outside any transaction, and stores what came of it while it still holds the
claim. A channel has at most one in flight, and second tries take half of the threads at most, so a service that hangs
delays no other. Locks are taken in the order of evaluate: the alert, its deliveries, its gate.
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from alerts import gates
from alerts.models import Alert, Delivery
from alerts.notice import notice_of
from alerts.quiet import quiet_until
from alerts.sealing import SealBroken, unseal
from cameras.words import clock_words, span_words
from events.models import Event
from telemetry.broadcast import broadcast
from telemetry.leases import LEASE, is_lost, is_time
from telemetry.wake import wake

logger = logging.getLogger(__name__)

TASK = "alerts.deliver_due"
THREADS = 8  # as the Procfile has it
MOST_RETRIES = THREADS // 2
TRIED_FOR = timedelta(hours=24)
LONGEST_PAUSE_S = 300
_CLAIM_LOCK = 7_305_541  # any number that no other advisory lock of ours uses
LEFT_BEHIND = "The process that was sending it ended meanwhile."
UNCLAIMED: dict[str, Any] = {"claim_id": None, "claimed_by": "", "lease_until": None}
PENDING, SENT, FAILED, SUPPRESSED = Delivery.State
HANDLED = (Alert.Status.ACKNOWLEDGED, Alert.Status.DISMISSED)


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. `state` is pending where another one follows."""

    state: Delivery.State
    error: str = ""
    answer: str = ""
    text: str = ""
    latency_ms: int | None = None


def pending() -> QuerySet[Delivery]:
    """What waits to be sent and is in nobody's hands."""
    return Delivery.objects.filter(state=PENDING, claim_id=None)


def in_flight() -> QuerySet[Delivery]:
    """What somebody is sending right now, or was when they ended."""
    return Delivery.objects.filter(state=PENDING, claim_id__isnull=False)


def due() -> QuerySet[Delivery]:
    """Those of them whose time has come and whose channel is free, first tries first."""
    busy = in_flight().filter(channel__isnull=False).values("channel")
    return pending().filter(is_time("next_attempt_at")).exclude(channel__in=busy).order_by("attempts", "id")


def wake_if_needed() -> None:
    """Wake a worker for what is due. Called by the sweep."""
    if due().exists():
        wake(TASK)


def suppress(deliveries: QuerySet[Delivery], why: str) -> int:
    """Let those of them that wait not be sent any more; one that is being sent right now is not held back."""
    return deliveries.filter(state=PENDING, claim_id=None).update(state=SUPPRESSED, error=why, next_attempt_at=None)


def deliver_next(worker: str) -> bool:
    """Take the next delivery and send it; whether there was one."""
    delivery = claim_next(worker)
    if delivery is None:
        return False
    wake_if_needed()  # another thread for what else is due
    outcome = _attempt(delivery)
    if not connection.in_atomic_block:  # as in tests
        close_old_connections()  # the database may have been started anew meanwhile
    store(delivery, outcome)
    return True


def claim_next(worker: str) -> Delivery | None:
    """Take the next delivery that is due; None where there is none."""
    with transaction.atomic():
        _one_claims_at_a_time()
        retries = in_flight().filter(attempts__gt=1).count()
        takeable = due() if retries < MOST_RETRIES else due().filter(attempts=0)
        delivery = takeable.select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
        if delivery is None:
            return None
        delivery.claim_id, delivery.attempts = uuid.uuid4(), delivery.attempts + 1
        claim = {"claim_id": delivery.claim_id, "claimed_by": worker, "lease_until": Now() + LEASE}
        Delivery.objects.filter(pk=delivery.pk).update(**claim, attempts=delivery.attempts)
    return delivery


def _one_claims_at_a_time() -> None:
    """To the end of the transaction, which is short: or two would take a delivery each of the same channel."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])


def _attempt(claimed: Delivery) -> Outcome:
    """Send it, or say why not. No transaction is open meanwhile."""
    from alerts.sending import SendFailed, UrlRefused, send  # with Apprise, which no other stage needs

    delivery = _with_all(claimed)
    if delivery is None or delivery.channel is None:
        return Outcome(SUPPRESSED, "The channel was deleted before it could be sent.")
    if why := why_not_any_more(delivery):
        return Outcome(SUPPRESSED, why)
    if _is_too_late(delivery):
        return Outcome(FAILED, f"It could not be sent within {span_words(TRIED_FOR)}. {delivery.error}".strip())
    channel, notice = delivery.channel, notice_of(delivery)
    may_reach_private = channel.may_reach_private and settings.CONFIG.ALLOW_PRIVATE_TARGETS
    started = time.perf_counter()
    try:
        answer = send(unseal(channel.sealed_url), notice, may_reach_private=may_reach_private)
        state, error = SENT, ""
    except (SealBroken, UrlRefused) as refused:
        state, error, answer = FAILED, str(refused), ""
    except SendFailed as failed:
        is_last = failed.is_final or delivery.kind == Delivery.Kind.TEST
        state, error, answer = FAILED if is_last else PENDING, str(failed), failed.answer
    return Outcome(state, error, answer, notice.text, round(1000 * (time.perf_counter() - started)))


def _with_all(claimed: Delivery) -> Delivery | None:
    joined = Delivery.objects.select_related("channel", "alert__rule", "alert__event__camera")
    return joined.select_related("alert__event__key_detection__capture").filter(pk=claimed.pk).first()


def _is_too_late(delivery: Delivery) -> bool:
    return timezone.now() - delivery.created_at > TRIED_FOR


def why_not_any_more(delivery: Delivery) -> str:
    """Why a notice is not to be sent after all; empty where it is."""
    alert, channel = delivery.alert, delivery.channel
    if alert is None or channel is None:  # a test is sent whatever the hour
        return ""
    if alert.status in HANDLED:
        return f"The alert was {alert.status} before it could be sent."
    if alert.event.deleted_at or alert.event.camera.deleted_at:
        return "The visit was deleted before it could be sent."
    if not channel.enabled:
        return "The channel was turned off before it could be sent."
    zone = timezone.get_default_timezone()
    if until := quiet_until(channel, timezone.now()):
        return f"Its quiet hours began before it could be sent; they end {clock_words(until, zone)}."
    return ""


def store(delivery: Delivery, outcome: Outcome) -> None:
    """Write down what came of the attempt, unless the claim was lost meanwhile."""
    changes: dict[str, Any] = {
        "state": outcome.state,
        "error": outcome.error,
        "answer": outcome.answer,
        "next_attempt_at": None,
    }
    if outcome.text:
        changes |= {"text": outcome.text, "latency_ms": outcome.latency_ms}
    if outcome.state == SENT:
        changes["sent_at"] = Now()
    elif outcome.state == PENDING:
        changes["next_attempt_at"] = Now() + pause_after(delivery.attempts)
    with transaction.atomic():
        alert = _hold_alert(delivery)
        held = Delivery.objects.filter(pk=delivery.pk, claim_id=delivery.claim_id)
        if not held.update(**UNCLAIMED, **changes):
            logger.warning("delivery %s was taken over, or is gone; what came of it is discarded", delivery.pk)
            return
        _tell(delivery, outcome.state)
        if alert is not None:
            _settle(alert, outcome.state)


def _hold_alert(delivery: Delivery) -> Alert | None:
    if delivery.alert_id is None:
        return None
    return Alert.objects.select_for_update(no_key=True).filter(pk=delivery.alert_id).first()


def pause_after(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s … up to five minutes."""
    return timedelta(seconds=min(2 ** min(attempts - 1, 16), LONGEST_PAUSE_S))


def _tell(delivery: Delivery, state: Delivery.State) -> None:
    broadcast("delivery", {"delivery_id": delivery.pk, "channel_id": delivery.channel_id, "state": state.value})


def _settle(alert: Alert, state: Delivery.State) -> None:
    """What the end of one delivery means for its alert. The caller holds the alert's row."""
    if state == SENT and alert.status == Alert.Status.PENDING:
        alert.status = Alert.Status.DELIVERED
        Alert.objects.filter(pk=alert.pk).update(status=alert.status, delivered_at=Now(), updated_at=Now())
        camera_id = Event.objects.values_list("camera_id", flat=True).get(pk=alert.event_id)
        facts = {"alert_id": str(alert.pk), "status": alert.status, "severity": alert.severity}
        broadcast("alert", {"camera_id": camera_id, **facts})
    states = set(alert.deliveries.values_list("state", flat=True))
    if FAILED in states and not states & {PENDING, SENT}:
        gates.release(alert)


def free_lost() -> int:
    """Let those wait again whose sender died or stalled; returns how many. They may then arrive twice.

    A test is not tried again: somebody waits for its answer. Called by the sweep.
    """
    freed = 0
    lost = in_flight().filter(is_lost())
    for delivery in lost:
        logger.warning("delivery %s was left behind by %s", delivery.pk, delivery.claimed_by)
        changes: dict[str, Any] = {"next_attempt_at": Now() + pause_after(delivery.attempts), "error": LEFT_BEHIND}
        if delivery.kind == Delivery.Kind.TEST:
            changes = {"state": FAILED, "error": f"{LEFT_BEHIND} Send another test."}
        freed += lost.filter(pk=delivery.pk, claim_id=delivery.claim_id).update(**UNCLAIMED, **changes)
    return freed
