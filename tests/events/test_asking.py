"""When a visit waits for the language model, who takes which, and what becomes of those whose worker died."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django.fixtures import Settings

from cameras.models import Camera
from events.asking import Claim, ask, claim_next, due, free_lost_claims, let_go_if_unwanted, pending, renew
from events.models import Assessment, Batch, Event
from events.placing import close_due_batches, place_detected
from events.tasks import sweep
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Pause
from telemetry.stages import pause
from tests.events.rows import Seen, detected, make_camera
from tests.factories import AssessmentFactory, EventFactory, detection_of

pytestmark = pytest.mark.django_db
SURE = Seen(confidence=0.95)


@pytest.fixture
def camera() -> Camera:
    return make_camera()


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr("events.asking.wake", calls.append)
    return calls


def place(camera: Camera, *moments: float, seen: Sequence[Seen] = (Seen(),)) -> Event:
    for moment in moments:
        detected(camera, moment, seen)
    place_detected(camera.pk)
    return Event.objects.latest("pk")


def let_time_pass() -> None:
    """Open batches are past due."""
    ago = timezone.now() - timedelta(minutes=5)
    Batch.objects.filter(state="open").update(opened_at=ago, last_placed_at=ago)
    close_due_batches()


def waiting(**fields: object) -> Event:
    return EventFactory.create(analysis_state="pending", analysis_asked_at=timezone.now(), **fields)


def claimed(worker: str = "analyze@home:1") -> Claim:
    claim = claim_next(worker)
    assert claim is not None
    return claim


@pytest.mark.usefixtures("chosen")
class TestAsking:
    def test_a_visit_waits_for_the_model_once_its_batch_closes(self, camera: Camera, woken: list[str]) -> None:
        event = place(camera, 0)
        assert (event.analysis_state, event.summary != "", woken) == ("none", True, [])
        let_time_pass()
        after = Event.objects.get()
        assert (after.analysis_state, after.analysis_attempts, woken) == ("pending", 0, ["events.analyze_pending"])
        assert after.analysis_asked_at is not None and after.revision > event.revision
        assert (after.risk_score, after.summary) == (event.risk_score, event.summary)

    def test_a_sure_person_is_asked_about_at_once(self, camera: Camera, woken: list[str]) -> None:
        assert place(camera, 0, seen=[Seen(confidence=0.89)]).analysis_state == "none"
        event = place(camera, 5, seen=[SURE])
        assert (event.is_fast_path, event.analysis_state, event.state) == (True, "pending", "open")
        assert list(due()) == [event]

    def test_further_sure_persons_of_the_visit_do_not_ask_again(self, camera: Camera) -> None:
        place(camera, 0, seen=[SURE])
        Event.objects.update(analysis_state="done")
        assert place(camera, 5, seen=[SURE]).analysis_state == "done"

    def test_without_a_model_nothing_ever_waits(self, camera: Camera, settings: Settings) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "rules"})
        place(camera, 0, seen=[SURE])
        let_time_pass()
        assert Event.objects.get().analysis_state == "none"

    def test_a_batch_that_a_later_picture_ends_is_asked_about(self, camera: Camera) -> None:
        place(camera, 0, 2000)
        assert list(Event.objects.order_by("pk").values_list("analysis_state", flat=True)) == ["pending", "none"]

    def test_late_pictures_are_asked_about_together_a_little_later(self, camera: Camera) -> None:
        place(camera, 7200)
        late = place(camera, 0)
        assert (late.state, late.analysis_state) == ("closed", "pending")
        place(camera, 20, 40)
        assert list(pending()) == [late] and not due().exists()
        Event.objects.update(analysis_next_at=Now())
        assert list(due()) == [late]

    def test_a_late_picture_of_a_visit_that_was_looked_at_is_asked_about(self, camera: Camera) -> None:
        place(camera, 7200)
        late = place(camera, 0)
        Event.objects.filter(pk=late.pk).update(analysis_state="done")
        AssessmentFactory.create(event=late, source="llm", detection_count=1)
        place(camera, 10)
        assert Event.objects.get(pk=late.pk).analysis_state == "pending"

    @pytest.mark.parametrize("error", ["", "the answer cannot be kept"])
    def test_a_model_is_not_asked_twice_about_the_same(self, camera: Camera, error: str, woken: list[str]) -> None:
        event = place(camera, 0, seen=[SURE])
        scores = {"score": None, "raw_score": None} if error else {}
        AssessmentFactory.create(event=event, source="llm", detection_count=1, error=error, **scores)
        Event.objects.update(analysis_state="failed" if error else "done")
        woken.clear()
        let_time_pass()
        assert Event.objects.get().analysis_state == ("failed" if error else "done") and not woken

    def test_one_that_waits_already_goes_on_waiting_since_then(self, camera: Camera) -> None:
        event = place(camera, 0, seen=[SURE])
        Event.objects.update(analysis_attempts=2)
        place(camera, 5)
        let_time_pass()
        after = Event.objects.get()
        assert (after.analysis_asked_at, after.analysis_attempts) == (event.analysis_asked_at, 2)

    def test_one_that_is_looked_at_and_grows_waits_for_one_more_look_and_nobody_else_takes_it(
        self, camera: Camera
    ) -> None:
        place(camera, 0, seen=[SURE])
        claim = claimed()
        place(camera, 5)
        let_time_pass()
        event = Event.objects.get()
        assert (event.analysis_state, event.analysis_claim_id) == ("pending", claim.id)
        assert claim_next("analyze@elsewhere:2") is None


@pytest.mark.usefixtures("chosen")
class TestClaiming:
    def test_the_sure_person_goes_first_then_the_most_worrying_then_the_newest(self) -> None:
        old, new = waiting(risk_score=30), waiting(risk_score=30)
        worse, sure = waiting(risk_score=70), waiting(risk_score=5, is_fast_path=True)
        assert [claimed().event_id for _ in range(4)] == [sure.pk, worse.pk, new.pk, old.pk]
        assert claim_next("analyze@home:1") is None

    def test_a_claim_names_its_worker_and_runs_out(self) -> None:
        waiting()
        claim = claimed("analyze@attic:7")
        event = Event.objects.get()
        assert (event.analysis_state, event.analysis_claimed_by) == ("running", "analyze@attic:7")
        assert event.analysis_claim_id == claim.id and event.analysis_lease_until
        assert timedelta(seconds=55) < event.analysis_lease_until - timezone.now() < timedelta(seconds=65)

    def test_one_that_waits_for_another_try_is_passed_over(self) -> None:
        later = waiting(risk_score=90, analysis_next_at=timezone.now() + timedelta(seconds=30))
        now = waiting(risk_score=10)
        assert claimed().event_id == now.pk and later in pending()

    def test_one_whose_next_try_lies_hours_ahead_is_taken_for_the_clock_was_set_back(self) -> None:
        event = waiting(analysis_next_at=timezone.now() + timedelta(hours=1))
        assert claimed().event_id == event.pk

    @pytest.mark.django_db(transaction=True)
    def test_many_workers_at_once_take_each_visit_once(self) -> None:
        for _ in range(12):
            waiting()
        together = threading.Barrier(4)

        def take(number: int) -> list[int]:
            together.wait()
            try:
                claims = [claim_next(f"analyze@home:{number}") for _ in range(3)]
            finally:
                connection.close()
            return [claim.event_id for claim in claims if claim]

        with ThreadPoolExecutor(4) as workers:
            taken = [event_id for some in workers.map(take, range(4)) for event_id in some]
        assert len(set(taken)) == len(taken)
        Event.objects.filter(analysis_state="pending").update(analysis_state="none")
        assert Event.objects.filter(analysis_state="running").count() == len(taken) >= 9


def seconds_later(seconds: float) -> None:
    """For leases: so much of them is over."""
    for event in Event.objects.exclude(analysis_claim_id=None):
        assert event.analysis_lease_until
        Event.objects.filter(pk=event.pk).update(
            analysis_lease_until=event.analysis_lease_until - timedelta(seconds=seconds)
        )


@pytest.mark.usefixtures("chosen")
class TestDeadWorkers:
    def test_a_living_one_keeps_its_visit_a_dead_one_does_not(self) -> None:
        waiting()
        beat("analyze@home:1", "analyze", {})
        claimed()
        seconds_later(20)
        assert free_lost_claims() == 0
        Heartbeat.objects.update(at=Now() - timedelta(seconds=11))
        assert free_lost_claims() == 1
        event = Event.objects.get()
        assert (event.analysis_state, event.analysis_attempts, event.analysis_claim_id) == ("pending", 1, None)

    def test_a_claim_of_this_moment_is_left_to_its_worker_whose_beat_is_being_written(self) -> None:
        waiting()
        claimed()
        assert free_lost_claims() == 0
        seconds_later(4)
        assert free_lost_claims() == 1

    @pytest.mark.parametrize("gone", [61, -400])
    def test_a_lease_that_ran_out_or_lies_far_ahead_is_freed_though_its_worker_lives(self, gone: float) -> None:
        waiting()
        beat("analyze@home:1", "analyze", {})
        claim = claimed()
        seconds_later(gone)
        if gone > 0:
            renew(claim)
            assert free_lost_claims() == 0
            seconds_later(gone)
        assert free_lost_claims() == 1

    def test_the_third_death_is_the_last_and_says_so(self) -> None:
        event = waiting(risk_score=44)
        states = []
        for _ in range(3):
            Event.objects.update(analysis_next_at=None)
            claimed()
            seconds_later(11)
            free_lost_claims()
            after = Event.objects.get()
            states.append((after.analysis_state, after.analysis_attempts))
        assert states == [("pending", 1), ("pending", 2), ("failed", 0)]
        failed = Assessment.objects.get(source="llm")
        assert failed.error == "Given up after 3 tries. The last one: the analyze process ended or stalled meanwhile."
        assert (failed.score, failed.detection_count) == (None, 1)
        assert (after.risk_score, after.summary) == (44, event.summary) and after.revision > event.revision

    @pytest.mark.parametrize(
        ("settings_of_model", "name"),
        [
            ({"LLM_MODEL": "/opt/models/nemotron.gguf"}, "nemotron"),
            ({"LLM_MODEL": "nvidia/nemotron", "LLM_URL": "http://127.0.0.1:9/v1"}, "nvidia/nemotron"),
            ({"LLM_URL": "http://127.0.0.1:9/v1"}, "the server’s model"),
        ],
        ids=["file", "named on a server", "a server's own"],
    )
    def test_what_was_given_up_names_the_model_as_its_answers_do(
        self, settings: Settings, settings_of_model: dict[str, str], name: str
    ) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update=settings_of_model)
        waiting(analysis_attempts=2)
        claimed()
        seconds_later(11)
        free_lost_claims()
        assert Assessment.objects.get(source="llm").model == name

    def test_one_that_was_asked_about_meanwhile_goes_on_waiting(self) -> None:
        event = waiting()
        claimed()
        detection_of(event)
        Event.objects.update(analysis_attempts=2)
        ask(event.pk)
        seconds_later(11)
        free_lost_claims()
        after = Event.objects.get()
        assert (after.analysis_state, after.analysis_claim_id, after.analysis_attempts) == ("pending", None, 1)


class TestNoModelAnyMore:
    def test_nothing_waits_for_ever(self) -> None:
        event = waiting()
        running = waiting()
        Event.objects.filter(pk=running.pk).update(
            analysis_state="running", analysis_claim_id=running.batch_id, analysis_lease_until=timezone.now()
        )
        done = EventFactory.create(analysis_state="done")
        pause("analyze", "it does not answer")
        sweep()
        states = dict(Event.objects.values_list("pk", "analysis_state"))
        assert states == {event.pk: "none", running.pk: "none", done.pk: "done"}
        assert Event.objects.get(pk=event.pk).revision > event.revision
        assert not Pause.objects.exists()

    @pytest.mark.usefixtures("chosen")
    def test_while_one_is_chosen_they_wait(self) -> None:
        waiting()
        pause("analyze", "it does not answer")
        let_go_if_unwanted()
        assert pending().count() == 1 and Pause.objects.exists()


@pytest.mark.usefixtures("chosen")
class TestSweep:
    def test_it_wakes_for_what_is_due(self, woken: list[str]) -> None:
        sweep()
        assert woken == []
        event = waiting()
        sweep()
        assert woken == ["events.analyze_pending"]
        woken.clear()
        Event.objects.filter(pk=event.pk).update(analysis_next_at=timezone.now() + timedelta(seconds=9))
        sweep()
        assert woken == []

    def test_it_wakes_while_the_stage_is_paused_so_that_somebody_tries_again(self, woken: list[str]) -> None:
        pause("analyze", "the model file is missing")
        sweep()
        assert woken == ["events.analyze_pending"]
