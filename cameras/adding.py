"""A camera made by a person before its first file, and what it may be called. For the page and the API alike."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import available_timezones

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.models import AuditAction, audit
from cameras.ftp.accounts import Credentials, give_account
from cameras.models import Camera, Place, guess_place, normalize_camera_id
from cameras.names import encode_path, is_plain
from telemetry.broadcast import broadcast

LONGEST_NAME = 200
# What file systems take for the name of a folder.
LONGEST_FOLDER_BYTES = 255


class FieldRefused(Exception):
    """A camera cannot have this value; the message is for the person who gave it."""

    field = ""


class NameRefused(FieldRefused):
    """`camera` is the one that has the name already, where that is why."""

    field = "name"

    def __init__(self, message: str, camera: Camera | None = None) -> None:
        super().__init__(message)
        self.camera = camera


class PlaceRefused(FieldRefused):
    field = "place"


class ZoneRefused(FieldRefused):
    field = "timezone"


def add_camera(
    name: str, *, ftp: bool, place: Place | None = None, timezone: str = "", request: HttpRequest | None = None
) -> tuple[Camera, Credentials | None]:
    """Make a camera with its folder, and an FTP account if asked for. Raises FieldRefused; OSError for the folder."""
    name = usable_name(name)
    camera_id = normalize_camera_id(name)
    if len(os.fsencode(camera_id)) > LONGEST_FOLDER_BYTES:
        raise NameRefused("The name is too long for a folder. Choose a shorter one.")
    refuse_unknown_zone(timezone)
    with transaction.atomic():
        camera = _create(camera_id, name, place or guess_place(camera_id), timezone)
        audit(AuditAction.CAMERA_CREATED, "camera", camera.pk, request=request, details={"name": name, "ftp": ftp})
        credentials = give_account(camera, request) if ftp else None
        camera.folder.mkdir(parents=True, exist_ok=True)
        broadcast("camera", {"camera_id": camera.pk})
    return camera, credentials


def usable_name(name: str, camera: Camera | None = None) -> str:
    """The name as it is kept, for a new camera or for `camera`. Raises NameRefused."""
    name = " ".join(name.split())
    if not any(character.isalnum() for character in name):
        raise NameRefused("A camera needs a name with at least one letter or digit.")
    if len(name) > LONGEST_NAME:
        raise NameRefused(f"A name has {LONGEST_NAME} characters at most.")
    if not is_plain(name):
        raise NameRefused("A name cannot hold control characters.")
    if (other := who_is_called(name, camera)) is not None:
        raise NameRefused(_why_taken(other), other)
    return name


def who_is_called(name: str, besides: Camera | None = None) -> Camera | None:
    """The camera that has this name; one that was put away leaves its own to others."""
    others = Camera.objects.filter(deleted_at=None, name__iexact=name)
    return others.exclude(pk=besides.pk if besides else "").first()


def refuse_unknown_zone(timezone: str) -> None:
    """Raises ZoneRefused for what is neither the name of a time zone nor empty: the home's."""
    if timezone and timezone not in available_timezones():
        raise ZoneRefused(f"There is no time zone “{timezone[:64]}”. They have names such as Europe/Berlin.")


def _create(camera_id: str, name: str, place: Place, timezone: str) -> Camera:
    """The row, or NameRefused: the one who makes it first has the name, by whatever way it came."""
    folder_path = encode_path(str(Path(settings.CAMERA_ROOT) / camera_id))
    try:
        with transaction.atomic():
            return Camera.objects.create(
                pk=camera_id,
                name=name,
                place=place,
                timezone=timezone,
                folder_path=folder_path,
                status=Camera.Status.OFFLINE,  # until its first file
            )
    except IntegrityError as error:
        known = Camera.objects.select_related("merged_into").get(pk=camera_id)
        raise NameRefused(_why_taken(known), known) from error


def _why_taken(known: Camera) -> str:
    if known.merged_into is not None:
        return f"A camera of this name was merged into {known.merged_into.name}. Choose another name."
    if known.deleted_at is not None:
        return f"{known.name} was put away. Bring it back on the page of the cameras, or choose another name."
    return f"There is a camera {known.name} already. Open its page to change it, or choose another name."
