"""What a rule may be: whatever could not be evaluated is refused, by field and with what to do."""

from __future__ import annotations

from string import Formatter
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts.models import AuditLog
from alerts.dedup_keys import FIELDS, TemplateRefused, fill, parse_template
from alerts.models import AlertRule
from alerts.rules import (
    RuleFields,
    RuleRefused,
    change_rule,
    check_fields,
    create_rule,
    delete_rule,
    draft_of,
    problems_of,
)
from cameras.models import Camera
from tests.factories import AlertFactory, CameraFactory, ChannelFactory, RuleFactory, ZoneFactory
from zones.models import Zone

pytestmark = pytest.mark.django_db
NIGHT = {"days": ["mon"], "start_time": "22:00", "end_time": "06:00", "timezone": "Europe/Berlin"}


def everything() -> RuleFields:
    camera = CameraFactory.create(id="front_door")
    return {
        "name": "Person at night",
        "description": "At the front door after ten.",
        "enabled": True,
        "severity": "high",
        "risk_threshold": 50,
        "object_types": ["person"],
        "camera_ids": [camera.pk],
        "zone_ids": [ZoneFactory.create(camera=camera, id="front_door_porch", name="Porch").pk],
        "min_confidence": 0.7,
        "schedule": NIGHT,
        "when": "away",
        "dedup_key_template": "{camera_id}:{zone_id}",
        "cooldown_seconds": 600,
        "channels": [ChannelFactory.create().pk],
    }


def test_a_rule_with_every_condition_is_stored_as_it_was_written() -> None:
    fields = everything()
    rule = create_rule(fields, None)
    draft = draft_of(AlertRule.objects.get())
    stored = {name: getattr(rule, name) for name in fields if hasattr(rule, name)}
    assert stored | {"channels": fields["channels"]} == {
        name: value for name, value in fields.items() if name not in ("camera_ids", "zone_ids")
    }
    assert [camera.pk for camera in draft.cameras] == fields["camera_ids"]
    assert [zone.pk for zone in draft.zones] == fields["zone_ids"]
    assert AuditLog.objects.get().action == "rule_created"


def test_only_a_name_is_needed() -> None:
    rule = create_rule({"name": "  All   of it "}, None)
    assert (rule.name, rule.cooldown_seconds, rule.dedup_key_template) == ("All of it", 300, "{camera_id}:{rule_id}")
    assert rule.enabled and rule.when == "any" and not rule.object_types


@pytest.mark.parametrize("cooldown", [0, 1, 31_536_000])
def test_no_cooldown_stays_none(cooldown: int) -> None:
    assert create_rule({"name": "x", "cooldown_seconds": cooldown}, None).cooldown_seconds == cooldown


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "  ", "Give it a name"),
        ("name", "x" * 256, "255"),
        ("name", "a\x00b", "control"),
        ("description", "x" * 2001, "2,000"),
        ("enabled", "yes", "true or false"),
        ("severity", "worst", "low, medium, high, critical"),
        ("risk_threshold", 101, "0 to 100"),
        ("risk_threshold", -1, "0 to 100"),
        ("risk_threshold", 50.5, "0 to 100"),
        ("risk_threshold", True, "0 to 100"),
        ("object_types", ["zebra"], "Choose from: person"),
        ("object_types", ["bus"], "DETECT_CLASSES leaves out bus"),
        ("object_types", "person", "A list"),
        ("object_types", [3], "A list"),
        ("camera_ids", ["nowhere"], "There is no camera nowhere"),
        ("camera_ids", ["a\x00"], "control"),
        ("camera_ids", ["away"], "Away was put away: bring it back"),
        ("zone_ids", ["moon"], "There is no zone moon"),
        ("zone_ids", ["off"], "Off is switched off: switch it on"),
        ("zone_ids", ["hidden"], "put away"),
        ("min_confidence", 1.01, "0 to 1"),
        ("min_confidence", -0.1, "0 to 1"),
        ("min_confidence", float("nan"), "0 to 1"),
        ("schedule", {"days": []}, "Write it as"),
        ("schedule", NIGHT | {"days": []}, "at least one day"),
        ("schedule", NIGHT | {"timezone": "Mars/Base"}, "time zone"),
        ("schedule", NIGHT | {"end_time": "22:00"}, "the same"),
        ("when", "asleep", "any, home, away"),
        ("dedup_key_template", "", "1 to 255"),
        ("dedup_key_template", "x" * 256, "1 to 255"),
        ("dedup_key_template", "{camera}", "no field of it"),
        ("dedup_key_template", "{camera_id", "braces"),
        ("dedup_key_template", None, "text"),
        ("cooldown_seconds", -1, "Seconds from 0"),
        ("cooldown_seconds", 1.5, "Seconds from 0"),
        ("cooldown_seconds", 31_536_001, "Seconds from 0"),
        ("channels", [4711], "There is no channel 4711"),
        ("channels", [2**70], "There is no channel"),
        ("channels", [True], "A list"),
        ("colour", "red", "Not known here"),
    ],
)
def test_what_could_not_be_evaluated_is_refused(field: str, value: Any, words: str, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"DETECT_CLASSES": ("person", "car")})
    away = CameraFactory.create(id="away", deleted_at=timezone.now())
    ZoneFactory.create(id="off", name="Off", enabled=False)
    ZoneFactory.create(id="hidden", camera=away)
    rule = RuleFactory.create()
    for attempt in (
        lambda: create_rule({"name": "x", field: value}, None),  # type: ignore[misc]
        lambda: change_rule(rule, {field: value}, None),  # type: ignore[misc]
        lambda: check_fields({"name": "x", field: value}),  # type: ignore[misc]
    ):
        with pytest.raises(RuleRefused, match=words) as refused:
            attempt()
        assert refused.value.field == field
    assert AlertRule.objects.count() == 1 and not AuditLog.objects.exists()


def test_a_rule_without_a_name_is_refused() -> None:
    with pytest.raises(RuleRefused, match="Give it a name"):
        create_rule({}, None)


class TestZonesAndCameras:
    def test_a_zone_of_a_camera_that_is_left_out_is_refused(self) -> None:
        porch, back = ZoneFactory.create(name="Porch"), CameraFactory.create(id="back")
        with pytest.raises(RuleRefused, match=r"Porch is a zone of .*, which this rule leaves out") as refused:
            create_rule({"name": "x", "zone_ids": [porch.pk], "camera_ids": [back.pk]}, None)
        assert refused.value.field == "zone_ids"
        rule = RuleFactory.create(zones=[porch])
        with pytest.raises(RuleRefused) as refused:
            change_rule(rule, {"camera_ids": [back.pk]}, None)
        assert refused.value.field == "camera_ids"

    def test_both_may_be_named_or_the_zone_alone(self) -> None:
        porch, back = ZoneFactory.create(), CameraFactory.create()
        create_rule({"name": "a", "zone_ids": [porch.pk]}, None)
        create_rule({"name": "b", "zone_ids": [porch.pk], "camera_ids": [back.pk, porch.camera.pk]}, None)

    def test_a_merged_camera_means_the_one_it_was_merged_into(self) -> None:
        front = CameraFactory.create(id="front")
        CameraFactory.create(id="frnt", merged_into=front, deleted_at=timezone.now())
        rule = create_rule({"name": "x", "camera_ids": ["frnt", "front"]}, None)
        assert [camera.pk for camera in draft_of(rule).cameras] == ["front"]
        assert change_rule(rule, {"camera_ids": ["frnt"]}, None) == []


class TestChanging:
    def test_only_what_differs_is_named_and_written_down(self) -> None:
        rule = create_rule(everything(), None)
        AuditLog.objects.all().delete()
        before = rule.updated_at
        changes: RuleFields = {"cooldown_seconds": 0, "severity": "high", "channels": [], "camera_ids": []}
        assert change_rule(rule, changes, None) == ["cooldown_seconds", "channels", "camera_ids"]
        assert (rule.cooldown_seconds, rule.channels.count(), rule.updated_at > before) == (0, 0, True)
        assert AuditLog.objects.get().details == {"cooldown_seconds": 0, "channels": [], "camera_ids": []}

    def test_the_same_again_changes_nothing(self) -> None:
        fields = everything()
        rule = create_rule(fields, None)
        assert change_rule(rule, fields, None) == []
        assert AuditLog.objects.count() == 1

    def test_a_rule_whose_zone_was_switched_off_can_be_renamed_and_switched_off_but_not_on(self) -> None:
        rule = create_rule(everything(), None)
        Zone.objects.update(enabled=False)
        assert change_rule(rule, {"name": "Other", "enabled": False}, None) == ["name", "enabled"]
        with pytest.raises(RuleRefused, match="Porch is switched off"):
            change_rule(rule, {"enabled": True}, None)
        assert change_rule(rule, {"enabled": True, "zone_ids": []}, None) == ["enabled", "zone_ids"]

    def test_one_that_somebody_deleted_meanwhile_is_refused(self) -> None:
        rule = create_rule(everything(), None)
        delete_rule(AlertRule.objects.get(), None)
        with pytest.raises(RuleRefused, match="deleted this rule meanwhile"):
            change_rule(rule, {"name": "Other"}, None)

    def test_a_deleted_rule_leaves_its_alerts(self) -> None:
        rule = create_rule(everything(), None)
        alert = AlertFactory.create(rule=rule)
        delete_rule(rule, None)
        alert.refresh_from_db()
        assert alert.rule is None and alert.metadata["rule"] == "Person at night"
        assert set(AuditLog.objects.values_list("action", flat=True)) == {"rule_created", "rule_deleted"}


class TestProblems:
    def test_usually_there_is_none(self) -> None:
        assert problems_of(create_rule(everything(), None)) == []

    def test_what_went_since_is_told(self, settings: Settings) -> None:
        rule = create_rule(everything(), None)
        Zone.objects.update(enabled=False)
        Camera.objects.update(deleted_at=timezone.now())
        rule.channels.update(enabled=False)
        AlertRule.objects.update(schedule={}, dedup_key_template="{")
        settings.CONFIG = settings.CONFIG.model_copy(update={"DETECT_CLASSES": ("car",)})
        rule.refresh_from_db()
        told = " ".join(problems_of(AlertRule.objects.get()))
        assert "Front door was put away." in told
        assert "The zone Porch is switched off." in told
        assert "DETECT_CLASSES leaves out: person." in told
        assert "Write it as" in told
        assert "channels are switched off" in told


VALUES = {name: f"<{name}>" for name in FIELDS}


class TestTemplates:
    @given(st.lists(st.one_of(st.sampled_from([f"{{{name}}}" for name in FIELDS]), st.sampled_from(":-/ ü{{}}"))))
    def test_names_are_filled_in_and_all_else_stays(self, pieces: list[str]) -> None:
        template = "".join(pieces).replace("{{}}", "").replace("{{", "")
        try:
            parsed = parse_template(template)
        except TemplateRefused:
            return
        assert fill(parsed, VALUES) == template.format(**VALUES)

    @given(st.text(alphabet="{}!:.[]_ camerid0", max_size=30))
    def test_whatever_is_taken_holds_bare_names_only(self, template: str) -> None:
        try:
            parsed = parse_template(template)
        except TemplateRefused:
            return
        for _, field, specification, conversion in Formatter().parse(template):
            assert field is None or (field in FIELDS and not specification and conversion is None)
        assert fill(parsed, VALUES) == template.format(**VALUES)

    @pytest.mark.parametrize(
        "template",
        [
            "{camera_id.__class__}",
            "{camera_id[0]}",
            "{camera_id!r}",
            "{camera_id:>9}",
            "{camera_id:}",
            "{camera_id:{rule_id}}",
            "{}",
            "{0}",
            "{ camera_id }",
            "{CAMERA_ID}",
            "a}b",
            "a\nb",
            "\ud800",
            "   ",
        ],
    )
    def test_anything_else_between_braces_is_refused(self, template: str) -> None:
        with pytest.raises(TemplateRefused):
            parse_template(template)

    def test_what_is_filled_in_is_not_looked_at_again(self) -> None:
        parsed = parse_template("{{x}}{zone_id}")
        assert fill(parsed, VALUES | {"zone_id": "{rule_id}"}) == "{x}{rule_id}"
