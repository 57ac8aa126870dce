"""Whether numbers in a model's words are those of the visit: counts, clocks, durations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings

from inference.analysts.llm.figures import wrong_figures_in
from inference.analysts.rules import RulesAnalyst
from inference.protocols import EventContext
from tests.inference.test_rules_always import contexts
from tests.inference.visits import ZONE, Story, but

ONE = Story("02:31").stay("person", 0, 69, 0.5).context()
THREE = Story("14:02").stay("person", 0, 20, 0.2).stay("person", 0, 20, 0.5).stay("person", 5, 9, 0.8).context()
CARS = Story("02:31", place="driveway").stay("car", 0, 60, 0.2, parked=True).stay("truck", 0, 60, 0.8).context()


@pytest.mark.parametrize(
    ("text", "context", "wrong"),
    [
        ("Two people went from door to door.", ONE, ("two people",)),
        ("4 persons, then 12 adults.", THREE, ("4 persons", "12 adults")),
        ("A person with two dogs.", ONE, ("two dogs",)),
        ("Three parked vehicles.", CARS, ("three parked vehicles",)),
        ("Both cars were parked.", CARS, ("both cars",)),
        ("A person was there at 04:15.", ONE, ("04:15",)),
        ("From 02:31 to 02:40.", ONE, ("02:40",)),
        ("A person stayed for 12 minutes.", ONE, ("12 minutes",)),
        ("A person stayed for more than ten minutes.", ONE, ("ten minutes",)),
        ("A 5-minute stay, then 2 h of nothing.", ONE, ("5-minute", "2 h")),
    ],
)
def test_figures_that_the_visit_does_not_bear_out_are_found(
    text: str, context: EventContext, wrong: tuple[str, ...]
) -> None:
    assert wrong_figures_in(text, context) == wrong


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("One person was there from 02:31 to 02:32:09.", ONE),
        ("A person was there at 2:31 am.", ONE),
        ("A person was there for 69 s, about two minutes.", ONE),
        ("Seen in 64 person pictures on 1 of 28 days.", ONE),
        ("It took less than 10 minutes, within an hour of what is usual.", ONE),
        ("No two people were seen; not even two dogs.", ONE),
        ("Up to three people at 14:02 or 2:02 pm.", THREE),
        ("Two vehicles stood there.", CARS),
        ("A person went from one car to another.", CARS),
    ],
)
def test_figures_of_the_visit_may_be_said(text: str, context: EventContext) -> None:
    assert wrong_figures_in(text, context) == ()


def test_the_hour_that_clocks_show_twice_is_counted_as_it_passed() -> None:
    story = Story("14:02").stay("person", 0, 1, 0.5).context()
    first = datetime(2026, 10, 25, 2, 58, tzinfo=ZONE)
    again = (first - timedelta(minutes=53)).replace(fold=1)
    moments = (first, again)  # seven minutes apart
    seen = zip(story.sightings, moments, strict=True)
    context = but(story, sightings=tuple(replace(one, seen_at=moment) for one, moment in seen), frames=())
    assert wrong_figures_in("From 02:58 to 02:05, 7 minutes.", context) == ()
    assert wrong_figures_in("At 02:30.", context) == ("02:30",)
    assert wrong_figures_in("For 53 minutes.", context) == ("53 minutes",)


def test_a_visit_without_pictures_has_no_figures() -> None:
    empty = but(ONE, sightings=(), frames=())
    assert wrong_figures_in("At 02:31 for 3 hours.", empty) == ()


@given(contexts())
@settings(max_examples=300, deadline=None)
def test_the_rules_own_figures_are_always_borne_out(context: EventContext) -> None:
    verdict = RulesAnalyst().assess(context)
    if verdict.parts:
        assert wrong_figures_in(f"{verdict.summary}; {verdict.reasoning}", context) == ()
