"""Which detections were in which zones: as they are placed, and of earlier ones once a zone is drawn or changed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import DjangoAssertNumQueries

from cameras.models import Camera
from detections.models import Detection
from events.merging import merge_camera
from events.models import Event
from events.placing import place_detected
from events.tasks import sweep
from tests.events.rows import Seen, detected, make_camera
from tests.zones.drawings import AROUND_THE_FEET, ELSEWHERE, TRIANGLE, draw, known, rectangle
from zones import locating
from zones.changing import change_zone, delete_zone
from zones.locating import begin_again, left_to_look_at, locate, locate_all, wrongly_known
from zones.membership import zones_of
from zones.models import DetectionZone, Zone
from zones.tasks import locate_task

pytestmark = pytest.mark.django_db
LEFT, RIGHT = Seen(box=(100, 200, 100, 260)), Seen(box=(1000, 200, 100, 260))
LEFT_HALF, RIGHT_HALF = rectangle(0, 0, 0.5, 1), rectangle(0.5, 0, 1, 1)


def ids(*, x: int | None = None) -> set[int]:
    """Of all detections, or of those at this place."""
    detections = Detection.objects.all() if x is None else Detection.objects.filter(bbox_x=x)
    return set(detections.values_list("pk", flat=True))


class TestPlacing:
    def test_it_stores_where_everything_stood(self, camera: Camera) -> None:
        left, right, both = (
            draw(camera, "Left", LEFT_HALF),
            draw(camera, "Right", RIGHT_HALF),
            draw(camera, "Both", rectangle(0, 0, 1, 1)),
        )
        detected(camera, 0, [LEFT, RIGHT])
        detected(camera, 1, [LEFT])
        place_detected(camera.pk)
        assert known(left) == ids(x=100) and known(right) == ids(x=1000) and known(both) == ids()

    def test_each_picture_has_its_own_size(self, camera: Camera) -> None:
        zone = draw(camera, "Left", LEFT_HALF)
        large = detected(camera, 0, [RIGHT])
        large.width, large.height = 3840, 2160
        large.save()
        detected(camera, 1, [RIGHT])
        place_detected(camera.pk)
        assert known(zone) == set(large.detections.values_list("pk", flat=True))

    def test_zones_that_are_off_and_those_of_others_do_not_matter(self, camera: Camera) -> None:
        draw(camera, "Off", enabled=False)
        draw(make_camera("other"), "Other")
        detected(camera, 0)
        place_detected(camera.pk)
        assert not DetectionZone.objects.exists()

    def test_a_share_of_the_box_may_decide(self, camera: Camera) -> None:
        upper = rectangle(0, 0, 1, 0.5)
        mostly, wholly = (
            draw(camera, "Most of it", upper, min_overlap=0.5),
            draw(camera, "All of it", upper, min_overlap=1),
        )
        detected(camera, 0, [Seen(box=(500, 200, 100, 260))])
        place_detected(camera.pk)
        assert known(mostly) == ids() and not known(wholly)

    def test_it_costs_nothing_where_no_zones_are_drawn(
        self, camera: Camera, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_camera("other")

        def queries(second: int) -> int:
            detected(camera, second)
            with CaptureQueriesContext(connection) as captured:
                place_detected(camera.pk)
            assert not any('INTO "detection_zones"' in query["sql"] for query in captured)
            return len(captured)

        queries(0)
        without = queries(1)
        zone = draw(camera, coordinates=ELSEWHERE)
        drawn = queries(2)
        assert drawn == without + 2  # its outline · the zones of what the visit has
        change_zone(zone, {"enabled": False}, None)
        assert queries(3) == without


class TestLocating:
    @pytest.fixture
    def visit(self, camera: Camera) -> Event:
        for second in range(7):
            detected(camera, second, [LEFT, RIGHT])
        place_detected(camera.pk)
        return Event.objects.get()

    @pytest.fixture(autouse=True)
    def few_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locating, "DETECTIONS_AT_ONCE", 4)

    def test_a_new_zone_is_held_against_what_was_seen_before(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera, coordinates=RIGHT_HALF)
        assert left_to_look_at(zone) == 14
        assert list(locate(zone.pk)) == [4, 4, 4, 2]
        zone.refresh_from_db()
        assert (zone.is_located, zone.located_from) == (True, None)
        assert known(zone) == ids(x=1000)
        assert left_to_look_at(zone) == 0 and list(locate(zone.pk)) == []

    def test_a_changed_one_again_and_one_switched_off_holds_nothing(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera, coordinates=RIGHT_HALF)
        locate_all()
        change_zone(zone, {"coordinates": LEFT_HALF}, None)
        assert known(zone) == ids(x=1000), "until it is done"
        assert locate_all() == 1
        assert known(zone) == ids(x=100)
        change_zone(zone, {"enabled": False}, None)
        locate_all()
        assert not known(zone)
        change_zone(zone, {"enabled": True}, None)
        locate_all()
        assert known(zone) == ids(x=100)

    def test_what_is_interrupted_goes_on_where_it_was(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera, coordinates=RIGHT_HALF)
        steps = locate(zone.pk)
        assert (next(steps), next(steps)) == (4, 4)
        assert known(zone) == {pk for pk in ids(x=1000) if pk >= sorted(ids())[-8]}, "the newest first"
        assert left_to_look_at(Zone.objects.get()) == 6
        assert list(locate(zone.pk)) == [4, 2]
        assert known(zone) == ids(x=1000)

    def test_a_zone_that_is_changed_meanwhile_is_begun_again(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera, coordinates=RIGHT_HALF)
        steps = locate(zone.pk)
        next(steps)
        change_zone(zone, {"coordinates": LEFT_HALF}, None)
        assert list(steps) == [4, 4, 4, 2]
        assert known(zone) == ids(x=100)

    def test_one_that_is_deleted_meanwhile_ends_it(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera)
        steps = locate(zone.pk)
        next(steps)
        delete_zone(zone, None)
        assert list(steps) == []
        assert not DetectionZone.objects.exists()

    def test_what_is_placed_meanwhile_is_known_once(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera, coordinates=RIGHT_HALF)
        detected(camera, 20, [RIGHT])
        steps = locate(zone.pk)
        next(steps)
        detected(camera, 21, [RIGHT])
        place_detected(camera.pk)
        list(steps)
        place_detected(camera.pk)
        assert known(zone) == ids(x=1000)

    def test_after_a_merge_each_zone_is_held_against_all(self, camera: Camera, visit: Event) -> None:
        gate = make_camera("gate")
        detected(gate, 3600, [LEFT, RIGHT])
        place_detected(gate.pk)
        zones = [draw(camera, "Right", RIGHT_HALF), draw(gate, "Left", LEFT_HALF)]
        locate_all()
        merge_camera(gate, camera, None)
        locate_all()
        assert [known(zone) for zone in zones] == [ids(x=1000), ids(x=100)]

    def test_what_retention_takes_takes_its_rows_along(self, camera: Camera, visit: Event) -> None:
        draw(camera, coordinates=RIGHT_HALF)
        locate_all()
        with CaptureQueriesContext(connection) as queries:
            Detection.objects.filter(pk__in=ids()).delete()
        assert not DetectionZone.objects.exists()
        assert sum("detection_zones" in query["sql"] for query in queries) == 1

    def test_the_sweep_wakes_it_and_the_task_does_it(
        self, camera: Camera, visit: Event, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        woken: list[str] = []
        monkeypatch.setattr("events.tasks.wake", lambda task, *_: woken.append(task))
        sweep()
        assert "zones.locate" not in woken
        zone = draw(camera, coordinates=RIGHT_HALF)
        sweep()
        assert "zones.locate" in woken
        locate_task()
        assert known(zone) == ids(x=1000)

    def test_it_never_looks_twice_at_once(self, camera: Camera, visit: Event) -> None:
        zone = draw(camera)
        with locating_elsewhere():
            locate_task()
        zone.refresh_from_db()
        assert not zone.is_located


def locating_elsewhere() -> AbstractContextManager[bool]:
    from zones import tasks

    return tasks._locating


class TestCommand:
    @pytest.fixture
    def zones(self, camera: Camera) -> list[Zone]:
        back = make_camera("back")
        for each in (camera, back):
            detected(each, 0, [LEFT, RIGHT])
            place_detected(each.pk)
        return [draw(camera, coordinates=RIGHT_HALF), draw(back, coordinates=TRIANGLE)]

    def locate_zones(self, *arguments: str) -> str:
        out = StringIO()
        call_command("locate_zones", *arguments, stdout=out)
        return out.getvalue().strip()

    def test_it_finishes_what_waits(self, zones: list[Zone]) -> None:
        assert self.locate_zones() == "Zones looked at: 2; detections held against them: 4."
        assert known(zones[0]) and not known(zones[1])
        assert self.locate_zones() == "Zones looked at: 0; detections held against them: 0."

    def test_it_does_one_camera_alone(self, zones: list[Zone]) -> None:
        self.locate_zones("front_door")
        assert set(Zone.objects.filter(is_located=True)) == {zones[0]}

    def test_it_does_it_again(self, zones: list[Zone]) -> None:
        self.locate_zones()
        DetectionZone.objects.all().delete()
        assert self.locate_zones("front_door", "--again") == "Zones looked at: 1; detections held against them: 2."
        assert known(zones[0])

    def test_a_camera_nobody_knows_is_told(self) -> None:
        with pytest.raises(CommandError, match="No camera is called nowhere"):
            self.locate_zones("nowhere")

    def test_interrupted_it_says_how_to_go_on(self, zones: list[Zone], monkeypatch: pytest.MonkeyPatch) -> None:
        def press_control_c(_: str) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("zones.management.commands.locate_zones.locate", press_control_c)
        with pytest.raises(CommandError, match="goes on from there") as interrupted:
            self.locate_zones()
        assert interrupted.value.returncode == 130


class TestVerifying:
    def test_what_is_stored_wrongly_is_found(self, camera: Camera) -> None:
        detected(camera, 0, [LEFT, RIGHT])
        place_detected(camera.pk)
        zone = draw(camera, coordinates=RIGHT_HALF)
        assert list(wrongly_known(zone.pk)) == [], "that is not known yet"
        locate_all()
        assert list(wrongly_known(zone.pk)) == []
        detected(camera, 1, [RIGHT])
        assert list(wrongly_known(zone.pk)) == [], "it waits to be placed"
        missed, wrong = Detection.objects.order_by("pk")[1], Detection.objects.order_by("pk")[0]
        DetectionZone.objects.filter(detection=missed).delete()
        DetectionZone.objects.create(detection=wrong, zone=zone)
        assert list(wrongly_known(zone.pk)) == [wrong.pk, missed.pk]
        begin_again([zone])
        locate_all()
        assert list(wrongly_known(zone.pk)) == []


def test_zones_are_named_the_most_telling_first(camera: Camera) -> None:
    around: list[tuple[str, int, bool]] = [
        ("B", 0, True),
        ("A", 0, True),
        ("Low", -1, True),
        ("High", 5, True),
        ("Off", 9, False),
    ]
    for name, priority, enabled in around:
        draw(camera, name, AROUND_THE_FEET, priority=priority, enabled=enabled)
    detected(camera, 0, [Seen(), LEFT])
    place_detected(camera.pk)
    there = Detection.objects.get(bbox_x=500)
    names = ("front_door_high", "front_door_a", "front_door_b", "front_door_low")
    assert zones_of(ids()) == {there.pk: names}
    assert zones_of([]) == {}
