"""What holds of every visit, however odd: limits, sums, words, sources, time."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.analysts.rules import MODEL, RulesAnalyst
from inference.protocols import (
    KEPT_CLASSES,
    EventContext,
    HouseholdFact,
    Sighting,
    UsualFact,
    ZoneFact,
)
from inference.scale import level_of
from tests.inference.visits import ALL_ZONES, moment

NEVER_SAID = re.compile(
    r"suspicious|intru|burgl|thie|threat|danger|crim|loiter|prowl|lurk|trying|attempt|"
    r"delivery|driver|stranger|resident|\bm[ae]n\b|\bwom[ae]n\b|same person|safe",
    re.IGNORECASE,
)
ZONE_NAMES = st.sampled_from(["Front door", "The side gate of the garden", "Porte d’entrée", "Zone 1.", ""])
ZONE_IDS = st.sampled_from([zone.id for zone in ALL_ZONES])
ZONES = st.lists(
    st.builds(
        ZoneFact,
        id=ZONE_IDS,
        name=ZONE_NAMES,
        kind=st.sampled_from(["entry_point", "driveway", "sidewalk", "yard", "other"]),
    ),
    max_size=6,
    unique_by=lambda zone: zone.id,
)
SHARES = st.floats(0.02, 0.9)


@st.composite
def sightings(draw: st.DrawFn) -> Sighting:
    width, height = draw(st.floats(0.005, 0.5)), draw(st.floats(0.005, 0.9))
    start = moment(draw(st.sampled_from(["14:02", "22:58", "03:00", "06:59"])))
    return Sighting(
        detection_id=0,
        capture_id=draw(st.integers(1, 5)),
        seen_at=start + timedelta(seconds=draw(st.sampled_from([0, 1, 2, 5, 20, 40, 90, 400, 1500]))),
        label=draw(st.sampled_from(KEPT_CLASSES)),
        confidence=draw(st.floats(0.3, 1)),
        box=(draw(SHARES), draw(SHARES), width, height),
        parked=draw(st.booleans()),
        zones=tuple(draw(st.lists(ZONE_IDS, max_size=2))),
    )


@st.composite
def contexts(draw: st.DrawFn) -> EventContext:
    unordered = draw(st.lists(sightings(), max_size=25))
    in_time = sorted(unordered, key=lambda one: one.seen_at)
    seen = tuple(replace(one, detection_id=number + 100) for number, one in enumerate(in_time))
    return EventContext(
        camera_name=draw(st.sampled_from(["Camera", "Back Garden", "Side Gate", "Ω 🚪"])),
        place=draw(st.sampled_from(["street", "front", "back", "side", "driveway", "inside"])),
        sightings=seen,
        frames=tuple((one.capture_id, one.seen_at) for one in seen[::2]),
        zones=draw(st.none() | ZONES.map(tuple)),
        usual=draw(
            st.none()
            | st.tuples(
                st.builds(UsualFact, st.sampled_from(["person", "car", "dog"]), st.integers(0, 5), st.integers(5, 40))
            )
        ),
        household=draw(st.none() | st.builds(HouseholdFact, st.booleans())),
    )


@settings(max_examples=150, deadline=None)
@given(contexts())
def test_every_verdict_keeps_its_promises(context: EventContext) -> None:
    verdict = RulesAnalyst().assess(context)
    assert verdict == RulesAnalyst().assess(context)
    assert verdict.model == MODEL

    assert 0 <= verdict.floor <= verdict.score <= verdict.ceiling <= 100
    assert level_of(verdict.score)
    assert verdict.raw_score == sum(part.points for part in verdict.parts)
    assert verdict.score == min(max(verdict.raw_score, verdict.floor), verdict.ceiling)
    assert all(part.points and part.why for part in verdict.parts)

    known = {one.detection_id for one in context.sightings}
    cited = {detection_id for part in verdict.parts for detection_id in part.detection_ids}
    assert cited == set(verdict.cited_detection_ids) <= known
    assert all(part.detection_ids for part in verdict.parts)
    is_anything_to_judge = any(not one.parked for one in context.sightings)
    assert (verdict.key_detection_id in known) == is_anything_to_judge


@settings(max_examples=150, deadline=None)
@given(contexts())
def test_every_sentence_is_short_whole_and_free_of_guesses(context: EventContext) -> None:
    verdict = RulesAnalyst().assess(context)
    assert len(verdict.summary) <= 90
    assert re.fullmatch(r"[A-Z0-9].*[^.]\.", verdict.summary)
    assert "  " not in verdict.summary + verdict.reasoning
    assert len(re.findall(r"\.(?= |$)", verdict.reasoning)) <= 3
    said = [verdict.summary, verdict.reasoning, verdict.ceiling_why, verdict.floor_why, *verdict.not_known]
    for words in (*said, *(part.why for part in verdict.parts)):
        assert not NEVER_SAID.search(words), words


def crowded(count: int, seconds: int) -> EventContext:
    """`count` boxes all over the picture, ten in each, half of the cars parked."""
    seen = tuple(
        Sighting(
            detection_id=number,
            capture_id=number // 10,
            seen_at=moment("14:02") + timedelta(seconds=(number // 10) * seconds * 10 / count),
            label="car" if number % 10 == 0 else "person",
            confidence=0.5 + (number % 49) / 100,
            box=((number * 37 % 90) / 100, (number * 53 % 60) / 100, 0.04, 0.1 + (number % 7) / 30),
            parked=number % 10 == 0,
            zones=(ALL_ZONES[number % 6].id,),
        )
        for number in range(count)
    )
    return EventContext("Camera", "driveway", seen, (), zones=ALL_ZONES)


@pytest.mark.parametrize(("count", "limit_s"), [(500, 0.03), (2000, 0.15)])
@pytest.mark.parametrize("seconds", [60, 1800])
def test_a_crowd_is_judged_in_time(count: int, limit_s: float, seconds: int) -> None:
    context = crowded(count, seconds)
    took_s = []
    for _ in range(5):
        started = time.process_time()
        RulesAnalyst().assess(context)
        took_s.append(time.process_time() - started)
    assert min(took_s) < limit_s
