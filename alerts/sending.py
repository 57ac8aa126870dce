"""Apprise at the edge: what a channel's URL means, and one attempt to send by it. Nothing else here knows Apprise.

Imported where it is needed only: with all its kinds of service it takes a third of a second and 25 MB.
"""

from __future__ import annotations

import logging
import sys
import warnings
from functools import cache

import requests
from apprise import Apprise, AppriseAsset, AppriseAttachment, NotifyFormat, NotifyType
from apprise.attachment.memory import AttachMemory
from apprise.manager_plugins import NotificationManager
from apprise.plugins.base import NotifyBase
from apprise.plugins.email.base import NotifyEmail
from urllib3.exceptions import HTTPWarning

from alerts import guard
from alerts.notice import Notice
from alerts.redaction import redact
from alerts.replies import CONNECT_S, READ_S, Said, in_words, listening
from inference.scale import Level

LONGEST_ANSWER = 500
# By this services choose a colour, a symbol or a sound.
TYPE_OF = {Level.HIGH.value: NotifyType.WARNING, Level.CRITICAL.value: NotifyType.FAILURE}
SILENT = {"apprise", "requests", "urllib3", "oauthlib", "requests_oauthlib"}
# They speak another protocol as well, or keep keys in files of this machine.
NOT_OURS = {"NotifyNostr", "NotifyVapid"}


class UrlRefused(Exception):
    """No notice can be sent by this URL; the message is for the person who gave it, and holds nothing of it."""


class SendFailed(Exception):
    """The notice was not taken. The message says why, in words of ours; `answer` is the service's own."""

    def __init__(self, message: str, *, is_final: bool, answer: str = "") -> None:
        super().__init__(message)
        self.is_final = is_final
        self.answer = answer


@cache
def _asset() -> AppriseAsset:
    return AppriseAsset(
        app_id="Home Security Intelligence",
        app_desc="",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        secure_logging=True,
        http_redirects=False,
        storage_mode="memory",
        pgp_autogen=False,
        pem_autogen=False,
    )


@cache
def _kinds() -> NotificationManager:
    kinds = NotificationManager()  # type: ignore[no-untyped-call]
    kinds.load_modules()  # type: ignore[no-untyped-call]
    return kinds


def load_kinds() -> None:
    """Know all kinds of service now, so that the first notice need not wait for it."""
    _kinds()


def service_of(url: str) -> str:
    """What the kind of service is called. Raises UrlRefused."""
    return str(_plugin(url).service_name)


def hosts_of(url: str) -> list[str]:
    """The server that the URL itself names; none of a service that has an address of its own. Raises UrlRefused.

    A name without a dot may as well be a token or a topic, and asking the Internet for it would tell it.
    """
    return _hosts_of(_plugin(url))


def _hosts_of(plugin: NotifyBase) -> list[str]:
    host = (plugin.smtp_host if isinstance(plugin, NotifyEmail) else plugin.host or "").strip("[]")
    templates: tuple[str, ...] = plugin.templates
    names_one = ["{host" in template for template in templates]
    is_one = all(names_one) or (any(names_one) and ("." in host or ":" in host))
    return [host] if host and is_one else []


def send(url: str, notice: Notice, *, may_reach_private: bool, longest_s: float = guard.LONGEST_ATTEMPT_S) -> str:
    """One attempt, in this thread; gives what the service answered. Raises UrlRefused or SendFailed."""
    plugin = _plugin(url)
    with guard.attempt(may_reach_private=may_reach_private, longest_s=longest_s) as attempt, listening() as said:
        try:
            was_taken = plugin.notify(
                title=notice.title,
                body=notice.body,
                notify_type=TYPE_OF.get(notice.severity, NotifyType.INFO),
                body_format=NotifyFormat.TEXT,
                attach=_attachment(notice),
            )
        except Exception as error:  # noqa: BLE001  (whatever goes wrong in any of 130 kinds of service)
            said.error, was_taken = said.error or error, False
    answer = redact(said.decisive.text, url, said.keys)[:LONGEST_ANSWER] if said.decisive else ""
    if not was_taken:
        message, is_final = _why_not(attempt, said, plugin)
        raise SendFailed(message, is_final=is_final, answer=answer)
    return answer


def _plugin(url: str) -> NotifyBase:
    """The sender that Apprise makes of the URL, on our terms. Raises UrlRefused."""
    _keep_silent()
    plugin = Apprise.instantiate(url, asset=_asset())
    if plugin is None:
        raise UrlRefused(_why_unknown(url.partition("://")[0].casefold()))
    if not _speaks_http_or_smtp(plugin) or type(plugin).__name__ in NOT_OURS:
        raise UrlRefused(f"{plugin.service_name} is not supported: notices go over HTTP, HTTPS or by email only.")
    if _names_a_file(plugin):
        raise UrlRefused("It names a file to be read, such as a template or a key: leave that out.")
    plugin.redirects = False
    plugin.socket_connect_timeout, plugin.socket_read_timeout = CONNECT_S, READ_S
    # The parts of one notice wait for nothing: a service that minds says so, and is asked again later.
    plugin.request_rate_per_sec = 0
    return plugin


def _names_a_file(plugin: NotifyBase) -> bool:
    """Whether it, or what it encrypts with, is to read one."""
    parts = [vars(plugin), vars(plugin.pgp) if isinstance(plugin, NotifyEmail) else {}]
    values = [value for part in parts for value in part.values()]
    return any(isinstance(value, AppriseAttachment) and len(value) for value in values)


def _why_unknown(scheme: str) -> str:
    if scheme in ("http", "https"):
        return f"For a webhook write json{'s' if scheme == 'https' else ''}:// in place of {scheme}://."
    if scheme in _kinds():
        kind = _kinds()[scheme]
        if not kind.enabled:
            return f"{kind.service_name} cannot be used here."
        return f"It is a URL of {kind.service_name}, but a part of it is missing or wrong."
    return "No service is known by this URL. It begins with a service’s name, such as ntfy:// or mailtos://."


def _speaks_http_or_smtp(plugin: NotifyBase) -> bool:
    """By what its module, or one that it builds on, works with. Others speak to this machine, or in ways of theirs."""
    modules = [sys.modules[kind.__module__] for kind in type(plugin).__mro__]
    return isinstance(plugin, NotifyEmail) or any(vars(module).get("requests") is requests for module in modules)


def _attachment(notice: Notice) -> AppriseAttachment | None:
    if notice.picture is None:
        return None
    picture = AttachMemory(  # type: ignore[no-untyped-call]
        content=notice.picture, name="picture.jpg", mimetype="image/jpeg", asset=_asset()
    )
    attachment = AppriseAttachment(asset=_asset())
    attachment.add(picture)
    return attachment


def _why_not(attempt: guard.Attempt, said: Said, plugin: NotifyBase) -> tuple[str, bool]:
    """Why the notice was not taken, in words, and whether that is final."""
    if attempt.refusal:
        # A name may lead home for a while: some routers answer for every one while the Internet is away.
        return attempt.refusal, any(map(guard.is_address, _hosts_of(plugin)))
    if attempt.is_over:
        return "It did not answer in time.", False
    reply = said.decisive
    if reply is not None and not reply.is_good:
        return reply.words, reply.is_refusal
    if said.error is not None:
        return in_words(said.error), False
    return ("It answered, but did not take the notice." if reply else "It could not be reached."), False


def _keep_silent() -> None:
    """Nothing of these libraries is logged or warned of, at whatever level: their lines hold URLs."""
    warnings.simplefilter("ignore", HTTPWarning)
    # Those below as well: a logger that is disabled still passes on what they say.
    below = {name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in SILENT}
    for logger in map(logging.getLogger, SILENT | below):
        logger.disabled, logger.propagate = True, False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
