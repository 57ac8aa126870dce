"""The API's cameras and captures, and the door for programs that add pictures."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django_filters.rest_framework import filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.models import Scope
from cameras.access import signed_in
from cameras.media import MAX_BYTES
from cameras.models import Camera, CameraQuerySet, Capture, CaptureQuerySet, normalize_camera_id
from cameras.time_range import TimedFilterSet
from cameras.uploads import Refused, receive_upload
from telemetry.filters import since, until
from telemetry.pagination import ByName
from telemetry.problems import ProblemSerializer

MULTIPART_OVERHEAD_BYTES = 64 * 1024


class CameraSerializer(serializers.ModelSerializer[Camera]):
    class Meta:
        model = Camera
        fields = (
            "id",
            "name",
            "folder_path",
            "place",
            "timezone",
            "status",
            "created_at",
            "last_seen_at",
            "clock_offset",
            "older_files",
        )
        read_only_fields = fields


class CaptureSerializer(serializers.ModelSerializer[Capture]):
    """Of rows that come from `with_event_id()`."""

    camera_id = serializers.CharField(read_only=True)
    event_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="The visit it is part of.")
    duplicate_of_id = serializers.IntegerField(read_only=True, allow_null=True)
    preview_url = serializers.SerializerMethodField(help_text="Null where nothing was found in it.")

    class Meta:
        model = Capture
        fields = (
            "id",
            "camera_id",
            "event_id",
            "file_path",
            "file_type",
            "media_type",
            "sha256",
            "size",
            "state",
            "error",
            "attempts",
            "duplicate_of_id",
            "captured_at",
            "captured_at_source",
            "arrived_at",
            "processed_at",
            "width",
            "height",
            "duration",
            "video_codec",
            "detector",
            "nothing_found",
            "preview_url",
        )
        read_only_fields = fields

    def get_preview_url(self, capture: Capture) -> str | None:
        return reverse("preview", args=[capture.pk]) if capture.preview_path else None


class UploadSerializer(serializers.Serializer[dict[str, Any]]):
    file = serializers.FileField(help_text="A picture or a video, under its own name.")


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "A file has 2 GB at most."


class StorageRefuses(APIException):
    status_code = status.HTTP_507_INSUFFICIENT_STORAGE


class CaptureFilter(TimedFilterSet):
    camera_id = filters.CharFilter()
    state = filters.ChoiceFilter(choices=Capture.State.choices)
    media_type = filters.ChoiceFilter(choices=Capture.MediaType.choices)
    since = since("captured_at")
    until = until("captured_at")


@extend_schema_view(list=extend_schema(summary="Cameras, by id"), retrieve=extend_schema(summary="One camera"))
class CameraViewSet(ReadOnlyModelViewSet[Camera]):
    queryset = Camera.objects.none()
    serializer_class = CameraSerializer
    pagination_class = ByName
    lookup_value_regex = "[^/]+"
    required_scope: Scope | None = None

    def get_queryset(self) -> CameraQuerySet:
        return Camera.objects.for_user(signed_in(self.request))

    @extend_schema(
        summary="Add a picture or a video",
        description="It is stored in the camera's folder and taken in at once. A camera that does not exist "
        "yet is made, as by a new folder. The answer may be a duplicate or rejected: see `state` and `error`.",
        request={"multipart/form-data": UploadSerializer},
        responses={
            201: CaptureSerializer,
            400: OpenApiResponse(ProblemSerializer, "Not a file that can be taken in."),
            413: OpenApiResponse(ProblemSerializer, "Larger than 2 GB."),
        },
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="captures",
        parser_classes=[MultiPartParser],
        required_scope=Scope.INGEST,
    )
    def add_capture(self, request: Request, pk: str) -> Response:
        if int(request.headers.get("Content-Length") or 0) > MAX_BYTES + MULTIPART_OVERHEAD_BYTES:
            raise TooLarge
        camera_id = normalize_camera_id(pk)
        deleted = Camera.objects.filter(pk=camera_id).exclude(deleted_at=None).exists()
        if deleted or not signed_in(request).may_see(camera_id):
            raise NotFound(f"There is no camera {camera_id}.")
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        try:
            capture = receive_upload(upload.validated_data["file"], camera_id)
        except Refused as error:
            raise ValidationError({"file": [str(error)]}) from error
        except OSError as error:
            raise StorageRefuses(f"The file could not be stored: {error.strerror}.") from error
        shown = Capture.objects.with_event_id().get(pk=capture.pk)
        return Response(CaptureSerializer(shown).data, status=status.HTTP_201_CREATED)


@extend_schema_view(
    list=extend_schema(summary="Files the cameras dropped, newest first"),
    retrieve=extend_schema(summary="One file"),
)
class CaptureViewSet(ReadOnlyModelViewSet[Capture]):
    queryset = Capture.objects.none()
    serializer_class = CaptureSerializer
    filterset_class = CaptureFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> CaptureQuerySet:
        return Capture.objects.for_user(signed_in(self.request)).with_event_id()
