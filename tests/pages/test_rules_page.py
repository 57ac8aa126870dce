"""The list of rules and the builder: its words, its refusals, its test against what was seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils.timezone import now

from accounts.models import AuditLog, Role
from alerts.models import Alert, AlertRule
from alerts.rule_form import initial_of
from alerts.rules import create_rule, draft_of
from cameras.models import Camera
from tests.factories import (
    AlertFactory,
    ChannelFactory,
    EventFactory,
    RuleFactory,
    UserFactory,
    ZoneFactory,
)
from tests.pages.conftest import signed_in_as

HOSTILE = "<img src=x onerror=alert(1)> '\""
PLAIN = {"name": "A rule", "severity": "high", "cooldown": "5", "unit": "min", "enabled": "on"}


def text_of(client: Client, url: str = "/rules/") -> str:
    return " ".join(client.get(url).content.decode().split())


def said(client: Client, url: str, fields: Mapping[str, object]) -> str:
    """What the builder answers to htmx."""
    return " ".join(client.post(url, fields, headers={"HX-Request": "true"}).content.decode().split())


def error_beside(text: str, field: str) -> str:
    return text.split(f'id="id_{field}_error"', 1)[1].split("</div>", 1)[0]


@pytest.fixture
def full(front: Camera) -> dict[str, object]:
    """Every field of the builder, as a browser sends it."""
    zone = ZoneFactory.create(camera=front, name="Porch")
    return {
        **PLAIN,
        "name": "Somebody at the door by night",
        "description": "Since March.",
        "object_types": ["person", "dog"],
        "camera_ids": [front.pk],
        "zone_ids": [zone.pk],
        "worry": "other",
        "risk_threshold": "40",
        "sure": "70",
        "days": ["fri", "sat"],
        "start_time": "22:00",
        "end_time": "06:00",
        "timezone": "America/Chicago",
        "when": "away",
        "channels": [str(ChannelFactory.create(name="Anna's phone").pk)],
        "dedup_key_template": "{camera_id}:{object_type}",
    }


def test_a_rule_is_built_with_every_condition(page: Client, full: dict[str, object], front: Camera) -> None:
    assert page.post("/rules/new/", full)["Location"] == "/rules/"
    rule = draft_of(AlertRule.objects.get())
    assert (rule.name, rule.description, rule.enabled) == ("Somebody at the door by night", "Since March.", True)
    assert (rule.severity, rule.risk_threshold, rule.min_confidence, rule.when) == ("high", 40, 0.7, "away")
    assert rule.object_types == ("person", "dog")
    assert [camera.pk for camera in rule.cameras] == [front.pk]
    assert [zone.name for zone in rule.zones] == ["Porch"]
    assert [channel.name for channel in rule.channels] == ["Anna's phone"]
    assert rule.schedule == {
        "days": ["fri", "sat"],
        "start_time": "22:00",
        "end_time": "06:00",
        "timezone": "America/Chicago",
    }
    assert (rule.cooldown_seconds, rule.dedup_key_template) == (300, "{camera_id}:{object_type}")
    assert AuditLog.objects.filter(action="rule_created").count() == 1


def test_a_rule_that_is_opened_and_saved_is_as_it_was(page: Client, full: dict[str, object]) -> None:
    page.post("/rules/new/", full)
    rule = AlertRule.objects.get()
    before = draft_of(rule)
    shown = {name: value for name, value in initial_of(before).items() if value is not None and value is not False}
    page.post(f"/rules/{rule.pk}/", shown)
    assert draft_of(AlertRule.objects.get()) == before
    assert not AuditLog.objects.filter(action="rule_updated").exists()


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({}, None),
        ({"days": ["sat"]}, {"days": ["sat"], "start_time": "00:00", "end_time": "24:00"}),
        ({"start_time": "22:00", "end_time": "06:00"}, {"start_time": "22:00", "end_time": "06:00"}),
        ({"start_time": "22:00", "end_time": "00:00"}, {"start_time": "22:00", "end_time": "00:00"}),
        ({"start_time": "00:00", "end_time": "00:00"}, {"start_time": "00:00", "end_time": "24:00"}),
    ],
    ids=["any time", "a day", "hours", "to midnight", "the whole day"],
)
def test_days_and_hours_may_be_left_out(
    page: Client, sent: dict[str, object], stored: dict[str, object] | None
) -> None:
    page.post("/rules/new/", {**PLAIN, **sent})
    schedule = AlertRule.objects.get().schedule
    if stored is None:
        assert schedule is None
    else:
        everyday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        assert schedule == {"days": everyday, "timezone": settings.TIME_ZONE, **stored}


@pytest.mark.parametrize(("worry", "threshold"), [("", None), ("medium", 30), ("high", 60), ("critical", 85)])
def test_a_level_stands_for_its_least_score(page: Client, worry: str, threshold: int | None) -> None:
    page.post("/rules/new/", {**PLAIN, "worry": worry, "risk_threshold": "12"})
    rule = AlertRule.objects.get()
    assert rule.risk_threshold == threshold
    assert initial_of(draft_of(rule))["worry"] == worry


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, (0, "s")), (90, (90, "s")), (600, (10, "min")), (7200, (2, "h"))], ids=str
)
def test_a_cooldown_is_shown_in_its_largest_unit(db: None, seconds: int, shown: tuple[int, str]) -> None:
    initial = initial_of(draft_of(RuleFactory.create(cooldown_seconds=seconds)))
    assert (initial["cooldown"], initial["unit"]) == shown


def test_nothing_may_pass_between_two_notices(page: Client) -> None:
    page.post("/rules/new/", {**PLAIN, "cooldown": "0"})
    assert AlertRule.objects.get().cooldown_seconds == 0


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"name": ""}, "name"),
        ({"object_types": ["unicorn"]}, "object_types"),
        ({"camera_ids": ["nowhere"]}, "camera_ids"),
        ({"zone_ids": ["nowhere"]}, "zone_ids"),
        ({"worry": "other"}, "risk_threshold"),
        ({"worry": "other", "risk_threshold": "101"}, "risk_threshold"),
        ({"sure": "101"}, "sure"),
        ({"start_time": "25:00", "end_time": "06:00"}, "start_time"),
        ({"start_time": "22:00"}, "end_time"),
        ({"start_time": "22:00", "end_time": "22:00"}, "start_time"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"channels": ["99"]}, "channels"),
        ({"cooldown": "-1"}, "cooldown"),
        ({"dedup_key_template": "{camera_id.__class__}"}, "dedup_key_template"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_cannot_be_is_refused_beside_its_field_and_nothing_typed_is_lost(
    page: Client, sent: dict[str, object], field: str
) -> None:
    response = page.post("/rules/new/", {**PLAIN, "description": "Typed with care.", **sent})
    text = response.content.decode()
    assert response.status_code == 422
    assert "<p>" in error_beside(text, field)
    assert "Typed with care." in text
    assert not AlertRule.objects.exists()


def test_a_name_that_is_missing_leaves_the_sentence_as_it_is(page: Client) -> None:
    text = page.post("/rules/new/", {**PLAIN, "name": ""}).content.decode()
    assert "Puts an alert in the inbox when" in text
    assert "cannot be so yet" not in text


def test_a_zone_of_a_camera_that_is_left_out_is_refused(page: Client, front: Camera, back: Camera) -> None:
    zone = ZoneFactory.create(camera=back, name="Shed")
    response = page.post("/rules/new/", {**PLAIN, "camera_ids": [front.pk], "zone_ids": [zone.pk]})
    assert "Shed is a zone of Back garden" in error_beside(response.content.decode(), "zone_ids")


class TestPreview:
    def test_the_rule_is_told_in_words_while_it_is_built(self, page: Client, front: Camera) -> None:
        channel = ChannelFactory.create(name="Anna's phone")
        sent = {**PLAIN, "name": "", "object_types": ["person"], "camera_ids": [front.pk], "channels": [channel.pk]}
        text = said(page, "/rules/new/preview/", sent | {"start_time": "22:00", "end_time": "06:00"})
        assert "Tells Anna&#x27;s phone when a person is seen at Front door between 22:00 and 06:00" in text
        assert "<p>" not in error_beside(text, "name")  # it is asked for when it is saved

    def test_what_cannot_be_stands_beside_its_field(self, page: Client) -> None:
        text = said(page, "/rules/new/preview/", {**PLAIN, "start_time": "22:00"})
        assert "Both are needed" in error_beside(text, "end_time")
        assert "Something in the rule cannot be so yet." in text

    def test_nothing_is_stored(self, page: Client) -> None:
        rule = RuleFactory.create(name="As it was")
        said(page, f"/rules/{rule.pk}/preview/", {**PLAIN, "name": "Another"})
        said(page, "/rules/new/preview/", PLAIN)
        assert [one.name for one in AlertRule.objects.all()] == ["As it was"]
        assert not AuditLog.objects.exists()

    def test_words_from_outside_are_only_words(self, page: Client) -> None:
        channel = ChannelFactory.create(name=HOSTILE)
        text = said(page, "/rules/new/preview/", {**PLAIN, "name": HOSTILE, "channels": [channel.pk]})
        assert "&lt;img" in text
        assert HOSTILE not in text


class TestAgainstThePast:
    @pytest.fixture
    def week(self, front: Camera) -> None:
        for hours, score in ((2, 90), (30, 55), (50, 10)):
            seen = now() - timedelta(hours=hours)
            EventFactory.create(camera=front, started_at=seen, risk_score=score, summary=f"A visit of {score}.")
        EventFactory.create(camera=front, started_at=now() - timedelta(days=9), summary="Long ago.", risk_score=90)

    @pytest.mark.usefixtures("week")
    def test_what_it_would_have_told_comes_first_then_what_came_closest(self, page: Client) -> None:
        text = said(page, "/rules/new/test/", {**PLAIN, "worry": "high"})
        assert "It would have told 1 time in the last 7 days." in text
        places = [text.index(words) for words in ("Told</h3>", "A visit of 90.", "Closest", "A visit of 55.", "of 10.")]
        assert places == sorted(places)
        assert "the score was 55" in text
        assert 'class="row-picture' in text
        assert "Long ago." not in text

    @pytest.mark.usefixtures("week")
    def test_without_a_script_it_is_a_page_of_its_own_that_keeps_the_draft(self, page: Client) -> None:
        response = page.post("/rules/new/test/", {**PLAIN, "worry": "high"})
        text = response.content.decode()
        assert response.status_code == 200
        assert 'value="A rule"' in text
        assert "It would have told 1 time" in text

    @pytest.mark.usefixtures("week")
    def test_it_writes_nothing(self, page: Client) -> None:
        before = draft_of(RuleFactory.create())
        said(page, f"/rules/{before.pk}/test/", PLAIN)
        assert draft_of(AlertRule.objects.get()) == before
        assert not AuditLog.objects.exists()
        assert not Alert.objects.exists()

    def test_a_rule_that_cannot_be_is_not_tested(self, page: Client) -> None:
        text = said(page, "/rules/new/test/", {**PLAIN, "sure": "200"})
        assert "It cannot be tested yet" in text
        assert "<p>" in error_beside(text, "sure")

    def test_nothing_was_seen(self, page: Client) -> None:
        assert "No visit was seen in the last 7 days." in said(page, "/rules/new/test/", PLAIN)

    @pytest.mark.usefixtures("week")
    def test_it_costs_the_same_however_much_is_shown(
        self,
        page: Client,
        front: Camera,
        django_assert_num_queries: Callable[[int], AbstractContextManager[None]],
    ) -> None:
        # session, user · what may be chosen: cameras, zones, channels · the test itself · what is shown: visits, scores
        queries = 12
        with django_assert_num_queries(queries):
            said(page, "/rules/new/test/", PLAIN)
        EventFactory.create_batch(8, camera=front)
        with django_assert_num_queries(queries):
            said(page, "/rules/new/test/", PLAIN)


class TestList:
    def test_each_is_told_in_words_with_how_often_it_was_met(self, page: Client, front: Camera) -> None:
        rule = RuleFactory.create(name="Cars", object_types=["car"], cooldown_seconds=0)
        for days in (1, 3, 9):
            alert = AlertFactory.create(rule=rule, event=EventFactory.create(camera=front))
            type(alert).objects.filter(pk=alert.pk).update(created_at=now() - timedelta(days=days))
        text = text_of(page)
        assert "a car is seen" in text
        assert "Met by 2 visits in the last 7 days" in text

    def test_what_hinders_a_rule_is_said(self, page: Client, front: Camera) -> None:
        zone = ZoneFactory.create(camera=front, name="Porch")
        rule = RuleFactory.create(zones=[zone], channels=[ChannelFactory.create(enabled=False)])
        type(zone).objects.update(enabled=False)
        for url in ("/rules/", f"/rules/{rule.pk}/"):
            text = text_of(page, url)
            assert "The zone Porch is switched off." in text
            assert "Its channels are switched off" in text

    def test_a_rule_is_switched_off_and_on(self, page: Client) -> None:
        rule = RuleFactory.create()
        for sent, enabled in (("no", False), ("yes", True)):
            page.post(f"/rules/{rule.pk}/switch/", {"on": sent})
            rule.refresh_from_db()
            assert rule.enabled is enabled
        assert AuditLog.objects.filter(action="rule_updated").count() == 2

    def test_a_rule_that_would_be_refused_stays_off_and_says_why(self, page: Client, front: Camera) -> None:
        zone = ZoneFactory.create(camera=front, name="Porch")
        rule = RuleFactory.create(zones=[zone], enabled=False)
        type(zone).objects.update(enabled=False)
        page.post(f"/rules/{rule.pk}/switch/", {"on": "yes"})
        assert "stays off. Porch is switched off" in text_of(page)

    def test_without_rules_it_says_so(self, page: Client) -> None:
        assert "There is no rule, so nobody is told of anything." in text_of(page)

    def test_it_costs_the_same_however_many_there_are(
        self, page: Client, front: Camera, django_assert_num_queries: Callable[[int], AbstractContextManager[None]]
    ) -> None:
        def another() -> None:
            zone = ZoneFactory.create(camera=front)
            rule = RuleFactory.create(cameras=[front], zones=[zone], channels=[ChannelFactory.create()])
            AlertFactory.create(rule=rule, event=EventFactory.create(camera=front))

        another()
        # session, user · how many, the rules, their cameras, zones with theirs, channels · how often they were met
        queries = 9
        with django_assert_num_queries(queries):
            page.get("/rules/")
        for _ in range(5):
            another()
        with django_assert_num_queries(queries):
            page.get("/rules/")


def test_a_rule_is_changed_and_deleted(page: Client) -> None:
    rule = RuleFactory.create(name="Old name")
    page.post(f"/rules/{rule.pk}/", {**PLAIN, "name": "New name"})
    assert "New name" in text_of(page)
    assert page.post(f"/rules/{rule.pk}/delete/")["Location"] == "/rules/"
    assert not AlertRule.objects.exists()
    assert AuditLog.objects.filter(action="rule_deleted").count() == 1


def test_a_rule_goes_on_naming_what_it_named(page: Client, front: Camera) -> None:
    zone = ZoneFactory.create(camera=front, name="Porch")
    rule = create_rule({"name": "Porch", "camera_ids": [front.pk], "zone_ids": [zone.pk]}, None)
    type(zone).objects.update(enabled=False)
    Camera.objects.filter(pk=front.pk).update(deleted_at=now())
    text = text_of(page, f"/rules/{rule.pk}/")
    assert "Porch (switched off)" in text
    assert "Front door was put away." in text


def test_words_from_outside_are_only_words(page: Client, front: Camera) -> None:
    Camera.objects.update(name=HOSTILE)
    zone = ZoneFactory.create(camera=front, name=HOSTILE, id="front_door_zone")
    channel = ChannelFactory.create(name=HOSTILE, service=HOSTILE)
    rule = RuleFactory.create(name=HOSTILE, description=HOSTILE, zones=[zone], channels=[channel], cameras=[front])
    for url in ("/rules/", f"/rules/{rule.pk}/", "/rules/new/"):
        text = page.get(url).content.decode()
        assert HOSTILE not in text
        assert "&lt;img src=x onerror=alert(1)&gt;" in text


class TestRights:
    PAGES = ("/rules/", "/rules/new/", "/rules/{}/")
    DEEDS = (
        "/rules/new/",
        "/rules/{}/",
        "/rules/new/preview/",
        "/rules/{}/preview/",
        "/rules/new/test/",
        "/rules/{}/test/",
        "/rules/{}/switch/",
        "/rules/{}/delete/",
    )

    @pytest.fixture
    def rule(self, db: None) -> AlertRule:
        return RuleFactory.create(name="Door")

    @pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER])
    @pytest.mark.parametrize("pattern", PAGES)
    def test_the_household_builds_rules(self, rule: AlertRule, role: Role, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=role))
        assert client.get(pattern.format(rule.pk)).status_code == 200

    @pytest.mark.parametrize("pattern", PAGES)
    def test_a_viewer_sees_no_rule(self, rule: AlertRule, front: Camera, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=Role.VIEWER, camera_ids=[front.pk]))
        assert client.get(pattern.format(rule.pk)).status_code == 403

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_a_viewer_changes_none(self, rule: AlertRule, pattern: str) -> None:
        client = signed_in_as(UserFactory.create(role=Role.VIEWER))
        assert client.post(pattern.format(rule.pk), PLAIN).status_code == 403
        assert [one.name for one in AlertRule.objects.all()] == ["Door"]

    @pytest.mark.parametrize("pattern", DEEDS)
    def test_nobody_without_logging_in_nor_from_another_site(
        self, rule: AlertRule, client: Client, pattern: str
    ) -> None:
        url = pattern.format(rule.pk)
        assert client.post(url, PLAIN)["Location"].startswith("/login/")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(UserFactory.create())
        assert strict.post(url, PLAIN).status_code == 403
        assert [one.name for one in AlertRule.objects.all()] == ["Door"]

    def test_a_rule_that_is_not_there(self, page: Client) -> None:
        assert page.get("/rules/3f2504e0-4f89-11d3-9a0c-0305e82c3301/").status_code == 404
        assert page.get("/rules/1/").status_code == 404
