"""A language model in this process: a GGUF file through llama.cpp. Imported by `load` only: it loads the library."""

from __future__ import annotations

import ctypes
import json
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import llama_cpp
import numpy as np
from jinja2 import TemplateError
from llama_cpp import CreateCompletionResponse, Llama, StoppingCriteriaList
from llama_cpp.llama_chat_format import Jinja2ChatFormatter
from llama_cpp.llama_grammar import LlamaGrammar

from inference import model_files
from inference.analysts.llm.answer import SCHEMA
from inference.analysts.llm.language_model import SEED, Completion, Message, without_system_role
from inference.protocols import Effort, EngineFacts, EngineLost, EngineUnavailable

if TYPE_CHECKING:
    from security_site.config import Config

CONTEXT_TOKENS = 8192
"""A question has about 3,000, a second try 4,000; some tokenizers need twice as many."""
MOST_TOKENS = 700
LEAST_KEPT = 128
"""Tokens: fewer are read again as fast."""
LONGEST_S = 180.0
MAGIC = b"GGUF"
LOGGED_ERROR = 4
"""GGML_LOG_LEVEL_ERROR."""
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{{ '<|im_start|>assistant\n' }}"
)
"""For a file that has no template of its own."""


_complaints: deque[str] = deque(maxlen=4)
"""What llama.cpp last said goes wrong: its exceptions do not tell."""


def _listen(level: int, text: bytes, _: object) -> None:
    """In the library's place, which prints."""
    if level == LOGGED_ERROR:
        _complaints.append(" ".join(text.decode(errors="replace").split()))


_LISTENER = llama_cpp.llama_log_callback(_listen)
llama_cpp.llama_log_set(_LISTENER, ctypes.c_void_p(0))


@dataclass(frozen=True)
class _Memory:
    """What a model remembers when it has read these tokens."""

    tokens: list[int]
    state: ctypes.Array[ctypes.c_uint8]


class _Llama(Llama):
    """The library's, which also says how much of a prompt it evaluated, and can go back to what it had read once."""

    evaluated = 0
    """Tokens of the prompt; those it had read before, at the beginning of another, it skips."""
    _is_reading = True

    def begin(self) -> None:
        self.evaluated, self._is_reading = 0, True

    def eval(self, tokens: Sequence[int]) -> None:
        super().eval(tokens)
        if self._is_reading:
            self.evaluated += len(tokens)
        if tokens and self._computes_nonsense():
            # The grammar would find nothing that it allows, and end the whole process.
            raise RuntimeError("the model computes what are no numbers; its file may be broken")

    def sample(self, *positional: Any, **named: Any) -> int:
        self._is_reading = False
        token: int = super().sample(*positional, **named)
        return token

    def read(self, tokens: list[int]) -> _Memory:
        """Read these from the start, and keep what is remembered of them."""
        self.reset()  # type: ignore[no-untyped-call]
        self.eval(tokens)
        state = (ctypes.c_uint8 * llama_cpp.llama_state_seq_get_size(self.ctx, 0))()
        llama_cpp.llama_state_seq_get_data(self.ctx, state, len(state), 0)
        return _Memory(tokens, state)

    def recall(self, memory: _Memory) -> None:
        """Be where those had just been read."""
        self.reset()  # type: ignore[no-untyped-call]
        if llama_cpp.llama_state_seq_set_data(self.ctx, memory.state, len(memory.state), 0):
            self.n_tokens = len(memory.tokens)
            self.input_ids[: self.n_tokens] = memory.tokens

    def _computes_nonsense(self) -> bool:
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.ctx, -1), shape=(self.n_vocab(),))
        return bool(np.isnan(logits).any())


class LocalModel:
    """A GGUF file, loaded, with all layers on the GPU where there is one."""

    def __init__(self, config: Config) -> None:
        with model_files.verified(config.LLM_MODEL, config.models) as (path, sha256):
            self._llama = _loaded(path)
        self.facts = EngineFacts(path.stem, sha256, "GPU" if llama_cpp.llama_supports_gpu_offload() else "CPU")
        self._grammar = LlamaGrammar.from_json_schema(json.dumps(SCHEMA), verbose=False)
        self._bos = _text_of(self._llama, self._llama.token_bos())
        self._template = _template_of(self._llama, self._bos)
        self._knows_system_role = True
        self._cannot_cut_back = llama_cpp.llama_model_is_recurrent(self._llama.model) or (
            llama_cpp.llama_model_is_hybrid(self._llama.model)
        )
        self._kept: _Memory | None = None
        self._last_prompt: list[int] = []
        self._deadline = math.inf
        self._ran_out_of_time = False
        # Between two tokens Python looks at the clock; while a long prompt is evaluated, only llama.cpp can.
        self._clock = llama_cpp.ggml_abort_callback(lambda _: self._is_late())
        llama_cpp.llama_set_abort_callback(self._llama.ctx, self._clock, ctypes.c_void_p(0))

    def complete(self, messages: Sequence[Message], *, temperature: float) -> Completion:
        prompt = self._tokens(messages)
        if len(prompt) + MOST_TOKENS > CONTEXT_TOKENS:
            raise EngineUnavailable(
                f"the prompt has {len(prompt)} tokens for {self.facts.model}, which takes "
                f"{CONTEXT_TOKENS - MOST_TOKENS}: shorten its instructions"
            )
        self._deadline, self._ran_out_of_time = time.monotonic() + LONGEST_S, False
        self._llama.begin()
        try:
            if self._cannot_cut_back:
                self._go_back(prompt)
            answer = self._answer(prompt, temperature)
        except (MemoryError, RuntimeError) as error:
            self._llama.reset()  # type: ignore[no-untyped-call]
            raise self._unavailable(error) from error
        finally:
            self._deadline = math.inf
        if self._ran_out_of_time:
            raise self._too_slow()
        choice = answer["choices"][0]
        effort = Effort(len(prompt), len(prompt) - self._llama.evaluated, answer["usage"]["completion_tokens"])
        return Completion(choice["text"], effort, is_cut_off=choice["finish_reason"] == "length")

    def _go_back(self, prompt: list[int]) -> None:
        """To the end of what prompts have in common: this kind of model cannot forget only its last tokens."""
        if self._kept and prompt[: len(self._kept.tokens)] == self._kept.tokens:
            self._llama.recall(self._kept)
        else:
            common = Llama.longest_token_prefix(self._last_prompt, prompt[:-1])
            self._kept = self._llama.read(prompt[:common]) if common >= LEAST_KEPT else None
        self._last_prompt = prompt

    def _answer(self, prompt: list[int], temperature: float) -> CreateCompletionResponse:
        answer = self._llama.create_completion(
            prompt,
            max_tokens=MOST_TOKENS,
            temperature=temperature,
            seed=SEED,
            grammar=self._grammar,
            stopping_criteria=StoppingCriteriaList([lambda *_: self._is_late()]),
        )
        return cast("CreateCompletionResponse", answer)

    def _tokens(self, messages: Sequence[Message]) -> list[int]:
        if self._knows_system_role:
            try:
                return self._tokenized(messages)
            except (TemplateError, ValueError):
                self._knows_system_role = False
        try:
            return self._tokenized(without_system_role(messages))
        except (TemplateError, ValueError) as error:
            raise EngineUnavailable(f"the chat template in {self.facts.model} cannot be used: {error}") from error

    def _tokenized(self, messages: Sequence[Message]) -> list[int]:
        text = self._template(messages=cast("Any", messages), enable_thinking=False).prompt
        return self._llama.tokenize(text.encode(), add_bos=not text.startswith(self._bos), special=True)

    def _is_late(self) -> bool:
        self._ran_out_of_time = self._ran_out_of_time or time.monotonic() > self._deadline
        return self._ran_out_of_time

    def _unavailable(self, error: Exception) -> EngineUnavailable:
        if self._ran_out_of_time:
            return self._too_slow()
        if isinstance(error, MemoryError):
            return EngineUnavailable(f"memory does not suffice for {self.facts.model}: take a smaller one")
        return EngineLost(f"{self.facts.model} broke off: {_complaints[-1] if _complaints else error}")

    def _too_slow(self) -> EngineUnavailable:
        return EngineUnavailable(
            f"{self.facts.model} did not answer within {LONGEST_S:.0f} s on this {self.facts.device}: "
            "take a smaller one, or a server (LLM_URL)"
        )


def _loaded(path: Path) -> _Llama:
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise EngineUnavailable(f"{path.name} is not a GGUF file")
        _complaints.clear()
        return _Llama(str(path), n_ctx=CONTEXT_TOKENS, n_gpu_layers=-1, seed=SEED, verbose=False)
    except OSError as error:
        raise EngineUnavailable(f"{path} cannot be read: {error.strerror}") from error
    except TemplateError as error:
        raise EngineUnavailable(f"the chat template in {path.name} cannot be read: {error}") from error
    except MemoryError as error:
        raise EngineUnavailable(f"memory does not suffice for {path.name}: take a smaller one") from error
    except (ValueError, RuntimeError, AssertionError) as error:
        said = f" ({_complaints[0]})" if _complaints else ""
        raise EngineUnavailable(
            f"{path.name} cannot be loaded: it is damaged, of an unknown kind, or memory does not suffice{said}"
        ) from error


def _template_of(llama: Llama, bos: str) -> Jinja2ChatFormatter:
    template = llama.metadata.get("tokenizer.chat_template", CHATML)
    return Jinja2ChatFormatter(template, eos_token=_text_of(llama, llama.token_eos()), bos_token=bos)


def _text_of(llama: Llama, token: int) -> str:
    return llama.detokenize([token], special=True).decode(errors="replace") if token >= 0 else ""
