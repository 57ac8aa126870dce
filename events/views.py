"""The live page, the list of visits and the page of one visit; and cameras made one, with their visits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from cameras.access import may_administer, may_change, signed_in
from cameras.models import Camera
from events import feed
from events.cards import first_with_pictures, rows_of
from events.evidence import evidence_of
from events.filters import MAX_ID, EventFilter
from events.merging import MergeRefused, merge_camera, viewers_left_out
from events.models import Event
from events.review import MAX_NOTES_LENGTH, set_notes, set_reviewed

PAGE_SIZE = 30
OLDEST_CURSOR = timedelta(days=1)


class NotesForm(forms.Form):
    notes = forms.CharField(
        required=False, max_length=MAX_NOTES_LENGTH, label="Notes", widget=forms.Textarea({"rows": 4, "class": "notes"})
    )

    def is_overtaken_by(self, notes: str) -> bool:
        """Whether the notes are no longer those that were on the page when this was written."""
        return "seen" in self.data and self.data["seen"].splitlines() != notes.splitlines()


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Does anything need me? And what happened today."""
    user = signed_in(request)
    context = {"live": feed.live_page(user), "undo": _undo(request, user), "camera_root": settings.CAMERA_ROOT}
    return render(request, "events/live.html", context)


@require_safe
@never_cache
def live_changes(request: HttpRequest) -> HttpResponse:
    """What changed since the cursor, as fragments that find their own place."""
    changes = feed.live_changes(signed_in(request), _cursor(request.GET.get("since", "")))
    response = render(
        request, "events/changes.html", {"live": changes, "oob": True, "camera_root": settings.CAMERA_ROOT}
    )
    response["X-Live-Cursor"] = changes.cursor
    response["X-Live-Clock"] = f"{timezone.localtime(changes.now):%H:%M}"
    return response


def _cursor(since: str) -> datetime:
    """The moment a cursor means; one of long ago means a day ago, which is as far as the page reaches."""
    try:
        moment = datetime.fromtimestamp(int(since) / 1_000_000, tz=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadRequest("That is no cursor of ours.") from error
    return max(moment, timezone.now() - OLDEST_CURSOR)


@require_safe
@never_cache
def event_list(request: HttpRequest) -> HttpResponse:
    """The archive, newest first."""
    user = signed_in(request)
    filters = EventFilter(request.GET, user)
    events = first_with_pictures(filters.apply(Event.objects.for_user(user)), PAGE_SIZE + 1)
    query = request.GET.copy()
    query.pop("before", None)
    newest_url = f"?{query.urlencode()}"
    if len(events) > PAGE_SIZE:
        query["before"] = str(events[PAGE_SIZE - 1].pk)
    context = {
        "filters": filters,
        "cards": rows_of(events[:PAGE_SIZE]),
        "newest_url": newest_url if request.GET.get("before") else "",
        "older_url": f"?{query.urlencode()}" if "before" in query else "",
    }
    return render(request, "events/list.html", context)


@require_safe
@never_cache
def event_page(request: HttpRequest, event_id: int) -> HttpResponse:
    """One visit: its pictures, its score and why."""
    user = signed_in(request)
    evidence = evidence_of(user, event_id, _number(request, "picture"), _number(request, "reason"))
    if evidence is None:
        raise Http404
    context = {
        "evidence": evidence,
        "event": evidence.event,
        "notes_form": NotesForm({"notes": evidence.event.notes}),
        "undo": _undo(request, user),
    }
    return render(request, "events/event.html", context)


@require_POST
def review(request: HttpRequest, event_id: int) -> HttpResponse:
    """Mark a visit as looked at, or take it back. On the live page the answer is what changed by it."""
    user = may_change(request)
    event = _event(user, event_id)
    reviewed = request.POST.get("reviewed") == "yes"
    pressed_at = timezone.now()
    set_reviewed(event, reviewed, request)
    if request.headers.get("HX-Request") == "true":
        context = {
            "live": feed.live_changes(user, pressed_at),
            "oob": True,
            "with_toast": True,
            "undo": event if reviewed else None,
        }
        return render(request, "events/changes.html", context)
    if not reviewed:
        return redirect(event)
    following = feed.waiting_events(user).exclude(pk=event.pk).only("pk").first()
    where = following.get_absolute_url() if following else reverse("live")
    return redirect(f"{where}?reviewed={event.pk}")


@require_POST
def write_notes(request: HttpRequest, event_id: int) -> HttpResponse:
    """Keep what a person writes about a visit."""
    event = _event(may_change(request), event_id)
    form = NotesForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The notes are too long.")
    if form.is_overtaken_by(event.notes):
        messages.error(request, f"Somebody changed these notes meanwhile. Yours were: {form.cleaned_data['notes']}")
        return redirect(event)
    if set_notes(event, form.cleaned_data["notes"], request):
        messages.success(request, "Your notes are kept.")
    return redirect(event)


@require_POST
def merge(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Make a camera one with another, which keeps its name."""
    cameras = Camera.objects.for_user(may_administer(request))
    source = get_object_or_404(cameras, pk=camera_id)
    target = get_object_or_404(cameras, pk=request.POST.get("target", "").replace("\0", ""))
    try:
        merge_camera(source, target, request)
    except MergeRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("camera", source.pk)
    messages.success(request, f"{source.name} is part of {target.name} now, with its pictures and visits.")
    if names := ", ".join(viewer.username for viewer in viewers_left_out(source, target)):
        messages.warning(
            request,
            f"Who could see {source.name} and may not see {target.name} sees neither now: {names}. "
            "You can allow it under More → Administration → Users.",
        )
    return redirect("camera", target.pk)


def _event(user: User, event_id: int) -> Event:
    return get_object_or_404(Event.objects.for_user(user).select_related("camera"), pk=event_id)


def _undo(request: HttpRequest, user: User) -> Event | None:
    """The visit that was just marked as reviewed, offered to take back."""
    if (pk := _number(request, "reviewed")) is None or not user.may_change():
        return None
    return Event.objects.for_user(user).select_related("camera").filter(pk=pk, reviewed=True).first()


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of the query; None where it is missing or none."""
    value = request.GET.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < len(str(MAX_ID)) else None
