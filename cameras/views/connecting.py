"""Adding a camera and connecting it: its credentials, shown once, what to type where, and a log that follows along."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from cameras.access import may_administer
from cameras.adding import FieldRefused, add_camera
from cameras.ftp.accounts import Credentials, credentials_of, give_account
from cameras.ftp.addresses import passive_ports
from cameras.ftp_state import account_of
from cameras.live_log import log_of
from cameras.models import Camera, FTPAccount, Place
from cameras.page_parts import Part, changed_parts, parts_of

PARTS = ("live-log",)
GUESSED = ""


class AddForm(forms.Form):
    """A name, and how the pictures come."""

    name = forms.CharField(max_length=200)
    place = forms.ChoiceField(choices=[(GUESSED, "Guess from the name"), *Place.choices], required=False)
    way = forms.ChoiceField(choices=[("ftp", "ftp"), ("folder", "folder")])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """Make a camera. The answer is its page of connection: a redirect would have to keep the password somewhere."""
    may_administer(request)
    form = AddForm(request.POST) if request.method == "POST" else AddForm()
    known: Camera | None = None
    if form.is_valid():
        place, way = form.cleaned_data["place"], form.cleaned_data["way"]
        try:
            camera, credentials = add_camera(
                form.cleaned_data["name"], ftp=way == "ftp", place=Place(place) if place else None, request=request
            )
        except FieldRefused as refusal:
            known = getattr(refusal, "camera", None)
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        except OSError as error:
            form.add_error(None, f"Its folder could not be made: {error.strerror}.")
        else:
            return _connection(request, camera, credentials)
    places = form.fields["place"].choices  # type: ignore[attr-defined]  # of a ChoiceField
    context = {"form": form, "places": places, "known": known}
    return render(request, "cameras/add.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def connect(request: HttpRequest, camera_id: str) -> HttpResponse:
    """What is typed into the camera. A POST makes a password, which stands in its answer and nowhere else."""
    camera = _connected(request, camera_id)
    if request.method == "POST":
        return _connection(request, camera, give_account(camera, request))
    account = account_of(camera)
    return _connection(request, camera, credentials_of(account) if account else None)


@require_safe
@never_cache
def connect_changes(request: HttpRequest, camera_id: str) -> HttpResponse:
    """The live log, if it is not as the page shows it."""
    camera = _connected(request, camera_id)
    return changed_parts(request, _parts(request, camera, account_of(camera)))


def _connected(request: HttpRequest, camera_id: str) -> Camera:
    """The camera; also one that was merged into another, for it may go on signing in."""
    may_administer(request)
    return get_object_or_404(Camera.objects.in_use(), pk=camera_id)


def _connection(request: HttpRequest, camera: Camera, credentials: Credentials | None) -> HttpResponse:
    ports = passive_ports()
    context = {
        "camera": camera,
        "credentials": credentials,
        "passive_ports": f"{ports[0]}–{ports[-1]}",
        "parts": _parts(request, camera, account_of(camera)),
    }
    return render(request, "cameras/connect.html", context)


def _parts(request: HttpRequest, camera: Camera, account: FTPAccount | None) -> list[Part]:
    context: dict[str, object] = {"camera": camera, "log": log_of(camera.merged_into or camera, account)}
    return parts_of(request, "cameras/parts", PARTS, context)
