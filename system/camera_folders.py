"""Whether a camera's folder is the one its files were taken in from. Called by retention and `verify`.

A disk that dropped off leaves an empty folder, and a camera that goes on writing fills it with new files: what is not
found there then is not gone. So a folder is believed for its old files.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from cameras.models import Camera, Capture
from cameras.names import decode_path, encode_path
from cameras.stored_files import NotThere, folder_below, look_below

UNKNOWN_DISK_ERRORS = (NotThere, OSError)
# Files taken in since may have been written to the bare folder. Longer, and the files of a camera that keeps fewer days
# than this would all be too young to tell anything by.
OLD_FILE = timedelta(days=3)
WITNESSES = 200
MISSING, EMPTY = "is missing or cannot be read", "is empty"
EMPTIED = f"holds none of the files that were taken in from it more than {OLD_FILE.days} days ago"


def why_not_believed(name: str) -> str:
    """What is wrong with a camera's folder, to go after its name; empty where what is missing in it is gone."""
    try:
        with folder_below(Path(settings.CAMERA_ROOT), name) as folder:
            return why_open_folder_is_not_believed(folder, name)
    except UNKNOWN_DISK_ERRORS:
        return MISSING


def why_open_folder_is_not_believed(folder: int, name: str) -> str:
    """The same of a folder that is open."""
    if not _holds_anything(folder):
        return EMPTY
    # The newest first: a camera that deletes its own files has deleted the oldest.
    old = Capture.objects.filter(
        camera_id=Camera.objects.of_folder(name),
        file_path__startswith=f"{encode_path(name)}/" if name else "",
        arrived_at__lt=timezone.now() - OLD_FILE,
    )
    witnesses = list(old.only("file_path", "size", "mtime").order_by("-id")[:WITNESSES])
    if not witnesses or any(_lies_in(folder, name, witness) for witness in witnesses):
        return ""
    return EMPTIED


def _lies_in(folder: int, name: str, capture: Capture) -> bool:
    try:
        status = look_below(folder, decode_path(capture.file_path).removeprefix(f"{name}/"))
    except UNKNOWN_DISK_ERRORS:
        return False
    return capture.is_as_taken_in(status)


def _holds_anything(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is not None
