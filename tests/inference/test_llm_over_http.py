"""A language model on a server: every way in which one can fail ends in time and says why, without our secrets."""

from __future__ import annotations

import gzip
import json
import logging
import re
import socket
import time
from collections.abc import Iterator

import pytest

from inference.analysts.llm import over_http
from inference.analysts.llm.answer import SCHEMA
from inference.analysts.llm.language_model import Completion, Message
from inference.analysts.llm.over_http import ServedModel
from inference.protocols import Effort, EngineUnavailable
from security_site.config import Config
from tests.inference.llm_server import (
    BUSY,
    CLOSES_IN_THE_MIDDLE,
    DRIPS,
    DRIPS_HEADERS,
    FAILS,
    GOOD,
    HANGS,
    HUGE,
    KEY_REFUSED,
    MODEL_UNKNOWN,
    NO_CHOICES,
    NOT_JSON,
    REDIRECTS,
    Answer,
    LlmServer,
    after,
    completion,
    fails_with,
    llm_server,
    refuses_response_format,
    says,
    sends,
    verdict_text,
)

QUESTION: list[Message] = [{"role": "system", "content": "Judge."}, {"role": "user", "content": "A visit."}]
SECRET = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[LlmServer]:
    with llm_server() as running:
        yield running


@pytest.fixture
def model(server: LlmServer) -> ServedModel:
    return ServedModel(Config(LLM_URL=server.url, LLM_MODEL="stub-1", LLM_API_KEY=SECRET))


def ask(model: ServedModel) -> Completion:
    return model.complete(QUESTION, temperature=0.2)


def why_not(model: ServedModel) -> str:
    with pytest.raises(EngineUnavailable) as unavailable:
        ask(model)
    return str(unavailable.value)


def test_a_question_is_sent_with_the_schema_of_its_answer_and_bounds(server: LlmServer, model: ServedModel) -> None:
    assert ask(model) == Completion(verdict_text(), Effort(1200, 900, 80))
    body, headers = server.requests[0].body, server.requests[0].headers
    assert body["messages"] == QUESTION
    assert body["model"] == "stub-1"
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.2, 1, 1500)
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert headers["Authorization"] == f"Bearer {SECRET}"


def test_without_a_name_the_first_listed_model_is_asked(server: LlmServer) -> None:
    server.models = ("first", "second")
    model = ServedModel(Config(LLM_URL=server.url))
    ask(model)
    assert model.facts.model == server.requests[0].body["model"] == "first"
    assert model.facts.device == f"the server {server.url}"


def test_without_a_name_another_model_of_the_server_is_taken_when_the_first_is_gone(server: LlmServer) -> None:
    model = ServedModel(Config(LLM_URL=server.url))
    server.models = ("newer",)
    server.answers(MODEL_UNKNOWN, GOOD)
    ask(model)
    assert model.facts.model == server.requests[-1].body["model"] == "newer"


def test_a_server_without_models_says_what_to_set(server: LlmServer) -> None:
    server.models = ()
    with pytest.raises(EngineUnavailable, match="lists no model; set LLM_MODEL"):
        ServedModel(Config(LLM_URL=server.url))


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (FAILS, "failed (HTTP 500): “internal error”"),
        (BUSY, "is not ready (HTTP 503): “model is loading”"),
        (fails_with(429, "slow down"), "has too much to do (HTTP 429)"),
        (KEY_REFUSED, "refuses our key: set LLM_API_KEY (HTTP 401)"),
        (fails_with(403), "refuses our key: set LLM_API_KEY (HTTP 403)"),
        (MODEL_UNKNOWN, "does not know that model or address: see LLM_MODEL and LLM_URL (HTTP 404)"),
        (fails_with(400, "context is 512 tokens"), "failed (HTTP 400): “context is 512 tokens”"),
        (REDIRECTS, "sends us elsewhere: set LLM_URL"),
        (NO_CHOICES, "does not answer as an OpenAI-compatible server does"),
        (NOT_JSON, "does not answer as an OpenAI-compatible server does"),
        (sends(b"[" * 5000), "does not answer as an OpenAI-compatible server does"),
        (sends(b'{"choices": [{"message": {"content": 7}}]}'), "does not answer as an OpenAI-compatible server does"),
        (CLOSES_IN_THE_MIDDLE, "broke off in the middle of its answer"),
    ],
)
def test_a_server_that_fails_is_unavailable_and_it_is_said_why(
    server: LlmServer, model: ServedModel, script: Answer, why: str
) -> None:
    server.answers(script)
    said = why_not(model)
    assert said.startswith(f"{server.url} ")
    assert why in said


@pytest.mark.parametrize(
    ("script", "limit"),
    [(HANGS, "READ_S"), (after(5, GOOD), "READ_S"), (DRIPS, "LONGEST_S"), (DRIPS_HEADERS, "LONGEST_S")],
)
def test_no_answer_takes_for_ever(
    server: LlmServer, model: ServedModel, script: Answer, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, limit, 0.6)
    server.answers(script)
    began = time.monotonic()
    assert "did not answer within 1 s" in why_not(model)
    assert time.monotonic() - began < 3


def test_a_slow_answer_is_waited_for(server: LlmServer, model: ServedModel) -> None:
    server.answers(after(0.3, GOOD))
    assert ask(model).text == verdict_text()


def test_a_huge_answer_is_read_to_a_bound_only(server: LlmServer, model: ServedModel) -> None:
    server.answers(HUGE)
    answer = ask(model)
    assert len(answer.text) == over_http.LARGEST_BYTES
    assert answer.is_cut_off


def test_a_server_that_is_away_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        model = ServedModel(Config(LLM_URL=f"http://127.0.0.1:{port}/v1", LLM_MODEL="x"))
        assert why_not(model) == (f"http://127.0.0.1:{port}/v1 cannot be reached: is it running, and is LLM_URL right?")
    model = ServedModel(Config(LLM_URL="http://no-such-host.invalid/v1", LLM_MODEL="x"))
    assert "cannot be reached" in why_not(model)


@pytest.mark.parametrize(("kinds", "form"), [(("json_schema",), "json_object"), (("json_schema", "json_object"), None)])
def test_a_server_that_refuses_a_form_of_answer_is_asked_without_it_and_that_is_remembered(
    server: LlmServer, model: ServedModel, kinds: tuple[str, ...], form: str | None
) -> None:
    server.answers(refuses_response_format(GOOD, kinds=kinds))
    assert ask(model).text == verdict_text()
    tries = len(server.requests)
    ask(model)
    assert len(server.requests) == tries + 1
    assert server.requests[-1].body.get("response_format", {}).get("type") == form


def test_a_request_that_is_refused_in_every_form_does_not_lose_the_schema(
    server: LlmServer, model: ServedModel
) -> None:
    server.answers(fails_with(400, "context is 512 tokens"))
    why_not(model)
    server.answers(GOOD)
    ask(model)
    assert server.requests[-1].body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize("status", [400, 500])
def test_a_model_without_a_system_role_is_told_all_in_the_first_question(
    server: LlmServer, model: ServedModel, status: int
) -> None:
    server.answers(fails_with(status, "System role not supported"), GOOD)
    ask(model)
    ask(model)
    for request in server.requests[1:]:
        assert request.messages == [{"role": "user", "content": "Judge.\n\nA visit."}]
        assert request.body["response_format"]["type"] == "json_schema", "that was not what it refused"


def test_the_key_is_in_no_message_and_no_log(
    server: LlmServer, model: ServedModel, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(fails_with(401, f"Incorrect API key provided: {SECRET}."))
    assert "•••" in why_not(model)
    assert SECRET not in why_not(model)
    assert SECRET not in caplog.text
    assert SECRET not in repr(model.facts)


def test_a_password_in_the_address_is_sent_and_never_told(server: LlmServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = server.url.replace("http://", "http://me:pass-word@")
    model = ServedModel(Config(LLM_URL=url, LLM_MODEL="x"))
    server.answers(FAILS)
    assert "pass-word" not in why_not(model) + model.facts.device + caplog.text
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


def test_the_environment_names_no_proxy_for_it(
    server: LlmServer, model: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert ask(model).text == verdict_text()


def test_words_of_the_server_are_passed_on_as_one_short_line(server: LlmServer, model: ServedModel) -> None:
    server.answers(fails_with(500, "line\n\x1b[31mtwo\u202e " + "x" * 1000))
    said = why_not(model)
    assert "“line [31mtwo xxx" in said
    assert len(said) < 350
    assert said.isprintable()


@pytest.mark.parametrize(
    ("told", "effort"),
    [
        ({}, Effort(1200, 900, 80)),
        ({"usage": {"prompt_tokens": 50, "completion_tokens": 5}}, Effort(50, 0, 5)),
        ({"usage": None}, Effort()),
        ({"usage": {"prompt_tokens": 50}, "timings": {"prompt_n": 20, "predicted_n": 7}}, Effort(50, 30, 7)),
        ({"usage": {}, "timings": {"cache_n": 30, "prompt_n": 20, "predicted_n": 7}}, Effort(50, 30, 7)),
        ({"usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 99}}}, Effort(5, 5, 0)),
        ({"usage": {"prompt_tokens": "many", "completion_tokens": -3}}, Effort()),
        ({"usage": {"prompt_tokens": True, "prompt_tokens_details": []}}, Effort()),
    ],
)
def test_what_an_answer_took_is_read_in_each_form_and_never_made_up(
    server: LlmServer, model: ServedModel, told: dict[str, object], effort: Effort
) -> None:
    server.answers(says("x", **told))
    assert ask(model).effort == effort


def test_an_answer_that_was_cut_off_says_so(server: LlmServer, model: ServedModel) -> None:
    server.answers(says("x", choices=[completion("x")["choices"][0] | {"finish_reason": "length"}]))
    assert ask(model).is_cut_off


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"LLM_URL": "http://a:b:c/"}, "LLM_URL is not an address"),
        ({"LLM_URL": "http://127.0.0.1:1/v1?key=s3cret"}, "a key belongs into LLM_API_KEY"),
        ({"LLM_URL": "http:///v1"}, "cannot be reached: is it running, and is LLM_URL right?"),
        ({"LLM_URL": "http://127.0.0.1:1", "LLM_API_KEY": "clé"}, "LLM_API_KEY holds characters that cannot be sent"),
        ({"LLM_URL": "http://127.0.0.1:1", "LLM_API_KEY": "a\nb"}, "LLM_API_KEY holds characters that cannot be sent"),
    ],
)
def test_settings_that_cannot_work_are_told(given: dict[str, str], why: str) -> None:
    with pytest.raises(EngineUnavailable, match=re.escape(why)):
        ServedModel(Config.model_validate(given))


def test_a_packed_answer_is_not_unpacked(server: LlmServer, model: ServedModel) -> None:
    """A few kilobytes can unpack to gigabytes."""
    packed = gzip.compress(json.dumps(completion("A" * 1_000_000)).encode())
    server.answers(lambda handler, _: handler.send_bytes(packed, headers={"Content-Encoding": "gzip"}))
    assert "does not answer as an OpenAI-compatible server does" in why_not(model)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"
