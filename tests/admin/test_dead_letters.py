"""Failed files: tried again or let go, by a person."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditLog
from cameras import dead_letters
from cameras.models import Capture
from tests.factories import CaptureFactory
from tests.people import make_user

pytestmark = pytest.mark.django_db
CAPTURES = reverse("admin:cameras_capture_changelist")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tasks: list[str] = []
    monkeypatch.setattr(dead_letters, "wake", tasks.append)
    return tasks


@pytest.fixture
def failed() -> Capture:
    return CaptureFactory.create(
        state="failed", error="cannot be decoded", attempts=3, claim_alone=True, claim_id=uuid.uuid4()
    )


@pytest.fixture
def fine() -> Capture:
    return CaptureFactory.create(state="detected")


def press(action: str, *captures: Capture) -> Any:
    client = Client()
    client.force_login(make_user("olga"))
    chosen = {"action": action, "_selected_action": [capture.pk for capture in captures]}
    return client.post(CAPTURES, chosen, follow=True)


def trail() -> list[tuple[object, ...]]:
    return list(AuditLog.objects.values_list("action", "actor", "resource_id", "details"))


def test_a_failed_file_is_tried_again_from_scratch(failed: Capture, fine: Capture, woken: list[str]) -> None:
    response = press("try_again", failed, fine)
    failed.refresh_from_db()
    fine.refresh_from_db()
    assert (failed.state, failed.attempts, failed.claim_alone, failed.error) == ("queued", 0, False, "")
    assert fine.state == "detected"
    assert woken == ["detections.detect_queued"]
    assert trail() == [("capture_requeued", "olga", str(failed.pk), {"error": "cannot be decoded"})]
    assert "Failed files queued again: 1." in response.content.decode()


def test_a_failed_file_is_let_go_and_keeps_its_reason(failed: Capture, fine: Capture, woken: list[str]) -> None:
    press("let_go", failed, fine)
    failed.refresh_from_db()
    fine.refresh_from_db()
    assert (failed.state, failed.error) == ("rejected", "dismissed by olga: cannot be decoded")
    assert fine.state == "detected"
    assert woken == []
    assert trail() == [("capture_dismissed", "olga", str(failed.pk), {"error": "cannot be decoded"})]


def test_what_somebody_else_let_go_meanwhile_stays_so(failed: Capture, woken: list[str]) -> None:
    Capture.objects.update(state="rejected", error="dismissed by otto: cannot be decoded")
    response = press("try_again", failed)
    failed.refresh_from_db()
    assert failed.state == "rejected"
    assert trail() == []
    assert "Failed files queued again: 0." in response.content.decode()
