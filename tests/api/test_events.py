"""One event in full, and the two things a person may change in it."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries
from rest_framework.test import APIClient

from accounts.models import AuditLog
from events.models import Event
from tests.api.callers import caller
from tests.factories import AssessmentFactory, CameraFactory, FailedAssessmentFactory, ModelAssessmentFactory
from tests.visits import make_visit

pytestmark = pytest.mark.django_db
PROMISED = {
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
    "notes",
    "is_fast_path",
    "clip_path",
    "analysis_state",
    "assessment",
}
PROMISED_OF_THE_ASSESSMENT = {
    "source",
    "model",
    "prompt_version",
    "tokens",
    "score",
    "raw_score",
    "floor",
    "ceiling",
    "parts",
    "grounded",
    "latency_ms",
}


@pytest.fixture
def client() -> APIClient:
    return caller("owner")


@pytest.fixture
def event() -> Event:
    return make_visit(CameraFactory.create(id="front_door"), seen=("person", "car"), risk_score=44)


def test_a_list_carries_what_is_promised(client: APIClient, event: Event) -> None:
    row = client.get("/api/v1/events/").json()["results"][0]
    assert set(row) >= PROMISED and set(row["assessment"]) >= PROMISED_OF_THE_ASSESSMENT
    assert row["batch_ids"] == [row["batch_id"]] == [str(event.batch_id)]
    assert row["detection_ids"] == sorted(event.detections.values_list("pk", flat=True))
    assert (row["risk_score"], row["risk_level"]) == (44, "medium")
    assert row["object_types"] == ["car", "person"]
    assert row["clip_path"] is None and row["chain_id"] == event.pk
    assert row["assessment"]["parts"][0].keys() == {"name", "points", "why", "detection_ids"}


def test_the_detail_tells_the_whole_story(client: APIClient, event: Event) -> None:
    detail = client.get(f"/api/v1/events/{event.pk}/").json()
    assert set(detail) > PROMISED
    assert [row["id"] for row in detail["detections"]] == detail["detection_ids"]
    assert detail["detections"][0]["event_id"] == event.pk
    assert len(detail["assessments"]) == 1
    assert [row["capture_id"] for row in detail["timings"]] == [row["capture_id"] for row in detail["detections"]]
    assert set(detail["timings"][0]) == {
        "capture_id",
        "captured_at",
        "arrived_at",
        "detecting_at",
        "processed_at",
        "placed_at",
        "seconds_to_event",
    }


def test_the_assessment_shown_is_the_newest_of_a_model_else_of_the_rules(client: APIClient, event: Event) -> None:
    def shown() -> tuple[str, int]:
        assessment = client.get(f"/api/v1/events/{event.pk}/").json()["assessment"]
        return assessment["source"], assessment["score"]

    AssessmentFactory.create(event=event, score=50)
    assert shown() == ("rules", 50)
    AssessmentFactory.create(event=event, source="llm", score=60)
    AssessmentFactory.create(event=event, source="llm", score=61)
    AssessmentFactory.create(event=event, score=52)
    assert shown() == ("llm", 61)


def test_what_grew_since_the_model_looked_is_the_rules_where_they_worry_more(client: APIClient, event: Event) -> None:
    ModelAssessmentFactory.create(event=event, score=18, detection_count=2)
    AssessmentFactory.create(event=event, score=70, detection_count=3)
    assert client.get(f"/api/v1/events/{event.pk}/").json()["assessment"]["source"] == "rules"


def test_a_models_reading_names_its_prompt_and_what_it_took(client: APIClient, event: Event) -> None:
    rules = client.get("/api/v1/events/").json()["results"][0]["assessment"]
    assert (rules["prompt_version"], rules["tokens"]) == (None, None)
    kept = ModelAssessmentFactory.create(event=event, score=18)
    assessment = client.get("/api/v1/events/").json()["results"][0]["assessment"]
    assert assessment["prompt_version"] == kept.prompt_version_id
    assert assessment["tokens"] == {"prompt": 1200, "cached": 900, "completion": 80}
    assert assessment["latency_ms"] == 2300 and assessment["grounded"] is True


def test_replays_and_failures_are_listed_as_such_and_never_the_reading(client: APIClient, event: Event) -> None:
    FailedAssessmentFactory.create(event=event)
    ModelAssessmentFactory.create(event=event, score=95, is_replay=True)
    FailedAssessmentFactory.create(event=event, is_replay=True)
    for address in (f"/api/v1/events/{event.pk}/", "/api/v1/events/"):
        body = client.get(address).json()
        assert body.get("results", [body])[0]["assessment"]["source"] == "rules"
    shown = [
        (one["source"], one["score"], one["raw_score"], one["is_replay"], one["error"], one["raw_answer"])
        for one in client.get(f"/api/v1/events/{event.pk}/").json()["assessments"]
    ]
    failed = (None, None)
    assert shown == [
        ("llm", *failed, True, "the answer is no JSON", "I cannot help with that."),
        ("llm", 95, 95, True, "", '{"score": 18}'),
        ("llm", *failed, False, "the answer is no JSON", "I cannot help with that."),
        ("rules", 44, 44, False, "", ""),
    ]


def test_a_models_reading_stays_the_reading_though_replays_and_failures_follow(client: APIClient, event: Event) -> None:
    ModelAssessmentFactory.create(event=event, score=61)
    ModelAssessmentFactory.create(event=event, score=95, is_replay=True)
    FailedAssessmentFactory.create(event=event)
    assert client.get("/api/v1/events/").json()["results"][0]["assessment"]["score"] == 61


@pytest.mark.parametrize("state", Event.AnalysisState.values)
def test_events_are_found_by_what_the_model_is_up_to(client: APIClient, event: Event, state: str) -> None:
    other = make_visit(CameraFactory.create(id="back_door"), analysis_state=state)
    Event.objects.filter(pk=event.pk).update(analysis_state="done" if state != "done" else "none")
    rows = client.get(f"/api/v1/events/?analysis_state={state}").json()["results"]
    assert [(row["id"], row["analysis_state"]) for row in rows] == [(other.pk, state)]


def test_a_list_takes_as_many_queries_for_many_judgements(
    client: APIClient, event: Event, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ModelAssessmentFactory.create_batch(3, event=event)
    for number in range(3):
        ModelAssessmentFactory.create(event=make_visit(CameraFactory.create(id=f"camera_{number}")))
    # session, user, the events, their readings
    with django_assert_num_queries(4):
        client.get("/api/v1/events/")


def test_an_event_without_assessment_says_null(client: APIClient, event: Event) -> None:
    event.assessments.all().delete()
    assert client.get(f"/api/v1/events/{event.pk}/").json()["assessment"] is None


def test_the_detail_takes_as_many_queries_for_many_detections(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    event = make_visit(CameraFactory.create(), seen=("person",) * 12)
    # session, user, the event, its current assessment, its detections with their files, all assessments
    with django_assert_num_queries(6):
        client.get(f"/api/v1/events/{event.pk}/")


class TestReview:
    def test_reviewed_and_notes_are_kept_and_written_down(self, client: APIClient, event: Event) -> None:
        response = client.patch(f"/api/v1/events/{event.pk}/", {"reviewed": True, "notes": "The postman."})
        assert response.status_code == 200
        assert response.json()["reviewed"] is True and response.json()["notes"] == "The postman."
        before = event.revision
        event.refresh_from_db()
        assert event.reviewed and event.reviewed_at is not None and event.revision > before
        assert list(AuditLog.objects.order_by("id").values_list("action", "actor", "resource_id")) == [
            ("event_reviewed", "olga", str(event.pk)),
            ("event_noted", "olga", str(event.pk)),
        ]

    def test_it_can_be_taken_back(self, client: APIClient, event: Event) -> None:
        client.patch(f"/api/v1/events/{event.pk}/", {"reviewed": True, "notes": "x"})
        body = client.patch(f"/api/v1/events/{event.pk}/", {"reviewed": False, "notes": ""}).json()
        assert (body["reviewed"], body["reviewed_at"], body["notes"]) == (False, None, "")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"risk_score": 0}, "risk_score"),
            ({"reviewed": True, "summary": "nothing"}, "summary"),
            ({"reviewed": "perhaps"}, "reviewed"),
            ({"reviewed": None}, "reviewed"),
            ({"notes": "x" * 10_001}, "notes"),
            ({"notes": "a\x00b"}, "notes"),
            ([1], "non_field_errors"),
        ],
    )
    def test_anything_else_is_refused_whole(self, client: APIClient, event: Event, body: object, field: str) -> None:
        response = client.patch(f"/api/v1/events/{event.pk}/", body)
        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]
        event.refresh_from_db()
        assert not event.reviewed and event.notes == ""

    def test_what_is_not_json_is_refused(self, client: APIClient, event: Event) -> None:
        response = client.patch(f"/api/v1/events/{event.pk}/", "{", content_type="application/json")
        assert response.status_code == 400 and response.json()["title"] == "Bad Request"

    def test_more_fields_than_anybody_needs_are_refused(self, client: APIClient, event: Event) -> None:
        response = client.patch(
            f"/api/v1/events/{event.pk}/", {f"field{number}": "x" for number in range(1001)}, format="multipart"
        )
        assert response.status_code == 400 and response.headers["Content-Type"] == "application/problem+json"

    def test_an_event_is_neither_replaced_nor_deleted(self, client: APIClient, event: Event) -> None:
        assert client.put(f"/api/v1/events/{event.pk}/", {"reviewed": True}).status_code == 405
        assert client.delete(f"/api/v1/events/{event.pk}/").status_code == 405
