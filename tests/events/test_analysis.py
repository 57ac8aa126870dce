"""The analyze stage around the model: what it answers is kept and shown, what it does not answer harms nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from cameras.models import Camera
from events.analysis import analyze_pending
from events.asking import ask, claim_next
from events.merging import merge_camera
from events.models import Assessment, Event, PromptVersion
from events.placing import place_detected
from inference.protocols import Effort, EngineLost, EngineUnavailable, EventContext, Verdict
from system.retention import clean_up
from telemetry.models import Pause
from tests.events.model import ScriptedModel, refused, verdict
from tests.events.rows import Seen, detected, make_camera
from tests.factories import AssessmentFactory, EventFactory, detection_of
from tests.stack import eventually

pytestmark = pytest.mark.django_db
ME = "analyze@home:1"
AWAY = EngineUnavailable("http://192.168.1.20:8080/v1 cannot be reached")


@pytest.fixture
def event(chosen: None) -> Event:
    """A visit that the rules have judged with 22, and that waits for the model."""
    return waiting()


def waiting(**fields: Any) -> Event:
    return EventFactory.create(
        analysis_state="pending", analysis_asked_at=timezone.now(), assessment__detection_count=1, **fields
    )


def now(event: Event) -> Event:
    return Event.objects.get(pk=event.pk)


def model_says(event: Event) -> Assessment:
    return event.assessments.filter(source="llm").get()


def it_is_time() -> None:
    """For the next try, of the stage and of every visit."""
    Pause.objects.update(retry_at=Now() - timedelta(seconds=1))
    Event.objects.update(analysis_next_at=None)


class TestAnswers:
    def test_the_answer_becomes_the_events_reading_and_is_kept_with_all_it_took(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(verdict(61, "A person stood at the door.", reasoning="For a while.", ceiling=84, ceiling_why="Why."))
        assert analyze_pending(ME, 10) == 1
        after, kept = now(event), model_says(event)
        assert (after.risk_score, after.risk_level, after.summary) == (61, "high", "A person stood at the door.")
        assert (after.analysis_state, after.analysis_claim_id, after.revision) == ("done", None, event.revision + 1)
        assert (kept.model, kept.score, kept.ceiling, kept.grounded, kept.detection_count) == (
            "stub-1",
            61,
            84,
            True,
            1,
        )
        assert (kept.prompt_tokens, kept.cached_tokens, kept.completion_tokens) == (1200, 900, 80)
        assert (kept.raw_answer, kept.error, kept.is_replay) == ("{}", "", False)

    def test_the_active_prompt_is_what_the_model_is_told_and_what_the_answer_names(
        self, event: Event, model: ScriptedModel
    ) -> None:
        PromptVersion.objects.all().delete()
        prompt = PromptVersion.objects.create(text="Judge mildly.", active=True)
        analyze_pending(ME, 10)
        PromptVersion.objects.update(active=False)
        other = PromptVersion.objects.create(text="Judge strictly.", active=True)
        ask_about_more(event)
        analyze_pending(ME, 10)
        assert model.told == ["Judge mildly.", "Judge strictly."]
        kept = event.assessments.filter(source="llm").order_by("pk")
        assert [one.prompt_version for one in kept] == [prompt, other]

    def test_it_is_asked_about_the_whole_visit_and_outside_of_any_transaction(
        self, chosen: None, model: ScriptedModel
    ) -> None:
        camera = make_camera()
        for moment in (0, 5, 10):
            detected(camera, moment, [Seen(confidence=0.95)])
        place_detected(camera.pk)
        analyze_pending(ME, 10)
        assert [len(context.sightings) for context in model.asked] == [3]
        assert model.asked[0].camera_name == camera.name
        assert Event.objects.get().assessments.get(source="llm").detection_count == 3

    def test_several_are_worked_off_in_order_and_not_more_than_asked_for(
        self, chosen: None, model: ScriptedModel
    ) -> None:
        low, high, middle = waiting(risk_score=5), waiting(risk_score=90), waiting(risk_score=50)
        assert analyze_pending(ME, 2) == 2
        assert [now(each).analysis_state for each in (high, middle, low)] == ["done", "done", "pending"]
        assert analyze_pending(ME, 2) == 1
        assert analyze_pending(ME, 2) == 0

    def test_an_answer_that_cannot_be_kept_is_a_failed_judgement_and_the_rules_score_stands(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(refused("the score is missing"))
        assert analyze_pending(ME, 10) == 1
        after, failed = now(event), model_says(event)
        assert (after.risk_score, after.summary, after.analysis_state) == (22, event.summary, "failed")
        assert after.revision == event.revision + 1
        assert (failed.score, failed.error, failed.raw_answer) == (None, "the score is missing", "{nonsense")
        assert (failed.prompt_tokens, failed.cached_tokens, failed.model) == (700, 0, "stub-1")
        assert failed.prompt_version is not None and not Pause.objects.exists()
        assert analyze_pending(ME, 10) == 0 and len(model.asked) == 1

    def test_what_a_server_does_not_tell_is_not_known(self, event: Event, model: ScriptedModel) -> None:
        model.says(verdict(effort=Effort()))
        analyze_pending(ME, 10)
        kept = model_says(event)
        assert (kept.prompt_tokens, kept.cached_tokens, kept.completion_tokens) == (None, None, None)

    def test_open_pages_are_told(
        self,
        event: Event,
        model: ScriptedModel,
        monkeypatch: pytest.MonkeyPatch,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        told: list[dict[str, Any]] = []
        monkeypatch.setattr("events.asking.broadcast", lambda kind, data: told.append(data))
        model.says(verdict(61))
        analyze_pending(ME, 10)
        assert [(data["id"], data["risk_score"], data["risk_level"]) for data in told] == [(event.pk, 61, "high")]


def meanwhile(deed: Callable[[], object], answer: Verdict | None = None) -> Callable[[EventContext], Verdict]:
    """An answer that comes after something else has happened."""

    def late(_: EventContext) -> Verdict:
        deed()
        return answer or verdict(61)

    return late


class TestWhileTheModelThinks:
    def grow(self, event: Event, score: int, detections: int = 1) -> None:
        """More is seen, the rules judge anew, and the model is asked again."""
        for _ in range(detections):
            membership = detection_of(event)
            event.memberships.create(detection=membership, batch=event.batches.get())
        AssessmentFactory.create(
            event=event, score=score, summary=f"By rules {score}.", detection_count=event.memberships.count()
        )
        Event.objects.filter(pk=event.pk).update(risk_score=score, summary=f"By rules {score}.")
        ask(event.pk)

    def test_a_visit_that_grew_is_looked_at_once_more(self, event: Event, model: ScriptedModel) -> None:
        model.says(meanwhile(lambda: self.grow(event, 30), verdict(40)), verdict(44))
        assert analyze_pending(ME, 1) == 1
        assert (now(event).analysis_state, now(event).analysis_claim_id, now(event).risk_score) == ("pending", None, 40)
        assert analyze_pending(ME, 5) == 1
        assert (now(event).analysis_state, now(event).risk_score) == ("done", 44)
        assert [len(context.sightings) for context in model.asked] == [1, 2]

    def test_a_visit_that_grew_and_worries_the_rules_more_keeps_their_reading_until_then(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(meanwhile(lambda: self.grow(event, 70), verdict(20)), verdict(35))
        analyze_pending(ME, 1)
        assert (now(event).risk_score, now(event).summary) == (70, "By rules 70.")
        analyze_pending(ME, 1)
        assert (now(event).risk_score, now(event).analysis_state) == (35, "done")

    def test_a_visit_that_was_asked_about_again_for_nothing_new_is_done(
        self, event: Event, model: ScriptedModel
    ) -> None:
        def ask_for_nothing() -> None:
            Event.objects.update(analysis_state="pending")

        model.says(meanwhile(ask_for_nothing))
        analyze_pending(ME, 5)
        assert (now(event).analysis_state, len(model.asked)) == ("done", 1)

    def test_a_refused_answer_of_a_visit_that_grew_does_not_keep_the_next_look_away(
        self, event: Event, model: ScriptedModel
    ) -> None:
        def grow_and_refuse(_: EventContext) -> Verdict:
            self.grow(event, 30)
            raise refused()

        model.says(grow_and_refuse, verdict(44))
        analyze_pending(ME, 1)
        assert now(event).analysis_state == "pending"
        analyze_pending(ME, 1)
        assert (now(event).analysis_state, now(event).risk_score) == ("done", 44)

    def test_the_answer_of_a_worker_that_counts_as_dead_is_discarded(
        self, event: Event, model: ScriptedModel, caplog: pytest.LogCaptureFixture
    ) -> None:
        def somebody_else_takes_it() -> None:
            Event.objects.update(analysis_state="pending", analysis_claim_id=None)
            assert claim_next("analyze@elsewhere:2")

        model.says(meanwhile(somebody_else_takes_it))
        analyze_pending(ME, 1)
        assert not event.assessments.filter(source="llm").exists()
        assert (now(event).analysis_state, now(event).analysis_claimed_by) == ("running", "analyze@elsewhere:2")
        assert "this answer is discarded" in caplog.text

    @pytest.mark.parametrize("answer", [verdict(61), refused()], ids=["answered", "refused"])
    def test_a_visit_that_is_cleaned_up_meanwhile_stays_gone(
        self, chosen: None, model: ScriptedModel, answer: Verdict | Exception
    ) -> None:
        long_ago = timezone.now() - timedelta(days=90)
        waiting(started_at=long_ago)

        def cleaned(_: EventContext) -> Verdict:
            assert clean_up().events_deleted == 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        model.says(cleaned)
        analyze_pending(ME, 1)
        assert not Event.objects.exists() and not Assessment.objects.exists()

    def test_a_visit_that_goes_before_it_is_looked_at_harms_nobody(
        self, event: Event, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def claim_and_lose(worker: str) -> object:
            claim = claim_next(worker)
            if claim:
                Event.objects.get(pk=claim.event_id).delete()
            return claim

        monkeypatch.setattr("events.analysis.claim_next", claim_and_lose)
        analyze_pending(ME, 5)
        assert model.asked == [] and not Event.objects.exists()

    def test_a_visit_whose_camera_is_merged_meanwhile_keeps_its_answer(
        self, event: Event, model: ScriptedModel
    ) -> None:
        target = make_camera("right_one")
        model.says(meanwhile(lambda: merge_camera(Camera.objects.get(pk=event.camera_id), target, None)))
        analyze_pending(ME, 1)
        assert (now(event).camera_id, now(event).risk_score, now(event).analysis_state) == ("right_one", 61, "done")

    def test_a_visit_that_was_reviewed_meanwhile_wants_a_look_again_only_if_it_worries_more(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(meanwhile(lambda: Event.objects.update(reviewed=True), verdict(25)))
        analyze_pending(ME, 1)
        assert now(event).reviewed
        ask_about_more(event)
        model.says(verdict(61))
        analyze_pending(ME, 1)
        assert not now(event).reviewed


def ask_about_more(event: Event) -> None:
    event.memberships.create(detection=detection_of(event), batch=event.batches.get())
    ask(event.pk)
    assert now(event).analysis_state == "pending"


class TestOutOfReach:
    def test_nothing_counts_against_a_visit_and_the_stage_says_why_it_waits(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(AWAY)
        assert analyze_pending(ME, 10) == 0
        after, pause = now(event), Pause.objects.get()
        assert (after.analysis_state, after.analysis_claim_id, after.risk_score) == ("pending", None, 22)
        assert (pause.stage, pause.reason, pause.attempts) == ("analyze", str(AWAY), 1)
        assert not event.assessments.filter(source="llm").exists()

    def test_while_it_is_not_time_nobody_asks(self, event: Event, model: ScriptedModel) -> None:
        waiting()
        model.says(AWAY)
        for _ in range(5):
            analyze_pending(ME, 10)
        assert len(model.asked) == 1

    def test_an_outage_of_hours_fails_nothing_and_ends_by_itself(self, event: Event, model: ScriptedModel) -> None:
        model.says(AWAY)
        for _ in range(20):
            it_is_time()
            analyze_pending(ME, 10)
        assert (now(event).analysis_state, now(event).analysis_attempts) == ("pending", 1)
        assert Pause.objects.get().attempts == 20
        model.says(verdict(61))
        it_is_time()
        assert analyze_pending(ME, 10) == 1
        assert (now(event).risk_score, Pause.objects.exists()) == (61, False)

    def test_the_next_try_takes_another_visit(self, chosen: None, model: ScriptedModel) -> None:
        hard, easy = waiting(risk_score=90), waiting(risk_score=10)
        model.says(AWAY, verdict(15))
        analyze_pending(ME, 10)
        Pause.objects.update(retry_at=Now())
        assert analyze_pending(ME, 10) == 1
        assert (now(hard).analysis_state, now(easy).analysis_state) == ("pending", "done")

    def test_in_a_long_outage_each_try_takes_another_visit(self, chosen: None, model: ScriptedModel) -> None:
        hard, easy = waiting(risk_score=90), waiting(risk_score=10)
        model.says(AWAY)
        analyze_pending(ME, 10)
        it_is_time()
        analyze_pending(ME, 10)
        Pause.objects.update(retry_at=Now())
        model.says(verdict(15))
        assert analyze_pending(ME, 10) == 1
        assert (now(hard).analysis_state, now(easy).analysis_state) == ("pending", "done")

    def test_a_visit_that_alone_is_not_answered_fails_the_third_time_and_keeps_nobody_waiting(
        self, chosen: None, model: ScriptedModel
    ) -> None:
        hard = waiting(risk_score=90)

        def hangs_for_one(context: EventContext) -> Verdict:
            if context.sightings[0].detection_id == hard.key_detection_id:
                raise EngineUnavailable("http://llm/v1 did not answer within 60 s")
            return verdict(15)

        model.says(hangs_for_one)
        for _ in range(3):
            other = waiting(risk_score=10)
            it_is_time()
            analyze_pending(ME, 10)
            Pause.objects.update(retry_at=Now())
            analyze_pending(ME, 10)
            assert now(other).analysis_state == "done"
        assert now(hard).analysis_state == "failed"
        assert model_says(hard).error == (
            "Given up after 3 tries. The last one: http://llm/v1 did not answer within 60 s"
        )
        assert now(hard).risk_score == 90

    def test_a_model_that_cannot_even_be_loaded_pauses_the_stage_and_no_visit_is_taken(
        self, event: Event, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("events.analysis.load_analyst", raises(EngineUnavailable("x.gguf is damaged")))
        assert analyze_pending(ME, 10) == 0
        assert (now(event).analysis_state, now(event).analysis_next_at) == ("pending", None)
        assert Pause.objects.get().reason == "x.gguf is damaged"

    def test_a_model_that_can_be_loaded_again_ends_the_pause_though_nobody_waits(
        self, chosen: None, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr("events.analysis.load_analyst", raises(EngineUnavailable("x.gguf is damaged")))
            analyze_pending(ME, 10)
        it_is_time()
        analyze_pending(ME, 10)
        assert not Pause.objects.exists()

    def test_a_pause_does_not_end_while_those_that_wait_are_not_due(self, event: Event, model: ScriptedModel) -> None:
        model.says(AWAY)
        analyze_pending(ME, 10)
        Pause.objects.update(retry_at=Now())
        analyze_pending(ME, 10)
        assert (Pause.objects.get().attempts, len(model.asked)) == (1, 1)
        Event.objects.update(analysis_next_at=None)
        model.says(verdict(61))
        assert analyze_pending(ME, 10) == 1

    @pytest.mark.parametrize(("error", "reason"), [(MemoryError(), "not enough memory"), (MemoryError("full"), "full")])
    def test_missing_memory_is_no_fault_of_the_visit(
        self, event: Event, model: ScriptedModel, error: Exception, reason: str
    ) -> None:
        model.says(error)
        analyze_pending(ME, 10)
        assert (now(event).analysis_state, Pause.objects.get().reason) == ("pending", reason)

    def test_an_engine_that_is_lost_to_this_process_ends_it_after_all_was_put_back(
        self, event: Event, model: ScriptedModel
    ) -> None:
        model.says(EngineLost("the graphics card fell off"))
        with pytest.raises(EngineLost):
            analyze_pending(ME, 10)
        assert (now(event).analysis_state, now(event).analysis_claim_id) == ("pending", None)
        assert Pause.objects.get().reason == "the graphics card fell off"

    def test_the_others_are_woken_when_it_answers_again(
        self, event: Event, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        woken: list[str] = []
        monkeypatch.setattr("events.analysis.wake", woken.append)
        model.says(AWAY, verdict())
        analyze_pending(ME, 10)
        assert woken == []
        it_is_time()
        analyze_pending(ME, 10)
        assert woken == ["events.analyze_pending"]


def raises(error: Exception) -> Callable[..., object]:
    def deed(*_: object) -> object:
        raise error

    return deed


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_in_the_middle_of_a_cleanup_waits_for_it_and_brings_nothing_back(
    event: Event, model: ScriptedModel
) -> None:
    model.says(verdict(61))
    worker = threading.Thread(target=analyze_and_hang_up)
    with transaction.atomic():
        Camera.objects.locked(event.camera_id).get()
        Assessment.objects.filter(event=event).delete()  # as a deletion of the event begins
        worker.start()
        eventually(somebody_waits_for_a_lock)
        event.delete()
    worker.join(timeout=20)
    assert not worker.is_alive() and model.asked
    assert not Event.objects.exists() and not Assessment.objects.exists()


def analyze_and_hang_up() -> None:
    try:
        analyze_pending(ME, 1)
    finally:
        connection.close()


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_the_claim_is_renewed_while_the_model_thinks(
    event: Event, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.analysis.RENEWED_EVERY_S", 0.01)
    Event.objects.update(analysis_lease_until=None)

    def slow(_: EventContext) -> Verdict:
        assert not connection.in_atomic_block
        Event.objects.update(analysis_lease_until=Now())
        deadline = timezone.now() + timedelta(seconds=10)
        while Event.objects.filter(analysis_lease_until__lt=Now() + timedelta(seconds=50)).exists():
            assert timezone.now() < deadline, "nobody renews it"
        return verdict(61)

    model.says(slow)
    assert analyze_pending(ME, 1) == 1
    assert now(event).risk_score == 61


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_kept_though_the_database_was_started_anew_while_the_model_thought(
    event: Event, model: ScriptedModel
) -> None:
    def hang_up_on(pid: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        connection.close()

    def slow(_: EventContext) -> Verdict:
        database = threading.Thread(target=hang_up_on, args=[connection.connection.info.backend_pid])
        database.start()
        database.join()
        return verdict(61)

    model.says(slow)
    assert analyze_pending(ME, 1) == 1
    assert (now(event).risk_score, now(event).analysis_state) == (61, "done")
