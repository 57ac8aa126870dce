"""Cameras and the intake ledger: one Capture for each content of each file a camera dropped."""

from __future__ import annotations

import os
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from cameras.capture_time import CLOCK_TOLERANCE, steady_offset
from cameras.ftp.parts import shown_name
from cameras.names import decode_path
from cameras.stored_files import mtime_of
from telemetry.leases import is_time

if TYPE_CHECKING:
    from accounts.models import User

UNSORTED_CAMERA_ID = "unsorted"
# What arrives later than this after it was taken is shown as "taken …", never as now.
OLD_AT_ARRIVAL = timedelta(minutes=10)


def normalize_camera_id(folder: str) -> str:
    """The camera a folder name means: NFKC, casefold, Unicode letters and digits kept, the rest `_`.

    "Front Door" and "front-door" are one camera, `front_door`. Never empty.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folder).casefold())
    cleaned = "".join(character if character.isalnum() else "_" for character in folded)
    return "_".join(part for part in cleaned.split("_") if part)[:100] or UNSORTED_CAMERA_ID


class Place(models.TextChoices):
    """What a camera looks at: the zone of its whole picture until zones are drawn."""

    STREET = "street"
    FRONT = "front"
    BACK = "back"
    SIDE = "side"
    DRIVEWAY = "driveway"
    INSIDE = "inside"


OVERWRITTEN = "overwritten before it was read"
REMOVED = "removed before it was read"
# Content that nobody has read: it is, once it lies there again.
MISSED = (OVERWRITTEN, REMOVED)

PLACE_HINTS: tuple[tuple[Place, tuple[str, ...]], ...] = (
    (Place.STREET, ("street", "road", "pavement", "sidewalk")),
    (Place.DRIVEWAY, ("driveway", "drive", "garage", "carport", "parking")),
    (Place.BACK, ("back", "rear", "garden", "yard", "patio", "terrace", "pool")),
    (Place.SIDE, ("side", "gate", "alley", "passage")),
    (
        Place.INSIDE,
        ("inside", "indoor", "living", "kitchen", "hall", "room", "office", "bedroom", "cellar", "stairs"),
    ),
)


def guess_place(camera_id: str) -> Place:
    """The place a camera's name suggests, by whole words first to last; front where it suggests none."""
    words = camera_id.split("_")
    for place, hints in PLACE_HINTS:
        if any(word.startswith(hint) for word in words for hint in hints):
            return place
    return Place.FRONT


class CameraQuerySet(models.QuerySet["Camera"]):
    def for_user(self, user: User) -> CameraQuerySet:
        """Cameras this person may see, deleted ones left out."""
        visible = user.visible_camera_ids()
        living = self.filter(deleted_at=None)
        return living if visible is None else living.filter(pk__in=visible)

    def in_use(self) -> CameraQuerySet:
        """Cameras that are there, and those merged into one that is: what they send is seen."""
        return self.filter(Q(deleted_at=None) | Q(merged_into__isnull=False, merged_into__deleted_at=None))

    def locked(self, camera_id: str) -> CameraQuerySet:
        """This camera's row, held until the transaction ends: what makes intake, placing and retention serial for it.

        Whoever takes it takes it first: any other order of locks deadlocks. Rows may go on naming the camera.
        """
        return self.select_for_update(no_key=True).filter(pk=camera_id)

    def held(self, camera_id: str) -> Camera:
        """`locked`, for whoever read some moments ago whose a file is: that camera may have been merged since."""
        camera = self.locked(camera_id).get()
        return self.held(camera.merged_into_id) if camera.merged_into_id else camera

    def of_folder(self, folder: str) -> QuerySet[Any, Any]:
        """Id of the camera that a folder's files belong to, as a subquery: it costs no query for each file."""
        named = self.filter(pk=normalize_camera_id(folder))
        return named.values_list(Coalesce("merged_into_id", "pk"))[:1]


class Camera(models.Model):
    """A folder below the camera root that pictures arrive in. Created by its first file."""

    class Status(models.TextChoices):
        ONLINE = "online"
        OFFLINE = "offline"
        ERROR = "error"

    id = models.CharField(primary_key=True, max_length=100)
    name = models.CharField(max_length=200)
    folder_path = models.TextField()
    place = models.CharField(max_length=10, choices=Place.choices)
    timezone = models.CharField(max_length=64, blank=True, help_text="IANA name; empty: the home's zone.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ONLINE)
    created_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    clock_offset = models.IntegerField(
        null=True,
        blank=True,
        help_text="Seconds to add to the camera's own times, once accepted by a person.",
    )
    first_scanned_at = models.DateTimeField(null=True, blank=True)
    skip_before = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Files last changed before this were there at the first scan and wait to be imported.",
    )
    older_files = models.PositiveIntegerField(default=0, help_text="How many files wait to be imported.")
    import_started_at = models.DateTimeField(null=True, blank=True, help_text="When its older files were asked for.")
    import_files = models.PositiveIntegerField(default=0, help_text="How many files were asked for then.")
    import_before = models.DateTimeField(null=True, blank=True, help_text="They were last changed before this.")
    import_after_id = models.BigIntegerField(default=0, help_text="Their captures have larger ids than this.")
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="merged_cameras",
        help_text="Whose files those of its folder are from now on.",
    )

    objects = CameraQuerySet.as_manager()

    class Meta:
        db_table = "cameras"
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(place__in=Place.values), name="camera_place_is_known")]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """Where its files go, below the camera root of today: `folder_path` remembers where it was first seen."""
        name = self.pk if self.pk == UNSORTED_CAMERA_ID else Path(decode_path(self.folder_path)).name
        return Path(settings.CAMERA_ROOT) / name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the camera's clock and of the hours people read."""
        return ZoneInfo(self.timezone or settings.TIME_ZONE)

    @property
    def measured_clock_offset(self) -> timedelta | None:
        """How far the camera's clock is off by its last five uploads; None when it keeps time."""
        # Whatever source won: a clock that is ahead is refused as one, and is wrong all the same.
        compared = self.captures.filter(clock_difference__isnull=False)
        newest = compared.order_by("-id").values_list("clock_difference", flat=True)[:5]
        return steady_offset([difference for difference in newest if difference is not None])

    @property
    def clock_to_correct(self) -> timedelta | None:
        """How far its clock is off, while nobody has accepted just that; its sign is that of `clock_offset`."""
        measured = self.measured_clock_offset
        accepted = timedelta(seconds=self.clock_offset or 0)
        return None if measured is None or abs(measured - accepted) <= CLOCK_TOLERANCE else measured


class Claimable(models.Model):
    """Columns of a row that a worker takes for a while: see `cameras.claims`."""

    attempts = models.PositiveSmallIntegerField(default=0)
    claim_id = models.UUIDField(null=True, editable=False)
    claimed_by = models.CharField(max_length=200, blank=True, default="")
    lease_until = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    claim_alone = models.BooleanField(default=False, help_text="A worker died with it: next time it is tried alone.")

    class Meta:
        abstract = True


class CaptureQuerySet(models.QuerySet["Capture"]):
    def for_user(self, user: User) -> CaptureQuerySet:
        visible = user.visible_camera_ids()
        living = self.filter(camera__deleted_at=None)
        return living if visible is None else living.filter(camera_id__in=visible)

    def due(self) -> CaptureQuerySet:
        """Queued and not waiting for a retry."""
        return self.filter(is_time("next_attempt_at"), state=Capture.State.QUEUED)

    def recorded(self) -> CaptureQuerySet:
        """Those whose file need not be read again while its size and time stay; content that was missed must be."""
        return self.exclude(state=Capture.State.REJECTED, error__in=MISSED)

    def unplaced(self) -> CaptureQuerySet:
        return self.filter(state=Capture.State.DETECTED, placed_at=None)

    def failed(self) -> CaptureQuerySet:
        """The dead letters: they wait for a person."""
        return self.filter(state=Capture.State.FAILED)

    def with_event_id(self) -> CaptureQuerySet:
        """Adds `event_id`: the visit the capture, or the one it duplicates, is part of."""
        own = Capture.objects.filter(pk=OuterRef("shown_as")).values("detections__membership__event_id")[:1]
        return self.alias(shown_as=models.functions.Coalesce("duplicate_of_id", "id")).annotate(event_id=Subquery(own))


class Capture(Claimable):
    """One content of one file. The states, and who moves them:

    intake → queued · duplicate · rejected;  detect: queued → detecting → detected · rejected · failed;
    a person: failed → queued (requeue) or rejected (dismiss);  retention: any final state → expired.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        DETECTING = "detecting"
        DETECTED = "detected"
        DUPLICATE = "duplicate"
        REJECTED = "rejected"
        FAILED = "failed"
        EXPIRED = "expired"

    class MediaType(models.TextChoices):
        IMAGE = "image"
        VIDEO = "video"

    class TimeSource(models.TextChoices):
        NAME = "name"
        EXIF = "exif"
        MTIME = "mtime"
        ARRIVAL = "arrival"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="captures")
    file_path = models.TextField(help_text="Relative to the camera root; bytes that are not UTF-8 are escaped.")
    file_type = models.CharField(max_length=50, blank=True, help_text="MIME type.")
    media_type = models.CharField(max_length=5, choices=MediaType.choices)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Empty where the file was refused unread.")
    size = models.BigIntegerField()
    mtime = models.DateTimeField()
    captured_at = models.DateTimeField()
    captured_at_source = models.CharField(max_length=7, choices=TimeSource.choices)
    clock_difference = models.IntegerField(null=True, help_text="Arrival minus the time in the name, in seconds.")
    arrived_at = models.DateTimeField(db_default=Now())
    detecting_at = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)
    placed_at = models.DateTimeField(null=True)
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    duration = models.FloatField(null=True)
    video_codec = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=10, choices=State.choices)
    error = models.TextField(blank=True)
    duplicate_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="duplicates"
    )
    detector = models.CharField(max_length=40, blank=True, help_text="Engine that looked at it.")
    nothing_found = models.TextField(blank=True, help_text="Its receipt, in that engine's words, if nothing was found.")
    preview_path = models.TextField(blank=True, help_text="Relative to DATA_DIR; empty without detections.")
    detect_ms = models.PositiveIntegerField(null=True, help_text="The detector's own time for it.")
    preview_offset = models.FloatField(null=True, help_text="Second of the video the preview shows.")

    objects = CaptureQuerySet.as_manager()

    class Meta:
        db_table = "captures"
        constraints = [
            models.UniqueConstraint(
                fields=["camera", "file_path", "sha256"], name="capture_is_one_per_content_of_a_file"
            ),
            models.CheckConstraint(condition=Q(size__gte=0), name="capture_size_is_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="duplicate") | Q(sha256__gt=""), name="capture_duplicate_has_been_read"
            ),
        ]
        indexes = [
            models.Index(  # claims.claim_captures
                F("captured_at"), F("id"), condition=Q(state="queued"), name="idx_captures_queued"
            ),
            models.Index(F("lease_until"), condition=Q(state="detecting"), name="idx_captures_detecting"),  # sweep
            models.Index(  # placing.place_camera
                fields=["camera", "captured_at"],
                condition=Q(state="detected", placed_at=None),
                name="idx_captures_unplaced",
            ),
            models.Index(fields=["camera", "sha256"], name="idx_captures_camera_sha256"),  # intake: duplicates
            models.Index(  # a camera's last files; tiles_of: without touching a row, however long it has been silent
                fields=["camera", "-id"], include=["arrived_at"], name="idx_captures_camera_arrivals"
            ),
            models.Index(  # standing, assessment; tiles_of: the newest picture; time_range: the ids of a time
                fields=["camera", "captured_at", "id"], name="idx_captures_camera_time_id"
            ),
            models.Index(fields=["id", "captured_at"], name="idx_captures_id_time"),  # time_range: the last of a time
            models.Index(  # Camera.measured_clock_offset: most cameras tell no time in their files' names
                fields=["camera", "-id"],
                condition=Q(clock_difference__isnull=False),
                name="idx_captures_clock_difference",
            ),
            models.Index(fields=["state", "-id"], name="idx_captures_state_newest"),  # dead letters, API filter
            BrinIndex(  # System page: what passed in the last hour; rows lie about in the order of these times
                fields=["arrived_at", "processed_at", "placed_at"], autosummarize=True, name="idx_captures_times"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_path} ({self.state})"

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return Path(settings.CAMERA_ROOT) / decode_path(self.file_path)

    def is_as_taken_in(self, status: os.stat_result) -> bool:
        """Whether a file of this size and time is the content that was taken in."""
        return (status.st_size, mtime_of(status)) == (self.size, self.mtime)

    @property
    def file_name(self) -> str:
        return shown_name(self.file_path)

    @property
    def local_captured_at(self) -> datetime:
        return timezone.localtime(self.captured_at, self.camera.zone)


class IgnoredFile(models.Model):
    """A file that is no capture: of a kind we do not read, or one we may not read. One row while it lies there."""

    class Kind(models.TextChoices):
        IGNORED = "ignored"
        UNREADABLE = "unreadable"

    camera = models.ForeignKey(Camera, on_delete=models.CASCADE, related_name="ignored_files")
    file_path = models.TextField(help_text="Relative to the camera root; bytes that are not UTF-8 are escaped.")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.TextField()
    size = models.BigIntegerField()
    arrived_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "ignored_files"
        constraints = [models.UniqueConstraint(fields=["camera", "file_path"], name="ignored_file_is_counted_once")]
        indexes = [
            models.Index(fields=["-arrived_at"], name="idx_ignored_files_newest"),  # the list of the last files
            models.Index(fields=["camera", "-arrived_at"], name="idx_ignored_files_of_camera"),  # that of one camera
        ]

    def __str__(self) -> str:
        return f"{self.file_path}: {self.reason}"


class FTPAccount(models.Model):
    """With what one camera signs in to the FTP server of this program. Its home is the camera's folder."""

    camera = models.OneToOneField(Camera, primary_key=True, on_delete=models.CASCADE, related_name="ftp_account")
    user = models.CharField(max_length=20, unique=True)
    password_hash = models.CharField(max_length=64, help_text="SHA-256 in hex; the password itself is shown once.")
    created_at = models.DateTimeField(db_default=Now())
    renewed_at = models.DateTimeField(db_default=Now(), help_text="When the password was made.")

    class Meta:
        db_table = "ftp_accounts"

    def __str__(self) -> str:
        return self.user


class FTPLogEntry(models.Model):
    """One thing a client of the FTP server did, in the words of the live log. Only the newest of a camera are kept."""

    class Step(models.TextChoices):
        CONNECTED = "connected"
        REFUSED = "refused"  # the login, or a command it may not use
        LOGGED_IN = "logged_in"
        RECEIVED = "received"
        LOST = "lost"
        SLOWED = "slowed"

    at = models.DateTimeField(db_default=Now())
    account = models.ForeignKey(
        FTPAccount,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="log",
        help_text="Empty while nobody knows who it is.",
    )
    address = models.GenericIPAddressField()
    step = models.CharField(max_length=9, choices=Step.choices)
    sentence = models.TextField(help_text="What happened, for a reader.")

    class Meta:
        db_table = "ftp_log"
        indexes = [models.Index(fields=["account", "-id"], name="idx_ftp_log_newest")]  # the live log of one camera

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.address} {self.sentence}"
