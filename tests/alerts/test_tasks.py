"""From a picture to its alert, and the sweep that finds what a lost message or a dead worker left."""

from __future__ import annotations

import pytest

from alerts import tasks
from alerts.models import Alert, Delivery
from events.placing import place_detected
from tests.alerts.rows import camera_called, make_visit
from tests.events.rows import Seen, detected
from tests.factories import ChannelFactory, RuleFactory, ZoneFactory

pytestmark = pytest.mark.django_db


def test_a_picture_that_is_placed_wakes_the_rules_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("events.assessment.wake", woken.append)
    camera = camera_called()
    porch = ZoneFactory.create(camera=camera, coordinates=[[0, 0], [0.5, 0], [0.5, 1], [0, 1]])
    RuleFactory.create(object_types=["person"], zones=[porch], channels=[ChannelFactory.create()])
    for second, left in enumerate((900, 100)):  # right of the porch, then on it
        detected(camera, second, [Seen(box=(left, 200, 100, 260))])
        place_detected(camera.pk)
        tasks.evaluate_changed_task()
        assert Alert.objects.count() == second
    assert woken == [tasks.EVALUATE] * 2
    assert Delivery.objects.get().channel_name
    assert Alert.objects.get().metadata["zone_ids"] == [porch.pk]


def test_the_sweep_wakes_what_no_message_came_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may end between a visit and its alert."""
    woken: list[str] = []
    monkeypatch.setattr(tasks, "wake", woken.append)
    tasks.sweep()
    assert woken == []
    make_visit()
    tasks.sweep()
    assert woken == ["alerts.evaluate_changed"]
    tasks.evaluate_changed_task()
    tasks.sweep()
    assert woken == ["alerts.evaluate_changed"]
