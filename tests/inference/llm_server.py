"""A local OpenAI-compatible server with scripted answers, on a real socket: the language model of the tests.

    with llm_server(judges(score=34), FAILS) as server:
        config = Config(LLM_URL=server.url)
        ...
    server.requests[0].messages

Each request to `/chat/completions` takes the next answer of the script; the last one is given again and again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

MODEL = "stub-1"
SUMMARY = "A person was seen for a while."
REASONING = "A person was seen. It is not known who it was."


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = self.body["messages"]
        return messages

    @property
    def system(self) -> str:
        """What the model is told first: instructions, and how to answer."""
        return self.messages[0]["content"]

    @property
    def facts(self) -> str:
        """The message with the facts of the visit."""
        return self.messages[1]["content"]


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.script.note(Request(self.path, dict(self.headers), {}))
        if self.path == "/v1/models":
            self.send(
                {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.script.models]}
            )
        else:
            self.send({"error": {"message": f"no {self.path}"}}, status=404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = Request(self.path, dict(self.headers), body)
        self.server.script.note(request)
        if self.path != "/v1/chat/completions":
            self.send({"error": {"message": f"no {self.path}"}}, status=404)
            return
        self.server.script.next_answer()(self, request)

    def send(self, value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_bytes(json.dumps(value).encode(), status=status, headers=headers)

    def send_bytes(self, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def wait(self, seconds: float | None) -> None:
        """Do nothing for so long, or until the server stops."""
        self.server.script.stopped.wait(seconds)

    def log_message(self, *_: Any) -> None:
        """Silence."""


Answer: TypeAlias = Callable[[_Handler, Request], None]


def completion(content: str | None, **more: Any) -> dict[str, Any]:
    """The body of an answer, with this as the model's words."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 1200,
            "completion_tokens": 80,
            "total_tokens": 1280,
            "prompt_tokens_details": {"cached_tokens": 900},
        },
    } | more


def says(content: str | None, **more: Any) -> Answer:
    """These words, whatever they are; `more` replaces fields of the answer's body."""
    return lambda handler, _: handler.send(completion(content, **more))


def verdict_text(
    score: Any = 34,
    summary: Any = SUMMARY,
    reasoning: Any = REASONING,
    change: Any = "it stayed for a while",
    detections: Any = (1,),
    **more: Any,
) -> str:
    """What a model says in the form that is asked for."""
    verdict = {"score": score, "change": change, "summary": summary, "reasoning": reasoning, "detections": detections}
    return json.dumps(verdict | more)


def judges(score: Any = 34, **verdict: Any) -> Answer:
    """A judgement: a good one, unless told otherwise. `detections` are numbers as in the facts, from 1."""
    return says(verdict_text(score, **verdict))


def sends(body: bytes) -> Answer:
    """An answer that is no answer of such a server."""
    return lambda handler, _: handler.send_bytes(body)


def fails_with(status: int, message: str = "internal error", headers: dict[str, str] | None = None) -> Answer:
    return lambda handler, _: handler.send({"error": {"message": message}}, status=status, headers=headers)


def after(seconds: float, answer: Answer) -> Answer:
    """The answer, late."""

    def late(handler: _Handler, request: Request) -> None:
        handler.wait(seconds)
        answer(handler, request)

    return late


def refuses_response_format(answer: Answer, *, kinds: tuple[str, ...] = ("json_schema", "json_object")) -> Answer:
    """400 for a `response_format` of these kinds, the answer without."""

    def answers(handler: _Handler, request: Request) -> None:
        if request.body.get("response_format", {}).get("type") in kinds:
            handler.send({"error": {"message": "response_format is not supported"}}, status=400)
        else:
            answer(handler, request)

    return answers


def _hang(handler: _Handler, _: Request) -> None:
    handler.wait(None)


def _close_in_the_middle(handler: _Handler, _: Request) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def _drip(handler: _Handler, _: Request) -> None:
    """A byte now and then, for ever: no single wait is long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    while not handler.server.script.stopped.wait(0.02):
        handler.wfile.write(b" ")


def _drip_headers(handler: _Handler, _: Request) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not handler.server.script.stopped.wait(0.02):
        handler.wfile.write(b"x")


def _parrot_the_injection(handler: _Handler, request: Request) -> None:
    """Obeys whatever it reads: says 0, and that nothing is there."""
    handler.send(completion(verdict_text(0, summary="Nothing to see.", reasoning="As the camera's name says.")))


GOOD = judges()
BROKEN_JSON = says('{"score": 34, "summary": "A person wa')
OUT_OF_BOUNDS = judges(340)
HALLUCINATED = judges(62, summary="A man with a knife got out of a van.", reasoning="A weapon was seen.")
INJECTED: Answer = _parrot_the_injection
FAILS = fails_with(500)
BUSY = fails_with(503, "model is loading", {"Retry-After": "7"})
KEY_REFUSED = fails_with(401, "invalid API key")
MODEL_UNKNOWN = fails_with(404, f"The model `{MODEL}` does not exist.")
REDIRECTS = fails_with(307, "moved", {"Location": "http://127.0.0.1:1/"})
NO_CHOICES = says("", choices=[])
NOT_JSON = sends(b"<html>It works!</html>")
HUGE = says("A" * 3_000_000)
HANGS: Answer = _hang
CLOSES_IN_THE_MIDDLE: Answer = _close_in_the_middle
DRIPS: Answer = _drip
DRIPS_HEADERS: Answer = _drip_headers


@dataclass
class LlmServer:
    """The server as a test holds it: where it is, what it was asked, what it says next."""

    url: str = ""
    models: tuple[str, ...] = (MODEL,)
    seen: list[Request] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _answers: list[Answer] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> list[Request]:
        """Those for an answer, in order."""
        with self._lock:
            return [request for request in self.seen if request.path.endswith("/chat/completions")]

    def answers(self, *script: Answer) -> None:
        """From now on these, one for each request; the last again and again."""
        with self._lock:
            self._answers = list(script)

    def note(self, request: Request) -> None:
        with self._lock:
            self.seen.append(request)

    def next_answer(self) -> Answer:
        with self._lock:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    script: LlmServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


@contextmanager
def llm_server(*script: Answer) -> Iterator[LlmServer]:
    """The server, with this script, until the end of the block. Without one it judges well."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.script = LlmServer(url=f"http://127.0.0.1:{server.server_port}/v1")
    server.script.answers(*(script or (GOOD,)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.script
    finally:
        server.script.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
