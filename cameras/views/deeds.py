"""What people do to a camera: each a press of a button, answered with the page it came from and a sentence."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from cameras.access import may_administer, may_change
from cameras.adding import FieldRefused
from cameras.changing import CameraChanges, change_camera
from cameras.hiding import CannotComeBack, bring_back, put_away
from cameras.importing import import_older
from cameras.models import Camera


@require_POST
def change(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Give a camera another name, place or time zone."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    sent = request.POST
    changes: CameraChanges = {}
    if "name" in sent:
        changes["name"] = sent["name"]
    if "timezone" in sent:
        changes["timezone"] = sent["timezone"]
    if "place" in sent:
        changes["place"] = sent["place"]
    try:
        if changed := change_camera(camera, changes, request):
            messages.success(request, _in_words(camera, changed))
    except FieldRefused as refusal:
        messages.error(request, str(refusal))
    return redirect("camera", camera.pk) if sent.get("next") == "camera" else redirect("cameras")


def _in_words(camera: Camera, changed: list[str]) -> str:
    words = {
        "name": f"It is called {camera.name} now.",
        "place": f"It looks at: {camera.get_place_display()}.",
        "timezone": f"Its clock is that of {camera.zone.key} from its next file on.",
    }
    return " ".join(words[name] for name in changed)


@require_POST
def import_older_files(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Take in the files that were there before the first scan."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    if import_older(camera, request):
        messages.success(request, f"The older files of {camera.name} are being imported.")
    else:
        messages.info(request, f"No older file of {camera.name} waits any more.")
    return redirect("camera", camera.pk)


@require_POST
def correct_clock(request: HttpRequest, camera_id: str) -> HttpResponse:
    """From now on, read the camera's own times as if its clock were right."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    offset = camera.clock_to_correct
    if offset is None:
        messages.info(request, f"The clock of {camera.name} needs no correction any more.")
    else:
        change_camera(camera, {"clock_offset": round(offset.total_seconds())}, request)
        messages.success(request, f"Times from {camera.name} are corrected from its next file on.")
    return redirect("camera", camera.pk)


@require_POST
def hide(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Put a camera away; everything of it stays."""
    camera = get_object_or_404(Camera.objects.for_user(may_administer(request)), pk=camera_id)
    put_away(camera, request)
    messages.success(request, f"{camera.name} is put away. It can be brought back at the end of this page.")
    return redirect("cameras")


@require_POST
def restore(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Show a camera again that was put away."""
    may_administer(request)
    camera = get_object_or_404(Camera, pk=camera_id)
    try:
        if bring_back(camera, request):
            messages.success(request, f"{camera.name} is back, with all its pictures and visits.")
    except CannotComeBack as refusal:
        messages.error(request, str(refusal))
        return redirect("cameras")
    return redirect("camera", camera.pk)
