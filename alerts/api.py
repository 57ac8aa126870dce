"""The API's alerts: that a rule was met by a visit, what was sent to whom, and who saw to it."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Prefetch
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from alerts.inbox import acknowledge, dismiss
from alerts.models import Alert, AlertQuerySet, Delivery
from cameras.access import signed_in
from events.models import LEVELS
from telemetry.filters import IdFilter, since, until
from telemetry.pagination import NewestByTime
from telemetry.problems import Conflict, ProblemSerializer
from telemetry.strict import StrictSerializer

DEEDS = {Alert.Status.ACKNOWLEDGED.value: acknowledge, Alert.Status.DISMISSED.value: dismiss}
HANDLING = [(status, status.capitalize()) for status in DEEDS]
NOT_FOR_VIEWERS = ("rule_id", "rule", "dedup_key", "channels", "handled_by")


class NoticeSerializer(serializers.ModelSerializer[Delivery]):
    """One notice of an alert."""

    channel_id = serializers.IntegerField(allow_null=True, help_text="Null: the channel was deleted.")
    channel = serializers.CharField(source="channel_name", help_text="Its name then.")

    class Meta:
        model = Delivery
        fields = ("id", "channel_id", "channel", "kind", "severity", "state", "error", "attempts", "sent_at")


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """Of rows that come from `with_notices()`. A viewer is not told of rules and channels: those are null."""

    camera_id = serializers.CharField(source="event.camera_id")
    event_id = serializers.IntegerField()
    rule_id = serializers.UUIDField(allow_null=True, help_text="Null: the rule was deleted.")
    rule = serializers.CharField(source="metadata.rule", default=None, allow_null=True, help_text="Its name then.")
    dedup_key = serializers.CharField(allow_null=True)
    metadata = serializers.SerializerMethodField(help_text="The detection that decided, and the visit as it was then.")
    channels = NoticeSerializer(source="deliveries", many=True, allow_null=True)
    handled_by = serializers.CharField(source="handler", allow_null=True)

    class Meta:
        model = Alert
        fields = (
            "id",
            "event_id",
            "camera_id",
            "rule_id",
            "rule",
            "chain_id",
            "severity",
            "status",
            "dedup_key",
            "metadata",
            "channels",
            "created_at",
            "updated_at",
            "delivered_at",
            "handled_by",
            "handled_at",
        )
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_metadata(self, alert: Alert) -> dict[str, Any]:
        return {name: value for name, value in alert.metadata.items() if name not in ("rule", "told", "silenced")}

    def to_representation(self, alert: Alert) -> dict[str, Any]:
        shown = super().to_representation(alert)
        may_know = signed_in(self.context["request"]).may_change()
        return shown if may_know else shown | dict.fromkeys(NOT_FOR_VIEWERS)


class HandlingSerializer(StrictSerializer):
    """What a person does with an alert."""

    status = serializers.ChoiceField(HANDLING)


class AlertFilter(FilterSet):
    status = filters.ChoiceFilter(choices=Alert.Status.choices)
    severity = filters.ChoiceFilter(choices=LEVELS)
    camera_id = filters.CharFilter(field_name="event__camera_id")
    rule_id = filters.UUIDFilter()
    event_id = IdFilter()
    since = since("created_at")
    until = until("created_at")


@extend_schema_view(list=extend_schema(summary="Alerts, newest first"), retrieve=extend_schema(summary="One alert"))
class AlertViewSet(ReadOnlyModelViewSet[Alert]):
    queryset = Alert.objects.none()
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    pagination_class = NewestByTime
    parser_classes = (JSONParser,)
    lookup_value_regex = r"[0-9a-fA-F-]{36}"

    def get_queryset(self) -> AlertQuerySet:
        return with_notices(Alert.objects.for_user(signed_in(self.request)))

    @extend_schema(
        summary="Acknowledge or dismiss an alert",
        request=HandlingSerializer,
        responses={200: AlertSerializer, 409: OpenApiResponse(ProblemSerializer, "Somebody did the other.")},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        alert = self.get_object()
        body = HandlingSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = body.validated_data["status"]
        if not DEEDS[wanted](alert, signed_in(request), request) and alert.status != wanted:
            raise Conflict(f"It is {alert.status} by now.")
        return Response(self.get_serializer(self.get_object()).data)


def with_notices(alerts: AlertQuerySet) -> AlertQuerySet:
    """`alerts` with all that AlertSerializer shows: one query, and one for the notices."""
    notices = Prefetch("deliveries", Delivery.objects.order_by("pk"))
    return alerts.select_related("event").annotate(handler=F("handled_by__username")).prefetch_related(notices)
