"""The API's zones: parts of a camera's picture, to be drawn, changed and deleted."""

from __future__ import annotations

from typing import Any, cast

from django.urls import reverse
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from cameras.access import signed_in
from cameras.models import Camera
from telemetry.filters import YesNoFilter
from telemetry.pagination import ByName
from telemetry.problems import Conflict, ProblemSerializer
from telemetry.strict import StrictSerializer
from zones.changing import (
    FARTHEST_PRIORITY,
    LONGEST_NAME,
    ZoneFields,
    ZoneRefused,
    change_zone,
    create_zone,
    delete_zone,
)
from zones.models import DEFAULT_COLOR, MOST_CORNERS, Zone, ZoneQuerySet

CORNERS = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "maxItems": 2},
    "minItems": 3,
    "maxItems": MOST_CORNERS,
}


@extend_schema_field(CORNERS)
class CornersField(serializers.JSONField):
    """`zones.geometry` says what they must be, once for everybody."""


class ZoneSerializer(serializers.ModelSerializer[Zone]):
    camera_id = serializers.CharField(read_only=True)
    coordinates = CornersField(
        read_only=True, help_text="Corners [[x, y], …], shares 0–1 of the picture's width and height."
    )

    class Meta:
        model = Zone
        fields = (
            "id",
            "camera_id",
            "name",
            "zone_type",
            "coordinates",
            "shape",
            "min_overlap",
            "color",
            "enabled",
            "priority",
            "is_located",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ZoneFieldsSerializer(StrictSerializer):
    """What is said of a zone."""

    name = serializers.CharField(max_length=LONGEST_NAME)
    zone_type = serializers.ChoiceField(Zone.ZoneType.choices, default=Zone.ZoneType.OTHER)
    coordinates = CornersField(help_text="Corners [[x, y], …], shares 0–1 of the picture's width and height.")
    shape = serializers.ChoiceField(
        Zone.Shape.choices, required=False, help_text="Left out: a new zone has the one that its corners have."
    )
    min_overlap = serializers.FloatField(
        allow_null=True,
        default=None,
        help_text="Least share of a box that lies in the zone; null: the middle of its lower edge does.",
    )
    color = serializers.CharField(default=DEFAULT_COLOR, help_text="# and six digits.")
    enabled = serializers.BooleanField(default=True)
    priority = serializers.IntegerField(
        default=0,
        min_value=-FARTHEST_PRIORITY,
        max_value=FARTHEST_PRIORITY,
        help_text="The higher is drawn on top and named first.",
    )


class NewZoneSerializer(ZoneFieldsSerializer):
    camera_id = serializers.CharField()


class ZoneFilter(FilterSet):
    camera_id = filters.CharFilter()
    zone_type = filters.ChoiceFilter(choices=Zone.ZoneType.choices)
    enabled = YesNoFilter()


REFUSED = OpenApiResponse(ProblemSerializer, "A value that cannot be: a name twice on a camera, an odd outline.")


@extend_schema_view(list=extend_schema(summary="Zones, by id"), retrieve=extend_schema(summary="One zone"))
class ZoneViewSet(ReadOnlyModelViewSet[Zone]):
    queryset = Zone.objects.none()
    serializer_class = ZoneSerializer
    filterset_class = ZoneFilter
    pagination_class = ByName
    parser_classes = (JSONParser,)
    lookup_value_regex = r"[^/\x00]+"

    def get_queryset(self) -> ZoneQuerySet:
        return Zone.objects.for_user(signed_in(self.request))

    @extend_schema(
        summary="Draw a zone",
        description="What was seen before is held against it in the background: see `is_located`.",
        request=NewZoneSerializer,
        responses={201: ZoneSerializer, 400: REFUSED},
    )
    def create(self, request: Request) -> Response:
        fields = _checked(NewZoneSerializer(data=request.data))
        camera_id = fields.pop("camera_id")
        camera = Camera.objects.for_user(signed_in(request)).filter(pk=camera_id).first()
        if camera is None:
            raise ValidationError({"camera_id": ["There is no such camera."]})
        try:
            zone = create_zone(camera, cast("ZoneFields", fields), request)
        except ZoneRefused as refusal:
            raise _invalid(refusal) from refusal
        response = Response(ZoneSerializer(zone).data, status=status.HTTP_201_CREATED)
        response["Location"] = reverse("zone-detail", args=[zone.pk])
        return response

    @extend_schema(
        summary="Say anew what a zone is",
        description="What is left out becomes as it is for a new zone, but its shape stays.",
        request=ZoneFieldsSerializer,
        responses={200: ZoneSerializer, 400: REFUSED},
    )
    def update(self, request: Request, pk: str) -> Response:
        return self._change(request, is_partial=False)

    @extend_schema(
        summary="Change some of a zone",
        description="A zone stays on its camera, and keeps its id under another name.",
        request=ZoneFieldsSerializer,
        responses={200: ZoneSerializer, 400: REFUSED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        return self._change(request, is_partial=True)

    def _change(self, request: Request, *, is_partial: bool) -> Response:
        zone = self.get_object()
        fields = _checked(ZoneFieldsSerializer(data=request.data, partial=is_partial))
        try:
            change_zone(zone, cast("ZoneFields", fields), request)
        except ZoneRefused as refusal:
            raise _invalid(refusal) from refusal
        return Response(ZoneSerializer(zone).data)

    @extend_schema(
        summary="Delete a zone",
        description="With it goes what is known of who was in it.",
        responses={204: None, 409: OpenApiResponse(ProblemSerializer, "Alert rules name it.")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        try:
            delete_zone(self.get_object(), request)
        except ZoneRefused as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)


def _checked(body: ZoneFieldsSerializer) -> dict[str, Any]:
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _invalid(refusal: ZoneRefused) -> ValidationError:
    return ValidationError({refusal.field or "non_field_errors": [str(refusal)]})
