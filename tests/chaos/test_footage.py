"""The plan has to be right, else the accounts at the end prove nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cameras.capture_time import time_in_name
from cameras.demo.scenes import Scene
from inference.detectors.builtin import BuiltinDetector
from inference.protocols import Image
from security_site.config import Config
from tests.chaos.footage import (
    PEOPLE_DRAWN,
    SCENES,
    VIDEOS_DRAWN,
    Outcome,
    Plan,
    PlannedFile,
    picture_of_nobody,
    picture_of_somebody,
    plan_files,
    video_of_somebody,
)

SURE, UNSURE = 0.7, 0.45
plans = st.builds(plan_files, st.integers(0, 1_000_000), st.integers(20, 120))
GAP = timedelta(seconds=Config.model_fields["VISIT_GAP_SECONDS"].default)


def test_the_same_seed_gives_the_same_files() -> None:
    assert plan_files(3, 50) == plan_files(3, 50)
    assert plan_files(3, 50) != plan_files(4, 50)


def test_a_long_plan_holds_every_kind_of_file_and_visit() -> None:
    plan = plan_files(11, 300)
    assert len(plan.files) == 300 and len({file.path for file in plan.all_files}) == 301
    assert {file.outcome for file in plan.files} == set(Outcome)
    assert {file.camera for file in plan.files} == set(SCENES)
    assert len({(file.camera, file.sha256) for file in plan.files}) < 300 - 10
    assert len(plan.visits) > 50 and max(map(len, plan.visits.values())) > 3


@given(plan=plans)
def test_files_of_a_visit_are_near_each_other_and_visits_of_a_camera_far_apart(plan: Plan) -> None:
    """So that no order of arrival can split a visit or join two."""
    visits: dict[tuple[str, int], list[datetime]] = {}
    for file in plan.all_files:
        visits.setdefault((file.camera, file.visit), []).append(taken_at(file))
    for times in visits.values():
        assert max(times) - min(times) < GAP - timedelta(seconds=2)
    for camera in SCENES:
        spans = sorted((min(times), max(times)) for (name, _), times in visits.items() if name == camera)
        assert all(begin - end > GAP + timedelta(seconds=2) for (_, end), (begin, _) in pairwise(spans))


def taken_at(file: PlannedFile) -> datetime:
    moment = time_in_name(file.name)
    assert moment
    return moment


@pytest.mark.parametrize("scene", {scene.title: scene for scene in SCENES.values()}.values(), ids=lambda s: s.title)
def test_the_detector_is_sure_of_everybody_and_of_nobody(scene: Scene) -> None:
    for number in range(PEOPLE_DRAWN):
        assert best_confidence(decode(picture_of_somebody(scene, number))) > SURE
    assert best_confidence(decode(picture_of_nobody(scene))) < UNSURE


def test_the_detector_is_sure_of_the_first_frame_of_each_video() -> None:
    for number in range(VIDEOS_DRAWN):
        with av.open(BytesIO(video_of_somebody(number)), "r") as film:
            frame = next(film.decode(video=0)).to_ndarray(format="bgr24")
        assert best_confidence(frame.astype(np.uint8)) > SURE


def decode(content: bytes) -> Image:
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image.astype(np.uint8)


def best_confidence(image: Image) -> float:
    (boxes,) = BuiltinDetector().detect([image])
    return max((box.confidence for box in boxes), default=0)
