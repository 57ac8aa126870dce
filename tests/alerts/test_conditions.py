"""Which detection meets a rule, and which condition is the first that none does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import HomeMode
from alerts.conditions import Conditions, Household, Sight, Unmet, Visit, condensed, judge
from alerts.evaluate import evaluate_changed
from alerts.schedule import DAYS, Schedule
from tests.alerts.rows import Saw, camera_called, make_visit, outcome_of
from tests.factories import RuleFactory, ZoneFactory

NIGHT = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
BERLIN_NIGHT = Schedule(DAYS, 22 * 60, 6 * 60, "Europe/Berlin")


def sight(number: int = 1, what: str = "person", sure: float = 0.8, **fields: Any) -> Sight:
    return Sight(number, what, sure, **{"seen_at": NIGHT, "late": timedelta(seconds=2), **fields})


def visit(*sights: Sight, score: int = 50, **fields: Any) -> Visit:
    names = {"porch": "Porch", "lawn": "Lawn"}
    return Visit(1, "front", "Front door", score, condensed(sights), names, **fields)


def first_unmet(conditions: Conditions, *sights: Sight, **fields: Any) -> tuple[str, Any, Any]:
    decided = judge(conditions, visit(*sights, **fields))
    assert isinstance(decided, Unmet)
    return decided.condition.value, decided.wanted, decided.got


def deciding(conditions: Conditions, *sights: Sight) -> int:
    decided = judge(conditions, visit(*sights))
    assert isinstance(decided, Sight), decided
    return decided.detection_id


def test_no_condition_is_met_by_anything() -> None:
    assert deciding(Conditions(), sight(7, "cat", 0.5)) == 7


def test_of_those_that_meet_everything_the_surest_decides() -> None:
    people = Conditions(object_types=("person",))
    assert deciding(people, sight(1, sure=0.6), sight(2, sure=0.9), sight(3, "car", 0.99)) == 2


def test_one_that_arrived_live_goes_before_a_surer_one_that_came_late() -> None:
    assert deciding(Conditions(), sight(1, sure=0.9, late=timedelta(hours=2)), sight(2, sure=0.6)) == 2


class TestOneDetectionMeetsAll:
    def test_a_sure_car_and_an_unsure_person_are_no_sure_person(self) -> None:
        sure_person = Conditions(object_types=("person",), min_confidence=0.8)
        both = sight(1, "car", 0.95), sight(2, "person", 0.6)
        assert first_unmet(sure_person, *both) == ("min_confidence", 0.8, 0.6)

    def test_a_person_elsewhere_and_a_cat_in_the_zone_are_no_person_in_the_zone(self) -> None:
        on_porch = Conditions(object_types=("person",), zones={"porch": "Porch"})
        both = sight(1, "cat", zone_ids=("porch",)), sight(2, zone_ids=("lawn",))
        assert first_unmet(on_porch, *both) == ("zones", ["Porch"], ["Lawn"])

    def test_a_person_by_day_and_a_car_by_night_are_no_person_by_night(self) -> None:
        by_night = Conditions(object_types=("person",), schedule=BERLIN_NIGHT)
        both = sight(1, "car"), sight(2, seen_at=NIGHT - timedelta(hours=2))
        condition, wanted, got = first_unmet(by_night, *both)
        assert (condition, wanted["start_time"], got) == ("schedule", "22:00", "2026-11-18T21:30:00+01:00")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(cameras={"back": "Back"}), ("cameras", ["Back"], "Front door")),
        (Conditions(risk_threshold=51), ("risk_threshold", 51, 50)),
        (Conditions(object_types=("dog", "cat")), ("object_types", ["dog", "cat"], ["person"])),
        (Conditions(min_confidence=0.81), ("min_confidence", 0.81, 0.8)),
        (Conditions(zones={"porch": "Porch"}), ("zones", ["Porch"], [])),
        (Conditions(when="away"), ("when", "away", None)),
        (
            Conditions(zones={}, problems={"zones": "Porch is switched off."}),  # type: ignore[dict-item]
            ("zones", [], {"problem": "Porch is switched off."}),
        ),
        (
            Conditions(problems={"schedule": "No zone."}),  # type: ignore[dict-item]
            ("schedule", None, {"problem": "No zone."}),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_first_that_is_not_met_is_told_with_both_values(conditions: Conditions, expected: Any) -> None:
    assert first_unmet(conditions, sight()) == expected


def test_they_are_looked_at_in_their_order() -> None:
    everything = {
        "cameras": {"back": "Back"},
        "risk_threshold": 90,
        "object_types": ("dog",),
        "min_confidence": 0.9,
        "zones": {"porch": "Porch"},
        "schedule": Schedule(("mon",), 0, 1, "UTC"),
        "when": "away",
    }
    names = list(everything)
    for place, name in enumerate(names):
        left = {later: everything[later] for later in names[place:]}
        assert first_unmet(Conditions(**left), sight())[0] == name  # type: ignore[arg-type]


def test_exactly_at_the_threshold_is_met() -> None:
    assert deciding(Conditions(risk_threshold=50, min_confidence=0.8), sight()) == 1


def test_where_nothing_counts_nothing_is_met() -> None:
    assert first_unmet(Conditions()) == ("object_types", [], [])


def test_who_was_home_is_asked_for_the_moment_it_was_seen() -> None:
    household = Household([NIGHT, NIGHT + timedelta(hours=1)], ["away", "home"])
    assert household.at(NIGHT - timedelta(seconds=1)) is None
    assert [household.at(NIGHT + timedelta(minutes=minute)) for minute in (0, 59, 60)] == ["away", "away", "home"]


SIGHTS = st.builds(
    Sight,
    detection_id=st.integers(1, 10_000),
    object_type=st.sampled_from(["person", "car"]),
    confidence=st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9]),
    seen_at=st.integers(0, 300).map(lambda second: NIGHT + timedelta(seconds=second)),
    late=st.sampled_from([timedelta(seconds=3), timedelta(hours=2)]),
    zone_ids=st.sampled_from([(), ("porch",), ("lawn",), ("porch", "lawn")]),
    household=st.sampled_from([None, "home", "away"]),
)
RULES = st.builds(
    Conditions,
    object_types=st.sampled_from([(), ("person",), ("car", "dog")]),
    min_confidence=st.sampled_from([None, 0.6, 0.8]),
    zones=st.sampled_from([{}, {"porch": "Porch"}]),
    schedule=st.sampled_from([None, Schedule(DAYS, 23 * 60 + 31, 23 * 60 + 33, "Europe/Berlin")]),
    when=st.sampled_from([None, "away"]),
)


@given(RULES, st.lists(SIGHTS, unique_by=lambda one: one.detection_id))
def test_leaving_out_what_no_rule_can_tell_apart_changes_no_decision(rule: Conditions, sights: list[Sight]) -> None:
    def meets(one: Sight) -> bool:
        return all(condition(one) for _, condition in rule.of_detections())

    best = max(filter(meets, sights), key=lambda one: (one.is_live, one.confidence), default=None)
    decided = judge(rule, visit(*sights))
    if best is None:
        assert isinstance(decided, Unmet)
    else:
        assert isinstance(decided, Sight) and meets(decided)
        assert (decided.is_live, decided.confidence) == (best.is_live, best.confidence)


@pytest.mark.django_db
class TestFromTheRows:
    def test_a_parked_car_meets_nothing(self) -> None:
        RuleFactory.create(object_types=["car"])
        event = make_visit(None, Saw("car", parked=True), Saw("person"))
        evaluate_changed()
        assert (outcome_of(event)["condition"], outcome_of(event)["got"]) == ("object_types", ["person"])

    def test_zones_come_from_where_it_was_seen(self) -> None:
        camera = camera_called()
        porch, lawn = (ZoneFactory.create(camera=camera, name=name) for name in ("Porch", "Lawn"))
        RuleFactory.create(object_types=["person"], zones=[porch])
        missed = make_visit(camera, Saw(zones=[lawn]), Saw("cat", zones=[porch]))
        met = make_visit(camera, Saw(sure=0.6, zones=[porch, lawn]), Saw(sure=0.9, zones=[lawn]))
        evaluate_changed()
        assert (outcome_of(missed)["wanted"], outcome_of(missed)["got"]) == (["Porch"], ["Lawn"])
        assert outcome_of(met)["outcome"] == "fired"
        assert outcome_of(met)["got"]["detection_id"] == met.detections.get(confidence=0.6).pk

    def test_when_nobody_is_home(self) -> None:
        RuleFactory.create(when="away", cooldown_seconds=0)
        camera, began = camera_called(), datetime(2026, 11, 18, 12, tzinfo=UTC)
        before, away, back = (make_visit(camera, at=began + timedelta(hours=hours)) for hours in (0, 2, 4))
        HomeMode.objects.create(mode="away", since=began + timedelta(hours=1))
        HomeMode.objects.create(mode="home", since=began + timedelta(hours=3))
        evaluate_changed()
        assert [(outcome_of(one)["outcome"], outcome_of(one)["got"]) for one in (before, back)] == [
            ("not_met", None),
            ("not_met", "home"),
        ]
        assert outcome_of(away)["outcome"] == "fired"

    def test_hours_are_those_at_which_it_was_seen_by_the_rules_clock(self) -> None:
        chicago = {"days": ["wed"], "start_time": "22:00", "end_time": "06:00", "timezone": "America/Chicago"}
        RuleFactory.create(schedule=chicago, cooldown_seconds=0)
        camera = camera_called()
        at_3 = datetime(2026, 11, 19, 9, 0, tzinfo=UTC)  # Thursday 03:00 in Chicago: the night of Wednesday
        inside, outside = make_visit(camera, at=at_3), make_visit(camera, at=at_3 + timedelta(days=1))
        evaluate_changed()
        assert outcome_of(inside)["outcome"] == "fired"
        assert (outcome_of(outside)["condition"], outcome_of(outside)["got"]) == (
            *("schedule", "2026-11-20T03:00:00-06:00"),
        )
