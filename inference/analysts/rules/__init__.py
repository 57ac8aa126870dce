"""The analyst that is always there: points for what was seen, held between a floor and a ceiling, each with its reason.

Read a visit (`visit.py`), count it (`points.py`, `limits.py`), say it (`summary.py`, `reasoning.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.analysts.rules.limits import limits_of
from inference.analysts.rules.points import parts_of
from inference.analysts.rules.reasoning import not_known_of, reasoning_of
from inference.analysts.rules.summary import summary_of, summary_of_nothing
from inference.analysts.rules.visit import Visit, read
from inference.protocols import EngineFacts, EventContext, Verdict

if TYPE_CHECKING:
    from security_site.config import Config

MODEL = "rules 2"
"""Raise the number with every change that may change a score or a sentence."""


def load(_: Config) -> RulesAnalyst:
    return RulesAnalyst()


class RulesAnalyst:
    name = "rules"
    facts = EngineFacts(MODEL)

    def assess(self, context: EventContext) -> Verdict:
        visit = read(context)
        if visit is None:
            return _judge_nothing(context)
        return _judge(visit)


def _judge_nothing(context: EventContext) -> Verdict:
    return Verdict(
        MODEL,
        raw_score=0,
        score=0,
        parts=(),
        summary=summary_of_nothing(context),
        reasoning="Vehicles that stay parked count nothing." if context.sightings else "",
    )


def _judge(visit: Visit) -> Verdict:
    parts = parts_of(visit)
    floor, ceiling = limits_of(visit)
    raw_score = sum(part.points for part in parts)
    score = min(max(raw_score, floor.score), ceiling.score)
    limits_that_bound = [limit for limit in (floor, ceiling) if limit.score == score != raw_score and limit.why]
    not_known = not_known_of(visit)
    cited = {detection_id for part in parts for detection_id in part.detection_ids}
    return Verdict(
        model=MODEL,
        raw_score=raw_score,
        score=score,
        parts=parts,
        summary=summary_of(visit),
        reasoning=reasoning_of(visit, parts, limits_that_bound[:1], not_known),
        floor=floor.score,
        floor_why=floor.why,
        ceiling=ceiling.score,
        ceiling_why=ceiling.why,
        not_known=not_known,
        key_detection_id=visit.key.id,
        cited_detection_ids=tuple(one.id for one in visit.seen if one.id in cited),
    )
