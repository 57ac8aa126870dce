"""The last day of a camera: how many files of each outcome, how many in each hour, and which they were."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st
from time_machine import TimeMachineFixture

from cameras.day import FILES_A_PAGE, MOST_PAGES, QUARTER, Hour, day_of, hours_of
from cameras.models import Camera, Capture, IgnoredFile
from cameras.receipts import Outcome
from tests.factories import CameraFactory, CaptureFactory, DetectionFactory, IgnoredFileFactory
from tests.pages.test_cameras import text_of

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
States = Capture.State


def counts_of(camera: Camera) -> dict[str, int]:
    return {share.outcome: share.files for share in day_of(camera).shares if share.files}


def labels(hours: list[Hour]) -> list[str]:
    return [hour.clock for hour in hours]


def hours_until(until: datetime, zone: ZoneInfo) -> list[Hour]:
    return hours_of(until - timedelta(hours=24), until, zone, Counter())


def test_each_file_of_the_day_is_counted_once_by_what_became_of_it(front: Camera) -> None:
    for state in (States.DUPLICATE, States.REJECTED, States.FAILED, States.QUEUED, States.DETECTING, States.DETECTED):
        CaptureFactory.create(camera=front, state=state)
    DetectionFactory.create_batch(2, capture=CaptureFactory.create(camera=front, preview_path="previews/a.jpg"))
    IgnoredFileFactory.create(camera=front)
    IgnoredFileFactory.create(camera=front, kind=IgnoredFile.Kind.UNREADABLE)
    expected = {"found": 1, "nothing": 1, "duplicate": 1, "refused": 2, "failed": 1, "pending": 2, "ignored": 1}
    assert counts_of(front) == expected
    assert day_of(front).files == sum(expected.values())


def test_only_the_last_day_and_this_camera_count(front: Camera, back: Camera) -> None:
    CaptureFactory.create(camera=front, captured_at=now() - timedelta(hours=25))
    CaptureFactory.create(camera=back)
    CaptureFactory.create(camera=front, captured_at=now() - timedelta(hours=23))
    IgnoredFileFactory.create(camera=front, arrived_at=now() - timedelta(hours=25))
    IgnoredFileFactory.create(camera=back)
    assert counts_of(front) == {"nothing": 1}


def test_files_are_in_the_hour_of_the_cameras_clock(db: None, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOON, tick=False)
    cabin: Camera = CameraFactory.create(id="cabin", timezone="Asia/Kolkata")  # half an hour apart from others
    CaptureFactory.create(camera=cabin, captured_at=NOON - timedelta(minutes=20))  # 17:10 there
    CaptureFactory.create(camera=cabin, captured_at=NOON - timedelta(minutes=40))  # 16:50
    IgnoredFileFactory.create(camera=cabin, arrived_at=NOON - timedelta(minutes=31))  # 16:59
    hours = day_of(cabin).hours
    assert {hour.clock: hour.files for hour in hours if hour.files} == {"16:00": 2, "17:00": 1}
    assert day_of(cabin).most.files == 2


def test_the_page_tells_hours_by_the_cameras_clock_too(page: Client, time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOON)
    cabin: Camera = CameraFactory.create(id="cabin", timezone="Asia/Tokyo")
    CaptureFactory.create(camera=cabin, captured_at=NOON - timedelta(minutes=70))
    text = text_of(page, "/cameras/cabin/")
    assert "1 in all, most at 19:00 (1)" in text
    assert "<td> Sat 19:00 </td> <td>1</td>" in text


def test_an_ordinary_day_has_its_hours() -> None:
    assert labels(hours_until(NOON, BERLIN)) == [f"{(13 + n) % 24:02d}:00" for n in range(25)]


def test_the_hour_that_is_left_out_in_spring_is() -> None:
    hours = labels(hours_until(datetime(2026, 3, 29, 10, tzinfo=UTC), BERLIN))
    assert "02:00" not in hours and len(hours) == 25


def test_the_hour_that_comes_twice_in_autumn_does() -> None:
    hours = hours_until(datetime(2026, 10, 25, 10, tzinfo=UTC), BERLIN)
    twice = [hour for hour in hours if hour.clock == "02:00"]
    assert [hour.is_repeated for hour in twice] == [False, True]
    assert twice[1].start - twice[0].start == timedelta(0)  # by the clock on the wall


@given(
    until=st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from([BERLIN, LORD_HOWE, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/St_Johns")]),
    minutes=st.lists(st.integers(0, 24 * 60 - 1), max_size=20),
)
def test_every_file_is_in_some_hour_whatever_the_clock_does(
    until: datetime, zone: ZoneInfo, minutes: list[int]
) -> None:
    since = until - timedelta(hours=24)
    arrivals = [since + timedelta(minutes=minute) for minute in minutes]
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    quarters = Counter(arrival - (arrival - epoch) % QUARTER for arrival in arrivals)
    hours = hours_of(since, until, zone, quarters)
    assert sum(hour.files for hour in hours) == len(arrivals)
    assert 24 <= len(hours) <= 26
    assert all(0 <= hour.height <= 100 for hour in hours)


def test_a_number_leads_to_the_names_and_reasons(page: Client, front: Camera) -> None:
    CaptureFactory.create(
        camera=front, state=States.REJECTED, error="connection lost at 312 KB", file_path="front_door/x/a.jpg"
    )
    CaptureFactory.create(camera=front, file_path="front_door/fine.jpg")
    IgnoredFileFactory.create(camera=front, kind=IgnoredFile.Kind.UNREADABLE, reason="owned by ftp, mode 600")
    assert 'href="/cameras/front_door/?outcome=refused#camera-files"' in text_of(page, "/cameras/front_door/")
    files = files_of(text_of(page, "/cameras/front_door/?outcome=refused"))
    assert "x/a.jpg" in files and "Rejected: connection lost at 312 KB" in files
    assert "Cannot be read: owned by ftp, mode 600" in files
    assert "fine.jpg" not in files


def files_of(text: str) -> str:
    return text.split('id="camera-files"', 1)[1].split("</section>", 1)[0]


@pytest.mark.parametrize("outcome", Outcome.values)
def test_every_number_has_its_list(page: Client, front: Camera, outcome: str) -> None:
    assert "None in the last 24 hours." in files_of(text_of(page, f"/cameras/front_door/?outcome={outcome}"))


@pytest.mark.parametrize(
    "query", ["outcome=moon", "page=0", "page=x", "page=999999999999999999999", "outcome=found&page=-1"]
)
def test_an_odd_question_shows_the_last_files(page: Client, front: Camera, query: str) -> None:
    CaptureFactory.create(camera=front, file_path="front_door/a.jpg")
    files = files_of(text_of(page, f"/cameras/front_door/?{query}"))
    assert "Last files" in files and "a.jpg" in files


def test_many_files_are_read_page_by_page_and_each_once(page: Client, front: Camera) -> None:
    for number in range(30):
        CaptureFactory.create(camera=front, file_path=f"front_door/n{number}.jpg", state=States.DUPLICATE)
        IgnoredFileFactory.create(camera=front, file_path=f"front_door/n{number}.txt")
    seen: Counter[str] = Counter()
    for number in range(1, 4):
        seen.update(re.findall(r"n\d+\.(?:jpg|txt)", files_of(text_of(page, f"/cameras/front_door/?page={number}"))))
    assert len(seen) == 60 == sum(seen.values()) == 3 * FILES_A_PAGE
    assert "Older" not in files_of(text_of(page, "/cameras/front_door/?page=3"))


def test_what_lies_further_back_is_left_to_the_api(page: Client, front: Camera) -> None:
    CaptureFactory.create_batch(FILES_A_PAGE * MOST_PAGES + 1, camera=front)
    files = files_of(text_of(page, f"/cameras/front_door/?page={MOST_PAGES}"))
    assert "/api/v1/captures/?camera_id=front_door" in files and "Older" not in files


def test_ignored_files_are_told_by_kind(page: Client, front: Camera) -> None:
    for _ in range(14):
        IgnoredFileFactory.create(
            camera=front, reason=".txt files are not read", arrived_at=now() - timedelta(minutes=6)
        )
    assert "14</b> ignored: .txt files are not read; the newest" in text_of(page, "/cameras/front_door/")
