"""A language model behind an OpenAI-compatible server: llama-server, vLLM, Ollama, here or on another machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from inference.analysts.llm.answer import SCHEMA
from inference.analysts.llm.language_model import SEED, Completion, Message, without_system_role
from inference.protocols import Effort, EngineFacts, EngineUnavailable

if TYPE_CHECKING:
    from security_site.config import Config

CONNECT_S = 5.0
READ_S = 60.0
LONGEST_S = 75.0
"""Of a whole request: one that drips a byte now and then must end too."""
LARGEST_BYTES = 256 * 1024
MOST_TOKENS = 1500
"""Of an answer: some models think aloud before they say anything, and cannot be kept from it."""
QUOTED = 200
"""Characters of a server's own words that are passed on."""
BY_SCHEMA = {"type": "json_schema", "json_schema": {"name": "judgement", "strict": True, "schema": SCHEMA}}
FORMS: tuple[dict[str, Any], ...] = (
    {"response_format": BY_SCHEMA, "chat_template_kwargs": {"enable_thinking": False}},
    {"response_format": BY_SCHEMA},
    {"response_format": {"type": "json_object"}},
    {},
)
"""How an answer is held to its form, best first: what a server refuses is not asked of it again."""
REFUSES_THE_FORM = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
REASONS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "refuses our key: set LLM_API_KEY",
    HTTPStatus.FORBIDDEN: "refuses our key: set LLM_API_KEY",
    HTTPStatus.NOT_FOUND: "does not know that model or address: see LLM_MODEL and LLM_URL",
    HTTPStatus.TOO_MANY_REQUESTS: "has too much to do",
    HTTPStatus.SERVICE_UNAVAILABLE: "is not ready",
}


class _Refused(Exception):
    """The server answered with a status that is no success."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


class _TooLarge(Exception):
    """An answer does not end; holds its beginning."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__()
        self.beginning = beginning


class ServedModel:
    """The model of that name on the server; without a name the first that it lists."""

    def __init__(self, config: Config) -> None:
        try:
            url = httpx.URL(config.LLM_URL)
        except httpx.InvalidURL as error:
            raise EngineUnavailable("LLM_URL is not an address, such as http://192.168.1.20:8080/v1") from error
        if url.query or url.fragment:
            raise EngineUnavailable("LLM_URL ends with its path, such as /v1; a key belongs into LLM_API_KEY")
        if not (config.LLM_API_KEY.isascii() and config.LLM_API_KEY.isprintable()):
            raise EngineUnavailable("LLM_API_KEY holds characters that cannot be sent: set it again")
        self._url = url.copy_with(userinfo=b"", path=url.path.rstrip("/"))
        self._secrets = [secret for secret in (config.LLM_API_KEY, url.password) if secret]
        self._headers = {"Accept-Encoding": "identity"}  # what is packed could unpack to anything
        if config.LLM_API_KEY:
            self._headers["Authorization"] = f"Bearer {config.LLM_API_KEY}"
        self._login = (url.username, url.password) if url.username and not config.LLM_API_KEY else None
        self._is_named = bool(config.LLM_MODEL)
        self._form = 0
        self._knows_system_role = True
        self.facts = EngineFacts(config.LLM_MODEL or self._first_listed(), device=f"the server {self._url}")

    def complete(self, messages: Sequence[Message], *, temperature: float) -> Completion:
        form = self._form
        while True:
            try:
                completion = self._completion(self._post(messages, temperature, FORMS[form]))
            except _TooLarge as large:
                return Completion(large.beginning.decode(errors="replace"), Effort(), is_cut_off=True)
            except _Refused as refused:
                if self._has_mended(refused):
                    continue
                if refused.status not in REFUSES_THE_FORM or form + 1 == len(FORMS):
                    raise self._unavailable(refused) from refused
                form += 1
            else:
                self._form = form
                return completion

    def _post(self, messages: Sequence[Message], temperature: float, form: dict[str, Any]) -> Any:
        body = {
            "model": self.facts.model,
            "messages": list(messages) if self._knows_system_role else without_system_role(messages),
            "temperature": temperature,
            "max_tokens": MOST_TOKENS,
            "seed": SEED,
            **form,
        }
        return self._ask("POST", "/chat/completions", body)

    def _has_mended(self, refused: _Refused) -> bool:
        """Whether what the server stumbled over is now told otherwise."""
        if self._knows_system_role and "system role" in refused.words.casefold():
            self._knows_system_role = False
            return True
        return refused.status == HTTPStatus.NOT_FOUND and not self._is_named and self._take_another_model()

    def _take_another_model(self) -> bool:
        """Where no model is named, the server may have been given another one since."""
        listed = self._first_listed()
        is_another = listed != self.facts.model
        self.facts = EngineFacts(listed, device=self.facts.device)
        return is_another

    def _first_listed(self) -> str:
        try:
            listed = self._ask("GET", "/models", None)
            name = listed["data"][0]["id"]
        except _Refused as refused:
            raise self._unavailable(refused) from refused
        except (_TooLarge, LookupError, TypeError) as error:
            raise EngineUnavailable(f"{self._url} lists no model; set LLM_MODEL to the one it has") from error
        if not isinstance(name, str):
            raise EngineUnavailable(f"{self._url} lists no model; set LLM_MODEL to the one it has")
        return name

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """The JSON that the server answers. Raises EngineUnavailable, _Refused, _TooLarge."""
        try:
            status, content = asyncio.run(self._exchange(method, path, body))
        except (httpx.HTTPError, OSError) as error:
            raise EngineUnavailable(f"{self._url} {_in_words(error)}") from error
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise _Refused(status, self._quoted(content))
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._is_no_such_server() from error

    async def _exchange(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, bytes]:
        content = bytearray()
        async with (
            asyncio.timeout(LONGEST_S),
            httpx.AsyncClient(
                timeout=httpx.Timeout(READ_S, connect=CONNECT_S), trust_env=False, follow_redirects=False
            ) as client,
            client.stream(method, f"{self._url}{path}", json=body, headers=self._headers, auth=self._login) as response,
        ):
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise _TooLarge(bytes(content[:LARGEST_BYTES]))
        return response.status_code, bytes(content)

    def _completion(self, answer: Any) -> Completion:
        try:
            choice = answer["choices"][0]
            text = choice["message"]["content"] or ""
            is_cut_off = choice.get("finish_reason") == "length"
        except (LookupError, TypeError, AttributeError) as error:
            raise self._is_no_such_server() from error
        if not isinstance(text, str):
            raise self._is_no_such_server()
        return Completion(text, _effort(answer), is_cut_off)

    def _is_no_such_server(self) -> EngineUnavailable:
        return EngineUnavailable(f"{self._url} does not answer as an OpenAI-compatible server does: see LLM_URL")

    def _unavailable(self, refused: _Refused) -> EngineUnavailable:
        if HTTPStatus.MULTIPLE_CHOICES <= refused.status < HTTPStatus.BAD_REQUEST:
            return EngineUnavailable(f"{self._url} sends us elsewhere: set LLM_URL to where its model is")
        words = f": “{refused.words}”" if refused.words else ""
        return EngineUnavailable(f"{self._url} {REASONS.get(refused.status, 'failed')} (HTTP {refused.status}){words}")

    def _quoted(self, content: bytes) -> str:
        """The beginning of what the server says is wrong, on one line, without anything secret."""
        text = content.decode(errors="replace")
        try:
            error = json.loads(text)["error"]
            text = error if isinstance(error, str) else str(error["message"])
        except (ValueError, LookupError, TypeError, RecursionError):
            pass  # it may say it in any other form
        for secret in self._secrets:
            text = text.replace(secret, "•••")
        line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
        return line if len(line) <= QUOTED else f"{line[:QUOTED]}…"


def _in_words(error: Exception) -> str:
    """Our own words: a library's may hold the address with its password."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"cannot be reached within {CONNECT_S:.0f} s"
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return f"did not answer within {LONGEST_S if isinstance(error, TimeoutError) else READ_S:.0f} s"
    if isinstance(error, (httpx.ReadError, httpx.RemoteProtocolError)):
        return "broke off in the middle of its answer"
    return "cannot be reached: is it running, and is LLM_URL right?"


def _effort(answer: dict[str, Any]) -> Effort:
    """What it took, in whichever form the server tells that: OpenAI's, or llama-server's own."""
    usage, timings = _object(answer, "usage"), _object(answer, "timings")
    evaluated, cached = _count(timings, "prompt_n"), _count(timings, "cache_n")
    told = _object(usage, "prompt_tokens_details")
    prompt_tokens = _count(usage, "prompt_tokens") or evaluated + cached
    if "cached_tokens" in told:
        cached = _count(told, "cached_tokens")
    elif "cache_n" not in timings and "prompt_n" in timings:
        cached = prompt_tokens - evaluated
    completion_tokens = _count(usage, "completion_tokens") or _count(timings, "predicted_n")
    return Effort(prompt_tokens, min(max(cached, 0), prompt_tokens), completion_tokens)


def _object(value: dict[str, Any], name: str) -> dict[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _count(value: dict[str, Any], name: str) -> int:
    count = value.get(name)
    return count if type(count) is int and 0 <= count < 2**31 else 0
