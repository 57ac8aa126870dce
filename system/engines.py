"""Which models run, why those, their weights, and how fast they were. For the System page, its API and `/readyz`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Avg, Count, F, Q, Sum
from django.db.models.functions import Now

from cameras.models import Capture
from events.asking import is_wanted
from events.models import Assessment
from events.templatetags.words import took
from inference.analysts.rules.phrases import percent
from inference.registry import choose_analyst, choose_detector
from system.backlog import RECENT
from system.workers import Worker

RULES_LOOKED_AT = 500
"""Newest judgements by rules that are looked through: they are many, and alike."""


@dataclass(frozen=True)
class Speed:
    """How long one of something took on average within the last hour."""

    what: str
    count: int
    mean_ms: float
    tokens_per_s: float | None = None
    """Of a language model: what it wrote, over all of the time it took."""
    cached_share: float | None = None
    """Of a language model: how much of its prompts had been evaluated for an earlier one, 0–1."""

    @property
    def words(self) -> str:
        """ "2.0 s a visit in the last hour (23), 40 tokens/s, 70 % of the prompts known from before" """
        told = [f"{took(round(self.mean_ms))} a {self.what} in the last hour ({intcomma(self.count)})"]
        if self.tokens_per_s is not None:
            told.append(f"{self.tokens_per_s:.0f} tokens/s")
        if self.cached_share is not None:
            told.append(f"{percent(self.cached_share)} of the prompts known from before")
        return ", ".join(told)


@dataclass(frozen=True)
class Engine:
    """A model that was chosen for a role and why, those that living workers say they run, and how fast it was."""

    role: str
    name: str
    why: str
    workers: tuple[Worker, ...] = ()
    speeds: tuple[Speed, ...] = ()
    needs_worker: bool = True
    """False of the rules: whoever places a picture judges by them."""
    came_later: bool = False
    """It could not be chosen when the program started, so no process for it was."""

    @property
    def running(self) -> tuple[str, ...]:
        return tuple(sorted({str(worker.detail["engine"]) for worker in self.workers}))

    @property
    def is_another(self) -> bool:
        """Whether a worker runs something else than was chosen: the settings changed since it started."""
        return any(name != self.name for name in self.running)

    @property
    def loaded(self) -> list[dict[str, Any]]:
        """What the workers loaded: model, checksum of its weights, device; each once."""
        told = [
            {key: worker.detail.get(key, "") for key in ("model", "sha256", "device", "note")}
            for worker in self.workers
            if worker.detail.get("model") or worker.detail.get("note")
        ]
        return [one for number, one in enumerate(told) if one not in told[:number]]

    def told(self) -> dict[str, Any]:
        """For monitors."""
        speeds = [asdict(speed) for speed in self.speeds]
        return {"role": self.role, "name": self.name, "why": self.why, "loaded": self.loaded, "speeds": speeds}


def engines(present: Sequence[Worker]) -> list[Engine]:
    """The choice by the settings of this process, beside what the workers loaded."""
    config = settings.CONFIG
    detector, analyst = choose_detector(config), choose_analyst(config)
    found = [Engine("detector", detector.name, detector.why, _running(present, "detect"), tuple(_detector_speeds()))]
    if analyst.name == "llm":
        why = "always there: a score the moment there is a visit"
        speeds = tuple(_model_speeds())
        workers = _running(present, "analyze")
        found.append(Engine("analyst", "llm", analyst.why, workers, speeds, came_later=not is_wanted()))
    else:
        why = analyst.why
    return [*found, Engine("analyst", "rules", why, speeds=tuple(_rules_speeds()), needs_worker=False)]


def _running(present: Sequence[Worker], queue: str) -> tuple[Worker, ...]:
    return tuple(one for one in present if one.lives and one.queue == queue and "engine" in one.detail)


def _detector_speeds() -> Iterator[Speed]:
    looked_at = Capture.objects.filter(processed_at__gt=Now() - RECENT, detect_ms__isnull=False)
    rows = looked_at.values("media_type").annotate(count=Count("pk"), mean_ms=Avg("detect_ms")).order_by("media_type")
    for row in rows:
        what = "video" if row["media_type"] == Capture.MediaType.VIDEO else "picture"
        yield Speed(what, row["count"], row["mean_ms"])


def _model_speeds() -> Iterator[Speed]:
    answered = Assessment.objects.filter(
        created_at__gt=Now() - RECENT, source=Assessment.Source.LLM, is_replay=False, error=""
    )
    facts = answered.aggregate(
        count=Count("pk"),
        mean_ms=Avg("latency_ms"),
        spent_ms=Sum("latency_ms", filter=Q(completion_tokens__isnull=False)),
        written=Sum("completion_tokens"),
        read=Sum("prompt_tokens", filter=Q(cached_tokens__isnull=False)),
        cached=Sum(F("cached_tokens")),
    )
    if facts["count"]:
        yield Speed(
            "visit",
            facts["count"],
            facts["mean_ms"],
            1000 * facts["written"] / facts["spent_ms"] if facts["spent_ms"] else None,
            facts["cached"] / facts["read"] if facts["read"] else None,
        )


def _rules_speeds() -> Iterator[Speed]:
    newest = Assessment.objects.filter(source=Assessment.Source.RULES).order_by("-pk")[:RULES_LOOKED_AT]
    lately = Assessment.objects.filter(pk__in=newest.values("pk"), created_at__gt=Now() - RECENT)
    facts = lately.aggregate(count=Count("pk"), mean_ms=Avg("latency_ms"))
    if facts["count"]:
        yield Speed("visit", facts["count"], facts["mean_ms"])
