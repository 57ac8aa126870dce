"""What the rules say of a visit: the sentences people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inference.analysts.rules import RulesAnalyst
from inference.protocols import HouseholdFact, UsualFact, Verdict
from inference.scale import Level, level_of
from tests.inference.visits import (
    ALL_ZONES,
    BACK_DOOR,
    DOOR,
    DRIVEWAY,
    OTHER_DOOR,
    SIDEWALK,
    YARD,
    Story,
)


def judged(story: Story) -> Verdict:
    return RulesAnalyst().assess(story.context())


def usual(days_seen: int, label: str = "person") -> tuple[UsualFact, ...]:
    return (UsualFact(label, days_seen, 28),)


def test_somebody_walks_past_on_the_pavement() -> None:
    verdict = judged(Story(zones=ALL_ZONES, usual=usual(27)).walk("person", 0, 6, 0.1, 0.9, zone=SIDEWALK))
    assert verdict.summary == "A person walked past on the pavement."
    assert "Did not stop. Somebody is seen here at this hour on 27 of 28 days" in verdict.reasoning
    assert verdict.score == 22


def test_somebody_comes_to_the_door_and_leaves_with_a_truck_outside() -> None:
    story = Story(zones=ALL_ZONES).walk("person", 0, 8, 0.1, 0.5, zone=YARD).stay("person", 9, 20, 0.6, zone=DOOR)
    story.walk("person", 21, 34, 0.5, 0.1, zone=YARD).stay("truck", 0, 34, 0.2, 0.2)
    verdict = judged(story)
    assert verdict.summary == "A person came to the front door and left within 34 s; a truck was outside."
    assert "Short daytime visits to a door count little" in verdict.reasoning
    assert "what was carried" in verdict.reasoning
    assert 12 <= verdict.score <= 22


def test_somebody_comes_out_of_the_door() -> None:
    story = Story("08:02", zones=ALL_ZONES, usual=usual(20)).stay("person", 0, 2, 0.6, zone=DOOR)
    verdict = judged(story.walk("person", 3, 9, 0.65, 0.98, zone=YARD).look(10, 15))
    assert verdict.summary == "A person came out of the front door and left the picture on the right."
    assert verdict.score == 12


def test_whoever_is_last_seen_in_the_last_picture_is_not_said_to_have_left_it() -> None:
    story = Story("08:02", zones=ALL_ZONES).stay("person", 0, 2, 0.6, zone=DOOR)
    verdict = judged(story.walk("person", 3, 9, 0.65, 0.98, zone=YARD))
    assert verdict.summary == "A person came out of the front door at 08:02."


def test_somebody_is_in_the_back_garden_at_night() -> None:
    story = Story("03:12", "back", zones=(YARD, BACK_DOOR), usual=usual(0)).stay("person", 0, 40, 0.5, zone=YARD)
    verdict = judged(story)
    assert verdict.summary == "A person was in the back garden at 03:12 for 40 s."
    assert "nobody was seen here at this hour on 28 nights" in verdict.reasoning
    assert "Did not come to a door." in verdict.reasoning
    assert verdict.score == 58


def test_a_cat_crosses_the_garden() -> None:
    story = Story("23:40", "back", camera_name="Back Garden").walk("cat", 0, 5, 0.1, 0.9, size=(0.1, 0.08))
    verdict = judged(story)
    assert verdict.summary == "A cat crossed the back garden at 23:40."
    assert "Only an animal was seen, so the score cannot pass 19." in verdict.reasoning
    assert verdict.score == 5


def test_a_garden_party_by_day_stays_low() -> None:
    story = Story("14:10", "back", 10.0, zones=(YARD, BACK_DOOR)).stay("person", 0, 20, 0.5, zone=BACK_DOOR)
    for guest in range(7):
        story.stay("person", 30 + 60 * guest, 28 * 60, 0.1 + 0.12 * guest, zone=YARD)
    verdict = judged(story)
    assert verdict.summary == "Up to 7 people in the back garden, 14:10 to 14:38."
    assert "The first came out of the back door; long stays by day count little." in verdict.reasoning
    assert level_of(verdict.score) is Level.LOW


def test_a_car_waits_in_the_driveway_at_night() -> None:
    verdict = judged(Story("23:52", "driveway", 5.0).stay("car", 0, 360, 0.5))
    assert verdict.summary == "A car stopped in the driveway at 23:52 for 6 min; nobody was seen getting out."
    assert 35 <= verdict.score <= 45


def test_somebody_works_in_the_driveway_for_half_an_hour() -> None:
    story = Story(place="driveway", every_s=2.0, usual=usual(20))
    for minute in range(0, 26, 5):
        story.walk("person", minute * 60, minute * 60 + 28, 0.3, 0.6).stay(
            "person", minute * 60 + 30, minute * 60 + 60, 0.6
        )
    verdict = judged(story.look(0, 26 * 60))
    assert verdict.summary == "A person was in the driveway, on and off, for 26 min."
    assert "Long stays by day count little" in verdict.reasoning
    assert level_of(verdict.score) is Level.LOW


def test_somebody_stands_at_one_parked_car_then_at_another() -> None:
    story = Story("02:31", "driveway", zones=ALL_ZONES, usual=usual(1))
    story.stay("person", 0, 12, 0.25, 0.6, zone=DRIVEWAY).walk("person", 13, 16, 0.3, 0.7, 0.6, zone=DRIVEWAY)
    story.stay("person", 17, 30, 0.75, 0.6, zone=DRIVEWAY)
    story.stay("car", 0, 30, 0.25, 0.55, parked=True).stay("car", 0, 30, 0.75, 0.55, parked=True)
    verdict = judged(story)
    assert verdict.summary == "A person stood at one parked car, then at another, at 02:31."
    assert [(part.points, part.why) for part in verdict.parts] == [
        (22, "a person (31 pictures, best 90 %)"),
        (8, "in the driveway"),
        (12, "at night"),
        (30, "from car to car"),
        (6, "rare here: 1 of 28 nights"),
    ]
    assert verdict.score == 78
    assert verdict.ceiling_why == "Not critical: needs three strong signs; two were seen."


def test_one_weak_picture_is_said_to_be_weak() -> None:
    verdict = judged(Story("04:10", "side", camera_name="Side Gate").see("person", 0, 0.5, confidence=0.54))
    assert verdict.summary == "Perhaps a person at the side gate, 04:10: seen once, 54 % sure."
    assert verdict.score == 38
    assert verdict.ceiling_why == "One weak picture: cannot pass 39."


@pytest.mark.parametrize(
    ("story", "summary"),
    [
        (Story().see("person", 0, 0.5), "A person was seen at the front, 14:02."),
        (
            Story(place="street").see("person", 0, 0.2).see("person", 0, 0.7),
            "2 people were seen on the street, 14:02.",
        ),
        (Story().walk("person", 0, 12, 0.1, 0.9), "A person was at the front for 12 s, from 14:02."),
        (Story().stay("person", 0, 360, 0.5), "A person stood at the front for 6 min, from 14:02."),
        (Story(place="street").see("car", 0, 0.5), "A car was seen on the street, 14:02."),
        (Story(place="street").walk("car", 0, 4, 0.1, 0.9), "A car passed on the street, 14:02."),
        (
            Story(place="street").stay("car", 0, 2, 0.2).stay("car", 0, 2, 0.8),
            "2 cars were on the street at 14:02 for 2 s.",
        ),
        (
            Story(place="street").stay("car", 0, 2, 0.2).stay("truck", 1, 2, 0.8),
            "Up to 2 vehicles were on the street at 14:02 for 2 s.",
        ),
        (Story().see("bus", 0, 0.5), "A bus was seen at the front, 14:02."),
        (Story(place="back").see("bird", 0, 0.5, size=(0.05, 0.05)), "A bird was seen at the back, 14:02."),
        (Story(place="inside").stay("dog", 0, 10, 0.5, size=(0.1, 0.1)), "A dog was inside at 14:02 for 10 s."),
        (
            Story().walk("person", 0, 6, 0.1, 0.9, confidence=0.55),
            "Perhaps a person at the front, 14:02: 7 pictures, 55 % sure at best.",
        ),
        (
            Story().see("person", 0, 0.2).see("dog", 0, 0.5, size=(0.1, 0.1)).see("car", 0, 0.8),
            "A person was seen at the front, 14:02; a car and a dog were also seen.",
        ),
        (Story().see("car", 0, 0.5, parked=True), "Only parked vehicles were seen, 14:02."),
        (Story(), "Nothing was seen."),
    ],
)
def test_every_kind_of_visit_reads_as_a_sentence(story: Story, summary: str) -> None:
    assert judged(story).summary == summary


def test_going_in_is_told_as_not_seen_leaving() -> None:
    story = Story("18:02", zones=ALL_ZONES).walk("person", 0, 6, 0.1, 0.4, zone=YARD)
    verdict = judged(story.stay("person", 7, 12, 0.45, zone=DOOR).look(13, 20))
    assert verdict.summary == "A person came to the front door at 18:02 and was not seen leaving."


def busy(story: Story) -> Story:
    """Somebody walks by every minute, long before and long after."""
    for second in range(-840, 900, 60):
        story.walk("person", second, second + 6, 0.05, 0.95, 0.2, zone=SIDEWALK)
    story.sightings.sort(key=lambda one: one.seen_at)
    return story.look(-840, 900)


def test_passers_by_are_no_part_of_the_sentence_about_somebody_at_the_door() -> None:
    caller = Story("14:15", zones=ALL_ZONES).walk("person", 2, 8, 0.1, 0.5, zone=YARD)
    caller.stay("person", 9, 20, 0.6, zone=DOOR).walk("person", 21, 34, 0.5, 0.1, zone=YARD)
    assert judged(busy(caller)).summary == "A person came to the front door and left within 32 s."
    leaving = Story("14:15", zones=ALL_ZONES).stay("person", 42, 45, 0.6, zone=DOOR)
    leaving.walk("person", 46, 52, 0.65, 0.8, zone=YARD)
    verdict = judged(busy(leaving))
    assert verdict.summary == "A person came out of the front door at 14:15."
    assert "at once" not in verdict.reasoning


def test_who_stands_at_parked_cars_on_the_street_did_stop() -> None:
    story = Story("02:31", "street").stay("person", 0, 12, 0.25, 0.6).stay("person", 17, 30, 0.75, 0.6)
    story.stay("car", 0, 30, 0.25, 0.55, parked=True).stay("car", 0, 30, 0.75, 0.55, parked=True)
    verdict = judged(story)
    assert verdict.ceiling == 59
    assert "Did not stop" not in verdict.reasoning


def test_nobody_walks_past_on_a_bicycle() -> None:
    story = Story(place="street").walk("person", 0, 4, 0.1, 0.9).walk("bicycle", 0, 4, 0.1, 0.9)
    assert judged(story).summary == "A person passed on the street; a bicycle was also seen."


def test_a_car_is_on_the_street_even_where_its_box_reaches_the_pavement() -> None:
    story = Story(zones=ALL_ZONES).walk("car", 0, 4, 0.1, 0.9, zone=SIDEWALK)
    assert judged(story).summary == "A car passed on the street, 14:02."


def test_a_visit_to_the_door_is_called_daytime_by_day_only() -> None:
    def reasons(start: str) -> str:
        story = Story(start, zones=ALL_ZONES).walk("person", 0, 6, 0.1, 0.5, zone=YARD)
        story.stay("person", 7, 20, 0.6, zone=DOOR).walk("person", 21, 30, 0.5, 0.1, zone=YARD)
        return judged(story).reasoning

    assert "Short daytime visits to a door count little" in reasons("14:02")
    assert "Short visits to a door count little" in reasons("21:05")


def test_doors_are_told_in_the_order_they_were_reached() -> None:
    story = Story("02:31", zones=ALL_ZONES).walk("person", 0, 4, 0.05, 0.15, zone=YARD)
    story.stay("person", 5, 20, 0.25, zone=DOOR).stay("person", 25, 40, 0.8, zone=OTHER_DOOR)
    assert judged(story).summary == "A person was at the front door, then at the garage door, at 02:31."


@pytest.mark.parametrize(
    ("zone_name", "spoken"),
    [("Kitchen window", "kitchen window"), ("The Garage Door", "garage door"), ("<b>Zone 1. Tür!</b>", "front door")],
)
def test_a_door_is_called_by_its_zone_unless_that_cannot_be_spoken(zone_name: str, spoken: str) -> None:
    zone = replace(DOOR, name=zone_name)
    verdict = judged(Story(zones=(zone,)).stay("person", 0, 5, 0.5, zone=zone))
    assert verdict.summary == f"A person was at the {spoken} for 5 s, from 14:02."


def test_what_is_not_known_is_said() -> None:
    alone = judged(Story().walk("person", 0, 12, 0.1, 0.9))
    assert alone.not_known == (
        "who it was",
        "whether anybody is home",
        "how near to a door that was",
        "what is usual here at this hour",
    )
    assert alone.reasoning.endswith("Not known: who it was, whether anybody is home.")
    informed = Story(zones=ALL_ZONES, usual=usual(20), household=HouseholdFact(away=False))
    assert judged(informed.walk("person", 0, 12, 0.1, 0.9, zone=YARD)).not_known == ("who it was",)


def test_a_limit_that_bound_is_the_second_sentence() -> None:
    verdict = judged(Story("02:00", "street").stay("person", 0, 300, 0.5))
    assert verdict.raw_score == 63
    assert verdict.score == 59
    assert verdict.reasoning == (
        "Somebody stayed on one spot for 5 min; it was night. Stayed on the pavement: cannot pass 59. "
        "Not known: who it was, what is usual here at this hour."
    )


def test_a_car_that_the_detector_also_calls_a_truck_is_one_car() -> None:
    story = Story(place="street")
    for second in range(9):
        story.see("truck" if second % 3 == 0 else "car", second, 0.5)
    assert judged(story).summary == "A car was on the street at 14:02 for 8 s."
