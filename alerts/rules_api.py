"""The API's alert rules: written, changed, deleted, and tried on past visits. Viewers do not see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django_filters.rest_framework import FilterSet, filters
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from accounts.models import Scope
from accounts.permissions import MembersOnly
from alerts.models import DEFAULT_KEY, AlertRule, RuleCamera
from alerts.rules import (
    COLUMNS,
    RuleFields,
    RuleRefused,
    change_rule,
    create_rule,
    delete_rule,
    draft_of,
    problems_of,
    with_what_they_name,
)
from alerts.schedule import DAYS
from alerts.trial import MOST_EVENTS, Held, try_rule
from alerts.words import outcome_words, rule_in_words
from cameras.access import signed_in
from cameras.models import Camera
from events.models import LEVELS
from telemetry.filters import IdFilter, YesNoFilter
from telemetry.pagination import NewestByTime
from telemetry.problems import ProblemSerializer
from telemetry.strict import StrictSerializer

TRIED = timedelta(days=7)


class ScheduleSerializer(serializers.Serializer[Any]):
    """Hours of days. `alerts.schedule` says what they must be, once for everybody."""

    days = serializers.ListField(child=serializers.ChoiceField([(day, day) for day in DAYS]))
    start_time = serializers.CharField(help_text="22:00")
    end_time = serializers.CharField(
        help_text="06:00; before the start: on the next day, and the window belongs to the day it starts. Up to 24:00."
    )
    timezone = serializers.CharField(required=False, help_text="IANA name; left out: the home's.")


@extend_schema_field(ScheduleSerializer)
class ScheduleField(serializers.JSONField):
    """As it came."""


class RuleFieldsSerializer(StrictSerializer):
    """What is said of a rule. Conditions are ANDed, an empty one is met by anything."""

    name = serializers.CharField()
    description = serializers.CharField(default="", allow_blank=True)
    enabled = serializers.BooleanField(default=True)
    severity = serializers.ChoiceField(LEVELS, default="medium", help_text="An alert has this one, or the visit's.")
    risk_threshold = serializers.IntegerField(default=None, allow_null=True, help_text="Least score of the visit.")
    object_types = serializers.ListField(child=serializers.CharField(), default=list)
    camera_ids = serializers.ListField(child=serializers.CharField(), default=list)
    zone_ids = serializers.ListField(child=serializers.CharField(), default=list)
    min_confidence = serializers.FloatField(default=None, allow_null=True, help_text="A share, 0–1.")
    schedule = ScheduleField(default=None, allow_null=True, help_text="When it was seen; null: at any time.")
    when = serializers.ChoiceField(AlertRule.When.choices, default="any", help_text="Who was home then.")
    dedup_key_template = serializers.CharField(
        default=DEFAULT_KEY,
        trim_whitespace=False,
        help_text="Under one key nobody is told twice within the cooldown.",
    )
    cooldown_seconds = serializers.IntegerField(default=300, help_text="0: every visit is told.")
    channels = serializers.ListField(child=serializers.IntegerField(), default=list, help_text="Ids of those told.")


class RuleSerializer(serializers.Serializer[AlertRule]):
    """Of rules that come from `with_what_they_name()`."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    enabled = serializers.BooleanField()
    severity = serializers.ChoiceField(LEVELS)
    risk_threshold = serializers.IntegerField(allow_null=True)
    object_types = serializers.ListField(child=serializers.CharField())
    camera_ids = serializers.ListField(child=serializers.CharField())
    zone_ids = serializers.ListField(child=serializers.CharField())
    min_confidence = serializers.FloatField(allow_null=True)
    schedule = ScheduleField(allow_null=True)
    when = serializers.ChoiceField(AlertRule.When.choices)
    dedup_key_template = serializers.CharField()
    cooldown_seconds = serializers.IntegerField()
    channels = serializers.ListField(child=serializers.IntegerField())
    in_words = serializers.CharField()
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="Why it tells less than it says: what it names was switched off."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def to_representation(self, rule: AlertRule) -> dict[str, Any]:
        draft = draft_of(rule)
        return {
            "id": str(rule.pk),
            **{name: getattr(rule, name) for name in COLUMNS},
            "camera_ids": [camera.pk for camera in draft.cameras],
            "zone_ids": [zone.pk for zone in draft.zones],
            "channels": [channel.pk for channel in draft.channels],
            "in_words": rule_in_words(draft),
            "problems": problems_of(draft),
            "created_at": serializers.DateTimeField().to_representation(rule.created_at),
            "updated_at": serializers.DateTimeField().to_representation(rule.updated_at),
        }


class TriedSerializer(serializers.Serializer[Held]):
    """What the rule would have decided with one visit."""

    event_id = serializers.IntegerField(source="event.pk")
    camera_id = serializers.CharField(source="event.camera_id")
    started_at = serializers.DateTimeField(source="event.started_at")
    outcome = serializers.CharField(source="outcome.outcome")
    condition = serializers.CharField(source="outcome.condition", allow_null=True)
    wanted = serializers.JSONField(source="outcome.wanted")
    got = serializers.JSONField(source="outcome.got")
    in_words = serializers.SerializerMethodField()

    def get_in_words(self, held: Held) -> str:
        return outcome_words(held.outcome, held.event.camera.zone)


class TrialSerializer(serializers.Serializer[Any]):
    """What a rule would have told. Nobody was."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    events = serializers.IntegerField(help_text="Visits it was held against.")
    fired = serializers.IntegerField()
    suppressed = serializers.IntegerField()
    not_met = serializers.IntegerField()
    notices = serializers.IntegerField(help_text="How often it would have told.")
    truncated = serializers.BooleanField(help_text=f"There were more visits; these are the newest {MOST_EVENTS:,}.")
    results = TriedSerializer(many=True, help_text="In order of time.")


class TrialTimesSerializer(StrictSerializer):
    since = serializers.DateTimeField(required=False, help_text="Left out: seven days before the end.")
    until = serializers.DateTimeField(required=False, help_text="Left out: now.")


class RuleFilter(FilterSet):
    enabled = YesNoFilter()
    severity = filters.ChoiceFilter(choices=LEVELS)
    camera_id = filters.CharFilter(method="naming", help_text="Rules that name this camera.")
    channel = IdFilter(field_name="channels", help_text="Rules that tell this channel.")

    def naming(self, rules: QuerySet[AlertRule], _: str, camera_id: str) -> QuerySet[AlertRule]:
        """Also by the name of one that was merged into it."""
        named = Camera.objects.filter(Q(pk=camera_id) | Q(merged_into=camera_id))
        return rules.filter(pk__in=RuleCamera.objects.filter(camera__in=named).values("rule"))


REFUSED = OpenApiResponse(ProblemSerializer, "A condition that could not be evaluated, and what to do about it.")


@extend_schema_view(list=extend_schema(summary="Alert rules, newest first"), retrieve=extend_schema(summary="One rule"))
class AlertRuleViewSet(ReadOnlyModelViewSet[AlertRule]):
    queryset = AlertRule.objects.none()
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    pagination_class = NewestByTime
    parser_classes = (JSONParser,)
    permission_classes = (MembersOnly,)
    lookup_value_regex = r"[0-9a-fA-F-]{36}"
    required_scope: Scope | None = None

    def get_queryset(self) -> QuerySet[AlertRule]:
        return with_what_they_name(AlertRule.objects.all())

    @extend_schema(summary="Write a rule", request=RuleFieldsSerializer, responses={201: RuleSerializer, 400: REFUSED})
    def create(self, request: Request) -> Response:
        fields = _fields(RuleFieldsSerializer(data=request.data))
        try:
            rule = create_rule(fields, request)
        except RuleRefused as refusal:
            raise _invalid(refusal) from refusal
        response = Response(RuleSerializer(self.get_queryset().get(pk=rule.pk)).data, status=status.HTTP_201_CREATED)
        response["Location"] = reverse("alertrule-detail", args=[rule.pk])
        return response

    @extend_schema(
        summary="Write a rule anew",
        description="What is left out becomes as it is for a new rule.",
        request=RuleFieldsSerializer,
        responses={200: RuleSerializer, 400: REFUSED},
    )
    def update(self, request: Request, pk: str) -> Response:
        return self._change(request, is_partial=False)

    @extend_schema(
        summary="Change some of a rule",
        request=RuleFieldsSerializer,
        responses={200: RuleSerializer, 400: REFUSED},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        return self._change(request, is_partial=True)

    def _change(self, request: Request, *, is_partial: bool) -> Response:
        rule = self.get_object()
        fields = _fields(RuleFieldsSerializer(data=request.data, partial=is_partial))
        try:
            change_rule(rule, fields, request)
        except RuleRefused as refusal:
            raise _invalid(refusal) from refusal
        return Response(RuleSerializer(self.get_object()).data)

    @extend_schema(
        summary="Delete a rule",
        description="What it told stays in the inbox, and what it decided stays with each visit.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> Response:
        delete_rule(self.get_object(), request)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        summary="Try a rule on past visits",
        description="Why it would have told, or why not, of each visit; by default of the last seven days. Nothing is "
        "written and nobody is told.",
        request=TrialTimesSerializer,
        responses={200: TrialSerializer, 400: OpenApiResponse(ProblemSerializer, "The end lies before the start.")},
    )
    @action(detail=True, methods=["post"], required_scope=Scope.READ)
    def test(self, request: Request, pk: str) -> Response:
        rule = self.get_object()
        times = TrialTimesSerializer(data=request.data)
        times.is_valid(raise_exception=True)
        until = times.validated_data.get("until") or timezone.now()
        since = times.validated_data.get("since") or until - TRIED
        if since >= until:
            raise ValidationError({"since": ["It lies before the end."]})
        trial = try_rule(rule, since, until, signed_in(request))
        counted = {"events": len(trial.held), **trial.counts, "notices": trial.notices, "truncated": trial.truncated}
        return Response(TrialSerializer({"since": since, "until": until, **counted, "results": trial.held}).data)


def _fields(body: RuleFieldsSerializer) -> RuleFields:
    body.is_valid(raise_exception=True)
    return cast("RuleFields", dict(body.validated_data))


def _invalid(refusal: RuleRefused) -> ValidationError:
    return ValidationError({refusal.field: [str(refusal)]})
