"""What a situation looks like once it is drawn: boxes where its people are, the same each time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from inference.protocols import HouseholdFact, UsualFact
from tests.judgement.grounds import GROUNDS, Grounds, Point
from tests.judgement.scenes import context_of
from tests.judgement.situations import Situation


def situation(**told: Any) -> Situation:
    seen = told.pop("seen", [{"person": ["0 gate", "4 front door", "20 front door", "25 gate"], "missed": 0}])
    base = {"name": "A caller", "camera": "front", "at": "14:02", "expect": "low", "because": "A caller."}
    return Situation.model_validate(base | {"seen": seen} | told)


def seconds(told: Situation, label: str = "person") -> list[float]:
    context = context_of(told)
    start = context.frames[0][1]
    return [(one.seen_at - start).total_seconds() for one in context.sightings if one.label == label]


def test_it_is_the_same_each_time_and_another_by_another_name() -> None:
    told = situation(seen=[{"person": ["0 gate", "60 path"]}])
    assert context_of(told) == context_of(told)
    assert context_of(told) != context_of(told.model_copy(update={"name": "Another"}))
    assert context_of(told) == context_of(told.model_copy(update={"name": "Another"}), seed="A caller")


def test_the_facts_are_the_ones_told() -> None:
    context = context_of(situation(zones="drawn", usual={"person": "20/28"}, home="nobody", called="Porch"))
    assert context.camera_name == "Porch" and context.place == "front"
    assert context.usual == (UsualFact("person", 20, 28),)
    assert context.household == HouseholdFact(away=True)
    assert context.zones is not None and "Front door" in [zone.name for zone in context.zones]
    bare = context_of(situation())
    assert bare.zones is None and bare.usual is None and bare.household is None


def test_who_stands_at_the_door_is_in_its_zone_if_it_is_drawn() -> None:
    def names(zones: Any) -> set[str]:
        context = context_of(situation(zones=zones))
        known = {zone.id: zone.name for zone in context.zones or ()}
        return {known[zone] for one in context.sightings for zone in one.zones}

    assert names("drawn") == {"Front door", "Front yard"}
    assert names(["front door"]) == {"Front door"}
    assert names("none") == set()


def test_nobody_is_seen_before_or_after_their_path_nor_while_away() -> None:
    told = situation(seen=[{"person": ["3 gate", "5 path", "8 away", "12 path", "14 gate"], "missed": 0}])
    assert seconds(told) == [3, 4, 5, 6, 7, 12, 13, 14]


def test_pictures_come_as_told() -> None:
    path = [{"person": ["0 gate", "30 path"], "missed": 0}]
    assert seconds(situation(every=10, seen=path)) == [0, 10, 20, 30]
    assert seconds(situation(stills=[0, 7], seen=path)) == [0, 7]
    clips = context_of(situation(clips=[[0, 2], [20, 21]], seen=path))
    assert [capture for capture, _ in clips.frames] == [1, 1, 1, 201, 201]


def test_some_pictures_miss_somebody_but_never_all() -> None:
    often = [{"person": ["0 gate", "99 gate"], "missed": 0.5}]
    assert 30 < len(seconds(situation(seen=often))) < 70
    once = situation(stills=[5], seen=[{"person": ["5 gate", "6 gate"], "missed": 0.9}])
    assert len(seconds(once)) == 1


def test_the_best_picture_is_as_sure_as_told() -> None:
    context = context_of(situation(seen=[{"person": ["0 gate", "200 gate"], "sure": 0.7}]))
    confidences = [one.confidence for one in context.sightings]
    assert 0.5 <= min(confidences) < 0.65 and 0.69 < max(confidences) <= 0.7


def test_a_car_that_comes_is_parked_after_ten_minutes() -> None:
    told = situation(
        camera="driveway", every=30, seen=[{"car": ["0 road left", "30 bay left", "900 bay left"], "missed": 0}]
    )
    context = context_of(told)
    start = context.frames[0][1]
    parked = [(one.seen_at - start).total_seconds() for one in context.sightings if one.parked]
    assert parked == list(range(630, 901, 30))


def test_boxes_lie_in_the_picture_and_detections_are_numbered_in_time() -> None:
    told = situation(
        camera="driveway",
        seen=[{"car": ["0 road left", "9 bay right"]}, {"person": ["0 pavement left", "9 drive end"], "missed": 0}],
    )
    context = context_of(told)
    assert [one.detection_id for one in context.sightings] == list(range(1, len(context.sightings) + 1))
    for one in context.sightings:
        x, y, width, height = one.box
        assert min(x, y) >= 0 and max(x + width, y + height) <= 1 + 1e-9 and min(width, height) > 0


def ways(grounds: Grounds) -> Iterator[tuple[str, str, Point]]:
    for (start, (x, y)), (goal, (to_x, to_y)) in itertools.combinations(grounds.spots.items(), 2):
        for step in range(101):
            yield start, goal, (x + step / 100 * (to_x - x), y + step / 100 * (to_y - y))


@pytest.mark.parametrize("place", sorted(GROUNDS))
def test_nobody_crosses_a_door_on_the_way_to_elsewhere(place: Any) -> None:
    grounds = GROUNDS[place]
    doors = [zone for zone in grounds.zones if zone.fact.kind == "entry_point"]
    crossed = {
        (start, goal)
        for start, goal, feet in ways(grounds)
        for door in doors
        if door.holds(feet) and not door.holds(grounds.spots[start]) and not door.holds(grounds.spots[goal])
    }
    assert crossed == ({("front door", "garage door")} if place == "front" else set())
