"""The editor of a camera's zones: drawn, changed and deleted by members and owners.

Each answer is a piece of the camera's page, put in by htmx; without JavaScript it is a page, or leads to the camera's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cameras.access import may_change
from cameras.models import Camera
from zones.changing import LONGEST_NAME, ZoneRefused, delete_zone
from zones.drawing import COLORS, KINDS, drawn, feet_seen_lately, ground_of
from zones.editing import HALF, Draft, Overtaken, draw, redraw
from zones.models import Zone

NO_SINGLE_FIELD = ""

FIELDS = {"name", "zone_type", "coordinates", "min_overlap", "color"}
"""Those beside which the form has room for what is said against them."""


@dataclass(frozen=True)
class Editor:
    """One opened form: what it holds, of which zone (None: a new one), and what was said against it, by field."""

    camera: Camera
    draft: Draft
    zone: Zone | None = None
    refused: ZoneRefused | None = None
    is_overtaken: bool = False

    @property
    def action(self) -> str:
        if self.zone is None:
            return reverse("draw_zone", args=[self.camera.pk])
        return reverse("zone", args=[self.camera.pk, self.zone.pk])

    @property
    def opener(self) -> str:
        """The id of what was pressed to open it."""
        return f"change-{self.zone.pk}" if self.zone else f"draw-{self.draft.shape}"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def draw_zone(request: HttpRequest, camera_id: str) -> HttpResponse:
    """Draw a new zone."""
    camera = _camera(request, camera_id)
    if request.method != "POST":
        return _open(request, Editor(camera, Draft.new(request.GET.get("shape", ""), camera.zones.all())))
    draft = Draft.sent(request.POST)
    try:
        zone = draw(camera, draft, request)
    except ZoneRefused as refused:
        return _open(request, Editor(camera, draft, refused=refused))
    return _done(request, camera, f"{zone.name} is drawn.")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change(request: HttpRequest, camera_id: str, zone_id: str) -> HttpResponse:
    """Change a zone."""
    camera = _camera(request, camera_id)
    if request.method != "POST":
        known = get_object_or_404(Zone, camera=camera, pk=zone_id)
        return _open(request, Editor(camera, Draft.of(known), known))
    draft = Draft.sent(request.POST)
    try:
        changed = redraw(camera, zone_id, draft, request)
    except ZoneRefused as refused:
        return _open(request, Editor(camera, draft, camera.zones.filter(pk=zone_id).first(), refused))
    except Overtaken as overtaken:
        editor = Editor(camera, draft.at(overtaken.zone), overtaken.zone, is_overtaken=True)
        return _open(request, editor)
    return _done(request, camera, f"{changed.name} is stored.")


@require_POST
def delete(request: HttpRequest, camera_id: str, zone_id: str) -> HttpResponse:
    """Delete a zone, unless rules name it."""
    camera = _camera(request, camera_id)
    known = get_object_or_404(Zone, camera=camera, pk=zone_id)
    try:
        delete_zone(known, request)
    except ZoneRefused as refused:
        return _done(request, camera, f"{known.name} stays: {refused.message}", is_refused=True)
    return _done(request, camera, f"{known.name} is deleted.")


def _camera(request: HttpRequest, camera_id: str) -> Camera:
    return get_object_or_404(Camera.objects.for_user(may_change(request)), pk=camera_id)


def _is_in_page(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _open(request: HttpRequest, editor: Editor) -> HttpResponse:
    ground = ground_of(editor.camera)
    refused = editor.refused
    # Theirs is drawn along where somebody else was faster.
    others = [one for one in editor.camera.zones.all() if one != editor.zone or editor.is_overtaken]
    context = {
        "editor": editor,
        "camera": editor.camera,
        "draft": editor.draft,
        "ground": ground,
        "others": drawn(others, ground),
        "feet": feet_seen_lately(editor.camera, ground),
        "errors": {refused.field if refused.field in FIELDS else "all": refused.message} if refused else {},
        "kinds": KINDS,
        "colors": COLORS.items(),
        "is_other_color": editor.draft.color.upper() not in {color.upper() for color in COLORS},
        "half": HALF,
        "longest_name": LONGEST_NAME,
        "is_in_page": _is_in_page(request),
    }
    return render(request, "zones/editor.html" if context["is_in_page"] else "zones/page.html", context)


def _done(request: HttpRequest, camera: Camera, sentence: str, *, is_refused: bool = False) -> HttpResponse:
    if not _is_in_page(request):
        (messages.error if is_refused else messages.success)(request, sentence)
        return redirect(f"{reverse('camera', args=[camera.pk])}#camera-zones")
    response = render(request, "zones/done.html", {"sentence": sentence, "is_refused": is_refused})
    # The page then asks which of its parts changed.
    response["HX-Trigger"] = json.dumps({"changed": {"target": "#changes"}})
    return response
