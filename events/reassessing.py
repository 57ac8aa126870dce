"""Judging past visits again, as another prompt or model would have, for comparison. Called by `manage.py reassess`.

Each answer is kept as a replay, which is no event's reading; the events themselves are not touched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from cameras.models import Camera
from cameras.time_range import between_ids
from events.assessment import event_context, hold, keep, keep_refused
from events.models import Assessment, Event, PromptVersion
from events.prompts import active_prompt
from inference.analysts import llm
from inference.protocols import Analyst, AnswerRefused, PromptedAnalyst, Verdict
from inference.registry import load_analyst
from inference.scale import Level
from zones.changing import last_changed_at
from zones.locating import locate_all

AGO = re.compile(r"(\d{1,4})\s*([dh])")
UNITS = {"d": "days", "h": "hours"}


class CannotReassess(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True)
class Judge:
    """Who judges again, and what a language model is told."""

    analyst: Analyst
    source: Assessment.Source
    prompt: PromptVersion | None = None

    def __str__(self) -> str:
        return self.analyst.facts.model + (f", {self.prompt}" if self.prompt else "")


@dataclass(frozen=True)
class Which:
    """The visits that are judged again."""

    since: datetime
    until: datetime | None = None
    camera: Camera | None = None
    level: Level | None = None
    limit: int | None = None

    def event_ids(self) -> list[int]:
        """The newest first."""
        living = Event.objects.filter(deleted_at=None, camera__deleted_at=None)
        events: QuerySet[Event] = living.filter(started_at__gte=self.since)
        if self.until is not None:
            events = events.filter(started_at__lt=self.until)
        if self.camera is not None:
            events = events.filter(camera=self.camera)
        if self.level is not None:
            events = events.filter(risk_level=self.level.value)
        events = between_ids(events, "started_at", self.since, self.until)
        return list(events.order_by("-id").values_list("pk", flat=True)[: self.limit])


def moment_of(text: str, now: datetime) -> datetime:
    """ "2026-11-01", "2026-11-01 14:00" by the clock at home; "7d", "24h" ago. Raises CannotReassess."""
    if ago := AGO.fullmatch(text.strip()):
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise CannotReassess(
            f"{text!r} is no time: write 2026-11-01, 2026-11-01T14:00, 7d (seven days ago) or 24h."
        ) from None
    return moment if moment.tzinfo else timezone.make_aware(moment)


def camera_called(name: str) -> Camera:
    """By id or name. Raises CannotReassess."""
    camera = Camera.objects.filter(pk=name).first() or Camera.objects.filter(name__iexact=name).first()
    if camera is None:
        raise CannotReassess(f"No camera is called {name}.")
    return camera


def judge_of(analyst: str, prompt_number: int | None) -> Judge:
    """Who is to judge; a model need not be in use, only set up. Raises CannotReassess and EngineUnavailable."""
    if analyst == Assessment.Source.RULES:
        if prompt_number is not None:
            raise CannotReassess("The rules take no prompt.")
        return Judge(load_analyst("rules", settings.CONFIG), Assessment.Source.RULES)
    prompt = _prompt(prompt_number)
    if why := llm.why_not(settings.CONFIG):
        raise CannotReassess(f"No language model can be asked: {why}. --analyst rules judges by the rules.")
    model = cast("PromptedAnalyst", load_analyst("llm", settings.CONFIG))
    return Judge(model.with_instructions(prompt.text), Assessment.Source.LLM, prompt)


def _prompt(number: int | None) -> PromptVersion:
    if number is None:
        return active_prompt()
    prompt = PromptVersion.objects.filter(pk=number).first()
    if prompt is None:
        known = ", ".join(map(str, PromptVersion.objects.order_by("pk").values_list("pk", flat=True)))
        raise CannotReassess(f"There is no prompt {number}; there are: {known or 'none'}.")
    return prompt


def reassess(event_ids: list[int], judge: Judge) -> Iterator[Assessment]:
    """One replay after the other, each kept before the next begins. Raises EngineUnavailable.

    A visit that this judge has seen as it is now, with the zones of now, is not judged again: an interrupted run goes
    on where it was. Zones that were just drawn are held against what was seen before first.
    """
    locate_all()
    for event_id in event_ids:
        event = Event.objects.select_related("camera").filter(pk=event_id).first()
        if event is not None and (replay := _replay(event, judge)) is not None:
            yield replay


def _replay(event: Event, judge: Judge) -> Assessment | None:
    """None where the visit was deleted meanwhile."""
    context = event_context(event)
    seen = len(context.sightings)
    if earlier := _earlier(event, judge, seen):
        return earlier
    answer: Verdict | AnswerRefused
    started = time.perf_counter()
    try:
        answer = judge.analyst.assess(context)
    except AnswerRefused as refused:
        answer = refused
    facts: dict[str, Any] = {
        "is_replay": True,
        "detection_count": seen,
        "latency_ms": round(1000 * (time.perf_counter() - started)),
        "prompt_version": judge.prompt,
    }
    with transaction.atomic():
        if hold(Event.objects.filter(pk=event.pk)) is None:
            return None
        if isinstance(answer, AnswerRefused):
            return keep_refused(event, answer, **facts)
        return keep(event, judge.source, answer, **facts)


def _earlier(event: Event, judge: Judge, seen: int) -> Assessment | None:
    replays = event.assessments.filter(is_replay=True, source=judge.source, prompt_version=judge.prompt)
    if zones_changed_at := last_changed_at(event.camera):
        replays = replays.filter(created_at__gt=zones_changed_at)
    return replays.filter(model=judge.analyst.facts.model, detection_count=seen).order_by("-id").first()
