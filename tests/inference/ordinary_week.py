"""An ordinary week on four cameras, made up with missed pictures and boxes that jitter.

Used by its test and by the report on judgement, because worry has its ceilings over such a week.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from inference.analysts.rules import RulesAnalyst
from inference.protocols import Analyst, AnswerRefused, EventContext, PlaceName, UsualFact, ZoneFact
from inference.scale import Level, level_of
from tests.inference.visits import BACK_DOOR, DOOR, DRIVEWAY, SIDEWALK, YARD, Story, but

DAYS = 7
SEED = 20260310
ZONES_OF: dict[PlaceName, tuple[ZoneFact, ...]] = {
    "front": (SIDEWALK, YARD, DOOR),
    "driveway": (SIDEWALK, DRIVEWAY),
    "back": (YARD, BACK_DOOR),
    "street": (SIDEWALK,),
}


def passer_by(story: Story, chance: random.Random) -> None:
    story.walk("person", 0, chance.randint(4, 9), 0.05, 0.95, zone=SIDEWALK)


def passing_car(story: Story, _: random.Random) -> None:
    story.walk("car", 0, 3, 0.05, 0.95)


def cat(story: Story, _: random.Random) -> None:
    story.walk("cat", 0, 6, 0.1, 0.9, 0.8, zone=YARD, size=(0.06, 0.06))


def leaves_home(story: Story, _: random.Random) -> None:
    story.stay("person", 0, 3, 0.6, zone=DOOR).walk("person", 4, 9, 0.5, 0.03, zone=YARD).look(10, 12)


def comes_home(story: Story, chance: random.Random) -> None:
    story.walk("person", 0, 6, 0.05, 0.4, zone=YARD).stay("person", 7, chance.randint(10, 25), 0.55, zone=DOOR)


def caller_at_the_door(story: Story, chance: random.Random) -> None:
    gone = chance.randint(20, 70)
    story.walk("person", 0, 6, 0.05, 0.4, zone=YARD).stay("person", 7, gone, 0.55, zone=DOOR)
    story.walk("person", gone + 1, gone + 7, 0.4, 0.05, zone=YARD).stay("truck", 0, gone + 7, 0.2, 0.2)


def chat_on_the_pavement(story: Story, chance: random.Random) -> None:
    story.stay("person", 0, chance.randint(60, 300), 0.4, zone=SIDEWALK).stay("person", 5, 60, 0.55, zone=SIDEWALK)


def car_comes_home(story: Story, _: random.Random) -> None:
    story.walk("car", 0, 4, 0.1, 0.5, zone=DRIVEWAY).stay("car", 5, 60, 0.5, zone=DRIVEWAY)
    story.walk("person", 15, 25, 0.45, 0.9, zone=DRIVEWAY)


def in_the_garden(story: Story, chance: random.Random) -> None:
    story.every_s = 5.0
    story.stay("person", 0, 5, 0.5, zone=BACK_DOOR)
    for start in range(10, 60 * chance.randint(5, 28), 60):
        story.stay("person", start, start + 40, chance.uniform(0.1, 0.9), zone=YARD)


Habit = tuple[Callable[[Story, random.Random], None], PlaceName, tuple[int, ...], int]
WEEK: tuple[Habit, ...] = (
    (passer_by, "front", (7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 20, 21), 28),
    (passer_by, "street", (7, 8, 9, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22), 28),
    (passing_car, "street", (6, 7, 8, 9, 12, 15, 16, 17, 18, 19, 21, 23), 28),
    (leaves_home, "front", (7, 8, 15), 25),
    (comes_home, "front", (13, 16, 18), 25),
    (caller_at_the_door, "front", (10, 14), 12),
    (chat_on_the_pavement, "street", (17,), 28),
    (car_comes_home, "driveway", (13, 17, 18), 24),
    (in_the_garden, "back", (11, 18), 15),
    (cat, "back", (4, 23), 2),
)
NOW_AND_THEN: tuple[Habit, ...] = (
    (comes_home, "front", (23,), 2),
    (car_comes_home, "driveway", (22,), 4),
    (passer_by, "street", (2,), 3),
    (in_the_garden, "back", (21,), 5),
)
"""Once or twice a week."""


def visit(habit: Habit, hour: int, chance: random.Random) -> EventContext:
    act, place, _, days_seen = habit
    story = Story(f"{hour:02}:{chance.randint(0, 59):02}", place)
    act(story, chance)
    noticed = [
        replace(
            one,
            confidence=min(0.95, max(0.5, chance.gauss(0.78, 0.1))),
            box=(one.box[0] + chance.gauss(0, 0.004), one.box[1] + chance.gauss(0, 0.01), *one.box[2:]),
        )
        for one in story.sightings
        if chance.random() > 0.15
    ]
    story.sightings = noticed or story.sightings[:1]
    labels = {one.label for one in story.sightings}
    usual = tuple(UsualFact(label, days_seen, 28) for label in sorted(labels))
    return but(story.context(), zones=ZONES_OF[place], usual=usual)


def ordinary_week() -> list[EventContext]:
    """With zones drawn and four weeks learned; the same each time."""
    chance = random.Random(SEED)
    daily = [visit(habit, hour, chance) for habit in WEEK for hour in habit[2] for _ in range(DAYS)]
    return daily + [visit(habit, hour, chance) for habit in NOW_AND_THEN for hour in habit[2] for _ in range(2)]


def first_week() -> list[EventContext]:
    """The same visits while nothing is drawn or learned yet."""
    return [but(context, zones=None, usual=None) for context in ordinary_week()]


def levels(analyst: Analyst, week: list[EventContext]) -> Counter[Level]:
    """The rules' score stands where an answer cannot be kept, as it does in the program."""
    return Counter(level_of(_score(analyst, context)) for context in week)


def _score(analyst: Analyst, context: EventContext) -> int:
    try:
        return analyst.assess(context).score
    except AnswerRefused:
        return RulesAnalyst().assess(context).score
