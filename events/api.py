"""The API's events: visits with their score and its reasons; review and notes are the only things to change."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.search import SearchQuery
from django.db.models import OuterRef, Prefetch, QuerySet
from django.utils.functional import cached_property
from django_filters.rest_framework import filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from cameras.access import signed_in
from cameras.models import Capture
from cameras.time_range import TimedFilterSet
from detections.api import OBJECT_TYPES, DetectionSerializer, with_file_facts
from detections.models import Detection
from events.assessment import newest_readings, reading_of
from events.filters import in_zone
from events.models import LEVELS, Assessment, Batch, Event, EventDetection
from events.review import MAX_NOTES_LENGTH, set_notes, set_reviewed
from telemetry.filters import YesNoFilter, since, until
from telemetry.strict import StrictSerializer


class PartSerializer(serializers.Serializer[dict[str, Any]]):
    """One reason of a score."""

    name = serializers.CharField()
    points = serializers.IntegerField()
    why = serializers.CharField()
    detection_ids = serializers.ListField(child=serializers.IntegerField())


class TokensSerializer(serializers.Serializer[dict[str, Any]]):
    """What an answer of a language model took."""

    prompt = serializers.IntegerField()
    cached = serializers.IntegerField(allow_null=True, help_text="Of the prompt: evaluated for an earlier one.")
    completion = serializers.IntegerField(allow_null=True)


class ReadingSerializer(serializers.ModelSerializer[Assessment]):
    """A judgement that has a score."""

    score = serializers.IntegerField(read_only=True)
    raw_score = serializers.IntegerField(read_only=True, help_text="Before ceiling and floor.")
    parts = PartSerializer(many=True, read_only=True)
    not_known = serializers.ListField(child=serializers.CharField(), read_only=True)
    cited_detection_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    prompt_version = serializers.IntegerField(
        source="prompt_version_id", read_only=True, allow_null=True, help_text="What the model was told; null: rules."
    )
    tokens = serializers.SerializerMethodField(help_text="Null for the rules.")

    class Meta:
        model = Assessment
        fields: tuple[str, ...] = (
            "id",
            "source",
            "model",
            "prompt_version",
            "score",
            "raw_score",
            "floor",
            "floor_why",
            "ceiling",
            "ceiling_why",
            "parts",
            "not_known",
            "summary",
            "reasoning",
            "cited_detection_ids",
            "grounded",
            "latency_ms",
            "tokens",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(TokensSerializer(allow_null=True))
    def get_tokens(self, assessment: Assessment) -> dict[str, Any] | None:
        if assessment.prompt_tokens is None:
            return None
        cached, completion = assessment.cached_tokens, assessment.completion_tokens
        return {"prompt": assessment.prompt_tokens, "cached": cached, "completion": completion}


class AssessmentSerializer(ReadingSerializer):
    """Any judgement there has been. A failed one has an error and no score; a replay never was the event's reading."""

    score = serializers.IntegerField(read_only=True, allow_null=True)
    raw_score = serializers.IntegerField(read_only=True, allow_null=True, help_text="Before ceiling and floor.")

    class Meta(ReadingSerializer.Meta):
        fields = (*ReadingSerializer.Meta.fields, "is_replay", "error", "raw_answer")
        read_only_fields = fields


class EventSerializer(serializers.ModelSerializer[Event]):
    """Of rows that come from `_for_list()`."""

    camera_id = serializers.CharField(read_only=True)
    batch_ids = serializers.ListField(child=serializers.UUIDField(), read_only=True)
    detection_ids = serializers.ListField(child=serializers.IntegerField(), read_only=True)
    risk_level = serializers.ChoiceField(choices=LEVELS, read_only=True)
    object_types = serializers.ListField(source="object_type_list", child=serializers.CharField(), read_only=True)
    continues_id = serializers.IntegerField(read_only=True, allow_null=True)
    chain_id = serializers.IntegerField(
        source="chain_id_or_own", read_only=True, help_text="First event of a visit that was cut for its length."
    )
    assessment = serializers.SerializerMethodField(help_text="The one whose score the event has.")

    class Meta:
        model = Event
        fields: tuple[str, ...] = (
            "id",
            "batch_id",
            "batch_ids",
            "camera_id",
            "state",
            "started_at",
            "ended_at",
            "risk_score",
            "risk_level",
            "summary",
            "reasoning",
            "object_types",
            "detection_ids",
            "reviewed",
            "reviewed_at",
            "notes",
            "is_fast_path",
            "clip_path",
            "analysis_state",
            "continues_id",
            "chain_id",
            "changed_at",
            "assessment",
        )
        read_only_fields = fields

    @extend_schema_field(ReadingSerializer(allow_null=True))
    def get_assessment(self, event: Event) -> dict[str, Any] | None:
        reading = reading_of(event.newest_readings)  # type: ignore[attr-defined]  # prefetched
        return self._one_reading.to_representation(reading) if reading else None

    @cached_property
    def _one_reading(self) -> ReadingSerializer:
        """For every event of a list: to make one takes longer than all else that is done for an event."""
        return ReadingSerializer()


class TimingSerializer(serializers.ModelSerializer[Capture]):
    """When one file of the visit passed which stage. What comes late shows here."""

    capture_id = serializers.IntegerField(source="id", read_only=True)
    seconds_to_event = serializers.SerializerMethodField(help_text="From its arrival to its place in the event.")

    class Meta:
        model = Capture
        fields = (
            "capture_id",
            "captured_at",
            "arrived_at",
            "detecting_at",
            "processed_at",
            "placed_at",
            "seconds_to_event",
        )
        read_only_fields = fields

    def get_seconds_to_event(self, capture: Capture) -> float | None:
        return (capture.placed_at - capture.arrived_at).total_seconds() if capture.placed_at else None


class RuleOutcomeSerializer(serializers.Serializer[dict[str, Any]]):
    """What an alert rule decided with the visit, when it last changed."""

    rule_id = serializers.UUIDField()
    rule = serializers.CharField(help_text="Its name then.")
    outcome = serializers.ChoiceField(["fired", "not_met", "suppressed"])
    condition = serializers.CharField(allow_null=True, help_text="The first that was not met, or what silenced it.")
    wanted = serializers.JSONField(help_text="What that condition asks for.")
    got = serializers.JSONField(help_text="What there was.")


class EventDetailSerializer(EventSerializer):
    """Of rows that come from `_for_detail()`."""

    detections = DetectionSerializer(many=True, read_only=True)
    assessments = AssessmentSerializer(many=True, read_only=True, help_text="All of them, newest first.")
    timings = serializers.SerializerMethodField(help_text="Of each file with a detection, in order of capture.")
    rule_outcomes = serializers.SerializerMethodField(
        help_text="What each alert rule decided and why. Null for viewers, who do not see rules."
    )

    class Meta(EventSerializer.Meta):
        fields = (*EventSerializer.Meta.fields, "detections", "assessments", "timings", "rule_outcomes")
        read_only_fields = fields

    @extend_schema_field(TimingSerializer(many=True))
    def get_timings(self, event: Event) -> list[dict[str, Any]]:
        captures = {detection.capture_id: detection.capture for detection in event.detections.all()}
        ordered = sorted(captures.values(), key=lambda capture: (capture.captured_at, capture.pk))
        return list(TimingSerializer(ordered, many=True).data)

    @extend_schema_field(RuleOutcomeSerializer(many=True, allow_null=True))
    def get_rule_outcomes(self, event: Event) -> list[dict[str, Any]] | None:
        outcomes: list[dict[str, Any]] = event.rule_outcomes
        return outcomes if signed_in(self.context["request"]).may_change() else None


class ReviewSerializer(StrictSerializer):
    """What a person may change in an event."""

    reviewed = serializers.BooleanField(required=False)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=MAX_NOTES_LENGTH)


class EventFilter(TimedFilterSet):
    camera_id = filters.CharFilter()
    zone_id = filters.CharFilter(method="in_zone", help_text="Something but a parked vehicle was in this zone.")
    state = filters.ChoiceFilter(choices=Event.State.choices)
    risk_level = filters.ChoiceFilter(choices=LEVELS)
    analysis_state = filters.ChoiceFilter(choices=Event.AnalysisState.choices)
    object_type = filters.ChoiceFilter(choices=OBJECT_TYPES, method="with_object_type")
    reviewed = YesNoFilter()
    search = filters.CharFilter(
        method="matching", help_text='Words in summary, reasoning, object types and notes; "a phrase", or, -not.'
    )
    since = since("started_at")
    until = until("started_at")

    def in_zone(self, events: QuerySet[Event], _name: str, value: str) -> QuerySet[Event]:
        return in_zone(events, value)

    def with_object_type(self, events: QuerySet[Event], _name: str, value: str) -> QuerySet[Event]:
        return events.filter(object_types__regex=rf"(^|, ){value}(,|$)")  # one of the known names

    def matching(self, events: QuerySet[Event], _name: str, value: str) -> QuerySet[Event]:
        return events.filter(search_vector=SearchQuery(value, config="english", search_type="websearch"))


@extend_schema_view(
    list=extend_schema(summary="Visits, newest first"),
    retrieve=extend_schema(summary="One visit, with its detections, assessments and timings"),
)
class EventViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Event]):
    queryset = Event.objects.none()
    serializer_class = EventSerializer
    filterset_class = EventFilter
    lookup_value_regex = r"\d+"

    def get_queryset(self) -> QuerySet[Event]:
        events = Event.objects.for_user(signed_in(self.request))
        return _for_list(events) if self.action == "list" else _for_detail(events)

    def get_serializer_class(self) -> type[EventSerializer]:
        return EventSerializer if self.action == "list" else EventDetailSerializer

    @extend_schema(
        summary="Mark a visit as reviewed, or write notes to it",
        request=ReviewSerializer,
        responses=EventDetailSerializer,
    )
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        event = self.get_object()
        review = ReviewSerializer(data=request.data, partial=True)
        review.is_valid(raise_exception=True)
        if "reviewed" in review.validated_data:
            set_reviewed(event, review.validated_data["reviewed"], request)
        if "notes" in review.validated_data:
            set_notes(event, review.validated_data["notes"], request)
        return Response(self.get_serializer(self.get_object()).data)


def _for_list(events: QuerySet[Event]) -> QuerySet[Event]:
    """`events` with all that EventSerializer shows: one query, and one for the assessments."""
    batches = Batch.objects.filter(event=OuterRef("pk")).order_by("started_at", "id").values("id")
    members = EventDetection.objects.filter(event=OuterRef("pk")).order_by("detection_id").values("detection_id")
    with_ids = events.annotate(batch_ids=ArraySubquery(batches), detection_ids=ArraySubquery(members))
    return with_ids.defer("search_vector").prefetch_related(
        Prefetch("assessments", newest_readings(Assessment.objects.all()), to_attr="newest_readings")
    )


def _for_detail(events: QuerySet[Event]) -> QuerySet[Event]:
    """`_for_list`, and one query each for the detections with their files and for all assessments."""
    detections = with_file_facts(Detection.objects.all()).order_by("detected_at", "id")
    return _for_list(events).prefetch_related(
        Prefetch("detections", detections), Prefetch("assessments", Assessment.objects.order_by("-id"))
    )
