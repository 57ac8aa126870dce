"""Makes, lists and removes sample cameras, for trying things out."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Count
from rich.console import Console
from rich.table import Table

from accounts.models import AuditAction, audit
from cameras.models import Camera, guess_place, normalize_camera_id
from cameras.names import encode_path

SAMPLE_NAMES = ("Front Door", "Back Yard", "Driveway", "Garage", "Side Gate", "Living Room")


class Command(BaseCommand):
    help = "Makes up to six sample cameras with their folders; running it again changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--count", type=int, help=f"how many to make, at most {len(SAMPLE_NAMES)} (default: all)")
        parser.add_argument("--no-folders", action="store_true", help="make the cameras without their folders")
        parser.add_argument("--list", action="store_true", help="only list the cameras there are")
        parser.add_argument(
            "--clear",
            action="store_true",
            help="remove the sample cameras that never got a file; with --count make new ones afterwards",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        count = options["count"]
        if count is not None and not 1 <= count <= len(SAMPLE_NAMES):
            raise CommandError(f"--count is 1 to {len(SAMPLE_NAMES)}, not {count}.")
        if options["list"]:
            self._list()
            return
        if options["clear"]:
            self._clear()
        if count or not options["clear"]:
            self._seed(SAMPLE_NAMES[:count], with_folders=not options["no_folders"])

    def _seed(self, names: Sequence[str], *, with_folders: bool) -> None:
        for name in names:
            camera_id = normalize_camera_id(name)
            folder = Path(settings.CAMERA_ROOT) / camera_id
            camera, is_new = self._make(camera_id, name, folder)
            if with_folders:
                _make_folder(folder)
            there = (
                "there already, but put away; an owner can bring it back on the page of the cameras"
                if camera.deleted_at
                else "there already"
            )
            self.stdout.write(f"{camera.name} ({camera.pk}): {'made' if is_new else there}")

    def _make(self, camera_id: str, name: str, folder: Path) -> tuple[Camera, bool]:
        with transaction.atomic():
            camera, is_new = Camera.objects.get_or_create(
                pk=camera_id,
                defaults={
                    "name": name,
                    "folder_path": encode_path(str(folder)),
                    "place": guess_place(camera_id),
                    "status": Camera.Status.OFFLINE,
                },
            )
            if is_new:
                audit(AuditAction.CAMERA_CREATED, "camera", camera_id, details={"by": "seed_cameras"})
        return camera, is_new

    def _list(self) -> None:
        rows = Camera.objects.filter(deleted_at=None).annotate(taken_in=Count("captures"))
        cells = rows.values_list("pk", "name", "place", "status", "taken_in")
        if not cells:
            self.stdout.write("No cameras yet. A camera is made by its first file, or by: manage.py seed_cameras")
            return
        table = Table("id", "name", "place", "status", "captures")
        for row in cells:
            table.add_row(*map(str, row))
        console = Console()
        with console.capture() as drawn:
            console.print(table)
        self.stdout.write(drawn.get())

    def _clear(self) -> None:
        for camera in Camera.objects.filter(pk__in=map(normalize_camera_id, SAMPLE_NAMES)):
            label = f"{camera.name} ({camera.pk})"
            kept_because = self._remove(camera)
            self.stdout.write(f"{label}: {f'kept, {kept_because}' if kept_because else 'removed'}")

    def _remove(self, camera: Camera) -> str:
        """Remove a camera that holds nothing of anybody's, and its empty folder; else the reason it is kept."""
        camera_id, folder = camera.pk, Path(settings.CAMERA_ROOT) / camera.pk
        with transaction.atomic():
            Camera.objects.select_for_update().get(pk=camera_id)  # no file is taken in meanwhile
            captures = camera.captures.count()
            if captures:
                return f"it has {captures} {'capture' if captures == 1 else 'captures'}"
            if _holds_files(folder):
                return f"files lie in {folder}"
            camera.delete()
            audit(AuditAction.CAMERA_DELETED, "camera", camera_id, details={"by": "seed_cameras"})
        with suppress(OSError):  # it is not there, or a file arrived just now: then it is a camera again
            folder.rmdir()
        return ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"Cannot make {folder}: {os.strerror(error.errno or 0)}.") from error


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
