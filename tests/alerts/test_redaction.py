"""Nothing of a channel's URL is left in what is kept of an answer, however it is written there."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.redaction import redact

WORDS = st.text(string.ascii_letters + string.digits + "-_.~ äß%", min_size=4, max_size=12).filter(
    lambda word: any(character.isalnum() for character in word)
)
SAYINGS = st.text("?!() \n…", max_size=5)


@given(
    user=WORDS,
    password=WORDS,
    host=WORDS,
    path=st.lists(WORDS, max_size=3),
    value=WORDS,
    between=SAYINGS,
    upper=st.booleans(),
)
@example(user="ab c%", password="0000", host="0000", path=[], value="0000", between="", upper=False)
def test_no_piece_is_left(
    user: str, password: str, host: str, path: list[str], value: str, between: str, upper: bool
) -> None:
    written = [quote(piece, safe="") for piece in (user, password, host, *path, value)]
    folders = "/".join(written[3:-1])
    url = f"json://{written[0]}:{written[1]}@{written[2]}:8080/{folders}?to={written[-1]}&+X-Key={written[-1]}"
    said = between.join([url, user, password, host, *path, value, *written, json.dumps(value), quote(user)])
    left = redact(said.upper() if upper else said, url).casefold()
    for piece in (user, password, host, *path, value, *written):
        assert piece.strip().casefold() not in left


@given(word=WORDS, short=st.text(string.ascii_lowercase, min_size=1, max_size=3))
def test_a_short_one_is_taken_out_as_a_word_and_leaves_others_whole(word: str, short: str) -> None:
    assert redact(f"{short} said", f"json://{short}@example.org/").startswith("… ")
    assert redact(f"x{short}x", f"json://{short}@example.org/") == f"x{short}x"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Authorization: Basic " + base64.b64encode(b"mia:hush").decode(), "Authorization: Basic …"),
        ("550 no such user", "550 no such user"),
        ("http://EXAMPLE.org:8080/a-path", "http://…/…"),
        ("{'path': 'a%2Dpath'}", "{'path': 'a%2Dpath'}"),
        ("", ""),
    ],
)
def test_what_services_say(said: str, kept: str) -> None:
    assert redact(said, "json://mia:hush@example.org:8080/a-path?user=x") == kept


def test_a_key_that_was_made_of_the_url_goes_too() -> None:
    key = base64.b64encode(b"api:hush").decode()
    said = f"Authorization: Basic {key}; {key.upper()}"
    assert redact(said, "mailgun://user@example.org/hush", [key]) == "Authorization: Basic …; …"


def test_a_url_without_anything_takes_nothing_out() -> None:
    assert redact("all of it", "dbus://") == "all of it"
