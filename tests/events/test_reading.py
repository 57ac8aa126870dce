"""Which of a visit's judgements is the one it shows: the model's words, and never less worry than the facts ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.assessment import newest_readings, reading_of, show
from events.models import Assessment, Event
from tests.events.model import verdict
from tests.factories import AssessmentFactory, DetectionFactory, EventFactory

Source = Assessment.Source


def judged(pk: int, source: str, score: int | None, seen: int | None = 1, **more: object) -> Assessment:
    return Assessment(pk=pk, source=source, score=score, detection_count=seen, **more)


def test_rules_alone() -> None:
    rules = [judged(1, "rules", 20), judged(2, "rules", 30)]
    assert reading_of(rules) is rules[1]
    assert reading_of([]) is None


def test_a_models_word_counts_more_than_the_rules_higher_or_lower() -> None:
    for score in (5, 80):
        assert reading_of([judged(1, "rules", 40), model := judged(2, "llm", score)]) is model


@pytest.mark.parametrize(("rules_then", "expected"), [(41, "rules"), (40, "llm"), (10, "llm")])
def test_when_the_visit_has_grown_the_rules_count_where_they_worry_more(rules_then: int, expected: str) -> None:
    history = [judged(1, "rules", 20), judged(2, "llm", 40), judged(3, "rules", rules_then, seen=2)]
    reading = reading_of(history)
    assert reading is not None and reading.source == expected


def test_once_the_model_has_seen_as_much_its_word_counts_again() -> None:
    history = [judged(1, "llm", 40), judged(2, "rules", 60, seen=5), last := judged(3, "llm", 35, seen=5)]
    assert reading_of(history) is last


def test_nothing_lies_below_the_newest_floor_of_the_rules() -> None:
    history = [judged(1, "llm", 12, seen=4), rules := judged(2, "rules", 30, seen=4, floor=30)]
    assert reading_of(history) is rules


def test_failed_ones_and_replays_never_count() -> None:
    rules = judged(1, "rules", 20)
    failed, replay = judged(2, "llm", None, error="no answer"), judged(3, "llm", 99, is_replay=True)
    assert reading_of([rules, failed, replay]) is rules


def test_a_judgement_of_before_counts_were_kept_has_not_grown() -> None:
    assert reading_of([judged(1, "rules", 60, seen=None), model := judged(2, "llm", 40)]) is model


histories = st.lists(
    st.tuples(
        st.sampled_from(["rules", "llm"]),
        st.integers(0, 100) | st.none(),
        st.integers(1, 5),
        st.integers(0, 100),
        st.booleans(),
    ),
    max_size=8,
)


@given(histories, st.randoms())
def test_whatever_was_judged_in_whatever_order_it_is_read(
    rows: list[tuple[str, int | None, int, int, bool]], dice: object
) -> None:
    history = [
        judged(pk, source, score, seen, floor=min(floor, score or 0), is_replay=replay, error="" if score else "failed")
        for pk, (source, score, seen, floor, replay) in enumerate(rows)
    ]
    reading = reading_of(history)
    usable = [one for one in history if not one.error and not one.is_replay]
    assert (reading is None) == (not usable)
    shuffled = list(history)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reading_of(shuffled) is reading
    newest_rules = max((one for one in usable if one.source == "rules"), key=lambda one: one.pk, default=None)
    if reading and newest_rules:
        assert (reading.score or 0) >= newest_rules.floor


@pytest.mark.django_db
class TestShowing:
    def test_the_event_takes_score_words_and_picture_of_its_reading(self) -> None:
        event = EventFactory.create(risk_score=22, assessment__detection_count=1)
        other = DetectionFactory.create(capture__camera=event.camera)
        model = AssessmentFactory.create(
            event=event, source="llm", score=61, summary="By the model.", detection_count=1
        )
        show(event, model, verdict(61, key_detection_id=other.pk), analysis_state="done")
        event.refresh_from_db()
        assert (event.risk_score, event.risk_level, event.summary) == (61, "high", "By the model.")
        assert (event.key_detection_id, event.analysis_state, event.revision) == (other.pk, "done", 2)

    def test_a_judgement_that_does_not_count_changes_no_words_but_is_news(self) -> None:
        event = EventFactory.create(risk_score=22, assessment__detection_count=3)
        key, other = event.key_detection_id, DetectionFactory.create(capture__camera=event.camera)
        model = AssessmentFactory.create(event=event, source="llm", score=5, summary="By the model.", detection_count=1)
        show(event, model, verdict(5, key_detection_id=other.pk))
        event.refresh_from_db()
        assert (event.risk_score, event.summary, event.key_detection_id) == (
            22,
            "A person walked past on the pavement.",
            key,
        )
        assert event.revision == 2

    @pytest.mark.parametrize(("score", "reviewed"), [(84, False), (60, False), (59, True), (5, True)])
    def test_one_that_worries_more_than_what_was_reviewed_wants_a_look_again(self, score: int, reviewed: bool) -> None:
        event = EventFactory.create(risk_score=45, reviewed=True, assessment__detection_count=1)
        model = AssessmentFactory.create(event=event, source="llm", score=score, detection_count=1)
        show(event, model, verdict(score))
        assert Event.objects.get().reviewed is reviewed

    def test_the_newest_of_each_source_are_found_for_many_events_at_once(self) -> None:
        events = EventFactory.create_batch(2)
        for event in events:
            AssessmentFactory.create(event=event, source="llm", score=10)
            AssessmentFactory.create(event=event, source="llm", score=11)
            AssessmentFactory.create(event=event, source="llm", score=12, is_replay=True)
            AssessmentFactory.create(event=event, source="llm", score=None, raw_score=None, error="no answer")
        found = newest_readings(Assessment.objects.all())
        assert [(one.event_id, one.source, one.score) for one in found] == [
            (event.pk, source, score) for event in events for source, score in (("llm", 11), ("rules", 22))
        ]
