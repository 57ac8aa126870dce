"""Marking a visit as reviewed, taking that back, and notes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils.timezone import now
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import AuditLog, User
from cameras.models import Camera
from events.models import Event
from events.review import set_notes, set_reviewed
from tests.factories import EventFactory


@pytest.fixture
def event(front: Camera) -> Event:
    return EventFactory.create(camera=front, risk_score=50, started_at=now() - timedelta(hours=1))


@pytest.fixture
def request_of_owner(rf: RequestFactory, owner: User) -> HttpRequest:
    request = rf.post("/")
    request.user = owner
    return request


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What open pages were told."""
    hints: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr("telemetry.broadcast._send", lambda kind, data: hints.append((kind, data)))
    return hints


def test_it_is_written_told_and_noted(
    event: Event,
    request_of_owner: HttpRequest,
    told: list[tuple[str, dict[str, Any]]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert set_reviewed(event, True, request_of_owner)
    stored = Event.objects.get()
    assert stored.reviewed and stored.reviewed_at is not None
    assert stored.revision == event.revision == 2
    assert stored.changed_at > now() - timedelta(minutes=1)
    kind, data = told[0]
    assert (kind, data["id"], data["camera_id"], data["reviewed"]) == ("event", event.pk, "front_door", True)
    line = AuditLog.objects.get()
    assert (line.action, line.resource_id, line.actor) == ("event_reviewed", str(event.pk), str(request_of_owner.user))


def test_the_second_press_changes_nothing(event: Event, request_of_owner: HttpRequest) -> None:
    assert set_reviewed(event, True, request_of_owner)
    assert not set_reviewed(Event.objects.get(), True, request_of_owner)
    assert Event.objects.get().revision == 2
    assert AuditLog.objects.count() == 1


def test_it_can_be_taken_back(event: Event, request_of_owner: HttpRequest) -> None:
    set_reviewed(event, True, request_of_owner)
    set_reviewed(event, False, request_of_owner)
    stored = Event.objects.get()
    assert not stored.reviewed
    assert stored.reviewed_at is None


def test_what_the_pipeline_wrote_meanwhile_stays(event: Event, request_of_owner: HttpRequest) -> None:
    Event.objects.update(risk_score=80, summary="A person tried two doors.", revision=7)
    set_notes(event, "it was the gardener", request_of_owner)
    stored = Event.objects.get()
    assert (stored.risk_score, stored.summary, stored.revision) == (80, "A person tried two doors.", 8)
    assert stored.notes == event.notes == "it was the gardener"


def test_the_next_visit_takes_its_place(page: Client, event: Event, front: Camera) -> None:
    worse = EventFactory.create(camera=front, risk_score=90)
    EventFactory.create(camera=front, risk_score=20)
    response = page.post(f"/events/{event.pk}/reviewed/", {"reviewed": "yes"})
    assert response["Location"] == f"/events/{worse.pk}/?reviewed={event.pk}"
    response = page.post(f"/events/{worse.pk}/reviewed/", {"reviewed": "yes"}, follow=True)
    assert response.redirect_chain[0][0] == f"/?reviewed={worse.pk}"
    text = response.content.decode()
    assert f'action="/events/{worse.pk}/reviewed/"' in text  # to undo it
    assert "Nothing needs you." in text


def test_undo_leads_back_to_the_visit(page: Client, event: Event) -> None:
    Event.objects.update(reviewed=True)
    response = page.post(f"/events/{event.pk}/reviewed/", {"reviewed": "no"})
    assert response["Location"] == f"/events/{event.pk}/"
    assert not Event.objects.get().reviewed


def test_on_the_live_page_the_answer_is_what_changed(page: Client, event: Event) -> None:
    response = page.post(f"/events/{event.pk}/reviewed/", {"reviewed": "yes"}, headers={"HX-Request": "true"})
    text = response.content.decode()
    assert f'<article id="event-{event.pk}" hx-swap-oob="delete">' in text
    assert "Undo" in text
    assert "Nothing needs you." in text
    assert "X-Live-Cursor" not in response  # what changed before the press is still to be fetched


def test_notes_are_kept(page: Client, event: Event) -> None:
    response = page.post(f"/events/{event.pk}/notes/", {"notes": "the gardener\nfrom number 7"})
    assert response["Location"] == f"/events/{event.pk}/"
    assert Event.objects.get().notes == "the gardener\nfrom number 7"
    assert AuditLog.objects.get().action == "event_noted"


def test_notes_of_another_window_are_not_written_over(page: Client, event: Event) -> None:
    notes = f"/events/{event.pk}/notes/"
    page.post(notes, {"notes": "the gardener\r\nfrom number 7", "seen": ""})
    told = page.post(notes, {"notes": "somebody", "seen": ""}, follow=True).content.decode()
    assert "Somebody changed these notes meanwhile. Yours were: somebody" in told
    assert Event.objects.get().notes.splitlines() == ["the gardener", "from number 7"]
    page.post(notes, {"notes": "the neighbour", "seen": "the gardener\r\nfrom number 7"})
    assert Event.objects.get().notes == "the neighbour"


@pytest.mark.parametrize("notes", ["x" * 10_001, "a\0b"])
def test_notes_that_cannot_be_kept_are_refused(page: Client, event: Event, notes: str) -> None:
    assert page.post(f"/events/{event.pk}/notes/", {"notes": notes}).status_code == 400
    assert Event.objects.get().notes == ""
