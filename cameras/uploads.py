"""Files that arrive by page, API or command: stored like a good FTP server does, then taken in."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path, PurePath
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from cameras import media
from cameras.ftp import parts
from cameras.intake import Outcome, take_in
from cameras.models import Camera, Capture, normalize_camera_id
from cameras.names import encode_path


class Refused(Exception):
    """The upload cannot be stored; the message is for the person who sent it."""


def receive_upload(upload: UploadedFile[Any], camera_id: str) -> Capture:
    """Store an uploaded file in the camera's folder and take it in at once.

    Raises Refused with a sentence for the sender.
    """
    if upload.file is None or not upload.name:
        raise Refused("No file came with the request: choose a picture or a video.")
    return store(upload.file, upload.name, upload.size or 0, camera_id)


def store(source: IO[bytes], name: str, size: int, camera_id: str) -> Capture:
    """Copy `source` into the folder of a camera under a name of its own, and take it in.

    Raises Refused for a kind, size or camera that cannot be, OSError where the disk refuses.
    """
    file_name = PurePath(name.replace("\\", "/")).name.lstrip(".") or "picture"
    if not media.is_readable_kind(file_name):
        raise Refused(f"{file_name} is of a kind that is not read. These are: {media.KINDS_IN_WORDS}.")
    if size > media.MAX_BYTES:
        raise Refused(f"{file_name} has {size / 1024**3:.1f} GB; the limit is 2 GB.")
    folder = camera_folder(camera_id)
    folder.mkdir(parents=True, exist_ok=True)
    arriving = folder / f".{secrets.token_hex(8)}.part"
    try:
        with arriving.open("xb") as target:
            shutil.copyfileobj(source, target)
        path = parts.place_beside(arriving, parts.shortened(file_name))
    finally:
        arriving.unlink(missing_ok=True)
    return _taken(path)


def camera_folder(camera_id: str) -> Path:
    """Where a camera's files go: its own folder if it is known, else one named after it.

    Raises Refused where the id is no camera name.
    """
    known = Camera.objects.filter(pk=Camera.objects.of_folder(camera_id)).first()
    if known is not None and known.deleted_at is not None:
        raise Refused(f"{known.name} was put away: an owner can bring it back on the page of the cameras.")
    if known is not None:
        return known.folder
    if not any(character.isalnum() for character in camera_id):
        raise Refused("A camera needs a name with at least one letter or digit.")
    return Path(settings.CAMERA_ROOT) / normalize_camera_id(camera_id)


def _taken(path: Path) -> Capture:
    outcome = take_in(path)
    if outcome is Outcome.WAITING:
        path.unlink(missing_ok=True)
        raise Refused(f"{path.name} is not whole: it ends too early or is damaged.")
    relative = encode_path(str(path.relative_to(settings.CAMERA_ROOT)))
    return Capture.objects.filter(file_path=relative).select_related("camera").latest("id")
