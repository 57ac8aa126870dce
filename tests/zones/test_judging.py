"""Zones and who is home, from a person's picture to the score and the sentence: rules, language model, replays."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import HomeMode
from cameras.models import Camera
from events.assessment import event_context
from events.models import Assessment, Event
from events.placing import place_detected
from inference.analysts.llm.facts import facts_of
from inference.analysts.rules import RulesAnalyst
from inference.protocols import HouseholdFact, ZoneFact
from tests.events.rows import NOON, Seen, detected, make_camera
from tests.zones.drawings import AROUND_THE_FEET, draw
from zones.changing import change_zone, delete_zone
from zones.locating import locate_all

pytestmark = pytest.mark.django_db
NIGHT = NOON - timedelta(hours=11)


def visit(camera: Camera, seconds: int = 90, after: timedelta = timedelta()) -> Event:
    """Somebody stands on one spot at night, a picture every 3 seconds."""
    for second in range(0, seconds, 3):
        detected(camera, NIGHT + after + timedelta(seconds=second), [Seen(confidence=0.85)])
    place_detected(camera.pk)
    return Event.objects.select_related("camera").get(camera=camera, started_at=NIGHT + after)


def reading(event: Event) -> Assessment:
    return event.assessments.latest("id")


def names(assessment: Assessment) -> dict[str, Any]:
    return {part["name"]: part["why"] for part in assessment.parts}


class TestRules:
    def test_a_person_in_the_zone_of_a_door_is_at_that_door(self, camera: Camera) -> None:
        draw(camera, "Kitchen window", zone_type="entry_point")
        event = visit(camera)
        assert "at the kitchen window" in event.summary
        assert names(reading(event))["place"] == "at the kitchen window"

    def test_they_worry_more_than_where_nothing_is_drawn_and_may_worry_more_still(self, camera: Camera) -> None:
        bare = visit(make_camera("bare"))
        draw(camera, zone_type="entry_point")
        at_the_door = visit(camera)
        assert "No zones are drawn" in reading(bare).ceiling_why and reading(bare).ceiling == 74
        assert "No zones are drawn" not in reading(at_the_door).ceiling_why and reading(at_the_door).ceiling == 84
        assert at_the_door.risk_score > bare.risk_score

    def test_a_pavement_worries_less(self) -> None:
        camera, bare = make_camera("lane", "back"), make_camera("bare", "back")
        draw(camera, "Path", zone_type="sidewalk")
        assert visit(camera).risk_score < visit(bare).risk_score

    @pytest.mark.parametrize("place", ["front", "back", "side", "driveway", "street", "inside"])
    def test_the_place_of_the_camera_goes_on_telling_where_no_zone_does(self, place: str) -> None:
        camera, bare = make_camera("with_zones", place), make_camera("without", place)
        draw(camera, "Far away", [[0, 0], [0.1, 0], [0.1, 0.1]], zone_type="driveway")
        assert names(reading(visit(camera)))["place"] == names(reading(visit(bare)))["place"]

    def test_nobody_home_raises_it_and_says_so_and_somebody_home_does_not(self) -> None:
        scores = {}
        for mode in (None, "home", "away"):
            camera = make_camera(f"camera_{mode}")
            draw(camera, zone_type="entry_point")
            HomeMode.objects.all().delete()
            if mode:
                HomeMode.objects.create(mode=mode, since=NIGHT - timedelta(hours=1))
            event = visit(camera)
            scores[mode] = event.risk_score
            assert ("household" in names(reading(event))) == (mode == "away")
            assert ("whether anybody is home" in reading(event).not_known) == (mode is None)
        assert scores["away"] > scores[None] == scores["home"]

    def test_who_was_home_is_asked_of_the_moment_it_was_seen(self, camera: Camera) -> None:
        HomeMode.objects.create(mode="away", since=NIGHT + timedelta(seconds=30))
        HomeMode.objects.create(mode="home", since=NIGHT + timedelta(hours=1))
        assert event_context(visit(camera, seconds=20)).household is None
        assert event_context(visit(camera, after=timedelta(minutes=20))).household == HouseholdFact(away=True)
        assert event_context(visit(camera, after=timedelta(hours=2))).household == HouseholdFact(away=False)

    def test_a_zone_drawn_in_the_middle_of_a_visit_counts_with_the_next_picture(self, camera: Camera) -> None:
        event = visit(camera)
        before = event.risk_score
        draw(camera, zone_type="entry_point")
        locate_all()
        event.refresh_from_db()
        assert event.risk_score == before
        detected(camera, NIGHT + timedelta(seconds=91))
        place_detected(camera.pk)
        event.refresh_from_db()
        assert event.risk_score > before
        assert f"a person ({31} pictures" in names(reading(event))["subject"]
        assert len(next(part for part in reading(event).parts if part["name"] == "place")["detection_ids"]) > 1


class TestContext:
    def test_zones_are_told_in_their_order_and_only_those_that_are_on(self, camera: Camera) -> None:
        draw(camera, "Yard", [[0, 0], [1, 0], [1, 1], [0, 1]], zone_type="yard")
        draw(camera, zone_type="entry_point", priority=5)
        draw(camera, "Off", AROUND_THE_FEET, priority=9, enabled=False)
        context = event_context(visit(camera, seconds=1))
        door = ZoneFact("front_door_front_door", "Front door", "entry_point")
        assert context.zones == (door, ZoneFact("front_door_yard", "Yard", "yard"))
        assert context.sightings[0].zones == ("front_door_front_door", "front_door_yard")

    def test_without_any_it_is_not_known(self, camera: Camera) -> None:
        context = event_context(visit(camera, seconds=1))
        assert context.zones is None and context.sightings[0].zones == () and context.household is None

    def test_a_language_model_is_told_of_zones_and_household(self, camera: Camera) -> None:
        draw(camera, zone_type="entry_point")
        HomeMode.objects.create(mode="away", since=NIGHT - timedelta(hours=1))
        context = event_context(visit(camera))
        facts = json.loads(facts_of(context, RulesAnalyst().assess(context)).text)
        assert facts["camera"]["zones"] == ["Front door (entry_point)"]
        assert facts["household"] == "nobody is home"
        assert facts["found"][0]["zones"] == ["Front door"]
        assert "Front door" in facts["pictures"][0]


class TestReplays:
    def reassess(self) -> list[int | None]:
        """Scores of all replays after another one was asked for."""
        call_command("reassess", "--since", "2026-03-01", "--analyst", "rules", stdout=StringIO())
        return list(Assessment.objects.filter(is_replay=True).order_by("pk").values_list("score", flat=True))

    def test_they_go_by_the_zones_of_now(self) -> None:
        camera = make_camera("garden", "back")
        event = visit(camera)
        first = self.reassess()
        assert first == [event.risk_score] and self.reassess() == first, "nothing is different"
        zone = draw(camera, zone_type="entry_point")
        at_the_door = self.reassess()
        assert at_the_door[1:] and at_the_door[1] > event.risk_score  # type: ignore[operator]
        assert self.reassess() == at_the_door
        change_zone(zone, {"zone_type": "sidewalk"}, None)
        on_the_pavement = self.reassess()
        assert on_the_pavement[2] < event.risk_score  # type: ignore[operator]
        delete_zone(zone, None)
        assert self.reassess() == [*on_the_pavement, event.risk_score]
        event.refresh_from_db()
        assert event.risk_score == first[0]
