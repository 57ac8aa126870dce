"""How much each fact counts: pairs of visits that differ in one, and the limits that hold whatever the points say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inference.analysts.rules import RulesAnalyst
from inference.protocols import EventContext, HouseholdFact, UsualFact, Verdict
from tests.inference.visits import ALL_ZONES, BACK_DOOR, DOOR, DRIVEWAY, OTHER_DOOR, SIDEWALK, YARD, ZONE, Story, but

AWAY, HOME = HouseholdFact(away=True), HouseholdFact(away=False)


def judged(visit: Story | EventContext) -> Verdict:
    return RulesAnalyst().assess(visit.context() if isinstance(visit, Story) else visit)


def points(visit: Story | EventContext) -> dict[str, int]:
    return {part.name: part.points for part in judged(visit).parts}


def caller(start: str = "14:02", leave_after_s: int = 20) -> Story:
    """Comes to the front door and leaves again."""
    story = Story(start, zones=ALL_ZONES).walk("person", 0, 6, 0.05, 0.35, zone=YARD)
    story.stay("person", 7, leave_after_s, 0.5, zone=DOOR)
    return story.walk("person", leave_after_s + 1, leave_after_s + 7, 0.35, 0.05, zone=YARD)


def stander(seconds: int, start: str = "14:02") -> Story:
    return Story(start).stay("person", 0, seconds, 0.5)


def tries_two_doors(start: str, pause_s: int = 10) -> Story:
    story = Story(start, zones=ALL_ZONES).walk("person", 0, 4, 0.05, 0.15, zone=YARD)
    story.stay("person", 5, 20, 0.25, zone=DOOR).stay("person", 20 + pause_s, 40 + pause_s, 0.8, zone=OTHER_DOOR)
    return story.look(0, 40 + pause_s)


# Pairs: the second worries more


@pytest.mark.parametrize(
    ("calmer", "graver"),
    [
        (stander(10), stander(10, "21:30")),
        (stander(10, "21:30"), stander(10, "23:30")),
        (stander(10, "06:00"), stander(10, "05:30")),
        (stander(10), stander(30)),
        (stander(30), stander(90)),
        (stander(90), stander(150)),
        (Story(place="street").see("person", 0, 0.5), Story(place="driveway").see("person", 0, 0.5)),
        (Story(place="driveway").see("person", 0, 0.5), Story(place="back").see("person", 0, 0.5)),
        (Story(place="back").see("person", 0, 0.5), Story(place="inside").see("person", 0, 0.5)),
        (Story().see("person", 0, 0.5), Story().see("person", 0, 0.5).see("person", 0, 0.8)),
        (Story().see("person", 0, 0.5, confidence=0.55), Story().see("person", 0, 0.5, confidence=0.65)),
        (Story().see("person", 0, 0.5), Story().see("person", 0, 0.5).see("person", 1, 0.8)),
        (Story().stay("bird", 0, 5, 0.5), Story().stay("cat", 0, 5, 0.5)),
        (Story().stay("cat", 0, 5, 0.5), Story().stay("dog", 0, 5, 0.5)),
        (Story().stay("dog", 0, 5, 0.5), Story("23:40").stay("dog", 0, 5, 0.5)),
        (Story().see("car", 0, 0.5), Story().see("person", 0, 0.5)),
        (Story().walk("person", 0, 5, 0.1, 0.9), Story().walk("person", 0, 5, 0.1, 0.9).see("person", 2, 0.2)),
        (caller(), caller(leave_after_s=100)),
        (caller(), caller("23:10")),
        (caller(), tries_two_doors("14:02")),
        (tries_two_doors("14:02"), tries_two_doors("02:31")),
        (tries_two_doors("02:31", pause_s=200), tries_two_doors("02:31", pause_s=170)),
    ],
)
def test_the_second_worries_more(calmer: Story, graver: Story) -> None:
    assert judged(calmer).score < judged(graver).score


def test_each_hour_has_its_points() -> None:
    hours = {"06:59": 6, "07:00": 0, "20:59": 0, "21:00": 6, "22:59": 6, "23:00": 12, "05:59": 12, "06:00": 6}
    assert {start: points(Story(start).see("person", 0, 0.5)).get("hour", 0) for start in hours} == hours


def test_many_who_walk_by_count_as_two_but_at_night() -> None:
    def walking_by(start: str, people: int) -> int:
        story = Story(start, "street")
        for number in range(people):
            story.walk("person", 0, 6, 0.1 + 0.02 * number, 0.8 + 0.02 * number)
        return points(story)["count"]

    assert [walking_by("14:02", people) for people in (2, 3, 6)] == [2, 2, 2]
    assert [walking_by("02:02", people) for people in (2, 3, 6)] == [4, 8, 12]


def test_walking_by_in_the_evening_counts_less_than_stopping() -> None:
    walking_by = Story("21:30", "street").walk("person", 0, 6, 0.1, 0.9)
    assert points(walking_by)["hour"] == points(but(walking_by.context(), place="front"))["hour"] == 2
    assert points(but(walking_by.context(), place="driveway"))["hour"] == 6
    assert points(but(walking_by.context(), place="front", zones=ALL_ZONES))["hour"] == 6
    assert points(Story("21:30", "street").walk("person", 0, 6, 0.1, 0.9).stay("person", 7, 30, 0.9))["hour"] == 6


def test_a_change_of_clocks_makes_no_stay_longer() -> None:
    """The night of 29 March 2026 has no hour from two to three."""
    before = datetime(2026, 3, 29, 1, 59, 30, tzinfo=ZONE).astimezone(UTC)
    context = stander(60).context()
    moments = [(before + timedelta(seconds=second)).astimezone(ZONE) for second in range(61)]
    sightings = tuple(replace(one, seen_at=moment) for one, moment in zip(context.sightings, moments, strict=True))
    verdict = judged(but(context, sightings=sightings, frames=()))
    assert verdict.summary == "A person stood at the front for 60 s, from 01:59."


def test_count_doubles_at_night() -> None:
    def crowd(start: str, people: int) -> Story:
        story = Story(start)
        for number in range(people):
            story.see("person", 0, 0.1 + 0.1 * number)
        return story

    assert [points(crowd("14:02", people)).get("count", 0) for people in (1, 2, 3, 4, 5, 8)] == [0, 2, 4, 4, 6, 6]
    assert [points(crowd("02:02", people)).get("count", 0) for people in (1, 2, 3, 4, 5, 8)] == [0, 4, 8, 8, 12, 12]


# Where


@pytest.mark.parametrize(
    ("story", "place"),
    [
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=SIDEWALK), 3),
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=YARD), 6),
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=DRIVEWAY), 8),
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=DOOR), 12),
        (Story(place="back", zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=YARD), 12),
        (Story(place="back", zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=BACK_DOOR), 16),
        (Story(place="inside", zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=DOOR), 20),
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5), 3),
        (Story(zones=ALL_ZONES).stay("person", 0, 1, 0.5, zone=SIDEWALK).see("person", 2, 0.5, zone=YARD), 6),
    ],
)
def test_the_highest_place_that_was_reached_counts(story: Story, place: int) -> None:
    assert points(story)["place"] == place


def test_one_unsure_picture_at_the_door_has_not_reached_it() -> None:
    story = Story(zones=ALL_ZONES).stay("person", 0, 3, 0.4, zone=YARD, confidence=0.65)
    assert points(story.see("person", 4, 0.5, zone=DOOR, confidence=0.65))["place"] == 6
    assert points(story.see("person", 5, 0.5, zone=DOOR, confidence=0.65))["place"] == 12


def test_one_sure_picture_at_the_door_has() -> None:
    story = Story(zones=ALL_ZONES).stay("person", 0, 3, 0.4, zone=YARD, confidence=0.65)
    assert points(story.see("person", 4, 0.5, zone=DOOR, confidence=0.7))["place"] == 12


# Stay


def test_passers_by_one_after_another_do_not_add_up_to_somebody_waiting() -> None:
    story = Story(place="street")
    for start in range(0, 600, 20):
        story.walk("person", start, start + 6, 0.1, 0.9)
    assert "stay" not in points(story.look(0, 600))


def test_a_stay_outlives_a_gap_of_half_a_minute_but_not_more() -> None:
    def with_gap_until(second: int) -> Story:
        return Story().stay("person", 0, 40, 0.5).stay("person", second, 125, 0.5).look(0, 125)

    assert points(with_gap_until(69))["stay"] == 20
    assert points(with_gap_until(71))["stay"] == 4


def test_a_stay_on_still_pictures_outlives_one_missed_picture_but_not_two() -> None:
    every_45_s = Story(every_s=45.0).look(0, 270)
    assert points(every_45_s.stay("person", 0, 45, 0.5).stay("person", 135, 180, 0.5))["stay"] == 20
    every_45_s = Story(every_s=45.0).look(0, 270)
    assert points(every_45_s.stay("person", 0, 45, 0.5).stay("person", 180, 225, 0.5))["stay"] == 4


def test_two_pictures_with_a_minute_and_a_half_unseen_between_are_no_stay() -> None:
    assert "stay" not in points(Story(every_s=86.0).stay("person", 0, 86, 0.5))


def test_boxes_that_jitter_stay_and_boxes_that_wander_do_not() -> None:
    jittering, wandering = Story(), Story()
    for second in range(90):
        jittering.see("person", second, 0.5 + 0.01 * (second % 3))
        wandering.see("person", second, 0.1 + 0.008 * second)
    assert points(jittering)["stay"] == 8
    assert "stay" not in points(wandering)


def test_staying_counts_more_after_dark() -> None:
    stays = (30, 90, 150)
    assert [points(stander(seconds))["stay"] for seconds in stays] == [4, 8, 20]
    assert [points(stander(seconds, "21:30"))["stay"] for seconds in stays] == [4, 14, 26]


def test_a_long_visit_by_day_is_discounted_unless_nobody_is_home_and_counts_fully_at_night() -> None:
    by_day, at_night = stander(21 * 60), stander(21 * 60, "01:00")
    assert points(by_day) == {"subject": 22, "place": 3, "stay": 4, "long_visit": -14}
    nobody_home = points(but(by_day.context(), household=AWAY))
    assert nobody_home["stay"] == 20
    assert "long_visit" not in nobody_home
    assert points(at_night) == {"subject": 22, "place": 3, "hour": 12, "stay": 26}


def test_on_the_pavement_staying_counts_little_by_day_and_fully_after_dark() -> None:
    def on_the_pavement(seconds: int, start: str) -> int:
        return points(Story(start, "street").stay("person", 0, seconds, 0.5))["stay"]

    assert [on_the_pavement(seconds, "14:02") for seconds in (30, 150, 299, 301)] == [4, 4, 4, 12]
    assert on_the_pavement(150, "21:30") == 26


def test_a_car_that_stops_elsewhere_explains_no_stay() -> None:
    at_the_car = Story(place="driveway").stay("person", 0, 150, 0.3).stay("car", 0, 150, 0.3)
    elsewhere = Story(place="driveway").stay("person", 0, 150, 0.9).stay("car", 0, 150, 0.3)
    assert (points(at_the_car)["stay"], points(elsewhere)["stay"]) == (4, 20)


def test_staying_counts_little_by_day_where_somebody_is_on_most_days() -> None:
    most, some = (UsualFact("person", 14, 28),), (UsualFact("person", 13, 28),)
    by_day, in_the_evening = stander(150).context(), stander(150, "21:30").context()
    assert points(but(by_day, usual=most))["stay"] == 4
    assert points(but(by_day, usual=some))["stay"] == 20
    assert points(but(in_the_evening, usual=most))["stay"] == 26


def test_behind_and_in_the_house_what_is_usual_by_day_lowers_most() -> None:
    most = (UsualFact("person", 20, 28),)
    behind = Story(place="back", usual=most).stay("person", 0, 10, 0.5)
    assert points(behind)["rhythm"] == -14
    inside = Story(place="inside", usual=most).stay("person", 0, 10, 0.5)
    assert points(inside)["rhythm"] == -14
    assert points(Story("22:02", "back", usual=most).stay("person", 0, 10, 0.5))["rhythm"] == -3


def test_somebody_seen_twice_in_half_an_hour_does_not_work_there() -> None:
    story = Story(every_s=5.0).stay("person", 0, 30, 0.5).stay("person", 1500, 1530, 0.8).look(0, 1530)
    assert "long_visit" not in points(story)


def test_those_who_carry_things_from_their_car_by_day_do_not_linger_nor_go_from_door_to_door() -> None:
    def unloading(start: str) -> Story:
        story = Story(start, "driveway", zones=ALL_ZONES).stay("car", 0, 300, 0.3)
        story.stay("person", 5, 150, 0.3, zone=DRIVEWAY).stay("person", 160, 170, 0.9, zone=DOOR)
        return story.stay("person", 180, 200, 0.3, zone=DRIVEWAY).stay("person", 210, 220, 0.9, zone=DOOR)

    by_day = points(unloading("15:02"))
    assert by_day["stay"] == 4
    assert by_day["with_vehicle"] == -8
    assert "door_again" not in by_day
    assert points(but(unloading("15:02").context(), household=AWAY))["door_again"] == 30
    assert points(unloading("02:02"))["door_again"] == 30


# Doors


def test_coming_out_is_discounted_and_never_from_door_to_door() -> None:
    story = Story("02:10", zones=ALL_ZONES).stay("person", 0, 3, 0.25, zone=DOOR)
    story.walk("person", 4, 8, 0.4, 0.6, zone=YARD).stay("person", 9, 15, 0.8, zone=OTHER_DOOR)
    assert points(story)["came_out"] == -14
    assert "second_door" not in points(story)
    assert judged(story).ceiling == 74


def test_coming_out_of_the_back_door_counts_as_a_front_door() -> None:
    story = Story(place="back", zones=ALL_ZONES).stay("person", 0, 3, 0.25, zone=BACK_DOOR)
    story.walk("person", 4, 90, 0.4, 0.42, zone=YARD)
    assert points(story) == {"subject": 22, "place": 12, "came_out": -14}


def test_a_short_daytime_visit_to_the_door_is_discounted_a_long_or_late_one_is_not() -> None:
    assert points(caller())["left_door"] == -15
    assert "left_door" not in points(caller(leave_after_s=100))
    assert "left_door" not in points(caller("22:00"))
    assert points(caller("06:30"))["left_door"] == -15
    assert "left_door" not in points(caller("05:30"))
    assert points(caller())["walked_up"] == 4


@pytest.mark.parametrize(("start", "discount"), [("18:02", -16), ("22:30", -16), ("23:30", 0)])
def test_going_in_is_discounted_by_the_hour(start: str, discount: int) -> None:
    story = Story(start, zones=ALL_ZONES).walk("person", 0, 6, 0.05, 0.35, zone=YARD)
    assert points(story.stay("person", 7, 12, 0.5, zone=DOOR)).get("not_seen_leaving", 0) == discount


def test_two_doors_count_more_when_nobody_is_home() -> None:
    by_day = tries_two_doors("14:02").context()
    assert points(by_day)["second_door"] == 10
    assert points(but(by_day, household=AWAY))["second_door"] == 30
    assert points(tries_two_doors("02:02"))["second_door"] == 30
    assert "second_door" not in points(tries_two_doors("14:02", pause_s=190))


def postman(start: str = "14:02") -> Story:
    """At one door, at the other and gone."""
    story = tries_two_doors(start, pause_s=5)
    return story.walk("person", 46, 52, 0.6, 0.05, zone=YARD)


def test_a_short_round_of_two_doors_keeps_its_discount_by_day_unless_nobody_is_home() -> None:
    assert points(postman())["left_door"] == -15
    assert points(postman())["second_door"] == 4
    assert "left_door" not in points(but(postman().context(), household=AWAY))
    assert "left_door" not in points(postman("21:30"))


def test_two_doors_one_after_the_other_for_long_are_no_short_round() -> None:
    story = Story("14:02", zones=ALL_ZONES).walk("person", 0, 4, 0.05, 0.15, zone=YARD)
    story.stay("person", 5, 60, 0.25, zone=DOOR).stay("person", 63, 68, 0.5, zone=YARD)
    story.stay("person", 71, 110, 0.8, zone=OTHER_DOOR).walk("person", 111, 117, 0.6, 0.05, zone=YARD)
    assert points(story)["second_door"] == 10
    assert "left_door" not in points(story)


def test_nobody_calls_at_the_back_door_of_an_empty_house() -> None:
    behind = Story(place="back", zones=ALL_ZONES).walk("person", 0, 6, 0.05, 0.35, zone=YARD)
    behind.stay("person", 7, 20, 0.5, zone=BACK_DOOR).walk("person", 21, 27, 0.35, 0.05, zone=YARD)
    assert points(behind)["left_door"] == -15
    assert "left_door" not in points(but(behind.context(), household=AWAY))
    assert points(but(caller().context(), household=AWAY))["left_door"] == -15


def test_who_is_missed_at_the_door_while_another_waits_has_not_left_it() -> None:
    story = Story("02:02", zones=ALL_ZONES).walk("person", 0, 4, 0.05, 0.3, zone=YARD)
    story.stay("person", 5, 60, 0.2, zone=YARD)
    for start in range(5, 60, 6):  # missed in every sixth picture
        story.stay("person", start, start + 4, 0.5, zone=DOOR)
    assert "door_again" not in points(story)


def test_two_people_at_two_doors_of_whom_one_is_missed_are_not_one_who_tries_both() -> None:
    story = Story("02:02", zones=ALL_ZONES).see("person", 0, 0.05, zone=YARD)
    story.stay("person", 1, 10, 0.25, zone=DOOR).stay("person", 12, 30, 0.25, zone=DOOR)
    story.stay("person", 1, 10, 0.7, zone=YARD).stay("person", 11, 30, 0.8, zone=OTHER_DOOR)
    assert "second_door" not in points(story)


def on_a_busy_street(visit: Story) -> Story:
    """People on the pavement every minute, from long before to long after."""
    for second in range(-600, 900, 60):
        visit.walk("person", second, second + 7, 0.05, 0.95, 0.2, zone=SIDEWALK)
    visit.sightings.sort(key=lambda one: one.seen_at)
    return visit.look(-600, 900)


def test_passers_by_on_the_pavement_change_nothing_of_a_visit_to_the_door() -> None:
    assert points(on_a_busy_street(caller()))["left_door"] == -15
    leaving = Story("08:02", zones=ALL_ZONES).stay("person", 42, 44, 0.6, zone=DOOR)
    leaving.walk("person", 45, 51, 0.5, 0.1, zone=YARD)
    assert points(on_a_busy_street(leaving))["came_out"] == -14
    tries = but(on_a_busy_street(tries_two_doors("14:02")).context(), household=AWAY)
    assert points(tries)["second_door"] == 30
    assert "long_visit" not in points(tries)


def test_who_comes_from_the_pavement_between_two_pictures_has_walked_up() -> None:
    story = Story(every_s=6.0, zones=ALL_ZONES).see("person", 0, 0.05, zone=SIDEWALK)
    story.stay("person", 6, 12, 0.5, zone=DOOR).see("person", 18, 0.05, zone=SIDEWALK)
    assert points(story)["left_door"] == -15
    assert "came_out" not in points(story)


def test_a_chat_on_the_pavement_counts_no_more_when_somebody_goes_to_the_door() -> None:
    chat = Story(zones=ALL_ZONES).stay("person", 0, 299, 0.1, zone=SIDEWALK)
    assert (
        points(chat)["stay"]
        == points(caller().stay("person", 0, 299, 0.1, 0.1, zone=SIDEWALK, size=(0.02, 0.1)))["stay"]
    )


def test_two_short_calls_are_as_short_as_one() -> None:
    twice = caller().walk("person", 120, 126, 0.05, 0.35, zone=YARD).stay("person", 127, 140, 0.5, zone=DOOR)
    twice.walk("person", 141, 147, 0.35, 0.05, zone=YARD).look(0, 150)
    assert points(twice)["left_door"] == -15
    assert points(twice)["door_again"] == 4


def test_who_goes_in_is_not_at_the_door_again_when_the_next_guest_comes() -> None:
    story = Story("19:02", zones=ALL_ZONES).walk("person", 0, 6, 0.05, 0.35, zone=YARD)
    story.stay("person", 7, 20, 0.5, zone=DOOR).walk("person", 100, 106, 0.05, 0.35, zone=YARD)
    story.stay("person", 107, 120, 0.5, zone=DOOR).look(0, 125)
    assert "door_again" not in points(story)
    assert points(story)["not_seen_leaving"] == -16


def test_a_clip_that_ends_on_the_door_step_shows_nobody_leaving() -> None:
    story = Story("14:02", zones=ALL_ZONES).walk("person", 0, 6, 0.05, 0.35, zone=YARD)
    story.stay("person", 7, 20, 0.5, zone=DOOR).see("person", 21, 0.56, zone=YARD)
    assert points(story)["not_seen_leaving"] == -16


def test_two_people_each_at_a_door_are_not_one_who_tries_both() -> None:
    story = Story("14:02", zones=ALL_ZONES).see("person", 0, 0.05, zone=YARD)
    story.stay("person", 1, 30, 0.25, zone=DOOR).stay("person", 5, 30, 0.8, zone=OTHER_DOOR)
    assert "second_door" not in points(story)


def test_the_same_door_again_counts_after_being_away_from_it() -> None:
    def back_after(away_x: float) -> Story:
        story = Story("02:02", zones=ALL_ZONES).see("person", 0, 0.05, zone=YARD)
        story.stay("person", 1, 20, 0.5, zone=DOOR).stay("person", 21, 25, away_x, zone=YARD)
        return story.stay("person", 26, 40, 0.5, zone=DOOR)

    assert points(back_after(away_x=0.8))["door_again"] == 30
    assert "door_again" not in points(back_after(away_x=0.55))


def test_walking_past_a_row_of_parked_cars_is_not_standing_at_them() -> None:
    story = Story("02:31", "driveway").walk("person", 0, 6, 0.1, 0.9, 0.6)
    for x in (0.25, 0.75):
        story.stay("car", 0, 6, x, 0.55, parked=True)
    assert "second_car" not in points(story)


# Company, rhythm, household


def test_a_car_that_stops_and_a_dog_lower_the_score_of_a_person() -> None:
    alone = Story(place="driveway").walk("person", 0, 30, 0.1, 0.9)
    with_car = Story(place="driveway").walk("person", 0, 30, 0.1, 0.9).stay("car", 0, 30, 0.3)
    with_dog = Story(place="driveway").walk("person", 0, 30, 0.1, 0.9).walk("dog", 0, 30, 0.1, 0.9)
    assert judged(alone).score - judged(with_car).score == 8
    assert judged(alone).score - judged(with_dog).score == 4


def test_a_parked_car_is_no_company() -> None:
    story = Story(place="driveway").walk("person", 0, 30, 0.1, 0.9).stay("car", 0, 30, 0.3, parked=True)
    assert "with_vehicle" not in points(story)
    assert "car" not in judged(story).summary


@pytest.mark.parametrize(
    ("days_seen", "days_watched", "by_day", "at_night"),
    [
        (14, 28, -8, -3),
        (6, 28, -4, -3),
        (2, 28, 0, 0),
        (1, 28, 6, 6),
        (0, 28, 8, 8),
        (0, 14, 6, 6),
        (0, 6, 0, 0),
        (6, 6, 0, 0),
    ],
)
def test_what_is_usual_lowers_and_what_is_rare_raises(
    days_seen: int, days_watched: int, by_day: int, at_night: int
) -> None:
    fact = (UsualFact("person", days_seen, days_watched),)
    assert points(but(stander(5).context(), usual=fact)).get("rhythm", 0) == by_day
    assert points(but(stander(5, "02:00").context(), usual=fact)).get("rhythm", 0) == at_night


def test_what_is_usual_of_cars_says_nothing_of_people() -> None:
    assert "rhythm" not in points(but(stander(5).context(), usual=(UsualFact("car", 28, 28),)))


def test_household_counts_only_where_it_is_known() -> None:
    assert "household" not in points(stander(5))
    assert points(but(stander(5).context(), household=HOME))["household"] == -8
    assert points(but(stander(5).context(), household=HOME, place="inside"))["household"] == -20
    in_the_evening = but(stander(5, "21:30").context(), household=HOME)
    assert "household" not in points(in_the_evening)
    assert points(but(in_the_evening, place="inside"))["household"] == -20
    assert "household" not in points(but(stander(5, "02:00").context(), household=HOME, place="inside"))
    assert "household" not in points(but(stander(5, "02:00").context(), household=HOME))
    assert points(but(stander(5).context(), household=AWAY))["household"] == 18
    assert "household" not in points(but(stander(5).context(), household=AWAY, place="street"))


# Vehicles and animals


def test_a_vehicle_in_the_driveway_counts_when_it_stops_and_more_when_nobody_gets_out() -> None:
    def car(seconds: int) -> Story:
        return Story(place="driveway").stay("car", 0, seconds, 0.5)

    assert points(car(10)) == {"subject": 6, "place": 5}
    assert points(car(30)) == {"subject": 6, "place": 11, "stay": 4}
    assert points(car(150)) == {"subject": 6, "place": 11, "stay": 14}
    assert judged(car(150).see("person", 140, 0.5)).parts[0].why.startswith("a person")


def test_a_bicycle_hides_nobody() -> None:
    assert points(Story(place="driveway").stay("bicycle", 0, 300, 0.5))["stay"] == 4


# Limits


@pytest.mark.parametrize(
    ("visit", "ceiling"),
    [
        (Story().see("dog", 0, 0.5), 19),
        (Story(place="street").see("car", 0, 0.5), 20),
        (Story(place="driveway").walk("car", 0, 5, 0.1, 0.9), 20),
        (Story(place="driveway").stay("car", 0, 60, 0.5), 49),
        (Story(place="back").stay("car", 0, 60, 0.5), 49),
        (Story(place="street").walk("person", 0, 5, 0.1, 0.9), 35),
        (Story(place="street").stay("person", 0, 60, 0.5), 59),
        (Story(zones=ALL_ZONES).stay("person", 0, 60, 0.5, zone=SIDEWALK), 59),
        (Story().see("person", 0, 0.5, confidence=0.55), 39),
        (stander(60), 74),
        (Story(place="inside").stay("person", 0, 60, 0.5), 84),
        (caller(), 84),
        (tries_two_doors("02:31"), 84),
        (but(tries_two_doors("02:31").context(), household=AWAY), 100),
        (but(tries_two_doors("14:31").context(), household=AWAY), 84),
    ],
)
def test_each_ceiling_holds_and_says_why(visit: Story | EventContext, ceiling: int) -> None:
    verdict = judged(visit)
    assert verdict.ceiling == ceiling
    assert bool(verdict.ceiling_why) == (ceiling < 100)


def test_critical_takes_three_strong_signs() -> None:
    at_the_back_door = Story("02:31", "back", zones=ALL_ZONES).see("person", 0, 0.1, zone=YARD)
    at_the_back_door.stay("person", 1, 140, 0.5, zone=BACK_DOOR)
    two_signs = at_the_back_door.context()
    assert judged(two_signs).score == 80
    three_signs = but(two_signs, household=AWAY)
    assert judged(three_signs).score == 98


def test_at_a_door_at_night_is_never_low() -> None:
    usual = (UsualFact("person", 28, 28),)
    story = Story("23:40", zones=ALL_ZONES, usual=usual).stay("person", 0, 2, 0.5, zone=DOOR, confidence=0.55)
    verdict = judged(story.walk("person", 3, 8, 0.6, 0.95, zone=YARD, confidence=0.55))
    assert verdict.raw_score < 30
    assert (verdict.score, verdict.floor) == (30, 30)
    assert "At a door at night: never below 30." in verdict.reasoning


def test_inside_while_nobody_is_home_is_critical_even_on_two_pictures() -> None:
    story = Story(place="inside", household=AWAY).stay("person", 0, 1, 0.5, confidence=0.65)
    assert judged(story).score == 85
    assert judged(Story(place="inside", household=AWAY).see("person", 0, 0.5, confidence=0.55)).score < 60


def test_only_the_strongest_subject_scores() -> None:
    assert judged(stander(5)).score == judged(stander(5).see("cat", 2, 0.1)).score


def test_the_card_shows_the_surest_picture_of_where_it_counts_most() -> None:
    story = Story(zones=ALL_ZONES).see("person", 0, 0.1, zone=YARD, confidence=0.95)
    story.see("person", 1, 0.5, zone=DOOR, confidence=0.8).see("person", 2, 0.5, zone=DOOR, confidence=0.85)
    assert judged(story.see("car", 2, 0.8, confidence=0.99)).key_detection_id == 3


def test_each_reason_points_at_what_it_rests_on() -> None:
    story = Story(zones=ALL_ZONES).see("person", 0, 0.1, zone=YARD).stay("person", 1, 3, 0.5, zone=DOOR)
    verdict = judged(story.see("dog", 3, 0.8))
    evidence = {part.name: part.detection_ids for part in verdict.parts}
    assert evidence["subject"] == (1, 2, 3, 4)
    assert evidence["place"] == (2, 3, 4)
    assert evidence["with_dog"] == (5,)
    assert verdict.cited_detection_ids == (1, 2, 3, 4, 5)
