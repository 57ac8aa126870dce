"""The API's door to whether anybody is home: asked by programs, and said by them (a lock, a phone's automation)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.home import home_mode, set_home_mode
from accounts.models import HomeMode
from accounts.people import signed_in
from telemetry.strict import StrictSerializer


class HomeModeSerializer(serializers.Serializer[HomeMode | None]):
    """What was said last; all null where nobody ever said anything."""

    mode = serializers.ChoiceField(HomeMode.Mode.choices, allow_null=True, default=None)
    since = serializers.DateTimeField(allow_null=True, default=None)
    set_by = serializers.CharField(
        source="set_by.username",
        allow_null=True,
        default=None,
        help_text="Null: by a key of the household, or somebody who is gone.",
    )


class SaidHomeModeSerializer(StrictSerializer):
    mode = serializers.ChoiceField(HomeMode.Mode.choices)


class HomeModeView(APIView):
    @extend_schema(operation_id="home_mode_retrieve", summary="Whether anybody is home", responses=HomeModeSerializer)
    def get(self, request: Request) -> Response:
        return Response(_newest())

    @extend_schema(
        operation_id="home_mode_set",
        summary="Say that the household is home, or away",
        description="From now on. What is so already keeps its time and who said it.",
        request=SaidHomeModeSerializer,
        responses=HomeModeSerializer,
    )
    def put(self, request: Request) -> Response:
        said = SaidHomeModeSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        user = signed_in(request)
        # Whom a key of the household stands for is nobody in the database.
        set_home_mode(HomeMode.Mode(said.validated_data["mode"]), user if user.pk else None, request)
        return Response(_newest())

    @extend_schema(
        operation_id="home_mode_say",
        summary="The same as PUT",
        request=SaidHomeModeSerializer,
        responses=HomeModeSerializer,
    )
    def post(self, request: Request) -> Response:
        return self.put(request)


def _newest() -> dict[str, object]:
    said = home_mode()
    return dict(HomeModeSerializer(said).data) if said else dict.fromkeys(HomeModeSerializer().fields)
