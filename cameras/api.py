"""The API's cameras and captures, and the door for programs that add pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.models import Scope
from accounts.permissions import OwnersOnly
from cameras.access import signed_in
from cameras.adding import LONGEST_NAME, FieldRefused, add_camera
from cameras.changing import CameraChanges, change_camera
from cameras.ftp.accounts import Credentials, give_account
from cameras.hiding import CannotComeBack, bring_back, put_away
from cameras.media import MAX_BYTES
from cameras.models import Camera, CameraQuerySet, Capture, CaptureQuerySet, Place, normalize_camera_id
from cameras.pictures import newest_picture
from cameras.time_range import TimedFilterSet
from cameras.uploads import Refused, receive_upload
from telemetry.filters import YesNoFilter, since, until
from telemetry.pagination import ByName
from telemetry.problems import Conflict, ProblemSerializer
from telemetry.strict import StrictSerializer

MULTIPART_OVERHEAD_BYTES = 64 * 1024
MOST_CLOCK_OFFSET_S = 50 * 365 * 86_400
OWNERS_DEEDS = {"create", "destroy", "restore", "ftp_password"}
SECRET = {"Cache-Control": "no-store"}
MEDIA = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


class CameraSerializer(serializers.ModelSerializer[Camera]):
    ftp_user = serializers.CharField(
        source="ftp_account.user", read_only=True, allow_null=True, help_text="Null: it has no FTP account."
    )
    deleted_at = serializers.DateTimeField(read_only=True, help_text="When it was put away; null: it was not.")
    merged_into_id = serializers.CharField(
        read_only=True, allow_null=True, help_text="The camera its files belong to now; null: it is one itself."
    )

    class Meta:
        model = Camera
        fields: tuple[str, ...] = (
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
            "ftp_user",
            "deleted_at",
            "merged_into_id",
        )
        read_only_fields = fields


class FTPSerializer(serializers.Serializer[Credentials]):
    """What a camera needs to send by FTP. The password is told this once."""

    host = serializers.CharField()
    port = serializers.IntegerField()
    user = serializers.CharField()
    password = serializers.CharField()
    passive = serializers.BooleanField(default=True, help_text="Passive mode is what to choose; active works, too.")


class AddedCameraSerializer(CameraSerializer):
    """`ftp` is null where none was asked for."""

    ftp = FTPSerializer(allow_null=True)

    class Meta(CameraSerializer.Meta):
        fields = (*CameraSerializer.Meta.fields, "ftp")
        read_only_fields = fields


class CameraChangesSerializer(StrictSerializer):
    """What may be changed of a camera; what is left out stays."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME)
    place = serializers.ChoiceField(Place.choices, required=False)
    timezone = serializers.CharField(
        required=False, allow_blank=True, help_text="IANA name, such as Europe/Berlin; empty: the home's zone."
    )
    clock_offset = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=-MOST_CLOCK_OFFSET_S,
        max_value=MOST_CLOCK_OFFSET_S,
        help_text="Seconds to add to the camera's own times; null: its clock is right.",
    )


class NewCameraSerializer(StrictSerializer):
    name = serializers.CharField(max_length=LONGEST_NAME)
    ftp = serializers.BooleanField(default=False, help_text="Whether it gets an account to send by FTP.")
    place = serializers.ChoiceField(Place.choices, required=False, help_text="Left out: what its name suggests.")
    timezone = serializers.CharField(default="", allow_blank=True, help_text="IANA name; empty: the home's zone.")


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


class PictureOrProblem(JSONRenderer):
    """For those who ask for nothing but a picture: what goes wrong is told them as a problem all the same."""

    media_type = "image/*"


class CameraFilter(FilterSet):
    deleted = YesNoFilter(
        field_name="deleted_at",
        lookup_expr="isnull",
        exclude=True,
        help_text="true: those that were put away, for owners only.",
    )


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
    filterset_class = CameraFilter
    pagination_class = ByName
    lookup_value_regex = r"[^/\x00]+"  # PostgreSQL knows no NUL
    required_scope: Scope | None = None

    def get_permissions(self) -> Sequence[Any]:
        return [OwnersOnly()] if self.action in OWNERS_DEEDS else super().get_permissions()

    def get_queryset(self) -> CameraQuerySet:
        user = signed_in(self.request)
        cameras = Camera.objects.select_related("ftp_account")
        if self.action == "restore":
            return cameras
        if self.action == "ftp_password":
            return cameras.in_use()
        if self.action == "list" and self.request.query_params.get("deleted") == "true":
            if not user.is_owner:
                raise PermissionDenied("Only an owner may see what was put away.")
            return cameras
        return cameras.for_user(user)

    @extend_schema(
        summary="Add a camera",
        description="It is made with its folder, before its first file. A name that a camera has already, also one "
        "that was put away, is refused: folders decide which camera a file belongs to.",
        request=NewCameraSerializer,
        responses={
            201: AddedCameraSerializer,
            400: OpenApiResponse(ProblemSerializer, "The name is taken, or something is not as it must be."),
            507: OpenApiResponse(ProblemSerializer, "Its folder could not be made."),
        },
    )
    def create(self, request: Request) -> Response:
        new = NewCameraSerializer(data=request.data)
        new.is_valid(raise_exception=True)
        try:
            camera, credentials = add_camera(**new.validated_data, request=request)
        except FieldRefused as refusal:
            raise _invalid(refusal) from refusal
        except OSError as error:
            raise StorageRefuses(f"The camera's folder could not be made: {error.strerror}.") from error
        shown = CameraSerializer(self.get_queryset().get(pk=camera.pk)).data
        response = Response({**shown, "ftp": _told_once(credentials)}, status=status.HTTP_201_CREATED, headers=SECRET)
        response["Location"] = reverse("camera-detail", args=[camera.pk])
        return response

    @extend_schema(
        summary="Change a camera's name, place, time zone or clock",
        request=CameraChangesSerializer,
        responses={200: CameraSerializer, 400: OpenApiResponse(ProblemSerializer, "A value that cannot be.")},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        changes = CameraChangesSerializer(data=request.data, partial=True)
        camera = self.get_object()
        changes.is_valid(raise_exception=True)
        try:
            change_camera(camera, cast("CameraChanges", changes.validated_data), request)
        except FieldRefused as refusal:
            raise _invalid(refusal) from refusal
        return Response(CameraSerializer(self.get_object()).data)

    @extend_schema(
        summary="Put a camera away",
        description="It is seen nowhere any more. Its files are still taken in and all it has is kept: see restore.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        put_away(self.get_object(), request)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Bring back a camera that was put away",
        request=None,
        responses={
            200: CameraSerializer,
            409: OpenApiResponse(ProblemSerializer, "It was merged into another, or another has its name now."),
        },
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        camera = self.get_object()
        try:
            bring_back(camera, request)
        except CannotComeBack as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(CameraSerializer(self.get_object()).data)

    @extend_schema(
        summary="Give a camera a new FTP password",
        description="Its account is made if it has none. The password it had ends at once, the new one is told once. "
        "A camera that was merged into another goes on sending by its own account: it gets a new password here, too.",
        request=None,
        responses=FTPSerializer,
    )
    @action(detail=True, methods=["post"], url_path="ftp-password")
    def ftp_password(self, request: Request, pk: str) -> Response:
        return Response(_told_once(give_account(self.get_object(), request)), headers=SECRET)

    @extend_schema(
        summary="The picture taken last",
        description="A preview of 960 pixels where something was found in it, else the camera's own file. "
        "Ask with If-None-Match for a newer one only.",
        responses={
            (200, "image/*"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="Still the same picture."),
            404: OpenApiResponse(ProblemSerializer, "There is no such camera, or no picture of it."),
        },
    )
    @action(detail=True, renderer_classes=[JSONRenderer, PictureOrProblem])
    def latest(self, request: Request, pk: str) -> HttpResponseBase:
        camera = self.get_object()
        picture = newest_picture(Capture.objects.for_user(signed_in(request)).filter(camera=camera))
        if picture is None:
            raise NotFound(f"There is no picture of {camera.name}.")
        arrived_at = int(picture.capture.arrived_at.timestamp())
        etag = quote_etag(f"{picture.capture.pk}-{len(picture.content)}")
        response = HttpResponse(picture.content, content_type=picture.content_type, headers=MEDIA)
        response["ETag"], response["Last-Modified"] = etag, http_date(arrived_at)
        return get_conditional_response(request, etag, arrived_at, response) or response

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
        known = Camera.objects.filter(pk=Camera.objects.of_folder(pk)).first()
        camera_id = known.pk if known else normalize_camera_id(pk)
        if (known and known.deleted_at) or not signed_in(request).may_see(camera_id):
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


def _invalid(refusal: FieldRefused) -> ValidationError:
    return ValidationError({refusal.field: [str(refusal)]})


def _told_once(credentials: Credentials | None) -> dict[str, Any] | None:
    return {**asdict(credentials), "passive": True} if credentials else None


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
