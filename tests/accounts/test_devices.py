"""A browser's own words become a person's."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.devices import SHOWN_CHARACTERS, device_words

WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0"
KNOWN = {
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1": (
        "Safari on iPhone"
    ),
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {WEBKIT} CriOS/126.0 Mobile/15E148 Safari/604.1": (
        "Chrome on iPhone"
    ),
    f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {WEBKIT} Version/12.1 Mobile/15E148 Safari/604.1": "Safari on iPad",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.5 Safari/605.1.15": "Safari on Mac",
    "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0": "Firefox on Android",
    f"Mozilla/5.0 (Linux; Android 10; K) {CHROMIUM} Mobile Safari/537.36": "Chrome on Android",
    "Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 "
    "Chrome/121.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROMIUM} Safari/537.36 Edg/128.0.0.0": "Edge on Windows",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0": "Firefox on Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROMIUM} Safari/537.36": "Chrome on Chrome OS",
    "curl/8.5.0": "curl",
    "my-own-script/1": "my-own-script/1",
    "": "A program without a name",
    " \n": "A program without a name",
}


@pytest.mark.parametrize(("user_agent", "words"), KNOWN.items(), ids=list(KNOWN.values()))
def test_it_is_named_as_a_person_would(user_agent: str, words: str) -> None:
    assert device_words(user_agent) == words


def test_an_unknown_one_is_shortened() -> None:
    words = device_words("x" * 1000)
    assert words == "x" * (SHOWN_CHARACTERS - 1) + "…"


@given(st.text(max_size=1000))
def test_whatever_is_sent_is_some_words_on_one_line(user_agent: str) -> None:
    assert device_words(user_agent).isprintable()


@pytest.mark.parametrize("repeated", ["Mozilla/5.0 (", "; Android ", "Build/", "(((((", "Version/1.1.1.1.", "a1.1/ "])
def test_no_name_keeps_the_reader_busy(repeated: str) -> None:
    started = time.monotonic()
    device_words(repeated * 1000)
    assert time.monotonic() - started < 2
