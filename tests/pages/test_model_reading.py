"""What people see of a language model's judgement: on cards, and on the page of a visit."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from accounts.models import Role
from cameras.models import Camera
from events.analysis import analyze_pending
from events.cards import score_before
from events.models import Event
from telemetry.models import Pause
from tests.factories import (
    AssessmentFactory,
    EventFactory,
    FailedAssessmentFactory,
    ModelAssessmentFactory,
    UserFactory,
)
from tests.inference.llm_server import MODEL, judges, llm_server
from tests.pages.conftest import signed_in_as

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def a_model_is_chosen(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "LLM_URL": "http://127.0.0.1:9/v1"})


def visit(front: Camera, analysis_state: str = "pending", score: int = 44, **fields: object) -> Event:
    return EventFactory.create(camera=front, risk_score=score, analysis_state=analysis_state, **fields)


def read_by_model(event: Event, score: int = 18, **fields: object) -> None:
    """The model has looked, as the analyze stage leaves it."""
    ModelAssessmentFactory.create(event=event, score=score, **fields)
    Event.objects.filter(pk=event.pk).update(risk_score=score, analysis_state="done", revision=event.revision + 1)


def text_of(client: Client, event: Event) -> str:
    return " ".join(client.get(f"/events/{event.pk}/").content.decode().split())


def why(client: Client, event: Event) -> str:
    return text_of(client, event).split('id="why"', 1)[1].split("</section>", 1)[0]


def card(client: Client) -> str:
    return " ".join(client.get("/").content.decode().split("<article", 1)[1].split("</article>", 1)[0].split())


class TestCard:
    def test_until_the_model_has_looked_it_says_so(self, page: Client, front: Camera) -> None:
        visit(front)
        assert "by rules · the model has not looked yet" in card(page)

    def test_then_it_bears_the_models_name_and_says_what_moved_the_score(self, page: Client, front: Camera) -> None:
        read_by_model(visit(front), score=70)
        assert "44 → 70, the model’s reading" in card(page)
        assert "by qwen-4b </p>" in card(page)

    def test_one_whose_answer_could_not_be_kept_is_the_rules(self, page: Client, front: Camera) -> None:
        FailedAssessmentFactory.create(event=visit(front, "failed"))
        assert "by rules · the model’s answer could not be kept" in card(page)
        assert "Medium 44" in card(page)

    def test_where_more_was_seen_since_it_is_still_the_models(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event, score=50)
        Event.objects.update(analysis_state="pending")
        assert "by qwen-4b · has not seen the latest yet" in card(page)

    def test_where_more_was_seen_since_and_the_rules_stand_the_model_has_looked_all_the_same(
        self, page: Client, front: Camera
    ) -> None:
        event = visit(front, score=70, assessment=False)
        ModelAssessmentFactory.create(event=event, score=40, detection_count=1)
        AssessmentFactory.create(event=event, score=70, detection_count=2)
        assert "by rules · the model has not seen the latest yet" in card(page)
        assert "More was seen since the language model looked; it looks again." in why(page, event)

    def test_without_a_model_nothing_is_said_of_one(self, page: Client, front: Camera) -> None:
        visit(front, "none")
        assert "by rules </p>" in card(page)

    def test_replays_and_failures_are_never_the_reading(self, page: Client, front: Camera) -> None:
        event = visit(front, "done")
        ModelAssessmentFactory.create(event=event, score=95, is_replay=True)
        FailedAssessmentFactory.create(event=event)
        FailedAssessmentFactory.create(event=event, is_replay=True)
        AssessmentFactory.create(event=event, score=1, is_replay=True)
        assert "by rules </p>" in card(page)
        assert "→" not in card(page)
        assert "→" not in page.get("/events/").content.decode()

    def test_the_row_of_a_visit_tells_of_the_models_reading_too(self, page: Client, front: Camera) -> None:
        read_by_model(visit(front))
        assert "44 → 18, the model’s reading" in page.get("/events/").content.decode()

    def test_its_new_version_replaces_the_card_in_place(self, page: Client, front: Camera) -> None:
        event = visit(front)
        before = card(page)
        read_by_model(event, score=50)
        after = card(page)
        for same in ('data-order="', 'id="event-'):
            assert before.split(same)[1].split('"')[0] == after.split(same)[1].split('"')[0]
        assert before.split('data-version="')[1].split('"')[0] != after.split('data-version="')[1].split('"')[0]

    def test_words_of_a_model_are_only_words(self, page: Client, front: Camera) -> None:
        event = visit(front, summary=HOSTILE)
        read_by_model(event, score=50, model=HOSTILE, summary=HOSTILE)
        assert HOSTILE not in page.get("/").content.decode()


def test_the_answer_reaches_open_pages_as_a_new_version_of_the_card(
    page: Client, front: Camera, settings: Settings
) -> None:
    event = visit(front)
    cursor = int(now().timestamp() * 1_000_000)
    with llm_server(judges(score=70)) as server:
        settings.CONFIG = settings.CONFIG.model_copy(update={"LLM_URL": server.url})
        assert analyze_pending("tests", 1) == 1
    changes = " ".join(page.get(f"/live/changes?since={cursor}").content.decode().split())
    assert f'id="event-{event.pk}"' in changes and f'data-version="{event.pk}.{event.revision + 1}"' in changes
    assert "44 → 70, the model’s reading" in changes and f"by {MODEL} </p>" in changes


class TestScoreBefore:
    def test_a_score_that_never_was_the_reading_is_none_a_reader_saw(self, front: Camera) -> None:
        event = visit(front)
        read_by_model(event)
        AssessmentFactory.create(event=event, score=70)  # of the same detections: the model's stands
        before = score_before(event.assessments.order_by("id"), 18)
        assert before is not None and (before.score, before.model_has_looked) == (44, True)

    def test_replays_and_failures_change_nothing_of_it(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event)
        ModelAssessmentFactory.create(event=event, score=95, is_replay=True)
        FailedAssessmentFactory.create(event=event)
        assert "44 → 18, the model’s reading" in text_of(page, event)

    def test_a_visit_that_went_on_names_no_model(self, front: Camera) -> None:
        event = visit(front, assessment__detection_count=1)
        read_by_model(event, detection_count=1)
        AssessmentFactory.create(event=event, score=70, detection_count=2)
        before = score_before(event.assessments.order_by("id"), 70)
        assert before is not None and (before.score, before.model_has_looked) == (18, False)


class TestPage:
    def test_it_waits(self, page: Client, front: Camera) -> None:
        assert "The language model has not looked yet." in why(page, visit(front))

    def test_it_waits_for_more_than_the_rules(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event)
        Event.objects.update(analysis_state="pending")
        assert "More was seen since the language model looked; it looks again." in why(page, event)

    @pytest.mark.parametrize(
        ("reason", "told"),
        [
            ("http://127.0.0.1:9/v1 does not answer", "http://127.0.0.1:9/v1 does not answer."),
            ("it cannot be loaded.", "it cannot be loaded."),
            ("it cannot be reached: is it running?", "it cannot be reached: is it running?"),
        ],
    )
    def test_a_pause_says_why_to_those_who_may_mend_it(
        self, page: Client, front: Camera, reason: str, told: str
    ) -> None:
        event = visit(front)
        Pause.objects.create(stage="analyze", reason=reason)
        assert f"The language model is not available: {told} This is the rules’ score." in why(page, event)
        viewer = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
        assert "The language model is not available; this is the rules’ score." in why(viewer, event)

    def test_it_is_being_looked_at(self, page: Client, front: Camera) -> None:
        event = visit(front, "running", analysis_claim_id=uuid.uuid4())
        assert "The language model is looking at it now; until then this is the rules’ score." in why(page, event)

    def test_an_open_visit_is_looked_at_later(self, page: Client, front: Camera) -> None:
        event = visit(front, "none", state=Event.State.OPEN)
        assert "The language model looks as soon as the visit has gone quiet." in why(page, event)

    def test_one_of_before_there_was_a_model_says_nothing_of_it(self, page: Client, front: Camera) -> None:
        assert "model" not in why(page, visit(front, "none"))

    def test_where_no_model_is_chosen_nothing_waits(self, page: Client, front: Camera, settings: Settings) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "rules"})
        assert "model" not in why(page, visit(front))

    def test_an_answer_that_could_not_be_kept_says_why(self, page: Client, front: Camera) -> None:
        event = visit(front, "failed")
        FailedAssessmentFactory.create(event=event, error="the score is 340, beyond 0–100.")
        FailedAssessmentFactory.create(event=event, error="of a replay", is_replay=True)
        assert "The language model gave no reading (the score is 340, beyond 0–100); this is the rules’ score." in why(
            page, event
        )

    def test_both_scores_stand_side_by_side(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event, reasoning="Did not stop.")
        text = why(page, event)
        assert "Rules: 44. Model: 18." in text
        assert "Judged by qwen-4b, a language model, told by prompt" in text and ", in 2.3 s." in text

    def test_a_floor_of_the_rules_says_why_theirs_stands(self, page: Client, front: Camera) -> None:
        event = visit(
            front,
            "done",
            85,
            assessment__floor=85,
            assessment__floor_why="Inside while nobody is home: never below 85.",
        )
        ModelAssessmentFactory.create(event=event, score=40)
        text = why(page, event)
        scores = "Rules: 85. Model: 40. The rules’ score stands. Inside while nobody is home: never below 85."
        assert scores in text
        assert "Judged by rules 1" in text

    def test_the_rules_stand_again_where_more_was_seen(self, page: Client, front: Camera) -> None:
        event = visit(front, "none", 70, assessment=False)
        ModelAssessmentFactory.create(event=event, score=18, detection_count=1)
        AssessmentFactory.create(event=event, detection_count=2)
        assert "Rules: 70. Model: 18. The rules’ score stands: more was seen after the model looked." in why(
            page, event
        )

    def test_the_limits_of_a_models_score_are_told(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event, score=30, raw_score=5, floor=30, floor_why="at a door at night")
        assert "Raised to 30: at a door at night" in why(page, event)

    def test_one_that_named_what_nobody_detected_is_not_passed_off_as_the_models(
        self, page: Client, front: Camera
    ) -> None:
        event = visit(front)
        read_by_model(event, score=44, grounded=False)
        text = why(page, event)
        assert "The language model said what was not detected, so the rules’ reading stands." in text
        assert "Judged by the rules, after asking qwen-4b, a language model, told by prompt" in text
        assert "Model: 44" not in text
        assert "by rules · the model said what was not detected" in card(page)

    def test_the_timing_has_both_judgements(self, page: Client, front: Camera) -> None:
        event = visit(front)
        FailedAssessmentFactory.create(event=event, created_at=event.started_at + timedelta(seconds=1))
        event.assessments.filter(source="rules").update(created_at=event.started_at)
        read_by_model(event, created_at=event.started_at + timedelta(seconds=44))
        steps = text_of(page, event).split('class="steps"')[1].split("</ol>")[0]
        assert steps.index("Judged by the rules") < steps.index("Judged by the model")
        assert 'Judged by the model</span> <span class="muted figures">+44.0 s' in steps

    def test_every_judgement_is_listed_for_what_it_was(self, page: Client, front: Camera) -> None:
        event = visit(front, "failed")
        FailedAssessmentFactory.create(event=event)
        replay = ModelAssessmentFactory.create(event=event, score=95, is_replay=True, cached_tokens=900)
        rows = text_of(page, event).split('id="assessments"')[1].split("</table>")[0].split("<tr")[2:]
        rules, failed, replayed = rows
        assert "rules 1" in rules and ">44<" in rules.replace(" ", "") and "1 ms" in rules
        assert "failed" in failed and "the answer is no JSON" in failed
        assert "replay, for comparison only" in replayed and f"prompt&nbsp;{replay.prompt_version_id}" in replayed
        assert "1200 in, 900 of them reused, 80 out" in replayed and "2.3 s" in replayed
        assert "Medium 44" in text_of(page, event)

    def test_answers_are_there_to_unfold_as_they_came(self, page: Client, front: Camera) -> None:
        event = visit(front)
        read_by_model(event, raw_answer=f'{{"score": 18}}\n{HOSTILE}</pre>')
        FailedAssessmentFactory.create(event=event, raw_answer=HOSTILE, error=HOSTILE, model=HOSTILE)
        text = page.get(f"/events/{event.pk}/").content.decode()
        assert "Answers of the language model, as they came" in text
        assert "<pre>{&quot;score&quot;: 18}\n&lt;script&gt;alert(1)&lt;/script&gt;&lt;/pre&gt;</pre>" in text
        assert HOSTILE not in text

    def test_who_may_not_see_the_camera_sees_none_of_it(self, stranger: object, front: Camera) -> None:
        event = visit(front)
        read_by_model(event)
        assert signed_in_as(stranger).get(f"/events/{event.pk}/").status_code == 404  # type: ignore[arg-type]

    def test_it_costs_the_same_however_often_it_was_judged(
        self, page: Client, front: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
    ) -> None:
        event = visit(front)
        queries = 8  # those of the page without a model, and whether the stage is paused
        with django_assert_num_queries(queries):
            text_of(page, event)
        ModelAssessmentFactory.create_batch(4, event=event)
        FailedAssessmentFactory.create_batch(4, event=event)
        with django_assert_num_queries(queries):
            text_of(page, event)


def test_a_stage_that_waits_for_the_model_is_told_at_the_head_of_the_page(page: Client) -> None:
    Pause.objects.create(stage="analyze", reason="no such server")
    assert "Visits wait for the language model since" in " ".join(page.get("/").content.decode().split())
