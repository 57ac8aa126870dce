"""The zones of a camera as a part of its page, which belongs to an app that knows none."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import Context

from cameras.models import Camera
from zones.changing import MOST_ZONES
from zones.drawing import drawn, ground_of

register = template.Library()


@register.inclusion_tag("zones/drawn.html", takes_context=True)
def zones_of(context: Context, camera: Camera) -> dict[str, Any]:
    """Picture and list of a camera's zones; for whoever may change them with the ways to."""
    zones = list(camera.zones.all())
    ground = ground_of(camera)
    return {
        "camera": camera,
        "ground": ground,
        "drawn": drawn(zones, ground),
        "may_change": context["user"].may_change(),
        "is_full": len(zones) >= MOST_ZONES,
        "csrf_token": context.get("csrf_token"),
    }
