"""Asking a language model about a visit, and making a verdict of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from inference.analysts.llm.answer import Answer, AnswerWrong, parse_answer
from inference.analysts.llm.facts import Facts, facts_of
from inference.analysts.llm.figures import wrong_figures_in
from inference.analysts.llm.grounding import is_english, ungrounded_in
from inference.analysts.llm.language_model import Completion, LanguageModel, Message
from inference.analysts.llm.prompt import once_more, question, shipped_instructions
from inference.analysts.rules import RulesAnalyst
from inference.protocols import AnswerRefused, Effort, EngineFacts, EventContext, Part, Verdict

TEMPERATURE = 0.2
MOST_TRIES = 2
STEADY = 0.0
"""Of the second try: what is likeliest, and nothing else."""
LONGEST_RAW_ANSWER = 8000


class _Ungrounded(AnswerWrong):
    """The form is right, but it tells what was not detected."""


@dataclass
class _Conversation:
    """What was asked about one visit so far, what was said last, and what that took."""

    model: LanguageModel
    effort: Effort = field(default_factory=Effort)
    raw_answer: str = ""

    def ask(self, messages: Sequence[Message], temperature: float) -> Completion:
        completion = self.model.complete(messages, temperature=temperature)
        self.effort = _sum(self.effort, completion.effort)
        self.raw_answer = _storable(completion.text)
        return completion


class LlmAnalyst:
    """Judges by a language model. The rules judge the same facts: it starts from them and stays within their limits."""

    name = "llm"

    def __init__(self, model: LanguageModel, instructions: str = "") -> None:
        self._model = model
        self._instructions = instructions or shipped_instructions()
        self._rules = RulesAnalyst()

    @property
    def facts(self) -> EngineFacts:
        """As they are now: a server may have been given another model."""
        return self._model.facts

    def with_instructions(self, instructions: str) -> LlmAnalyst:
        return LlmAnalyst(self._model, instructions)

    def assess(self, context: EventContext) -> Verdict:
        by_rules = self._rules.assess(context)
        facts = facts_of(context, by_rules)
        return self._judged(context, by_rules, facts, _Conversation(self._model))

    def _judged(self, context: EventContext, by_rules: Verdict, facts: Facts, conversation: _Conversation) -> Verdict:
        """The second try is told what is wrong with the first."""
        asked = messages = question(self._instructions, facts.text)
        wrong: list[AnswerWrong] = []
        while len(wrong) < MOST_TRIES:
            completion = conversation.ask(messages, STEADY if wrong else TEMPERATURE)
            try:
                answer = _read(completion, context, by_rules, facts)
            except AnswerWrong as error:
                wrong.append(error)
                messages = once_more(asked, conversation.raw_answer, error)
            else:
                return self._verdict(answer, context, by_rules, facts, conversation)
        if any(isinstance(error, _Ungrounded) for error in wrong):
            return self._in_the_rules_words(by_rules, conversation)
        raise AnswerRefused(
            f"the answer cannot be kept: {wrong[-1]}",
            raw_answer=conversation.raw_answer,
            model=self._model.facts.model,
            effort=conversation.effort,
        )

    def _in_the_rules_words(self, by_rules: Verdict, conversation: _Conversation) -> Verdict:
        """A model that sees what is not there is not believed in anything: the rules' whole reading stands."""
        return replace(
            by_rules,
            model=self._model.facts.model,
            grounded=False,
            raw_answer=conversation.raw_answer,
            effort=conversation.effort,
        )

    def _verdict(
        self, answer: Answer, context: EventContext, by_rules: Verdict, facts: Facts, conversation: _Conversation
    ) -> Verdict:
        parts = (*by_rules.parts, *_limit(by_rules), *_change(answer, by_rules, facts))
        cited = {detection_id for part in parts for detection_id in part.detection_ids}
        return replace(
            by_rules,
            model=self._model.facts.model,
            raw_score=answer.score,
            score=min(max(answer.score, by_rules.floor), by_rules.ceiling),
            parts=parts,
            summary=answer.summary,
            reasoning=answer.reasoning,
            cited_detection_ids=tuple(one.detection_id for one in context.sightings if one.detection_id in cited),
            raw_answer=conversation.raw_answer,
            effort=conversation.effort,
        )


def _read(completion: Completion, context: EventContext, by_rules: Verdict, facts: Facts) -> Answer:
    try:
        answer = parse_answer(completion.text, facts.detection_ids)
    except AnswerWrong as wrong:
        if completion.is_cut_off:
            raise AnswerWrong("it does not come to an end") from wrong
        raise
    said = f"{answer.summary}; {answer.reasoning}; {answer.change}"
    if not is_english(said):
        raise AnswerWrong("it is not in English, and words of no other language can be checked")
    if named := (*ungrounded_in(said, context, by_rules), *wrong_figures_in(said, context)):
        raise _Ungrounded(f"it says {', '.join(f'“{word}”' for word in named)}, which the facts do not")
    return answer


def _limit(by_rules: Verdict) -> tuple[Part, ...]:
    """What the rules' limit took from their points or added, so that the parts make up the score."""
    points = by_rules.score - by_rules.raw_score
    if not points:
        return ()
    why = by_rules.floor_why if points > 0 else by_rules.ceiling_why
    return (Part("limit", points, why or "a score lies within 0 to 100"),)


def _change(answer: Answer, by_rules: Verdict, facts: Facts) -> tuple[Part, ...]:
    """What the model adds to the rules' score or takes from it, with its reason."""
    points = answer.score - by_rules.score
    if not points:
        return ()
    why = f"the model: {answer.change}" if answer.change else "the model: its own reading of the whole"
    return (Part("model", points, why, tuple(sorted(facts.detection_ids[number] for number in answer.detections))),)


def _sum(one: Effort, other: Effort) -> Effort:
    return Effort(
        one.prompt_tokens + other.prompt_tokens,
        one.cached_tokens + other.cached_tokens,
        one.completion_tokens + other.completion_tokens,
    )


def _storable(text: str) -> str:
    """As it came, but for what no database keeps, and not without end."""
    text = text.encode(errors="replace").decode().replace("\0", "�")
    return text if len(text) <= LONGEST_RAW_ANSWER else f"{text[:LONGEST_RAW_ANSWER]}…"
