"""The schema, and the page that shows it."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client

from tests.api.callers import caller
from tests.people import make_user

pytestmark = pytest.mark.django_db


def test_the_schema_is_valid_and_free_of_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn")
    assert "Warning" not in capsys.readouterr().err


def test_it_knows_every_door() -> None:
    paths = caller("read key").get("/api/v1/schema/").json()["paths"]
    assert set(paths) == {
        "/api/v1/alert-rules/",
        "/api/v1/alert-rules/{id}/",
        "/api/v1/alert-rules/{id}/test/",
        "/api/v1/alerts/",
        "/api/v1/alerts/{id}/",
        "/api/v1/cameras/",
        "/api/v1/cameras/{id}/",
        "/api/v1/cameras/{id}/captures/",
        "/api/v1/cameras/{id}/ftp-password/",
        "/api/v1/cameras/{id}/latest/",
        "/api/v1/cameras/{id}/restore/",
        "/api/v1/captures/",
        "/api/v1/captures/{id}/",
        "/api/v1/channels/",
        "/api/v1/channels/{id}/",
        "/api/v1/channels/{id}/deliveries/",
        "/api/v1/channels/{id}/test/",
        "/api/v1/dead-letters/",
        "/api/v1/dead-letters/{id}/",
        "/api/v1/dead-letters/{id}/dismiss/",
        "/api/v1/dead-letters/{id}/requeue/",
        "/api/v1/dead-letters/dismiss/",
        "/api/v1/dead-letters/requeue/",
        "/api/v1/detections/",
        "/api/v1/detections/{id}/",
        "/api/v1/events/",
        "/api/v1/events/{id}/",
        "/api/v1/home-mode/",
        "/api/v1/system/",
        "/api/v1/system/cleanup/",
        "/api/v1/zones/",
        "/api/v1/zones/{id}/",
    }


def test_the_page_asks_for_a_login(client: Client) -> None:
    assert client.get("/api/v1/docs/").headers["Location"] == "/login/?next=/api/v1/docs/"


def test_the_page_needs_no_other_host_and_no_inline_script(client: Client) -> None:
    client.force_login(make_user())
    response = client.get("/api/v1/docs/")
    page = response.content.decode()
    policy = response.headers["Content-Security-Policy"]
    assert "http://" not in page and "https://" not in page
    assert "<script>" not in page
    assert "style-src 'self' 'unsafe-inline'" in policy and "script-src 'self';" in policy + ";"
    assert client.get("/api/v1/docs/?script=").headers["Content-Type"] == "application/javascript"


def test_other_pages_keep_the_strict_policy(client: Client) -> None:
    assert "unsafe" not in client.get("/login/").headers["Content-Security-Policy"]
