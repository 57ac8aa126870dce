"""The API's dead letters: files that failed for good, to be tried again or let go, one or all of a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from cameras.access import signed_in
from cameras.dead_letters import dismiss, requeue
from cameras.models import Capture, CaptureQuerySet
from telemetry.problems import ProblemSerializer
from telemetry.strict import StrictSerializer

Deed = Callable[[QuerySet[Capture], HttpRequest], int]


class DeadLetterSerializer(serializers.ModelSerializer[Capture]):
    stage = serializers.SerializerMethodField(help_text="Where it failed: detect.")
    camera_id = serializers.CharField(read_only=True)
    failed_at = serializers.DateTimeField(source="processed_at", read_only=True)

    class Meta:
        model = Capture
        fields = (
            "id",
            "stage",
            "camera_id",
            "file_path",
            "media_type",
            "error",
            "attempts",
            "captured_at",
            "arrived_at",
            "failed_at",
        )
        read_only_fields = fields

    def get_stage(self, _: Capture) -> str:
        return "detect"


class DeadLetterFilter(FilterSet):
    camera_id = filters.CharFilter()
    error = filters.CharFilter(strip=False, help_text="The whole text, exactly.")


class KindSerializer(StrictSerializer):
    """Which dead letters: all with this error, all of this camera, or those with both."""

    error = serializers.CharField(required=False, trim_whitespace=False, help_text="The whole text, exactly.")
    camera_id = serializers.CharField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not super().validate(attrs):
            raise serializers.ValidationError("Say which: give error, camera_id or both.")
        return attrs


class RequeuedSerializer(serializers.Serializer[dict[str, int]]):
    requeued = serializers.IntegerField(help_text="How many files are queued again.")


class DismissedSerializer(serializers.Serializer[dict[str, int]]):
    dismissed = serializers.IntegerField(help_text="How many files were let go; they are `rejected` now.")


NOT_A_DEAD_LETTER = OpenApiResponse(ProblemSerializer, "Not among the dead letters, or not any more.")


@extend_schema_view(
    list=extend_schema(
        summary="Files that failed for good, newest first",
        description="Three attempts went wrong, each for a reason that lies in the file. They wait for a person.",
    ),
    retrieve=extend_schema(summary="One file that failed for good"),
)
class DeadLetterViewSet(ReadOnlyModelViewSet[Capture]):
    queryset = Capture.objects.none()
    serializer_class = DeadLetterSerializer
    filterset_class = DeadLetterFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> CaptureQuerySet:
        return Capture.objects.for_user(signed_in(self.request)).failed()

    @extend_schema(
        summary="Try one again, from scratch",
        description="Pressed twice, the second finds it among the dead letters no more and is answered 404.",
        request=None,
        responses={200: RequeuedSerializer, 404: NOT_A_DEAD_LETTER},
    )
    @action(detail=True, methods=["post"], url_path="requeue")
    def requeue_one(self, request: Request, pk: str) -> Response:
        return Response({"requeued": self._do_to_one(requeue, pk)})

    @extend_schema(
        summary="Let one go",
        description="It becomes `rejected`, with the name of who let it go; the file stays where it is.",
        request=None,
        responses={200: DismissedSerializer, 404: NOT_A_DEAD_LETTER},
    )
    @action(detail=True, methods=["post"], url_path="dismiss")
    def dismiss_one(self, request: Request, pk: str) -> Response:
        return Response({"dismissed": self._do_to_one(dismiss, pk)})

    @extend_schema(
        operation_id="dead_letters_requeue_kind",
        summary="Try all of a kind again",
        description="All with this error, of this camera, or both; one of the two must be given.",
        request=KindSerializer,
        responses=RequeuedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="requeue")
    def requeue_kind(self, request: Request) -> Response:
        return Response({"requeued": self._do_to_kind(requeue)})

    @extend_schema(
        operation_id="dead_letters_dismiss_kind",
        summary="Let all of a kind go",
        description="All with this error, of this camera, or both; one of the two must be given.",
        request=KindSerializer,
        responses=DismissedSerializer,
    )
    @action(detail=False, methods=["post"], url_path="dismiss")
    def dismiss_kind(self, request: Request) -> Response:
        return Response({"dismissed": self._do_to_kind(dismiss)})

    def _do_to_one(self, deed: Deed, pk: str) -> int:
        done = deed(self.get_queryset().filter(pk=pk), self.request)
        if not done:
            raise NotFound(f"Capture {pk} is not among the dead letters: it never was, or somebody was faster.")
        return done

    def _do_to_kind(self, deed: Deed) -> int:
        kind = KindSerializer(data=self.request.data)
        kind.is_valid(raise_exception=True)
        return deed(self.get_queryset().filter(**kind.validated_data), self.request)
