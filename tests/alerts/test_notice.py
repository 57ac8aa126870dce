"""What a notice says, where its link leads, and which picture goes along."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from alerts import notice
from alerts.models import Delivery
from alerts.notice import link_to, notice_of
from tests.factories import (
    AlertFactory,
    CameraFactory,
    ChannelFactory,
    DeliveryFactory,
    DetectionFactory,
    EventFactory,
    RuleFactory,
    write_preview,
    write_thumbnail,
)

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 1, 10, 1, 31, tzinfo=UTC)  # 02:31 at home
PARTS = [
    {"name": "door", "points": 12, "why": "at the front door", "detection_ids": []},
    {"name": "person", "points": 22, "why": "a person (6 pictures, best 91 %)", "detection_ids": []},
    {"name": "once", "points": -4, "why": "seen once", "detection_ids": []},
    {"name": "hour", "points": 6, "why": "late in the evening", "detection_ids": []},
]


@pytest.fixture(autouse=True)
def config(settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"SITE_URL": "https://attic.local/hsi"})


def delivery_of(kind: str = "notice", metadata: dict[str, Any] | None = None, **fields: Any) -> Delivery:
    camera = CameraFactory.create(name="Front door", timezone="Europe/Berlin")
    event = EventFactory.create(
        camera=camera, started_at=NIGHT, summary="A person was at the front door.", assessment__parts=PARTS, **fields
    )
    rule = RuleFactory.create(name="At night")
    alert = AlertFactory.create(
        event=event, rule=rule, severity="high", metadata={"rule": "At night", **(metadata or {})}
    )
    return DeliveryFactory.create(alert=alert, kind=kind)


@time_machine.travel(NIGHT + timedelta(minutes=2), tick=False)
def test_level_place_and_time_then_the_sentence_why_the_rule_and_the_link() -> None:
    delivery = delivery_of()
    said = notice_of(delivery)
    assert said.title == "High · Front door, 02:31"
    assert said.body == (
        "A person was at the front door.\n"
        "Why: a person (6 pictures, best 91 %); at the front door.\n"
        "Rule: At night\n"
        f"\nhttps://attic.local/hsi/events/{delivery.alert.event_id}/"  # type: ignore[union-attr]
    )


@time_machine.travel(NIGHT + timedelta(minutes=2), tick=False)
def test_a_rise_says_that_it_is_one() -> None:
    assert notice_of(delivery_of("update")).title == "Now high · Front door, 02:31"


@time_machine.travel(NIGHT + timedelta(hours=3, minutes=1), tick=False)
def test_what_comes_late_says_so() -> None:
    assert "\nSeen 3 h 1 min ago.\n" in notice_of(delivery_of()).body


@time_machine.travel(NIGHT + timedelta(minutes=30), tick=False)
def test_the_time_is_that_of_what_met_the_rule() -> None:
    said = notice_of(delivery_of(metadata={"seen_at": (NIGHT + timedelta(minutes=25)).isoformat()}))
    assert said.title == "High · Front door, 02:56" and "ago" not in said.body


def test_a_rule_that_is_gone_is_still_named() -> None:
    delivery = delivery_of()
    delivery.alert.rule.delete()  # type: ignore[union-attr]
    assert "Rule: At night" in notice_of(Delivery.objects.get()).body


def test_a_test_says_that_it_is_one() -> None:
    channel = ChannelFactory.create(name="Mia’s phone")
    test = Delivery.objects.create(channel=channel, channel_name=channel.name, kind="test")
    said = notice_of(test)
    assert said.title == "Home Security Intelligence: a test" and "“Mia’s phone”" in said.body
    assert said.body.endswith("https://attic.local/hsi/channels/") and said.picture is None


class TestPicture:
    def test_the_deciding_one_without_boxes(self) -> None:
        detection = DetectionFactory.create()
        path = write_preview(detection.capture)
        assert notice_of(delivery_of(key_detection=detection)).picture == path.read_bytes()

    def test_else_its_thumbnail(self) -> None:
        detection = DetectionFactory.create()
        path = write_thumbnail(detection)
        assert notice_of(delivery_of(key_detection=detection)).picture == path.read_bytes()

    def test_of_a_video_the_moment_that_decided(self) -> None:
        detection = DetectionFactory.create(frame_offset=7.0, capture__preview_offset=3.0)
        write_preview(detection.capture)
        path = write_thumbnail(detection)
        assert notice_of(delivery_of(key_detection=detection)).picture == path.read_bytes()

    def test_a_file_that_is_gone_costs_the_picture_and_not_the_notice(self) -> None:
        said = notice_of(delivery_of(key_detection=DetectionFactory.create()))
        assert said.picture is None and said.title


@pytest.mark.parametrize(
    ("site_url", "lan", "link"),
    [
        ("https://attic.local", None, "https://attic.local/events/7/"),
        ("https://attic.local/hsi/", None, "https://attic.local/hsi/events/7/"),
        ("", "http://192.168.1.5:8000/", "http://192.168.1.5:8000/events/7/"),
        ("", None, "http://127.0.0.1:8000/events/7/"),
    ],
)
def test_where_its_link_leads(
    site_url: str, lan: str | None, link: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = {"SITE_URL": site_url, "HOST": "127.0.0.1", "PORT": 8000}
    settings.CONFIG = settings.CONFIG.model_copy(update=ours)
    monkeypatch.setattr(notice, "lan_url", lambda host, port: lan)
    assert link_to("/events/7/") == link


def test_it_takes_few_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    delivery_of(key_detection=DetectionFactory.create())
    delivery = Delivery.objects.select_related("alert__rule", "alert__event__camera").get()
    # the key detection, its capture, and of the card: its history and its readings
    with django_assert_num_queries(4):
        notice_of(delivery)
