"""`/api/v1/system/cleanup/`: what a cleanup would delete, and doing just that."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import AuditAction, audit
from accounts.permissions import OwnersOnly
from system.retention import Report, clean_up, what_would_go
from telemetry.disk import cameras_answer
from telemetry.jobs import AlreadyRunning, only_one
from telemetry.models import Job
from telemetry.problems import ProblemSerializer


class CleanupSerializer(serializers.Serializer[dict[str, Any]]):
    """What went, or would go."""

    events_deleted = serializers.IntegerField()
    detections_deleted = serializers.IntegerField()
    gpu_stats_deleted = serializers.IntegerField(help_text="Always 0: none are kept yet.")
    logs_deleted = serializers.IntegerField(help_text="Failed logins older than LOG_RETENTION_DAYS.")
    thumbnails_deleted = serializers.IntegerField()
    images_deleted = serializers.IntegerField(help_text="The cameras' own files; 0 unless DELETE_ORIGINALS is set.")
    space_reclaimed = serializers.IntegerField(help_text="Bytes of thumbnails, previews and the cameras' files.")
    retention_days = serializers.IntegerField(help_text="RETENTION_DAYS; 0 keeps for ever.")
    dry_run = serializers.BooleanField()
    timestamp = serializers.DateTimeField(help_text="When it began.")


class Busy(APIException):
    status_code = status.HTTP_409_CONFLICT


class CamerasDoNotAnswer(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The camera folders do not answer; is their disk, or the network to it, away? Try again later."


CONFLICT = OpenApiResponse(ProblemSerializer, "A cleanup is running, or another request asks what would go.")
UNAVAILABLE = OpenApiResponse(ProblemSerializer, "The camera folders do not answer.")


class CleanupView(APIView):
    permission_classes = (OwnersOnly,)

    @extend_schema(
        operation_id="system_cleanup_preview",
        summary="What a cleanup would delete now",
        parameters=[OpenApiParameter("dry_run", bool, description="May only be true: POST deletes.", default=True)],
        responses={
            200: CleanupSerializer,
            400: OpenApiResponse(ProblemSerializer, "dry_run is not true."),
            409: CONFLICT,
            503: UNAVAILABLE,
        },
    )
    def get(self, request: Request) -> Response:
        if request.query_params.get("dry_run", "true").lower() != "true":
            raise ValidationError({"dry_run": ["GET only tells what would go; POST deletes it."]})
        _look_whether_cameras_answer()
        try:
            # It looks at every expired file: requests for that must not pile up on a slow disk.
            with only_one(Job.Kind.CLEANUP):
                return Response(what_would_go().as_dict())
        except AlreadyRunning as error:
            raise Busy(str(error)) from error

    @extend_schema(
        operation_id="system_cleanup",
        summary="Delete what is past its time, now",
        description="The same as happens daily at 03:00. The answer comes when it is done.",
        request=None,
        responses={200: CleanupSerializer, 409: CONFLICT, 503: UNAVAILABLE},
    )
    def post(self, request: Request) -> Response:
        _look_whether_cameras_answer()
        report, ended = Report(), "failure"
        try:
            clean_up(report=report)
            ended = "success"
        except AlreadyRunning as error:
            raise Busy(str(error)) from error
        finally:
            # What went is gone, however it ended; one that did not begin has no time.
            if report.timestamp:
                audit(AuditAction.CLEANUP, "system", request=request, details=report.as_dict(), status=ended)
        return Response(report.as_dict())


def _look_whether_cameras_answer() -> None:
    if not cameras_answer():
        raise CamerasDoNotAnswer
