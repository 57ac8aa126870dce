"""Rules and their decisions in sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from time_machine import travel

from alerts.evaluate import evaluate_changed
from alerts.outcomes import Condition, Outcome
from alerts.rules import Draft, check_fields
from alerts.schedule import DAYS
from alerts.words import long_words, outcome_words, rule_in_words, threshold_words
from tests.alerts.rows import camera_called, make_visit, outcomes_of
from tests.factories import CameraFactory, ChannelFactory, RuleFactory, ZoneFactory

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"days": list(DAYS), "start_time": "22:00", "end_time": "06:00", "timezone": "Europe/Berlin"}


@pytest.mark.django_db
class TestARule:
    def words(self, **fields: Any) -> str:
        return rule_in_words(check_fields({"name": "x", **fields}))  # type: ignore[typeddict-item]

    def test_the_one_of_the_front_door(self) -> None:
        CameraFactory.create(id="front_door", name="Front door")
        phone = ChannelFactory.create(name="Anna's phone")
        assert self.words(
            channels=[phone.pk],
            camera_ids=["front_door"],
            object_types=["person"],
            schedule=NIGHT,
            cooldown_seconds=600,
        ) == (
            "Tells Anna's phone when a person is seen at Front door between 22:00 and 06:00, "
            "at most once in 10 minutes."
        )

    def test_every_condition(self) -> None:
        camera = CameraFactory.create(id="garden", name="Garden")
        zones = [ZoneFactory.create(camera=camera, name=name).pk for name in ("Lawn", "Path")]
        channels = [ChannelFactory.create(name=name).pk for name in ("Mail", "Phone")]
        assert self.words(
            channels=channels,
            zone_ids=zones,
            object_types=["cat", "person"],
            min_confidence=0.7,
            risk_threshold=60,
            schedule=NIGHT | {"days": ["sat", "sun"], "timezone": "UTC"},
            when="away",
            cooldown_seconds=0,
        ) == (
            "Tells Mail and Phone when a person or a cat (70 % sure or more) is seen in Lawn (Garden) or Path (Garden) "
            "between 22:00 and 06:00 on nights that begin on weekends (UTC time) while nobody is home and the visit's "
            "score is high or critical (60 or more), every time."
        )

    def test_the_sensible_first_one(self) -> None:
        assert self.words(risk_threshold=60) == (
            "Puts an alert in the inbox when anything is seen and the visit's score is high or critical (60 or more), "
            "at most once in 5 minutes."
        )

    @pytest.mark.parametrize(
        ("days", "start", "end", "words"),
        [
            (DAYS, "00:00", "24:00", "is seen at any hour, at"),
            (["sat"], "00:00", "24:00", "is seen on Saturdays, at"),
            (DAYS[:5], "08:00", "18:00", "between 08:00 and 18:00 on weekdays, at"),
            (["mon", "wed", "fri"], "08:00", "18:00", "on Mondays, Wednesdays and Fridays, at"),
            (["fri"], "22:00", "06:00", "between 22:00 and 06:00 on nights that begin on Fridays, at"),
        ],
    )
    def test_hours_and_days(self, days: list[str], start: str, end: str, words: str) -> None:
        hours = {"days": list(days), "start_time": start, "end_time": end, "timezone": "Europe/Berlin"}
        assert words in self.words(schedule=hours)

    def test_a_draft_has_words_before_anything_is_chosen(self) -> None:
        assert rule_in_words(Draft()) == "Puts an alert in the inbox when anything is seen, at most once in 5 minutes."

    def test_a_stored_rule_speaks_too(self) -> None:
        rule = RuleFactory.create(cameras=[camera_called("back")], cooldown_seconds=90, schedule={"spoilt": True})
        assert rule_in_words(rule) == (
            "Puts an alert in the inbox when anything is seen at Back at hours that cannot be read, "
            "at most once in 90 seconds."
        )


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (1, "1 or more (low)"),
        (30, "medium, high or critical (30 or more)"),
        (50, "50 or more (medium)"),
        (60, "high or critical (60 or more)"),
        (85, "critical (85 or more)"),
        (90, "90 or more (critical)"),
        (100, "100 (critical)"),
    ],
)
def test_thresholds_are_levels_and_numbers(threshold: int, words: str) -> None:
    assert threshold_words(threshold) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (60, "1 minute"), (90, "90 seconds"), (3600, "1 hour"), (86_400, "1 day"), (5400, "90 minutes")],
)
def test_times_are_whole(seconds: int, words: str) -> None:
    assert long_words(seconds) == words


def decided(condition: Condition | None, wanted: Any = None, got: Any = None, outcome: str = "not_met") -> Outcome:
    return {"rule_id": None, "rule": "x", "outcome": outcome, "condition": condition, "wanted": wanted, "got": got}


AT = "2026-11-18T01:31:00+00:00"
TOLD = {"alert_id": "a", "detection_id": 1, "at": AT, "severity": "high", "channels": ["Phone"]}
COOLDOWN = {"told_at": AT, "until": "2026-11-18T01:36:00+00:00", "severity": "high"}


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (decided(None, got=TOLD, outcome="fired"), "Met at 02:31 (severity high)."),
        (decided(None, got=TOLD | {"channels": []}, outcome="fired"), "Put in the inbox at 02:31 (severity high)."),
        (decided(None, got=TOLD | {"alert_id": None}, outcome="fired"), "Would be told at 02:31 (severity high)."),
        (decided(None, got={"alert_id": "a", "detection_id": 1}, outcome="fired"), "Met."),
        (decided(Condition.RISK_THRESHOLD, 60, 44), "Not told: the score was 44, it tells from 60 on."),
        (
            decided(Condition.COOLDOWN, 300, COOLDOWN, "suppressed"),
            "Not told: already told of this at 02:31; again from 02:36.",
        ),
        (
            decided(
                Condition.QUIET_HOURS,
                None,
                {"channels": ["Mail", "Phone"], "until": "2026-11-18T06:00:00+00:00"},
                "suppressed",
            ),
            "Not told: quiet hours of Mail and Phone until 07:00.",
        ),
        (
            decided(Condition.TOO_OLD, 3600, 7201, "suppressed"),
            "Not told: its pictures came 2 h after they were taken.",
        ),
        (decided(Condition.CAMERAS, ["Back"], "Front"), "Not told: seen at Front, it tells of Back."),
        (
            decided(Condition.OBJECT_TYPES, ["cat", "dog"], ["car", "person"]),
            "Not told: only cars and people were seen, it tells of a cat or a dog.",
        ),
        (decided(Condition.OBJECT_TYPES, [], []), "Not told: nothing was seen that counts."),
        (decided(Condition.MIN_CONFIDENCE, 0.8, 0.799), "Not told: at best 79 % sure, it tells from 80 % on."),
        (decided(Condition.ZONES, ["Porch", "Lawn"], []), "Not told: seen in no zone, it tells of Porch or Lawn."),
        (decided(Condition.ZONES, ["Porch"], ["Lawn"]), "Not told: seen in Lawn, it tells of Porch."),
        (
            decided(Condition.ZONES, [], {"problem": "Porch is switched off."}),
            "Not told: Porch is switched off.",
        ),
        (
            decided(Condition.SCHEDULE, NIGHT, "2026-11-18T21:59:00+01:00"),
            "Not told: seen on Wednesday at 21:59, it tells between 22:00 and 06:00.",
        ),
        (
            decided(Condition.WHEN, "away", None),
            "Not told: nobody had said whether anybody was home, it tells while nobody is home.",
        ),
        (decided(Condition.WHEN, "away", "home"), "Not told: somebody was home, it tells while nobody is home."),
    ],
)
def test_what_it_decided_and_why(outcome: Outcome, words: str) -> None:
    with travel(datetime(2026, 11, 18, 12, tzinfo=UTC), tick=False):
        assert outcome_words(outcome, BERLIN) == words


@pytest.mark.django_db
def test_whatever_evaluation_stores_can_be_said() -> None:
    camera = camera_called()
    porch = ZoneFactory.create(camera=camera)
    RuleFactory.create()
    each: tuple[dict[str, Any], ...] = (
        {"object_types": ["dog"]},
        {"risk_threshold": 99},
        {"min_confidence": 0.99},
        {"zones": [porch]},
        {"cameras": [camera_called("back")]},
        {"when": "home"},
        {"schedule": NIGHT | {"days": ["mon"], "start_time": "00:00", "end_time": "00:01"}},
        {"schedule": {}},
    )
    for fields in each:
        RuleFactory.create(**fields)
    visits = [make_visit(camera) for _ in range(2)]
    evaluate_changed()
    said = [outcome_words(outcome) for visit in visits for outcome in outcomes_of(visit)]  # type: ignore[arg-type]
    assert len(said) == 18 and all(sentence.endswith(".") for sentence in said)


@given(st.integers(1, 31_536_000))
def test_any_length_of_time_is_said_exactly(seconds: int) -> None:
    number, unit = long_words(seconds).split()
    sizes = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
    assert int(number) * sizes[unit.removesuffix("s")] == seconds
