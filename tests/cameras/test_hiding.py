"""Putting a camera away and bringing it back: nothing is lost in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import AuditLog
from cameras.changing import change_camera
from cameras.hiding import CannotComeBack, bring_back, put_away
from cameras.intake import take_in
from cameras.models import Camera, Capture
from tests.factories import CameraFactory
from tests.files import drop, picture_bytes
from tests.people import make_user

pytestmark = pytest.mark.django_db


def test_it_is_seen_by_nobody_until_it_comes_back() -> None:
    camera, owner = CameraFactory.create(), make_user()
    assert put_away(camera, None)
    assert not Camera.objects.for_user(owner).exists()
    assert bring_back(camera, None)
    assert Camera.objects.for_user(owner).get() == camera
    assert list(AuditLog.objects.order_by("id").values_list("action", flat=True)) == [
        "camera_deleted",
        "camera_restored",
    ]


def test_twice_is_once() -> None:
    camera = CameraFactory.create()
    assert not bring_back(camera, None)
    assert put_away(camera, None)
    moment = Camera.objects.get().deleted_at
    assert not put_away(camera, None)
    assert Camera.objects.get().deleted_at == moment
    assert AuditLog.objects.count() == 1


def test_its_files_are_kept_meanwhile(data_dir: Path) -> None:
    camera = CameraFactory.create(id="gate")
    put_away(camera, None)
    take_in(drop(data_dir / "cameras" / "gate", "a.jpg", picture_bytes(1)))
    owner = make_user()
    assert not Capture.objects.for_user(owner).exists()
    bring_back(camera, None)
    assert Capture.objects.for_user(owner).count() == 1


def test_one_that_was_merged_does_not_come_back() -> None:
    front = CameraFactory.create(name="Front door")
    camera = CameraFactory.create(name="Gate", deleted_at=timezone.now(), merged_into=front)
    with pytest.raises(CannotComeBack, match="Gate was merged into Front door"):
        bring_back(camera, None)
    assert Camera.objects.get(name="Gate").deleted_at and not AuditLog.objects.exists()


def test_one_whose_name_another_took_meanwhile_waits_until_that_one_gave_it_back() -> None:
    gate, shed = CameraFactory.create(id="gate", name="Gate"), CameraFactory.create(id="shed", name="Shed")
    put_away(gate, None)
    change_camera(shed, {"name": "gate"}, None)
    with pytest.raises(CannotComeBack, match="Another camera is called Gate now"):
        bring_back(gate, None)
    assert Camera.objects.get(pk="gate").deleted_at
    change_camera(shed, {"name": "Shed"}, None)
    assert bring_back(gate, None)


def test_one_that_its_folder_gave_a_name_no_person_could_comes_back() -> None:
    gate = CameraFactory.create(id="gate", name="Gate\x01", deleted_at=timezone.now())
    assert bring_back(gate, None)
