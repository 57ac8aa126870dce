"""The cameras: what each shows, where it looks, what became of its files. And pictures added by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import AuditAction, audit
from cameras.access import may_change, signed_in
from cameras.demo.stage import start_in_background
from cameras.models import UNSORTED_CAMERA_ID, Camera, Capture, Place
from cameras.receipts import last_receipts, outcome_of
from cameras.scan import import_older
from cameras.tiles import HAS_PICTURE, tiles_of
from cameras.uploads import Refused, receive_upload
from telemetry.broadcast import broadcast

MOST_PICTURES = 12
MOST_RECEIPTS = 30


class CameraForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in its stubs only
    """Name and place, each changed by itself."""

    class Meta:
        model = Camera
        fields = ("name", "place")

    def __init__(self, data: Any, instance: Camera) -> None:
        super().__init__(data, instance=instance)
        for name in set(self.fields) - set(data):
            del self.fields[name]


@require_safe
@never_cache
def camera_list(request: HttpRequest) -> HttpResponse:
    """Every camera this person may see."""
    user = signed_in(request)
    cameras = Camera.objects.for_user(user)
    tiles = tiles_of(cameras)
    visible = user.visible_camera_ids()
    context = {
        "tiles": tiles,
        "cameras": cameras,
        "next": "cameras",
        "places": Place.choices,
        "receipts": last_receipts(user, MOST_RECEIPTS // 2),
        "hidden_cameras": 0 if visible is None else Camera.objects.filter(deleted_at=None).count() - len(tiles),
        "camera_root": settings.CAMERA_ROOT,
    }
    return render(request, "cameras/list.html", context)


@require_safe
@never_cache
def camera_page(request: HttpRequest, camera_id: str) -> HttpResponse:
    """One camera: its last pictures and what became of its last files."""
    user = signed_in(request)
    camera = get_object_or_404(Camera.objects.for_user(user), pk=camera_id)
    pictures = Capture.objects.for_user(user).filter(HAS_PICTURE, camera=camera).with_event_id()
    context = {
        "tile": tiles_of(Camera.objects.for_user(user).filter(pk=camera.pk))[0],
        "camera": camera,
        "places": Place.choices,
        "pictures": pictures.select_related("camera").order_by("-captured_at", "-id")[:MOST_PICTURES],
        "receipts": last_receipts(user, MOST_RECEIPTS, camera),
    }
    return render(request, "cameras/camera.html", context)


@require_POST
def change(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Give a camera another name or place."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    form = CameraForm(request.POST, camera)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    elif form.changed_data:
        with transaction.atomic():
            camera.save(update_fields=form.changed_data)
            details: dict[str, object] = {name: form.cleaned_data[name] for name in form.changed_data}
            audit(AuditAction.CAMERA_UPDATED, "camera", camera.pk, request=request, details=details)
            broadcast("camera", {"camera_id": camera.pk})
        messages.success(request, _change_in_words(camera, form.changed_data))
    return redirect("camera", camera.pk) if request.POST.get("next") == "camera" else redirect("cameras")


def _change_in_words(camera: Camera, changed: list[str]) -> str:
    return f"It is called {camera.name} now." if "name" in changed else f"It looks at: {camera.get_place_display()}."


@require_POST
def import_older_files(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Take in the files that were there before the first scan."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    waiting = camera.older_files
    with transaction.atomic():
        import_older(camera)
        audit(
            AuditAction.CAMERA_UPDATED, "camera", camera.pk, request=request, details={"imported_older_files": waiting}
        )
    messages.success(request, f"The older files of {camera.name} are being imported.")
    return redirect("camera", camera.pk)


@require_POST
def correct_clock(request: HttpRequest, camera_id: str) -> HttpResponse:
    """From now on, read the camera's own times as if its clock were right."""
    camera = get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)
    offset = camera.clock_to_correct
    if offset is None:
        messages.info(request, f"The clock of {camera.name} needs no correction any more.")
        return redirect("camera", camera.pk)
    camera.clock_offset = round(offset.total_seconds())
    with transaction.atomic():
        camera.save(update_fields=["clock_offset"])
        details: dict[str, object] = {"clock_offset": camera.clock_offset}
        audit(AuditAction.CAMERA_UPDATED, "camera", camera.pk, request=request, details=details)
    messages.success(request, f"Times from {camera.name} are corrected from its next file on.")
    return redirect("camera", camera.pk)


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Pictures added by hand. A script gets one line for each file, a plain form the page it came from."""
    may_change(request)
    camera_id = request.POST.get("new_camera", "").strip() or request.POST.get("camera", "") or UNSORTED_CAMERA_ID
    outcomes = [_store(file, camera_id) for file in request.FILES.getlist("pictures")]
    if not outcomes:
        outcomes = [(False, "No file was chosen.")]
    if request.accepts("text/html"):
        for is_stored, sentence in outcomes:
            messages.add_message(request, messages.SUCCESS if is_stored else messages.ERROR, sentence)
        return redirect("cameras" if request.POST.get("next") == "cameras" else "live")
    status = 200 if all(is_stored for is_stored, _ in outcomes) else 422
    return JsonResponse({"sentences": [sentence for _, sentence in outcomes]}, status=status)


def _store(file: UploadedFile[Any], camera_id: str) -> tuple[bool, str]:
    """Whether the file was taken in, and what to tell the sender."""
    try:
        capture = receive_upload(file, camera_id)
    except Refused as refusal:
        return False, str(refusal)
    except OSError as error:
        return False, f"{file.name} could not be stored: {error.strerror}."
    is_final = capture.state in (Capture.State.DUPLICATE, Capture.State.REJECTED)
    outcome = outcome_of(capture, [])[1] if is_final else "taken in; what becomes of it is told under Last files."
    return True, f"{file.name}: {outcome}"


@require_POST
def play_demo(request: HttpRequest) -> HttpResponse:
    """Let three drawn cameras send what happens around a house, within about a minute."""
    may_change(request)
    if start_in_background():
        messages.success(request, "The demo is playing: its first pictures arrive within seconds.")
    else:
        messages.info(request, "The demo is playing already.")
    return redirect("live")
