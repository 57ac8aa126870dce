"""One attempt by a real service: what arrives, what is made of its answer, and that it ends."""

from __future__ import annotations

import base64
import logging
import time
import warnings
from pathlib import Path

import pytest
import requests
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.telegram import NotifyTelegram

from alerts.notice import Notice
from alerts.replies import Reply, listening
from alerts.sending import SendFailed, UrlRefused, hosts_of, send, service_of
from tests.alerts import services
from tests.alerts.services import (
    SECRET,
    answers,
    closes,
    drips,
    hangs,
    mail_server,
    own_certificate,
    takes,
    waits,
    webhook,
)

NOTICE = Notice("High · Front door, 02:31", "A person at the door.\n\nhttp://attic/events/1/", b"\xff\xd8picture")


def try_to_send(url: str, longest_s: float = 15) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        send(url, NOTICE, may_reach_private=True, longest_s=longest_s)
    return failed.value


class TestWebhook:
    def test_title_text_and_picture_arrive_as_they_are(self) -> None:
        with webhook() as hook:
            assert send(hook.url, NOTICE, may_reach_private=True) == "thank you"
        (notice,) = hook.notices
        assert (notice["title"], notice["message"]) == (NOTICE.title, NOTICE.body)
        assert services.picture_in(notice) == NOTICE.picture
        assert notice["attachments"][0]["filename"] == "picture.jpg"

    def test_without_a_picture(self) -> None:
        with webhook() as hook:
            send(hook.url, Notice("A", "b"), may_reach_private=True)
        assert hook.notices[0]["attachments"] == []

    @pytest.mark.parametrize(
        ("severity", "said"), [("", "info"), ("medium", "info"), ("high", "warning"), ("critical", "failure")]
    )
    def test_the_service_is_told_how_severe_it_is(self, severity: str, said: str) -> None:
        with webhook() as hook:
            send(hook.url, Notice("A", "b", severity=severity), may_reach_private=True)
        assert hook.notices[0]["type"] == said

    @pytest.mark.parametrize(
        ("status", "is_final"),
        [(400, True), (403, True), (404, True), (408, False), (425, False), (429, False), (500, False), (503, False)],
    )
    def test_a_refusal_is_final_and_what_may_pass_is_not(self, status: int, is_final: bool) -> None:
        with webhook(answers(status, "not today")) as hook:
            failed = try_to_send(hook.url)
        assert (failed.is_final, failed.answer) == (is_final, "not today")
        assert f"HTTP {status}" in str(failed)

    def test_a_redirect_is_not_followed(self) -> None:
        with webhook() as other, webhook(answers(307, Location=f"http://{other.address}/")) as hook:
            failed = try_to_send(f"{hook.url}&redirect=yes")
        assert (len(hook.requests), other.requests) == (1, [])
        assert str(failed) == "It sends the notice elsewhere (HTTP 307), and redirects are not followed."
        assert not failed.is_final

    def test_the_environment_sends_it_nowhere_else(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with webhook() as proxy, webhook() as hook:
            monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
            monkeypatch.delenv("no_proxy", raising=False)
            send(hook.url, NOTICE, may_reach_private=True)
        assert (len(hook.requests), proxy.requests) == (1, [])

    def test_a_slow_one_is_waited_for(self) -> None:
        with webhook(waits(0.5)) as hook:
            assert send(hook.url, NOTICE, may_reach_private=True) == "thank you"

    @pytest.mark.parametrize("deed", [hangs, drips])
    def test_one_that_never_ends_is_cut_off(self, deed: services.Deed) -> None:
        with webhook(deed) as hook:
            started = time.monotonic()
            failed = try_to_send(f"{hook.url}&rto=600&cto=600", longest_s=0.5)
            took = time.monotonic() - started
        assert (str(failed), failed.is_final) == ("It did not answer in time.", False)
        assert 0.5 <= took < 8

    def test_one_that_closes(self) -> None:
        with webhook(closes) as hook:
            failed = try_to_send(hook.url)
        assert "ended the connection" in str(failed) and not failed.is_final

    def test_one_that_is_not_there(self) -> None:
        with webhook() as hook:
            pass
        failed = try_to_send(hook.url)
        assert (str(failed), failed.is_final) == ("Nobody listens at its address (connection refused).", False)

    def test_a_name_that_nobody_knows(self) -> None:
        failed = try_to_send("json://nobody.invalid/")
        assert (str(failed), failed.is_final) == ("Its name was not found.", False)

    def test_an_encrypted_one_that_is_none(self) -> None:
        with webhook() as hook:
            failed = try_to_send(hook.url.replace("json://", "jsons://"))
        assert str(failed).startswith("No encrypted connection")

    def test_of_an_endless_answer_only_the_beginning_is_read(self) -> None:
        with webhook(answers(200, "x" * 3_000_000)) as hook:
            assert send(hook.url, NOTICE, may_reach_private=True) == "x" * 500

    def test_one_that_repeats_the_request_repeats_no_key(self) -> None:
        def echoes(handler: services._Handler) -> None:
            handler.answer(200, str(handler.headers).encode())

        with webhook(echoes) as hook:
            answer = send(f"json://m%C3%BCller:hush@{hook.address}/x", NOTICE, may_reach_private=True)
        # In Latin-1, as the library writes it.
        assert "Authorization: Basic …" in answer and base64.b64encode(b"m\xfcller:hush").decode() not in answer

    @pytest.mark.parametrize("charset", ["utf-16", "raw_unicode_escape", "undefined", "no-such"])
    def test_an_answer_is_text_in_whatever_way_it_is_said_to_be_written(self, charset: str) -> None:
        deed = answers(200, "a\0\\ud800", **{"Content-Type": f"text/plain; charset={charset}"})
        with webhook(deed) as hook:
            assert send(hook.url, NOTICE, may_reach_private=True) == "a\\ud800"

    def test_a_long_answer_to_a_long_url_is_dealt_with_quickly(self) -> None:
        folders = "/".join(f"ab{number:03}" for number in range(300))
        with webhook(answers(200, "lorem ipsum dolor " * 50_000)) as hook:
            started = time.process_time()
            send(f"json://{hook.address}/{folders}", NOTICE, may_reach_private=True)
        assert time.process_time() - started < 3

    def test_one_whose_certificate_is_not_looked_at_is_not_warned_of(self, tmp_path: Path) -> None:
        with webhook(certificate=own_certificate(tmp_path)) as hook:
            url = hook.url.replace("json://", "jsons://")
            assert try_to_send(url).answer == ""
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                assert send(f"{url}&verify=no", NOTICE, may_reach_private=True) == "thank you"
        assert warned == []

    def test_it_comes_back(self) -> None:
        with webhook(answers(503), takes) as hook:
            try_to_send(hook.url)
            assert send(hook.url, NOTICE, may_reach_private=True) == "thank you"


class TestOtherKinds:
    @pytest.mark.parametrize(("status", "is_final"), [(403, True), (404, True), (429, False), (500, False)])
    def test_ntfy(self, status: int, is_final: bool) -> None:
        body = f'{{"code": 40301, "http": {status}, "error": "forbidden for {SECRET}-topic"}}'
        with webhook(takes, answers(status, body)) as hook:
            url = f"ntfy://127.0.0.1:{hook.port}/{SECRET}-topic"
            send(url, NOTICE, may_reach_private=True)
            failed = try_to_send(url)
        assert hook.requests[0].path.startswith(f"/{SECRET}-topic?") and hook.requests[0].body == NOTICE.picture
        assert failed.is_final == is_final
        assert "forbidden for …" in failed.answer and SECRET not in failed.answer + str(failed)

    @pytest.mark.parametrize(("status", "is_final"), [(401, True), (400, True), (429, False), (502, False)])
    def test_telegram(self, monkeypatch: pytest.MonkeyPatch, status: int, is_final: bool) -> None:
        ok = answers(200, '{"ok": true, "result": {}}')
        with webhook(ok, ok, answers(status, '{"ok": false, "description": "Unauthorized"}')) as hook:
            monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://{hook.address}/bot")
            url = "tgram://123456789:abcdefg_hijklmnop/12315544/"
            send(url, NOTICE, may_reach_private=True)
            assert any(NOTICE.picture in request.body for request in hook.requests if NOTICE.picture)
            hook.script[:] = hook.script[-1:]
            failed = try_to_send(url)
        assert (failed.is_final, failed.answer) == (is_final, '{"ok": false, "description": "Unauthorized"}')

    def test_mail_with_subject_text_link_and_picture(self) -> None:
        with mail_server() as box:
            assert send(box.url, NOTICE, may_reach_private=True) == "250 taken"
        (mail,) = box.mails
        text = mail.get_body(("plain", "html"))
        (picture,) = mail.iter_attachments()
        assert mail["Subject"] == NOTICE.title and text
        assert "A person at the door." in text.get_content() and "http://attic/events/1/" in text.get_content()
        assert picture.get_content() == NOTICE.picture

    @pytest.mark.parametrize(
        ("refusal", "is_final"),
        [("550 5.1.1 no such user", True), ("451 4.7.1 try again later", False), ("421 closing", False)],
    )
    def test_mail_that_is_refused(self, refusal: str, is_final: bool) -> None:
        with mail_server(refusal) as box:
            failed = try_to_send(box.url)
        assert (failed.is_final, failed.answer) == (is_final, refusal)

    def test_a_mail_server_that_is_not_there(self) -> None:
        with mail_server() as box:
            pass
        assert str(try_to_send(box.url)) == "Nobody listens at its address (connection refused)."


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "service"),
        [
            ("json://localhost/", "JSON"),
            ("ntfy://topic", "ntfy"),
            ("tgram://123456789:abcdefg_hijklmnop/12315544/", "Telegram"),
            ("pover://ukey123456789012345678901234567@atoken12345678901234567890123", "Pushover"),
            ("mailto://mia:secret@example.org", "E-Mail"),
            ("hassio://attic.local/longlivedtoken", "HomeAssistant"),
            ("https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Discord"),
            ("guilded://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "Guilded"),
        ],
    )
    def test_what_is_known(self, url: str, service: str) -> None:
        assert service_of(url) == service

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("syslog://", "not supported"),
            ("rsyslog://localhost", "not supported"),
            ("irc://irc.example.org/#home", "not supported"),
            ("dbus://", "cannot be used"),
            ("macosx://", "cannot be used"),
            ("mqtt://localhost/topic", "cannot be used"),
            ("nothing://somewhere", "No service is known"),
            ("hush", "No service is known"),
            ("https://attic.example.org/hook", "write jsons://"),
            ("tgram://hush", "a part of it is missing"),
            ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd", "names a file"),
            (f"mailto://mia:hush@example.org?pgp=sign&pgpprv={__file__}", "names a file"),
            (f"mailto://mia:hush@example.org?pgp=encrypt&pgppub={__file__}", "names a file"),
        ],
    )
    def test_what_is_refused(self, url: str, why: str) -> None:
        with pytest.raises(UrlRefused, match=why) as refused:
            service_of(url)
        assert "hush" not in str(refused.value)

    @pytest.mark.parametrize(
        ("url", "hosts"),
        [
            ("json://attic:8080/x", ["attic"]),
            ("json://192.168.1.5/x", ["192.168.1.5"]),
            ("ntfy://secret-topic", []),
            ("ntfys://ntfy.example.org/topic", ["ntfy.example.org"]),
            ("tgram://123456789:abcdefg_hijklmnop/12315544/", []),
            ("mailto://mia:secret@example.org?smtp=10.0.0.5", ["10.0.0.5"]),
        ],
    )
    def test_which_server_a_url_names_and_that_no_token_is_taken_for_one(self, url: str, hosts: list[str]) -> None:
        assert hosts_of(url) == hosts


def test_nothing_of_a_url_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("apprise", "requests", "urllib3", "urllib3.connectionpool", "oauthlib.oauth1.rfc5849"):
        caplog.set_level(logging.DEBUG, name)
    caplog.set_level(logging.DEBUG)
    with webhook(takes, answers(404, f"no path-{SECRET} here, token-{SECRET}")) as hook:
        send(hook.url, NOTICE, may_reach_private=True)
        failed = try_to_send(hook.url)
    logging.getLogger("oauthlib.oauth1.rfc5849").debug("Signing with %s", SECRET)  # as Twitter's does
    lines = [record.getMessage() for record in caplog.records]
    assert not [line for line in lines if SECRET in line or str(hook.port) in line]
    assert SECRET not in f"{failed} {failed.answer} {failed!r}"


def test_a_kind_that_falls_over_is_an_error_that_may_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: object, **__: object) -> bool:
        raise TypeError(SECRET)

    monkeypatch.setattr(NotifyNtfy, "send", fall)
    failed = try_to_send("ntfy://topic")
    assert (str(failed), failed.is_final) == ("Sending failed (TypeError).", False)


def test_requests_outside_of_an_attempt_are_none_of_ours() -> None:
    with webhook(answers(302, Location="/elsewhere"), takes) as hook:
        assert requests.get(f"http://{hook.address}/", timeout=5).text == "thank you"
    assert [request.path for request in hook.requests] == ["/", "/elsewhere"]


def test_within_one_whatever_a_kind_of_service_asks_for_goes_by_our_terms() -> None:
    with webhook(answers(302, "over there", Location="/elsewhere")) as hook, listening() as said:
        requests.get(f"http://{hook.address}/", timeout=600, allow_redirects=True)
    assert [request.path for request in hook.requests] == ["/"]
    assert said.decisive == Reply(302, "over there")
