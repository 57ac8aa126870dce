"""Holds every visit that changed against every rule: an alert for each that is met, its deliveries, and why or why not.

An event whose `revision` is beyond its `evaluated_revision` is due; that is stored in the one transaction with all that
came of it, so whatever ends a worker in between, it is done again, and nothing twice. Called by the task that judging a
visit wakes, and by the sweep.

Locks are taken in this order: the event and its chain (where somebody has them, they see to it), the chain's alerts in
order of id, their deliveries, the gates in order of key.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from psycopg.errors import LockNotAvailable

from alerts.conditions import Household, Unmet, judge
from alerts.models import Alert
from alerts.outcomes import NOT_MET, Outcome
from alerts.standing_rules import RANK, StandingRule, household_so_far, standing_rules
from alerts.telling import News, stored_outcome, tell, was_told_too_late
from alerts.visits import visits_of
from events.models import Event

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 20
PATIENCE = "1s"
CHAIN_LOCKS = 7_305_551  # the first half of each advisory lock of ours; the second is the number of the chain
# What rows raise that cannot be made sense of, and a rule that was deleted a moment ago.
BAD_ROWS = (IntegrityError, DataError, ArithmeticError, LookupError, TypeError, ValueError)


def to_evaluate() -> QuerySet[Event]:
    """Visits that changed since the rules saw them, the newest first: who comes now is told now."""
    return Event.objects.filter(revision__gt=F("evaluated_revision")).order_by("-id")


def evaluate_changed() -> int:
    """Hold every visit that is due against every rule; returns how many were."""
    evaluated = 0
    passed_over: list[int] = []
    while due := list(to_evaluate().exclude(pk__in=passed_over).values_list("pk", flat=True)[:EVENTS_AT_ONCE]):
        # Read after the visits: a rule that was there before a visit is held against it.
        rules, household = standing_rules(), household_so_far()
        for event_id in due:
            if _evaluate_or_pass_over(event_id, rules, household):
                evaluated += 1
            else:
                passed_over.append(event_id)
    return evaluated + (_evaluate_held(passed_over) if passed_over else 0)


def _evaluate_held(event_ids: Sequence[int]) -> int:
    """Those that somebody held a moment ago, as who claims a visit for the language model does: it is told now."""
    rules, household = standing_rules(), household_so_far()
    still_due = to_evaluate().filter(pk__in=event_ids).values_list("pk", flat=True)
    return sum(_evaluate_or_pass_over(event_id, rules, household, waits=True) for event_id in still_due)


def _evaluate_or_pass_over(
    event_id: int, rules: Sequence[StandingRule], household: Household, *, waits: bool = False
) -> bool:
    """One that cannot be evaluated does not keep the others waiting; the sweep comes back to it."""
    try:
        with transaction.atomic():
            if waits:
                _wait_at_most(PATIENCE)
            return _evaluate(event_id, rules, household, waits=waits)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    except BAD_ROWS:
        logger.exception("event %s could not be held against the rules; it will be tried again", event_id)
        return False


def _wait_at_most(patience: str) -> None:
    """For any lock, to the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [patience])


def _evaluate(event_id: int, rules: Sequence[StandingRule], household: Household, *, waits: bool) -> bool:
    """False where somebody else is at it, or was."""
    taken = _take(event_id, waits=waits)
    if taken is None:
        return False
    event, now = taken
    (visit,) = visits_of([event], household)
    alerts = {alert.rule_id: alert for alert in Alert.objects.filter(chain_id=event.chain_id_or_own)}
    outcomes: dict[str, Outcome] = {}
    news: list[News] = []
    for rule in rules:
        decided, alert = judge(rule.conditions, visit), alerts.get(rule.pk)
        if isinstance(decided, Unmet):
            unmet = rule.decided(NOT_MET, decided.condition, decided.wanted, decided.got)
            outcomes[str(rule.pk)] = stored_outcome(rule, alert) if alert else unmet
            continue
        known = RANK[alert.severity] if alert else -1
        rank = max(rule.rank, RANK[event.risk_level], known)
        if alert is None or rank > known or (decided.is_live and was_told_too_late(alert)):
            news.append(News(rule, decided, rank, alert))
        else:
            outcomes[str(rule.pk)] = stored_outcome(rule, alert)
    if news:
        outcomes |= tell(event, news, now)
    _keep(event, [outcomes[str(rule.pk)] for rule in rules])
    return True


def _take(event_id: int, *, waits: bool) -> tuple[Event, datetime] | None:
    """The visit, if it is still due, held with its chain until the transaction ends; and the database's time."""
    due = to_evaluate().filter(pk=event_id).select_related("camera").defer("search_vector")
    event = due.select_for_update(no_key=True, skip_locked=not waits, of=("self",)).first()
    if event is None:
        return None
    with connection.cursor() as cursor:
        lock = [CHAIN_LOCKS, event.chain_id_or_own % 2**31]
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s), clock_timestamp()", lock)
        is_ours, now = cursor.fetchone()
    return (event, now) if is_ours else None


def _keep(event: Event, outcomes: list[Outcome]) -> None:
    """What rules decided that are gone or switched off by now stays as it was."""
    current = {outcome["rule_id"] for outcome in outcomes}
    outcomes += [earlier for earlier in event.rule_outcomes if earlier["rule_id"] not in current]
    news = {} if outcomes == event.rule_outcomes else {"rule_outcomes": outcomes}
    Event.objects.filter(pk=event.pk).update(evaluated_revision=event.revision, **news)
