"""What a rule would have told of past visits, held against what it does tell."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditLog, Role, User
from alerts import trial
from alerts.evaluate import evaluate_changed
from alerts.models import Alert, AlertGate, Delivery
from alerts.rules import check_fields
from alerts.trial import Trial, try_rule
from cameras.models import Camera
from events.models import Event
from tests.alerts.rows import Saw, camera_called, make_visit, outcome_of
from tests.factories import ChannelFactory, RuleFactory, ZoneFactory
from tests.people import make_user

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def owner() -> User:
    return make_user()


@pytest.fixture
def camera() -> Camera:
    return camera_called()


def tried(rule: Any, user: User, since: datetime = NOON - DAY, until: datetime = NOON + DAY) -> Trial:
    return try_rule(rule, since, until, user)


def decided(held: Trial) -> list[tuple[str, str | None]]:
    return [(one.outcome["outcome"], one.outcome["condition"]) for one in held.held]


def test_each_visit_is_held_against_it_in_order_of_time(owner: User, camera: Camera) -> None:
    late = make_visit(camera, at=NOON + timedelta(hours=1), score=70)
    early = make_visit(camera, at=NOON, score=10)
    shown = tried(RuleFactory.create(risk_threshold=60), owner)
    assert [one.event for one in shown.held] == [early, late]
    assert decided(shown) == [("not_met", "risk_threshold"), ("fired", None)]
    assert (shown.counts, shown.notices, shown.truncated) == ({"fired": 1, "suppressed": 0, "not_met": 1}, 1, False)


def test_a_draft_can_be_tried_before_it_is_saved(owner: User, camera: Camera) -> None:
    porch = ZoneFactory.create(camera=camera)
    make_visit(camera, Saw(zones=[porch]), at=NOON)
    make_visit(camera, Saw(), at=NOON + timedelta(hours=1))
    draft = check_fields({"name": "Porch", "zone_ids": [porch.pk]})
    assert decided(tried(draft, owner)) == [("fired", None), ("not_met", "zones")]
    assert tried(draft, owner).held[0].outcome["rule_id"] is None


def test_the_cooldown_runs_by_the_times_at_which_things_were_seen(owner: User, camera: Camera) -> None:
    first, *_ = (make_visit(camera, at=NOON + timedelta(seconds=second)) for second in (0, 299, 300, 420))
    shown = tried(RuleFactory.create(cooldown_seconds=300), owner)
    assert [outcome for outcome, _ in decided(shown)] == ["fired", "suppressed", "fired", "suppressed"]
    got = shown.held[1].outcome["got"]
    assert (got["event_id"], got["until"]) == (first.pk, (NOON + timedelta(seconds=300)).isoformat())
    assert shown.notices == 2
    every = tried(RuleFactory.create(cooldown_seconds=0), owner)
    assert every.notices == 4


def test_a_higher_severity_pierces(owner: User, camera: Camera) -> None:
    for second, score in enumerate((40, 70, 40, 90)):
        make_visit(camera, at=NOON + timedelta(seconds=second), score=score)
    shown = tried(RuleFactory.create(severity="low"), owner)
    assert [outcome for outcome, _ in decided(shown)] == ["fired", "fired", "suppressed", "fired"]


def test_a_visit_that_was_cut_for_its_length_is_told_once_and_once_more_where_it_rose(
    owner: User, camera: Camera
) -> None:
    first = make_visit(camera, at=NOON, score=40)
    second = make_visit(camera, at=NOON + timedelta(hours=1), score=40, continues=first)
    make_visit(camera, at=NOON + timedelta(hours=2), score=70, continues=second)
    make_visit(camera, at=NOON + timedelta(hours=3), score=5, continues=second)
    shown = tried(RuleFactory.create(cooldown_seconds=0, risk_threshold=30), owner)
    assert [outcome for outcome, _ in decided(shown)] == ["fired"] * 4
    assert shown.notices == 2


def test_quiet_hours_and_late_pictures_silence_it(owner: User, camera: Camera) -> None:
    phone = ChannelFactory.create(name="Phone", quiet_from="13:00", quiet_until="14:00")  # noon in UTC is 13:00 at home
    make_visit(camera, at=NOON + timedelta(minutes=10))
    make_visit(camera, Saw(late=timedelta(hours=2)), at=NOON + timedelta(hours=2))
    shown = tried(RuleFactory.create(channels=[phone]), owner)
    assert decided(shown) == [("suppressed", "quiet_hours"), ("suppressed", "too_old")]
    assert shown.notices == 0


def test_only_visits_of_that_time_and_that_this_person_may_see(owner: User, camera: Camera) -> None:
    since, until = NOON, NOON + timedelta(hours=1)
    for at in (since - timedelta(seconds=1), since, until - timedelta(seconds=1), until):
        make_visit(camera, at=at)
    make_visit(camera, at=since, deleted_at=timezone.now())
    make_visit(camera_called("bedroom"), at=since)
    rule = RuleFactory.create()
    assert len(tried(rule, owner, since, until).held) == 3
    viewer = make_user("vera", Role.VIEWER, ["front_door"])
    assert {one.event.camera_id for one in tried(rule, viewer, since, until).held} == {"front_door"}


def test_it_is_cut_at_the_newest(owner: User, camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    visits = [make_visit(camera, at=NOON + timedelta(minutes=minute)) for minute in range(4)]
    monkeypatch.setattr(trial, "MOST_EVENTS", 3)
    shown = tried(RuleFactory.create(), owner)
    assert shown.truncated and [one.event for one in shown.held] == visits[1:]


def test_nothing_is_written_and_the_queries_do_not_grow(owner: User, camera: Camera) -> None:
    porch = ZoneFactory.create(camera=camera)
    rule = RuleFactory.create(cameras=[camera], zones=[porch], channels=[ChannelFactory.create()])

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            tried(rule, owner)
        assert all(query["sql"].startswith("SELECT") for query in captured)
        return len(captured)

    make_visit(camera, Saw(zones=[porch]), at=NOON)
    few = queries()
    for minute in range(8):
        make_visit(camera, Saw(zones=[porch]), Saw("car"), at=NOON + timedelta(minutes=minute))
    assert queries() == few
    assert not Alert.objects.exists() and not AlertGate.objects.exists()
    assert not Delivery.objects.exists() and not AuditLog.objects.exists()
    assert not Event.objects.filter(evaluated_revision__gt=0).exists()


@pytest.mark.parametrize("cooldown", [0, 3600])
def test_it_says_what_evaluation_says(owner: User, camera: Camera, cooldown: int) -> None:
    """The same visits, one after the other, told and tried."""
    porch = ZoneFactory.create(camera=camera)
    rule = RuleFactory.create(
        object_types=["person", "cat"], min_confidence=0.6, zones=[porch], risk_threshold=20, cooldown_seconds=cooldown
    )
    now = timezone.now() - timedelta(minutes=30)
    visits = []
    for number in range(24):
        saw = Saw(
            ("person", "cat", "car")[number % 3],
            (0.5, 0.7)[number % 2],
            zones=[porch] if number % 5 else [],
            late=timedelta(hours=2) if number % 7 == 0 else timedelta(),
        )
        visits.append(make_visit(camera, saw, at=now + timedelta(minutes=number), score=(10, 25, 65)[number % 4 % 3]))
        evaluate_changed()
    told = Counter((outcome_of(one)["outcome"], outcome_of(one)["condition"]) for one in visits)
    assert Counter(decided(tried(rule, owner, now, timezone.now()))) == told
    assert len(told) > 4
