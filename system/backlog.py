"""How much waits for each stage of the pipeline, and for how long. Asked by `/readyz`, the System page and its API.

Every count reads a partial index that holds what waits and nothing else, so it costs the same with a million captures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from alerts.evaluate import to_evaluate
from alerts.models import Delivery
from cameras.models import Capture
from events.asking import is_wanted, pending
from events.models import Assessment, Event
from events.placing import open_batches
from system.workers import Worker
from telemetry.models import Pause

RECENT = timedelta(hours=1)


@dataclass(frozen=True)
class Backlog:
    """What waits. `waiting` is None where nobody is there to count; `in_hand` are those being worked on now."""

    waiting: int | None
    oldest_at: datetime | None = None
    in_hand: int | None = None

    @property
    def oldest_for(self) -> timedelta | None:
        return None if self.oldest_at is None else timezone.now() - self.oldest_at


@dataclass(frozen=True)
class Stage:
    """One stage: its backlog, since when the oldest of it waits, and why it is paused if it is."""

    name: str
    title: str
    queue: str
    backlog: Backlog
    done_last_hour: int | None
    pause: Pause | None

    @property
    def is_paused(self) -> bool:
        return self.pause is not None


@dataclass(frozen=True)
class Flow:
    """How much passed each stage lately, and when the last one arrived."""

    intake: int
    detect: int
    place: int
    analyze: int
    """Visits a language model was asked about."""
    deliver: int
    last_file_at: datetime | None


def stages(workers: Sequence[Worker], pauses: Sequence[Pause], flow: Flow) -> list[Stage]:
    """The pipeline from top to bottom. A later stage adds its line, and a function that counts what waits for it."""
    paused = {pause.stage: pause for pause in pauses}

    def stage(name: str, title: str, queue: str, backlog: Backlog, done_last_hour: int | None = None) -> Stage:
        return Stage(name, title, queue, backlog, done_last_hour, paused.get(name))

    found = [
        stage("intake", "Take in files", "watcher", _not_taken_in(workers), flow.intake),
        stage("detect", "Look at pictures", "detect", not_looked_at(), flow.detect),
        stage("place", "Put them into visits", "default", not_placed(), flow.place),
        stage("close", "End visits", "default", _not_closed()),
    ]
    if is_wanted():
        found.append(stage("analyze", "Ask the language model", "analyze", not_judged(), flow.analyze))
    return [
        *found,
        stage("evaluate", "Decide whom to tell", "default", _not_evaluated()),
        stage("deliver", "Send notices", "deliver", not_sent(), flow.deliver),
    ]


def _not_taken_in(workers: Sequence[Worker]) -> Backlog:
    """Files that are not whole yet, or not reached yet: no rows, so the watcher tells what it has seen."""
    told = [worker.detail for worker in workers if worker.queue == "watcher" and worker.lives]
    counts = [detail["waiting"] for detail in told if "waiting" in detail]
    since = [datetime.fromisoformat(detail["waiting_since"]) for detail in told if detail.get("waiting_since")]
    return Backlog(sum(counts) if counts else None, min(since, default=None))


def not_looked_at() -> Backlog:
    """Queued captures, those that wait for another try included."""
    queued = Capture.objects.filter(state=Capture.State.QUEUED)
    facts = queued.aggregate(waiting=Count("pk"), oldest=Min("arrived_at"))
    detecting = Capture.objects.filter(state=Capture.State.DETECTING).count()
    return Backlog(facts["waiting"], facts["oldest"], detecting)


def not_placed() -> Backlog:
    facts = Capture.objects.unplaced().aggregate(waiting=Count("pk"), oldest=Min("processed_at"))
    return Backlog(facts["waiting"], facts["oldest"])


def _not_closed() -> Backlog:
    """Open batches past their due time. Until then an open batch waits for nothing but time."""
    is_due = Q(due_at__lte=timezone.now())
    facts = open_batches().aggregate(
        waiting=Count("pk", filter=is_due), oldest=Min("due_at", filter=is_due), open=Count("pk")
    )
    return Backlog(facts["waiting"], facts["oldest"], facts["open"] - facts["waiting"])


def not_judged() -> Backlog:
    """Visits that wait for a language model, those that wait for another try included."""
    facts = pending().aggregate(waiting=Count("pk"), oldest=Min("analysis_asked_at"))
    in_hand = Event.objects.filter(analysis_claim_id__isnull=False).count()
    return Backlog(facts["waiting"], facts["oldest"], in_hand)


def _not_evaluated() -> Backlog:
    """Visits that changed since they were held against the alert rules."""
    facts = to_evaluate().aggregate(waiting=Count("pk"), oldest=Min("changed_at"))
    return Backlog(facts["waiting"], facts["oldest"])


def not_sent() -> Backlog:
    """Notices, those that wait for another try included."""
    is_waiting = Q(claim_id=None)
    facts = Delivery.objects.filter(state=Delivery.State.PENDING).aggregate(
        waiting=Count("pk", filter=is_waiting), oldest=Min("created_at", filter=is_waiting), all=Count("pk")
    )
    return Backlog(facts["waiting"], facts["oldest"], facts["all"] - facts["waiting"])


def last_hour() -> Flow:
    """What passed within the last hour. Rows without detections are done once they were looked at."""
    since = Now() - RECENT
    arrived, looked_at, placed = Q(arrived_at__gt=since), Q(processed_at__gt=since), Q(placed_at__gt=since)
    facts = Capture.objects.filter(arrived | looked_at | placed).aggregate(
        intake=Count("pk", filter=arrived),
        detect=Count("pk", filter=looked_at & Q(detecting_at__isnull=False)),
        place=Count("pk", filter=placed & Q(nothing_found="")),
    )
    newest = Capture.objects.order_by("-pk").values_list("arrived_at", flat=True).first()
    sent = Delivery.objects.filter(sent_at__gt=since).count()
    asked = _asked_since(since) if is_wanted() else 0
    return Flow(**facts, analyze=asked, deliver=sent, last_file_at=newest)


def _asked_since(since: CombinedExpression) -> int:
    asked = Assessment.objects.filter(source=Assessment.Source.LLM, is_replay=False, created_at__gt=since)
    return asked.count()
