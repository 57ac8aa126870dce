"""The API's channels: where notices go. A URL is written here and never read again."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.permissions import MembersOnly
from alerts.channels import (
    LONGEST_NAME,
    LONGEST_URL,
    ChannelFields,
    ChannelRefused,
    change_channel,
    create_channel,
    delete_channel,
    send_test,
    what_is_wrong,
)
from alerts.models import Delivery, NotificationChannel
from telemetry.filters import YesNoFilter
from telemetry.problems import Conflict, ProblemSerializer
from telemetry.strict import StrictSerializer


class ChannelSerializer(serializers.ModelSerializer[NotificationChannel]):
    problem = serializers.SerializerMethodField(help_text="Why nothing can be sent by it; empty where something can.")

    class Meta:
        model = NotificationChannel
        fields = (
            "id",
            "name",
            "service",
            "enabled",
            "may_reach_private",
            "quiet_from",
            "quiet_until",
            "problem",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_problem(self, channel: NotificationChannel) -> str:
        return what_is_wrong(channel)


class ChannelChangesSerializer(StrictSerializer):
    """What may be changed of a channel; what is left out stays."""

    name = serializers.CharField(required=False, max_length=LONGEST_NAME)
    url = serializers.CharField(
        required=False,
        write_only=True,
        max_length=LONGEST_URL,
        help_text="Apprise URL of the service, such as ntfy://topic or json://192.168.1.5/hook. Never shown again.",
    )
    enabled = serializers.BooleanField(required=False)
    quiet_from = serializers.TimeField(
        required=False, allow_null=True, help_text="By the home's clock; may be later than quiet_until: over midnight."
    )
    quiet_until = serializers.TimeField(required=False, allow_null=True, help_text="Null, as quiet_from: never quiet.")


class NewChannelSerializer(ChannelChangesSerializer):
    name = serializers.CharField(max_length=LONGEST_NAME)
    url = serializers.CharField(write_only=True, max_length=LONGEST_URL, help_text="Apprise URL. Never shown again.")


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One notice to one channel, and what became of it."""

    channel_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Null: the channel was deleted.")
    alert_id = serializers.UUIDField(read_only=True, allow_null=True, help_text="Null: a test.")

    class Meta:
        model = Delivery
        fields = (
            "id",
            "channel_id",
            "channel_name",
            "alert_id",
            "kind",
            "severity",
            "state",
            "error",
            "answer",
            "text",
            "latency_ms",
            "attempts",
            "next_attempt_at",
            "created_at",
            "sent_at",
        )
        read_only_fields = fields


class ChannelFilter(FilterSet):
    enabled = YesNoFilter(field_name="enabled")
    service = filters.CharFilter(lookup_expr="iexact")


class DeliveryFilter(FilterSet):
    state = filters.ChoiceFilter(choices=Delivery.State.choices)
    kind = filters.ChoiceFilter(choices=Delivery.Kind.choices)


REFUSED = OpenApiResponse(ProblemSerializer, "Something is not as it must be: `errors` says what, by field.")


@extend_schema_view(
    list=extend_schema(summary="Channels, newest first"),
    retrieve=extend_schema(summary="One channel"),
)
class ChannelViewSet(ReadOnlyModelViewSet[NotificationChannel]):
    queryset = NotificationChannel.objects.all()
    serializer_class = ChannelSerializer
    filterset_class = ChannelFilter
    permission_classes = (MembersOnly,)
    parser_classes = (JSONParser,)
    lookup_value_regex = r"\d{1,18}"

    @extend_schema(
        summary="Add a channel",
        description="A URL that leads into the home's network is taken from an owner or a household key, and only "
        "where ALLOW_PRIVATE_TARGETS is on.",
        request=NewChannelSerializer,
        responses={201: ChannelSerializer, 400: REFUSED},
    )
    def create(self, request: Request) -> Response:
        given = NewChannelSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            channel = create_channel(cast("ChannelFields", given.validated_data), request)
        except ChannelRefused as refusal:
            raise _invalid(refusal) from refusal
        headers = {"Location": reverse("notificationchannel-detail", args=[channel.pk])}
        return Response(ChannelSerializer(channel).data, status=status.HTTP_201_CREATED, headers=headers)

    @extend_schema(
        summary="Change a channel",
        description="What waits to be sent by it is tried at once where its URL is changed.",
        request=ChannelChangesSerializer,
        responses={200: ChannelSerializer, 400: REFUSED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        channel = self.get_object()
        given = ChannelChangesSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        try:
            change_channel(channel, cast("ChannelFields", given.validated_data), request)
        except ChannelRefused as refusal:
            raise _invalid(refusal) from refusal
        return Response(ChannelSerializer(self.get_object()).data)

    @extend_schema(
        summary="Delete a channel",
        description="What was sent by it stays, but for tests.",
        responses={204: None, 409: OpenApiResponse(ProblemSerializer, "Rules tell people by it.")},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        try:
            delete_channel(self.get_object(), request)
        except ChannelRefused as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Send a test",
        description="It is on its way with the answer of this request: look for its `state` among the channel's "
        "deliveries. While one is on its way, that one is answered.",
        request=None,
        responses={202: DeliverySerializer},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        delivery = send_test(self.get_object(), request)
        return Response(DeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="What was sent by a channel, newest first", responses=DeliverySerializer(many=True))
    @action(detail=True, filterset_class=DeliveryFilter)
    def deliveries(self, request: Request, pk: str) -> Response:
        channel = get_object_or_404(NotificationChannel, pk=pk)
        deliveries: QuerySet[Any] = channel.deliveries.all()
        page = self.paginate_queryset(self.filter_queryset(deliveries))
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)


def _invalid(refusal: ChannelRefused) -> ValidationError:
    return ValidationError({refusal.field: [str(refusal)]})
