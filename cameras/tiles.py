"""Cameras as the pages show them: last picture, its age, and whether the camera still reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from cameras.models import Camera, CameraQuerySet, Capture
from cameras.silence import ARRIVALS_LOOKED_AT, Silence, unusual_silence

# A capture that can be shown: its preview, or a picture that was read whole and still lies there.
WHOLE = [Capture.State.QUEUED, Capture.State.DETECTING, Capture.State.DETECTED, Capture.State.DUPLICATE]
HAS_PICTURE = ~Q(preview_path="") | Q(media_type=Capture.MediaType.IMAGE, state__in=WHOLE)


@dataclass(frozen=True)
class Tile:
    camera: Camera
    picture: Capture | None
    silence: Silence | None

    @property
    def is_offline(self) -> bool:
        return self.camera.status != Camera.Status.ONLINE

    @property
    def version(self) -> str:
        """Changes whenever anything visible does, the picture's growing age aside."""
        picture = self.picture.pk if self.picture else ""
        return f"{self.camera.name}|{self.camera.place}|{self.look}|{picture}"

    @property
    def picture_url(self) -> str:
        return picture_url(self.picture) if self.picture else ""

    @property
    def look(self) -> str:
        """The tile's style: a frozen picture must never look live."""
        if self.is_offline:
            return "is-offline"
        return "is-overdue" if self.silence else ""


def has_picture(capture: Capture) -> bool:
    """What `HAS_PICTURE` asks of a row."""
    return bool(capture.preview_path) or (capture.media_type == Capture.MediaType.IMAGE and capture.state in WHOLE)


def picture_url(capture: Capture) -> str:
    """Address of a capture's picture: the preview where there is one, the original otherwise."""
    return reverse("preview" if capture.preview_path else "original", args=[capture.pk])


def tiles_of(cameras: CameraQuerySet) -> list[Tile]:
    """A tile for each of these cameras, by name. Two queries."""
    newest = Capture.objects.filter(HAS_PICTURE, camera=OuterRef("pk")).order_by("-captured_at", "-id")
    arrivals = Capture.objects.filter(camera=OuterRef("pk")).order_by("-id").values("arrived_at")
    rows: list[Any] = list(  # cameras with two annotations
        cameras.annotate(
            picture_id=Subquery(newest.values("pk")[:1]), arrivals=ArraySubquery(arrivals[:ARRIVALS_LOOKED_AT])
        ).order_by("name", "pk")
    )
    pictures = Capture.objects.select_related("camera").in_bulk([row.picture_id for row in rows if row.picture_id])
    now = timezone.now()
    return [
        Tile(row, pictures.get(row.picture_id), unusual_silence(sorted(row.arrivals, reverse=True), now))
        for row in rows
    ]
