"""People who draw at the same moment, and zones that change while pictures are placed and looked at."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest
from django.db import IntegrityError

from alerts.models import AlertRule, RuleZone
from cameras.models import Camera
from detections.models import Detection
from events.merging import merge_camera
from events.placing import place_detected
from tests.events.rows import Seen, detected, make_camera
from tests.factories import RuleFactory
from tests.threads import at_once as together
from tests.zones.drawings import AROUND_THE_FEET, draw, known, rectangle
from zones.changing import ZoneRefused, change_zone, delete_zone
from zones.locating import locate_all, wrongly_known
from zones.models import DetectionZone, Zone

pytestmark = pytest.mark.django_db(transaction=True)
at_once = partial(together, refusal=ZoneRefused)
LEFT_HALF, RIGHT_HALF = rectangle(0, 0, 0.5, 1), rectangle(0.5, 0, 1, 1)


def waiting(camera: Camera, pictures: int = 60) -> None:
    """Pictures to be placed, each with somebody on the left and somebody on the right."""
    for second in range(pictures):
        detected(camera, 5 * second, [Seen(box=(100, 200, 100, 260)), Seen(box=(1000, 200, 100, 260))])


def all_is_known(zone: Zone) -> None:
    locate_all()
    zone.refresh_from_db()
    assert zone.is_located and not list(wrongly_known(zone.pk))
    assert len(known(zone)) == Detection.objects.filter(camera=zone.camera).count() / 2


def test_of_two_who_draw_the_same_name_one_is_told() -> None:
    camera = make_camera()
    for number in range(5):
        name = f"Door {number}"
        answers = at_once(*[partial(draw, camera, name.upper() if shout else name) for shout in (False, True)])
        assert sorted(type(answer).__name__ for answer in answers) == ["Zone", "ZoneRefused"]


def test_two_that_would_have_one_id_get_two() -> None:
    one, other = make_camera("front"), make_camera("front_door")
    for number in range(5):
        answers = at_once(partial(draw, one, f"Door {number}"), partial(draw, other, str(number)))
        ids = {answer.pk for answer in answers if isinstance(answer, Zone)}
        assert ids == {f"front_door_{number}", f"front_door_{number}_2"}


def test_the_twentieth_is_drawn_once() -> None:
    camera = make_camera()
    for number in range(19):
        draw(camera, f"Zone {number}")
    answers = at_once(*[partial(draw, camera, f"Last {number}") for number in range(4)])
    assert sum(isinstance(answer, Zone) for answer in answers) == 1 and camera.zones.count() == 20


def test_a_zone_drawn_while_pictures_are_placed_misses_none() -> None:
    camera = make_camera()
    waiting(camera)
    _, zone = at_once(partial(place_detected, camera.pk), partial(draw, camera, "Right", RIGHT_HALF))
    assert isinstance(zone, Zone)
    all_is_known(zone)


def test_one_that_changes_while_pictures_are_placed_and_looked_at_ends_as_it_is_drawn() -> None:
    camera = make_camera()
    waiting(camera)
    zone = draw(camera, "Half", LEFT_HALF)

    def move_to_and_fro() -> None:
        for number in range(9):
            change_zone(zone, {"coordinates": LEFT_HALF if number % 2 else RIGHT_HALF}, None)

    at_once(partial(place_detected, camera.pk), move_to_and_fro, locate_all, locate_all, move_to_and_fro)
    all_is_known(zone)


def test_one_that_is_deleted_while_pictures_are_placed_and_looked_at_leaves_nothing() -> None:
    camera = make_camera()
    for number in range(3):
        waiting(camera, 20)
        zone = draw(camera, f"Half {number}", LEFT_HALF)
        answers = at_once(partial(place_detected, camera.pk), locate_all, partial(delete_zone, zone, None))
        assert answers[2] is None
    assert not Zone.objects.exists() and not DetectionZone.objects.exists()
    assert not camera.captures.filter(placed_at=None).exists()


def test_one_that_is_deleted_while_a_rule_comes_to_name_it_is_kept_or_gone_for_both() -> None:
    camera = make_camera()
    rule = RuleFactory.create()
    for number in range(5):
        zone = draw(camera, f"Door {number}", AROUND_THE_FEET)
        answers = at_once(partial(delete_zone, zone, None), partial(name_in, rule, zone))
        is_refused = isinstance(answers[0], ZoneRefused)
        assert rule.zones.filter(pk=zone.pk).exists() == Zone.objects.filter(pk=zone.pk).exists() == is_refused
        rule.zones.clear()


def name_in(rule: AlertRule, zone: Zone) -> None:
    """As the builder of rules does; where the zone is gone, the database refuses it."""
    with suppress(IntegrityError):
        RuleZone.objects.create(rule=rule, zone=zone)


def test_a_merge_while_a_zone_is_drawn_and_looked_at_leaves_all_known() -> None:
    for number in range(3):
        gate, camera = make_camera(f"gate_{number}"), make_camera(f"yard_{number}")
        waiting(gate, 10)
        waiting(camera, 10)
        place_detected(gate.pk)
        first = draw(gate, "First", LEFT_HALF)
        answers = at_once(
            partial(merge_camera, gate, camera, None),
            partial(draw, gate, "Second", RIGHT_HALF),
            partial(place_detected, camera.pk),
            locate_all,
        )
        assert not any(isinstance(answer, ZoneRefused) for answer in answers)
        assert set(camera.zones.values_list("name", flat=True)) == {"First", "Second"}
        for zone in camera.zones.all():
            all_is_known(zone)
        assert first.pk == f"gate_{number}_first"
