"""Draws a situation: boxes over time from its actors' paths, as a real detector would give them.

Some pictures miss somebody, boxes jitter, confidence wavers: seeded, so that a situation always looks the same.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from inference.protocols import EventContext, HouseholdFact, UsualFact, ZoneFact
from tests.inference.visits import Story
from tests.judgement.grounds import GROUNDS, DrawnZone, Point, size_at
from tests.judgement.situations import AWAY, Actor, Situation

LOOKED_ON_S = 3
"""A camera films on for a moment after the last one has gone."""
PARKED_AFTER_S = 600
LEAST_SURE = 0.5
"""What a detector is less sure of is no detection."""
WAVERS_BY = 0.06
STRAYS_BY = 0.02
"""Of the box's height."""
VEHICLES = ("bicycle", "car", "motorcycle", "bus", "truck")


def context_of(situation: Situation, seed: str | None = None) -> EventContext:
    """The visit as an analyst gets it. `seed` lets the two visits of a pair look alike but for their one fact."""
    zones = _zones_of(situation)
    story = Story(
        start=situation.at,
        place=situation.camera,
        camera_name=situation.called or situation.camera.title(),
        zones=tuple(zone.fact for zone in zones) or None,
        usual=_usual_of(situation),
        household=HouseholdFact(away=situation.home == "nobody") if situation.home else None,
        clips=situation.clips or (),
    )
    moments = list(_moments(situation))
    story.looked_at.update(moments)
    for number, actor in enumerate(situation.seen):
        _draw(story, actor, situation, moments, random.Random(f"{seed or situation.name}/{number}"))
    _number_in_time(story)
    return story.context()


def _zones_of(situation: Situation) -> tuple[DrawnZone, ...]:
    grounds = GROUNDS[situation.camera]
    if situation.zones == "none":
        return ()
    if situation.zones == "drawn":
        return grounds.zones
    return tuple(zone for name in situation.zones if (zone := grounds.zone_named(name)))


def _usual_of(situation: Situation) -> tuple[UsualFact, ...] | None:
    if situation.usual is None:
        return None
    return tuple(UsualFact(label, seen, watched) for label, (seen, watched) in situation.usual.items())


def _moments(situation: Situation) -> Iterator[float]:
    if situation.stills:
        yield from sorted(set(situation.stills))
    elif situation.clips:
        yield from sorted({second for begins, ends in situation.clips for second in _steps(begins, ends, 1)})
    else:
        yield from _steps(0, situation.ends_at + LOOKED_ON_S, situation.every)


def _steps(begins: float, ends: float, every_s: float) -> Iterator[float]:
    return itertools.takewhile(lambda at: at <= ends, itertools.count(begins, every_s))


def _draw(story: Story, actor: Actor, situation: Situation, moments: list[float], chance: random.Random) -> None:
    there = [(at, feet) for at in moments if (feet := _feet_at(actor, situation, at))]
    noticed = [one for one in there if chance.random() >= actor.missed]
    for at, feet in noticed or there[:1]:
        width, height = size_at(actor.label, feet)
        stray_x, stray_y = (chance.gauss(0, STRAYS_BY * height) for _ in range(2))
        x, y = feet[0] + stray_x * 9 / 16, feet[1] + stray_y
        zone = _zone_at((x, y), situation)
        left, right = max(x - width / 2, 0.0), min(x + width / 2, 1.0)
        top, bottom = max(y - height, 0.0), min(y, 1.0)
        story.see(
            actor.label,
            at,
            (left + right) / 2,
            (top + bottom) / 2,
            confidence=max(LEAST_SURE, actor.sure - abs(chance.gauss(0, WAVERS_BY))),
            zone=zone,
            parked=actor.parked or (actor.label in VEHICLES and at - _stands_since(actor, at) >= PARKED_AFTER_S),
            size=(right - left, bottom - top),
        )


def _feet_at(actor: Actor, situation: Situation, at: float) -> Point | None:
    """Where it is at this second; None before it comes, while it is away and after it has gone."""
    spots = GROUNDS[situation.camera].spots
    for (begins, start), (ends, goal) in itertools.pairwise(actor.path):
        if begins <= at <= ends:
            if AWAY in (start, goal):
                # The moment between two steps belongs to the later: gone, or back.
                shown = goal if at == ends else start
                return None if shown == AWAY else spots[shown]
            (from_x, from_y), (to_x, to_y) = spots[start], spots[goal]
            share = (at - begins) / (ends - begins)
            return from_x + share * (to_x - from_x), from_y + share * (to_y - from_y)
    return None


def _stands_since(actor: Actor, at: float) -> float:
    """Since when it has been at the spot where it is now; now, while it moves."""
    since = at
    for (begins, start), (ends, goal) in itertools.pairwise(actor.path):
        if begins <= at <= ends:
            return min(since, begins) if start == goal else at
        since = min(since, begins) if start == goal else ends
    return at


def _zone_at(feet: Point, situation: Situation) -> ZoneFact | None:
    holding = (zone.fact for zone in _zones_of(situation) if zone.holds(feet))
    return next(holding, None)


def _number_in_time(story: Story) -> None:
    """Detections get their numbers as they are seen, picture by picture."""
    story.sightings.sort(key=lambda one: one.seen_at)
    for number, one in enumerate(story.sightings, start=1):
        object.__setattr__(one, "detection_id", number)
