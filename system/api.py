"""The API's view of the program: the facts of the System page, as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import HasScope
from cameras.access import signed_in
from cameras.dead_letters import Kind
from system.access import REFUSED, IsHousehold
from system.needs import first_line, needs_of
from system.state import state_for
from telemetry.models import Job, Pause
from telemetry.problems import ProblemSerializer


class PauseSerializer(serializers.ModelSerializer[Pause]):
    class Meta:
        model = Pause
        fields = ("stage", "reason", "since")
        read_only_fields = fields


class StageSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(
        help_text="intake, detect, place, close; analyze with a language model; evaluate, deliver."
    )
    queue = serializers.CharField(help_text="Who works it off.")
    waiting = serializers.IntegerField(source="backlog.waiting", allow_null=True, help_text="Null: nobody can count.")
    in_hand = serializers.IntegerField(source="backlog.in_hand", allow_null=True, help_text="Being worked on now.")
    oldest_at = serializers.DateTimeField(source="backlog.oldest_at", allow_null=True, help_text="It waits since then.")
    done_last_hour = serializers.IntegerField(allow_null=True)
    is_paused = serializers.BooleanField()


class WorkerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    queue = serializers.CharField()
    is_alive = serializers.BooleanField(source="lives")
    started_at = serializers.DateTimeField()
    last_beat_at = serializers.DateTimeField()
    detail = serializers.DictField(help_text="What it runs and why, in its own words.")


class LoadedSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of its weights; empty where there are none here.", allow_blank=True)
    device = serializers.CharField(help_text="What computes it.")
    note = serializers.CharField(help_text="What the worker has to say of it.", allow_blank=True)


class SpeedSerializer(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="picture, video, visit.")
    count = serializers.IntegerField()
    mean_ms = serializers.FloatField()
    tokens_per_s = serializers.FloatField(allow_null=True, help_text="What a language model wrote.")
    cached_share = serializers.FloatField(allow_null=True, help_text="Of its prompts: evaluated before.")


class EngineSerializer(serializers.Serializer[Any]):
    role = serializers.CharField(help_text="detector, analyst.")
    name = serializers.CharField()
    why = serializers.CharField(help_text="Why this one was chosen.")
    running = serializers.ListField(child=serializers.CharField(), help_text="Those that living workers loaded.")
    loaded = LoadedSerializer(many=True, help_text="What the workers loaded for it.")
    speeds = SpeedSerializer(many=True, help_text="Within the last hour.")


class KindOfFailureSerializer(serializers.Serializer[Any]):
    error = serializers.CharField()
    count = serializers.IntegerField()
    last_failed_at = serializers.DateTimeField(allow_null=True)
    last_ids = serializers.SerializerMethodField(help_text="Of the last few files: see dead-letters.")

    def get_last_ids(self, kind: Kind) -> list[int]:
        return [capture.pk for capture in kind.files]


class DeadLettersSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField(source="failed")
    kinds = KindOfFailureSerializer(source="kinds_of_failure", many=True, help_text="The ten most frequent.")


class DiskSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    free_bytes = serializers.IntegerField()
    total_bytes = serializers.IntegerField()
    is_low = serializers.BooleanField()
    is_full = serializers.BooleanField()


class ServerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    answers = serializers.BooleanField()
    version = serializers.CharField()
    size_bytes = serializers.IntegerField(allow_null=True)


class LastJobSerializer(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = ("id", "kind", "state", "started_at", "finished_at", "progress", "error")
        read_only_fields = fields


class SystemSerializer(serializers.Serializer[Any]):
    """The program as it is now."""

    at = serializers.DateTimeField()
    version = serializers.CharField()
    summary = serializers.CharField(help_text="Whether it needs you, in one line.")
    needs = serializers.ListField(child=serializers.CharField(), help_text="What needs you, the most pressing first.")
    last_file_at = serializers.DateTimeField(source="flow.last_file_at", allow_null=True)
    stages = StageSerializer(many=True)
    pauses = PauseSerializer(many=True)
    workers = WorkerSerializer(many=True, help_text="Heard of within the last hour.")
    missing_queues = serializers.ListField(child=serializers.CharField(), help_text="That nobody works on.")
    engines = EngineSerializer(many=True)
    dead_letters = DeadLettersSerializer(source="*")
    disks = DiskSerializer(many=True)
    servers = ServerSerializer(many=True)
    jobs = LastJobSerializer(many=True, help_text="The last one of each kind.")


class SystemView(APIView):
    permission_classes = (HasScope, IsHousehold)

    @extend_schema(
        summary="How the program fares",
        description="What waits at each stage and for how long, who works, what is paused and why, what failed.",
        responses={200: SystemSerializer, 403: OpenApiResponse(ProblemSerializer, REFUSED)},
        filters=False,
    )
    def get(self, request: Request) -> Response:
        state = state_for(signed_in(request))
        needs = needs_of(state)
        told = {"summary": first_line(needs), "needs": [need.sentence for need in needs]}
        return Response(SystemSerializer({**vars(state), **told}).data)
