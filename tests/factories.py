"""Rows for tests, valid and ordinary unless a test says otherwise."""

# factory_boy's declarations carry no types.
# mypy: allow-untyped-calls, allow-untyped-decorators

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from django.conf import settings
from django.utils.timezone import get_current_timezone, now
from factory.declarations import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory, Password
from factory.helpers import post_generation

from accounts.models import Role, User
from alerts.models import Alert, AlertRule, Delivery, NotificationChannel
from alerts.sealing import seal
from cameras.models import Camera, Capture, IgnoredFile, Place
from detections.models import Detection
from events.models import Assessment, Batch, Event, EventDetection, PromptVersion
from zones.models import Zone

PASSWORD = "correct horse battery"


class UserFactory(DjangoModelFactory[User]):
    """An owner; `role=Role.VIEWER, camera_ids=[…]` for less."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = Sequence("person-{}".format)
    role = Role.OWNER
    is_staff = is_superuser = LazyAttribute(lambda user: user.role == Role.OWNER)
    password = Password(PASSWORD)


class CameraFactory(DjangoModelFactory[Camera]):
    class Meta:
        model = Camera
        django_get_or_create = ("id",)

    id = Sequence("camera_{}".format)
    name = LazyAttribute(lambda camera: camera.id.replace("_", " ").capitalize())
    folder_path = LazyAttribute(lambda camera: str(Path(settings.CAMERA_ROOT) / camera.id))
    place = Place.FRONT
    timezone = "UTC"
    last_seen_at = LazyFunction(now)


class CaptureFactory(DjangoModelFactory[Capture]):
    """A picture in which nothing was found. No file lies anywhere: `write_original`, `write_preview` make one."""

    class Meta:
        model = Capture

    camera = SubFactory(CameraFactory)
    file_path = Sequence(lambda n: f"camera/picture-{n}.jpg")
    file_type = "image/jpeg"
    media_type = Capture.MediaType.IMAGE
    sha256 = LazyAttribute(lambda capture: hashlib.sha256(capture.file_path.encode()).hexdigest())
    size = 1000
    mtime = SelfAttribute("captured_at")
    captured_at = LazyFunction(now)
    captured_at_source = Capture.TimeSource.MTIME
    arrived_at = SelfAttribute("captured_at")
    detecting_at = SelfAttribute("arrived_at")
    processed_at = SelfAttribute("arrived_at")
    placed_at = SelfAttribute("arrived_at")
    width = 1280
    height = 720
    state = Capture.State.DETECTED
    detector = "builtin"
    nothing_found = "Nothing found: the built-in detector sees standing people only"


class IgnoredFileFactory(DjangoModelFactory[IgnoredFile]):
    class Meta:
        model = IgnoredFile

    camera = SubFactory(CameraFactory)
    file_path = Sequence(lambda n: f"camera/notes-{n}.txt")
    kind = IgnoredFile.Kind.IGNORED
    reason = "txt is not a kind that is read"
    size = 10


class DetectionFactory(DjangoModelFactory[Detection]):
    """A person; its capture has a preview path."""

    class Meta:
        model = Detection

    capture = SubFactory(CaptureFactory, preview_path=Sequence(lambda n: f"previews/2026-11-21/{n}.jpg"))
    camera = SelfAttribute("capture.camera")
    detected_at = SelfAttribute("capture.captured_at")
    object_type = "person"
    confidence = 0.8
    bbox_x = 500
    bbox_y = 200
    bbox_width = 120
    bbox_height = 320
    thumbnail_path = Sequence(lambda n: f"thumbnails/2026-11-21/{n}-0.jpg")


class EventFactory(DjangoModelFactory[Event]):
    """A closed visit with one batch, one detection and one judgement of the rules.

    `detections=[…]` takes others; `assessment__parts=[…]` and the like shape the judgement, `assessment=False`
    leaves it out.
    """

    class Meta:
        model = Event
        skip_postgeneration_save = True

    batch_id = LazyFunction(uuid.uuid4)
    camera = SubFactory(CameraFactory)
    state = Event.State.CLOSED
    started_at = LazyFunction(now)
    ended_at = LazyAttribute(lambda event: event.started_at + timedelta(seconds=34))
    created_at = SelfAttribute("started_at")
    changed_at = SelfAttribute("created_at")
    risk_score = 22
    summary = "A person walked past on the pavement."
    reasoning = "Did not stop."
    object_types = "person"

    @post_generation
    def detections(self: Event, create: bool, extracted: list[Detection] | None, **_: Any) -> None:
        found = extracted if extracted is not None else [detection_of(self)]
        batch = Batch.objects.create(
            id=self.batch_id,
            camera=self.camera,
            event=self,
            state=Batch.State.CLOSED,
            started_at=self.started_at,
            last_activity_at=self.ended_at,
            opened_at=self.created_at,
            last_placed_at=self.created_at,
            closed_at=self.changed_at,
            close_reason=Batch.CloseReason.IDLE,
            detection_count=len(found),
        )
        for detection in found:
            EventDetection.objects.create(detection=detection, event=self, batch=batch)
        if found and self.key_detection is None:
            self.key_detection = found[0]
            self.save(update_fields=["key_detection"])

    @post_generation
    def assessment(self: Event, create: bool, extracted: bool | None, **fields: Any) -> None:
        if extracted is not False:
            AssessmentFactory.create(event=self, **fields)


class AssessmentFactory(DjangoModelFactory[Assessment]):
    class Meta:
        model = Assessment

    event = SubFactory(EventFactory, assessment=False)
    source = Assessment.Source.RULES
    model = "rules 1"
    score = SelfAttribute("event.risk_score")
    raw_score = SelfAttribute("score")
    parts = LazyAttribute(
        lambda assessment: [
            {
                "name": "subject",
                "points": assessment.score,
                "why": "a person (1 picture, 80 % sure)",
                "detection_ids": [assessment.event.key_detection_id] if assessment.event.key_detection_id else [],
            }
        ]
    )
    summary = SelfAttribute("event.summary")
    reasoning = SelfAttribute("event.reasoning")
    latency_ms = 1


class PromptFactory(DjangoModelFactory[PromptVersion]):
    class Meta:
        model = PromptVersion

    text = Sequence("Judge {}.".format)


class ModelAssessmentFactory(AssessmentFactory):
    """A language model's judgement."""

    source = Assessment.Source.LLM
    model = "qwen-4b"
    prompt_version = SubFactory(PromptFactory)
    latency_ms = 2300
    prompt_tokens = 1200
    cached_tokens = 900
    completion_tokens = 80
    raw_answer = '{"score": 18}'


class FailedAssessmentFactory(ModelAssessmentFactory):
    """An answer that could not be kept."""

    class Meta:
        exclude = ("score", "raw_score", "summary", "reasoning")

    parts = LazyAttribute(lambda _: [])
    raw_answer = "I cannot help with that."
    error = "the answer is no JSON"


def detection_of(event: Event, at: datetime | None = None, **fields: Any) -> Detection:
    """A detection in a new capture of the event's camera."""
    moment = at or event.started_at
    number = Detection.objects.count() + 1
    capture = CaptureFactory.create(
        camera=event.camera,
        captured_at=moment,
        file_path=f"{event.camera_id}/{moment:%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}.jpg",
        preview_path=f"previews/{moment:%Y-%m-%d}/{number}-{uuid.uuid4().hex[:6]}.jpg",
    )
    return DetectionFactory.create(
        capture=capture, thumbnail_path=f"thumbnails/{moment:%Y-%m-%d}/{capture.pk}-0.jpg", **fields
    )


def write_picture(path: Path, size: tuple[int, int] = (64, 36)) -> Path:
    """A plain grey JPEG of `size` (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), 128, np.uint8))
    return path


def write_original(capture: Capture) -> Path:
    """The file of a capture, with the row brought in line with it."""
    path = write_picture(capture.path)
    status = path.stat()
    capture.size = status.st_size
    capture.mtime = datetime.fromtimestamp(status.st_mtime, tz=get_current_timezone())
    capture.save(update_fields=["size", "mtime"])
    return path


def write_preview(capture: Capture) -> Path:
    return write_picture(Path(settings.DATA_DIR) / capture.preview_path)


def write_thumbnail(detection: Detection) -> Path:
    return write_picture(Path(settings.DATA_DIR) / detection.thumbnail_path)


class ZoneFactory(DjangoModelFactory[Zone]):
    """The lower right quarter of the picture, where the person of DetectionFactory does not stand."""

    class Meta:
        model = Zone

    camera = SubFactory(CameraFactory)
    name = Sequence("Zone {}".format)
    id = LazyAttribute(lambda zone: f"{zone.camera.pk}_{zone.name.casefold().replace(' ', '_')}")
    zone_type = Zone.ZoneType.YARD
    shape = Zone.Shape.RECTANGLE
    coordinates = LazyFunction(lambda: [[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]])
    is_located = True


class ChannelFactory(DjangoModelFactory[NotificationChannel]):
    """A webhook on a port of this machine where nobody listens; `url="…"` for another."""

    class Meta:
        model = NotificationChannel
        exclude = ("url",)

    name = Sequence("Phone {}".format)
    url = "json://127.0.0.1:9/secret-path"
    sealed_url = LazyAttribute(lambda channel: seal(channel.url))
    service = "JSON"
    may_reach_private = True


class RuleFactory(DjangoModelFactory[AlertRule]):
    """A rule without conditions: every visit meets it. `cameras=[…]`, `zones=[…]`, `channels=[…]` name some."""

    class Meta:
        model = AlertRule
        skip_postgeneration_save = True

    name = Sequence("Rule {}".format)

    @post_generation
    def cameras(self: AlertRule, create: bool, extracted: list[Camera] | None, **_: Any) -> None:
        self.cameras.set(extracted or [])

    @post_generation
    def zones(self: AlertRule, create: bool, extracted: list[Zone] | None, **_: Any) -> None:
        self.zones.set(extracted or [])

    @post_generation
    def channels(self: AlertRule, create: bool, extracted: list[NotificationChannel] | None, **_: Any) -> None:
        self.channels.set(extracted or [])


class AlertFactory(DjangoModelFactory[Alert]):
    class Meta:
        model = Alert

    event = SubFactory(EventFactory)
    rule = SubFactory(RuleFactory)
    chain_id = SelfAttribute("event.pk")
    severity = "medium"
    dedup_key = LazyAttribute(lambda alert: f"{alert.event.camera_id}:{alert.rule.pk}")
    metadata = LazyAttribute(lambda alert: {"rule": alert.rule.name})


class DeliveryFactory(DjangoModelFactory[Delivery]):
    """A notice that waits to be sent."""

    class Meta:
        model = Delivery

    alert = SubFactory(AlertFactory)
    channel = SubFactory(ChannelFactory)
    channel_name = SelfAttribute("channel.name")
    kind = Delivery.Kind.NOTICE
    severity = SelfAttribute("alert.severity")
