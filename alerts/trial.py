"""What a rule, stored or not, would have told of past visits. Nothing is written, nobody is told.

Each visit is held against it as it is known today, at the times things were seen. For the rule builder and the API.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import User
from alerts.conditions import LATE_AFTER, Sight, Unmet, judge
from alerts.models import AlertRule
from alerts.outcomes import FIRED, NOT_MET, SUPPRESSED, Condition, Outcome
from alerts.quiet import quiet_until
from alerts.rules import Draft, draft_of
from alerts.standing_rules import LEVELS, RANK, StandingRule, household_so_far, standing
from alerts.visits import visits_of
from cameras.time_range import between_ids
from events.models import Event

MOST_EVENTS = 2000


@dataclass(frozen=True)
class Held:
    """One visit, and what the rule would have decided."""

    event: Event
    outcome: Outcome


@dataclass(frozen=True)
class Trial:
    """`held` in order of time. `truncated`: there were more visits; these are the newest."""

    since: datetime
    until: datetime
    held: Sequence[Held]
    notices: int
    """How often it would have told; a visit that came to worry more since is told once here."""
    truncated: bool

    @property
    def counts(self) -> dict[str, int]:
        """Of visits, by outcome."""
        counted = Counter(one.outcome["outcome"] for one in self.held)
        return {outcome: counted[outcome] for outcome in (FIRED, SUPPRESSED, NOT_MET)}


def try_rule(rule: AlertRule | Draft, since: datetime, until: datetime, user: User) -> Trial:
    """Hold the rule against visits that began in this time and that this person may see; the newest 2,000 at most."""
    draft = draft_of(rule) if isinstance(rule, AlertRule) else rule
    tried = standing(draft)
    of_that_time = Event.objects.for_user(user).filter(started_at__gte=since, started_at__lt=until)
    newest = between_ids(of_that_time, "started_at", since, until).select_related("camera").order_by("-id")
    events = list(newest.defer("search_vector", "rule_outcomes", "reasoning", "notes")[: MOST_EVENTS + 1])
    truncated = len(events) > MOST_EVENTS
    events = sorted(events[:MOST_EVENTS], key=lambda event: (event.started_at, event.pk))
    visits = visits_of(events, household_so_far(), needs_sights=tried.conditions.may_be_met_by)
    past = _Past(tried)
    held = []
    for event, visit in zip(events, visits, strict=True):
        decided = judge(tried.conditions, visit)
        if isinstance(decided, Unmet):
            outcome = past.earlier(event) or tried.decided(NOT_MET, decided.condition, decided.wanted, decided.got)
        else:
            outcome = past.outcome(event, decided)
        held.append(Held(event, outcome))
    return Trial(since, until, held, past.notices, truncated)


@dataclass(frozen=True)
class _Told:
    """That something was told: how severe, when, of which visit."""

    rank: int
    at: datetime
    event_id: int


@dataclass
class _Past:
    """The gates and alerts as they would have been; the same steps as in `alerts.evaluate` and `alerts.gates`."""

    rule: StandingRule
    notices: int = 0
    gates: dict[str, _Told] = field(default_factory=dict)
    alerts: dict[int, tuple[int, Outcome]] = field(default_factory=dict)

    def earlier(self, event: Event) -> Outcome | None:
        """What was decided with the visit that this one goes on."""
        _, outcome = self.alerts.get(event.chain_id_or_own, (0, None))
        return outcome

    def outcome(self, event: Event, deciding: Sight) -> Outcome:
        known_rank, known = self.alerts.get(event.chain_id_or_own, (-1, None))
        rank = max(self.rule.rank, RANK[event.risk_level], known_rank)
        was_too_late = known is not None and known["condition"] == Condition.TOO_OLD
        if known is not None and rank <= known_rank and not (was_too_late and deciding.is_live):
            return known
        outcome = self._silenced(deciding) or self._through_the_gate(event, deciding, rank)
        if known is not None and known["outcome"] == FIRED and outcome["outcome"] == SUPPRESSED:
            outcome = known
        if outcome["condition"] != Condition.COOLDOWN:
            self.alerts[event.chain_id_or_own] = (rank, outcome)
        return outcome

    def _silenced(self, deciding: Sight) -> Outcome | None:
        if not deciding.is_live:
            wanted, late = (round(span.total_seconds()) for span in (LATE_AFTER, deciding.late))
            return self.rule.decided(SUPPRESSED, Condition.TOO_OLD, wanted, late)
        quiet = [quiet_until(channel, deciding.seen_at) for channel in self.rule.channels]
        ends = [end for end in quiet if end is not None]
        if ends and len(ends) == len(quiet):
            got = {"channels": [channel.name for channel in self.rule.channels], "until": min(ends).isoformat()}
            return self.rule.decided(SUPPRESSED, Condition.QUIET_HOURS, None, got)
        return None

    def _through_the_gate(self, event: Event, deciding: Sight, rank: int) -> Outcome:
        key = self.rule.key_of(event.camera_id, event.risk_level, deciding)
        last, cooldown_s = self.gates.get(key), self.rule.cooldown_s
        is_free = last is None or last.rank < rank or last.at + timedelta(seconds=cooldown_s) <= deciding.seen_at
        if last is not None and cooldown_s and not is_free:
            return self.rule.decided(SUPPRESSED, Condition.COOLDOWN, cooldown_s, self._refusal(key, last))
        self.gates[key] = _Told(rank, deciding.seen_at, event.pk)
        self.notices += 1
        got: dict[str, Any] = {
            "alert_id": None,
            "detection_id": deciding.detection_id,
            "severity": LEVELS[rank],
            "at": deciding.seen_at.isoformat(),
            "channels": [channel.name for channel in self.rule.channels],
        }
        return self.rule.decided(FIRED, None, None, got)

    def _refusal(self, key: str, last: _Told) -> dict[str, Any]:
        return {
            "dedup_key": key,
            "until": (last.at + timedelta(seconds=self.rule.cooldown_s)).isoformat(),
            "told_at": last.at.isoformat(),
            "severity": LEVELS[last.rank],
            "alert_id": None,
            "event_id": last.event_id,
        }
