"""Pictures added by hand, and the demo: two ways to see the program work without a camera."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cameras.access import may_change
from cameras.demo.stage import start_in_background
from cameras.models import UNSORTED_CAMERA_ID, Camera, Capture
from cameras.receipts import outcome_of
from cameras.uploads import Refused, receive_upload


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
        return _back(request, camera_id)
    status = 200 if all(is_stored for is_stored, _ in outcomes) else 422
    return JsonResponse({"sentences": [sentence for _, sentence in outcomes]}, status=status)


def _back(request: HttpRequest, camera_id: str) -> HttpResponse:
    came_from = request.POST.get("next")
    if came_from == "camera":
        camera = Camera.objects.filter(pk=Camera.objects.of_folder(camera_id), deleted_at=None).first()
        return redirect("camera", camera.pk) if camera else redirect("cameras")
    return redirect("cameras" if came_from == "cameras" else "live")


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
