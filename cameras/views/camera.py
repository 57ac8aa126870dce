"""The page of one camera: how it does, what became of its files, what can be changed. Its parts follow along."""

from __future__ import annotations

from zoneinfo import available_timezones

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from cameras.access import signed_in
from cameras.connection_steps import how_watched
from cameras.day import MOST_PAGES, day_of, file_page, ignored_kinds
from cameras.ftp_state import ftp_state_of
from cameras.importing import progress_of
from cameras.models import Camera, Capture, IgnoredFile, Place
from cameras.page_parts import Part, changed_parts, parts_of
from cameras.receipts import Outcome
from cameras.tiles import HAS_PICTURE, tiles_of
from telemetry.models import Heartbeat

PARTS = ("camera-head", "camera-state", "camera-pictures", "camera-zones", "camera-day", "camera-files")
MOST_PICTURES = 12
MOST_UNREADABLE = 5


class FilesForm(forms.Form):
    """Which of the files are listed."""

    outcome = forms.ChoiceField(choices=Outcome.choices, required=False)
    page = forms.IntegerField(min_value=1, max_value=MOST_PAGES, required=False)


@require_safe
@never_cache
def camera_page(request: HttpRequest, camera_id: str) -> HttpResponse:
    """One camera: its last pictures, its last day, what became of its files."""
    user = signed_in(request)
    camera = get_object_or_404(Camera.objects.for_user(user), pk=camera_id)
    context = {
        "camera": camera,
        "parts": _parts(request, user, camera),
        "query": f"?{request.GET.urlencode()}",
        "places": Place.choices,
        "zones": sorted(available_timezones()) if user.may_change() else [],
        "others": Camera.objects.for_user(user).exclude(pk=camera.pk) if user.is_owner else [],
        "merged_cameras": camera.merged_cameras.select_related("ftp_account") if user.is_owner else [],
    }
    return render(request, "cameras/camera.html", context)


@require_safe
@never_cache
def camera_changes(request: HttpRequest, camera_id: str) -> HttpResponse:
    """The parts of the page that are not as the page shows them."""
    user = signed_in(request)
    camera = get_object_or_404(Camera.objects.for_user(user), pk=camera_id)
    return changed_parts(request, _parts(request, user, camera))


def _parts(request: HttpRequest, user: User, camera: Camera) -> list[Part]:
    form = FilesForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    pictures = Capture.objects.for_user(user).filter(HAS_PICTURE, camera=camera).with_event_id()
    context: dict[str, object] = {
        "camera": camera,
        "tile": tiles_of(Camera.objects.for_user(user).filter(pk=camera.pk))[0],
        "pictures": pictures.select_related("camera").order_by("-captured_at", "-id")[:MOST_PICTURES],
        "day": day_of(camera),
        "ignored_kinds": ignored_kinds(camera),
        "files": file_page(camera, Outcome(asked["outcome"]) if asked.get("outcome") else None, asked.get("page") or 1),
        **(_for_the_household(camera) if user.may_change() else {}),
    }
    return parts_of(request, "cameras/parts", PARTS, context)


def _for_the_household(camera: Camera) -> dict[str, object]:
    """What a viewer has no use for: how files get here, and what stands in their way."""
    unreadable = IgnoredFile.objects.filter(camera=camera, kind=IgnoredFile.Kind.UNREADABLE)
    watcher = Heartbeat.objects.alive().filter(queue="watcher").order_by("-at").first()
    return {
        "offset": camera.clock_to_correct,
        "ftp": ftp_state_of(camera),
        "watched": how_watched(watcher) if watcher else "",
        "unreadable": unreadable.order_by("-arrived_at")[:MOST_UNREADABLE],
        "importing": progress_of(camera),
    }
