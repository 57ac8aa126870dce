"""Camera ids in addresses, for the urls of every app that has pages about one camera."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class CameraId(StringConverter):
    """Any text but NUL, which no id holds and the database refuses to be asked for."""

    regex = "[^/\0]+"


register_converter(CameraId, "camera")
