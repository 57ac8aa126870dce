"""A language model for tests of the stage around it: it answers by a script, at the engine's edge.

The last answer is given again and again. An exception is raised, a function is called with the facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from inference.protocols import AnswerRefused, Effort, EngineFacts, EventContext, Verdict

Answer: TypeAlias = Verdict | Exception | Callable[[EventContext], Verdict]


@dataclass
class ScriptedModel:
    answers: list[Answer] = field(default_factory=list)
    asked: list[EventContext] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    name: str = "llm"
    facts: EngineFacts = field(default_factory=lambda: EngineFacts("stub-1"))

    def says(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def with_instructions(self, instructions: str) -> ScriptedModel:
        self.told.append(instructions)
        return self

    def assess(self, context: EventContext) -> Verdict:
        self.asked.append(context)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Verdict) else answer(context)


def verdict(score: int = 34, summary: str = "By the model.", **more: object) -> Verdict:
    facts = {
        "model": "stub-1",
        "raw_score": score,
        "score": score,
        "parts": (),
        "summary": summary,
        "reasoning": "It looked.",
        "raw_answer": "{}",
        "effort": Effort(1200, 900, 80),
    }
    return Verdict(**(facts | more))  # type: ignore[arg-type]


def refused(reason: str = "the score is missing") -> AnswerRefused:
    return AnswerRefused(reason, raw_answer="{nonsense", model="stub-1", effort=Effort(700, 0, 30))
