"""What a service really answers, noted where every kind of service passes: in `requests` and in `smtplib`.

Apprise tells only whether a notice was taken, and says the rest to a log, in 130 ways. Called by `alerts.sending`.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, wraps
from itertools import islice
from typing import Any

import requests

CONNECT_S, READ_S = 5.0, 10.0
MOST_BYTES = 1024**2
CHUNK = 64 * 1024
MOST_KEPT = 10_000
NOT_FINAL = {408, 425, 429}
GOODBYE = 221


@dataclass(frozen=True)
class Reply:
    """What a server said once: an HTTP status with its body, or a line of SMTP."""

    code: int
    text: str
    is_smtp: bool = False

    @property
    def is_good(self) -> bool:
        return self.code < 400 if self.is_smtp else 200 <= self.code < 300

    @property
    def is_refusal(self) -> bool:
        """Whether asking again would change nothing."""
        return self.code >= 500 if self.is_smtp else 400 <= self.code < 500 and self.code not in NOT_FINAL

    @property
    def words(self) -> str:
        status = f"{'SMTP' if self.is_smtp else 'HTTP'} {self.code}"
        if not self.is_smtp and 300 <= self.code < 400:
            return f"It sends the notice elsewhere ({status}), and redirects are not followed."
        return f"It {'refused' if self.is_refusal else 'could not take'} the notice ({status})."


@dataclass
class Said:
    """All that was said within one attempt."""

    replies: list[Reply] = field(default_factory=list)
    error: BaseException | None = None
    keys: set[str] = field(default_factory=set)
    """What we showed to be let in, as it was sent."""

    @property
    def decisive(self) -> Reply | None:
        """The last that was no success, else the last: a notice may take several requests."""
        replies = [reply for reply in self.replies if not (reply.is_smtp and reply.code == GOODBYE)]
        bad = [reply for reply in replies if not reply.is_good]
        return next(reversed(bad or replies), None)


class _OfThisThread(threading.local):
    said: Said | None = None


_mine = _OfThisThread()


@contextmanager
def listening() -> Iterator[Said]:
    """Notes what is said to this thread. A thread that a library starts is not listened to."""
    _begin_to_note()
    said = _mine.said = Said()
    try:
        yield said
    finally:
        _mine.said = None


@cache
def _begin_to_note() -> None:
    """Once in a process. Requests outside of `listening` pass as they are."""
    requests.Session.send = _noted(_on_our_terms(requests.Session.send), _of_http)  # type: ignore[method-assign]
    smtplib.SMTP.getreply = _noted(smtplib.SMTP.getreply, _of_smtp)  # type: ignore[method-assign]
    smtplib.SMTP.connect = _noted(smtplib.SMTP.connect)  # type: ignore[method-assign]


def _noted(call: Callable[..., Any], reply_of: Callable[[Any], Reply] | None = None) -> Callable[..., Any]:
    @wraps(call)
    def noted(*arguments: Any, **options: Any) -> Any:
        said = _mine.said
        if said is None:
            return call(*arguments, **options)
        try:
            answer = call(*arguments, **options)
        except Exception as error:
            said.error = error
            raise
        if reply_of is not None:
            said.replies.append(reply_of(answer))
        return answer

    return noted


def _on_our_terms(send: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever the kind of service, its URL or the environment ask for: no redirect, no proxy, and an end."""

    @wraps(send)
    def bounded(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if _mine.said is None:
            response: requests.Response = send(session, request, **options)
            return response
        _mine.said.keys.update(str(request.headers.get("Authorization", "")).split()[1:])
        ours = {"allow_redirects": False, "timeout": (CONNECT_S, READ_S), "proxies": {}, "stream": True}
        response = send(session, request, **options | ours)
        response._content = b"".join(islice(response.iter_content(CHUNK), MOST_BYTES // CHUNK))
        response._content_consumed = True
        response.close()
        return response

    return bounded


def _of_http(response: requests.Response) -> Reply:
    return Reply(response.status_code, _text(response.content))


def _of_smtp(answer: tuple[int, bytes]) -> Reply:
    code, text = answer
    return Reply(code, f"{code} {_text(text)}", is_smtp=True)


def _text(said: bytes) -> str:
    """As the database can hold it, whatever it is, and however its sender says that it is to be read."""
    return said[:MOST_KEPT].decode(errors="replace").replace("\0", "")


def in_words(error: BaseException) -> str:
    """An error of a connection. Its own text is no good to anybody: it holds the URL."""
    chain = list(_chain(error))
    kinds: list[tuple[tuple[type[BaseException], ...], str]] = [
        ((ssl.SSLError,), "No encrypted connection: its certificate, or its way to encrypt, is not accepted."),
        ((socket.gaierror,), "Its name was not found."),
        ((ConnectionRefusedError,), "Nobody listens at its address (connection refused)."),
        ((TimeoutError, requests.Timeout), "It did not answer in time."),
        ((OSError, smtplib.SMTPException), "It could not be reached, or ended the connection without an answer."),
    ]
    for types, words in kinds:
        if any(isinstance(link, types) for link in chain):
            return words
    return f"Sending failed ({type(error).__name__})."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; urllib3 hides some as `reason`, requests as the first argument."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
