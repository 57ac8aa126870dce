"""Thumbnails and previews that no row names: left by a worker that died before it stored, or by a cleanup that did.

Called by retention, for the days it has cleaned, and by `verify`, for all of them.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from django.conf import settings

from cameras.models import Capture
from cameras.stored_files import remove_below
from detections.models import Detection

logger = logging.getLogger(__name__)

THUMBNAILS, PREVIEWS = "thumbnails", "previews"
# Pictures are written before the rows that name them; no task takes longer than this.
MAY_STILL_BE_NAMED_S = 600.0
FOLDER_AT_REST_S = 86_400.0
FILES_AT_ONCE = 500
OURS = {
    THUMBNAILS: re.compile(r"(\d{1,18})-\d+\.jpg"),
    PREVIEWS: re.compile(r"(\d{1,18})\.jpg"),
}
UNFINISHED = re.compile(r"\.\d{1,18}(-\d+)?\.jpg\.part")


@dataclass(frozen=True)
class Picture:
    """A file among our pictures. `path` is relative to DATA_DIR; `capture_id` None while it is unfinished."""

    path: str
    capture_id: int | None


def remove_stray(path: str, *, dry_run: bool = False) -> int:
    """Remove such a picture, if nobody has written it anew since it was found; gives its bytes. As `remove_below`."""
    return remove_below(Path(settings.DATA_DIR), path, fits=_is_past_doubt, dry_run=dry_run)


def remove_empty_folders(kind: str, *, before: date) -> None:
    """Remove those of days before a date in which nothing lies and nothing has for a day: nobody is writing there."""
    for folder in day_folders(kind, before=before):
        with suppress(OSError):  # refused where anything is in it
            if folder.stat().st_mtime < time.time() - FOLDER_AT_REST_S:
                folder.rmdir()


def _is_past_doubt(status: os.stat_result) -> bool:
    return status.st_mtime < time.time() - MAY_STILL_BE_NAMED_S


def stray_pictures(kind: str, *, before: date | None = None) -> Iterator[str]:
    """Paths, relative to DATA_DIR, of pictures nobody names; of the days before a date where one is given.

    Files with names that are not ours are left alone.
    """
    for folder in day_folders(kind, before=before):
        pictures = _finished_long_ago(kind, folder)
        while some := list(islice(pictures, FILES_AT_ONCE)):
            named = _named(kind, {picture.capture_id for picture in some if picture.capture_id is not None})
            yield from (one.path for one in some if one.path not in named and one.capture_id not in named)


def day_folders(kind: str, *, before: date | None = None) -> list[Path]:
    """The folders of `kind`, one for each day, oldest first."""
    return [
        Path(entry.path)
        for entry in _entries(Path(settings.DATA_DIR) / kind)
        if (day := _day_of(entry)) and (before is None or day < before)
    ]


def _day_of(entry: os.DirEntry[str]) -> date | None:
    try:
        return date.fromisoformat(entry.name) if entry.is_dir(follow_symlinks=False) else None
    except ValueError:
        return None


def _finished_long_ago(kind: str, folder: Path) -> Iterator[Picture]:
    for entry in _entries(folder):
        ours = OURS[kind].fullmatch(entry.name)
        if ours is None and not UNFINISHED.fullmatch(entry.name):
            continue
        try:
            if not _is_past_doubt(entry.stat(follow_symlinks=False)):
                continue
        except OSError:
            continue
        yield Picture(f"{kind}/{folder.name}/{entry.name}", int(ours[1]) if ours else None)


def _named(kind: str, capture_ids: set[int]) -> set[str | int | None]:
    """Paths that rows of these captures name, and the ids of those whose pictures are just being made."""
    captures = Capture.objects.filter(pk__in=capture_ids)
    on_their_way = captures.filter(state__in=[Capture.State.QUEUED, Capture.State.DETECTING])
    named: set[str | int | None] = set(on_their_way.values_list("pk", flat=True))
    # After that: what was stored in between is named by now.
    if kind == THUMBNAILS:
        named.update(Detection.objects.filter(capture_id__in=capture_ids).values_list("thumbnail_path", flat=True))
    else:
        named.update(captures.values_list("preview_path", flat=True))
    return named


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; nothing where it is missing or may not be listed, which is logged."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        logger.warning("%s cannot be listed, pictures in it that nobody names stay: %s", folder, error)
        return []
