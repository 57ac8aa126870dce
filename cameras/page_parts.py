"""Pieces of an open page that are replaced by themselves when they change: what did not keeps its focus and its folds.

The page sends the marks of the parts it shows and is answered with those that differ. For the pages of a camera and of
the system; `static/js/parts.js` is their other half.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

# What differs between two renderings of the same facts: ages that grow or shrink, and the masked token of a form.
ALWAYS_NEW = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*|(data-(?:age|since|until)[^>]*>)[^<]*')


@dataclass(frozen=True)
class Part:
    """One piece; its name is its id in the page."""

    name: str
    html: SafeString

    @property
    def mark(self) -> str:
        """Name and version."""
        lasting = ALWAYS_NEW.sub(r"\1\2", self.html)
        return f"{self.name}.{crc32(lasting.encode()):08x}"


def parts_of(request: HttpRequest, folder: str, names: Iterable[str], context: dict[str, object]) -> list[Part]:
    """The parts of these names, each from the template of its name in `folder`."""
    return [Part(name, render_to_string(f"{folder}/{name.replace('-', '_')}.html", context, request)) for name in names]


def changed_parts(request: HttpRequest, parts: Iterable[Part]) -> HttpResponse:
    """The parts that are not as the page shows them; 204 where all are."""
    seen = set(request.GET.getlist("seen"))
    changed = [part for part in parts if part.mark not in seen]
    response = render(request, "parts/changed.html", {"parts": changed}) if changed else HttpResponse(status=204)
    response["X-Page-Clock"] = f"{timezone.localtime():%H:%M}"
    return response
