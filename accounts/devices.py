"""What a browser or program calls itself, in a person's words. Used by the list of sessions and the audit trail."""

from __future__ import annotations

import re

from accounts.models import LONGEST_USER_AGENT

SHOWN_CHARACTERS = 60
# "Mobile Safari", "Chrome Mobile iOS", "HeadlessChrome": the browser is Safari or Chrome; the rest tells of the device.
_NOT_ITS_NAME = re.compile(r"^(Mobile |Headless)|( Mobile| iOS| WebView)+$")
_DEVICES = {"iPhone", "iPad"}
_SYSTEMS = {"Mac OS X": "Mac"}


def device_words(user_agent: str) -> str:
    """ "Firefox on Android", "Safari on iPhone"; of what is no known browser, what it says itself, shortened."""
    from ua_parser import parse  # its list of browsers takes memory, which only the web server should give

    read = parse(user_agent[:LONGEST_USER_AGENT])
    if read.user_agent is None:
        return _shortened(user_agent) or "A program without a name"
    browser = _NOT_ITS_NAME.sub("", read.user_agent.family)
    if read.device and read.device.family in _DEVICES:
        return f"{browser} on {read.device.family}"
    return f"{browser} on {_SYSTEMS.get(read.os.family, read.os.family)}" if read.os else browser


def _shortened(text: str) -> str:
    printable = "".join(character for character in text if character.isprintable()).strip()
    return printable if len(printable) <= SHOWN_CHARACTERS else printable[: SHOWN_CHARACTERS - 1] + "…"
