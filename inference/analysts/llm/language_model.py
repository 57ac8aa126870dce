"""What the analyst asks of a language model, wherever that runs: in this process, or on a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from inference.protocols import Effort, EngineFacts

SEED = 1
"""Fixed, so that the same visit reads the same."""


class Message(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a model said, as it came, and what that took."""

    text: str
    effort: Effort
    is_cut_off: bool = False
    """It would have gone on, but had reached the longest answer."""


class LanguageModel(Protocol):
    facts: EngineFacts

    def complete(self, messages: Sequence[Message], *, temperature: float) -> Completion:
        """The answer to these messages, held to the schema of an answer where the engine can do that.

        Raises EngineUnavailable where the engine, not the question, is at fault.
        """
        ...


def without_system_role(messages: Sequence[Message]) -> list[Message]:
    """The same for models that know no system role: what they are told first opens the first question."""
    system, question, *rest = messages
    return [{"role": "user", "content": f"{system['content']}\n\n{question['content']}"}, *rest]
