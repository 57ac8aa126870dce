"""Rules as people write them: what is refused and why, and storing them. For pages, API and admin alike.

A condition that could not be evaluated is refused here. What it names may go later (a zone is switched off, a camera
put away): `problems_of` tells that, and the rule's outcomes say so.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from accounts.models import AuditAction, audit
from alerts import rule_fields
from alerts.models import DEFAULT_KEY, AlertRule, NotificationChannel, RuleCamera, RuleChannel, RuleZone
from alerts.rule_fields import RuleRefused as RuleRefused
from alerts.rule_fields import merged
from cameras.models import Camera
from inference.scale import Level
from zones.models import Zone


class RuleFields(TypedDict, total=False):
    """What a person writes of a rule; of a change, what is left out stays."""

    name: str
    description: str
    enabled: bool
    severity: str
    risk_threshold: int | None
    object_types: list[str]
    camera_ids: list[str]
    zone_ids: list[str]
    min_confidence: float | None
    schedule: dict[str, Any] | None
    when: str
    dedup_key_template: str
    cooldown_seconds: int
    channels: list[int]


@dataclass(frozen=True)
class Draft:
    """A rule, stored or not, with what it names: to be put in words, tried and stored."""

    pk: uuid.UUID | None = None
    name: str = ""
    description: str = ""
    enabled: bool = True
    severity: str = Level.MEDIUM.value
    risk_threshold: int | None = None
    object_types: tuple[str, ...] = ()
    cameras: tuple[Camera, ...] = ()
    zones: tuple[Zone, ...] = ()
    min_confidence: float | None = None
    schedule: dict[str, Any] | None = None
    when: str = AlertRule.When.ANY.value
    dedup_key_template: str = DEFAULT_KEY
    cooldown_seconds: int = 300
    channels: tuple[NotificationChannel, ...] = ()


# Columns of the rule itself; the others are rows beside it.
COLUMNS = (
    *("name", "description", "enabled", "severity", "risk_threshold", "object_types", "min_confidence"),
    *("schedule", "when", "dedup_key_template", "cooldown_seconds"),
)


def with_what_they_name(rules: QuerySet[AlertRule]) -> QuerySet[AlertRule]:
    """`rules` with all that `draft_of` reads, in one query for each kind."""
    return rules.prefetch_related("cameras__merged_into", "zones__camera", "channels")


def draft_of(rule: AlertRule) -> Draft:
    """A stored rule as it is. A camera that was merged means the one its files belong to now."""
    cameras = {camera.pk: camera for camera in map(merged, rule.cameras.all())}
    return Draft(
        pk=rule.pk,
        object_types=tuple(rule.object_types),
        cameras=tuple(sorted(cameras.values(), key=lambda camera: camera.pk)),
        zones=tuple(sorted(rule.zones.all(), key=lambda zone: zone.pk)),
        channels=tuple(sorted(rule.channels.all(), key=lambda channel: channel.pk)),
        **{name: getattr(rule, name) for name in COLUMNS if name != "object_types"},
    )


def create_rule(fields: RuleFields, request: HttpRequest | None) -> AlertRule:
    """Raises RuleRefused."""
    with transaction.atomic():
        draft = _checked(fields, None, holds=True)
        rule = AlertRule.objects.create(**_columns(draft))
        _name_rows(rule, draft)
        audit(AuditAction.RULE_CREATED, "alert_rule", rule.pk, request=request, details=dict(fields))
    rule.refresh_from_db()
    return rule


def change_rule(rule: AlertRule, fields: RuleFields, request: HttpRequest | None) -> list[str]:
    """Change these fields; gives the names of those that differed. Raises RuleRefused."""
    with transaction.atomic():
        stored = AlertRule.objects.select_for_update(no_key=True).filter(pk=rule.pk).first()
        if stored is None:
            raise RuleRefused("name", "Somebody deleted this rule meanwhile.")
        before = draft_of(stored)
        draft = _checked(fields, stored, holds=True)
        changed = [name for name in fields if _value(before, name) != _value(draft, name)]
        if changed:
            AlertRule.objects.filter(pk=rule.pk).update(**_columns(draft), updated_at=Now())
            _name_rows(stored, draft)
            details = {name: _value(draft, name) for name in changed}
            audit(AuditAction.RULE_UPDATED, "alert_rule", rule.pk, request=request, details=details)
    rule.refresh_from_db()
    return changed


def delete_rule(rule: AlertRule, request: HttpRequest | None) -> None:
    """What it told stays in the inbox, and what it decided with each visit."""
    with transaction.atomic():
        # Who stores an alert of it at this moment waits, and finds it gone.
        list(AlertRule.objects.select_for_update().filter(pk=rule.pk).values_list("pk"))
        audit(AuditAction.RULE_DELETED, "alert_rule", rule.pk, request=request, details={"name": rule.name})
        rule.delete()


def check_fields(fields: RuleFields, rule: AlertRule | None = None) -> Draft:
    """The rule as it would be with these fields; nothing is stored. Raises RuleRefused."""
    return _checked(fields, rule, holds=False)


def problems_of(rule: AlertRule | Draft) -> list[str]:
    """Why a stored rule tells less than it says, or nothing, for a reader; usually nothing does."""
    draft = draft_of(rule) if isinstance(rule, AlertRule) else rule
    problems = [f"{camera.name} was put away." for camera in draft.cameras if camera.deleted_at]
    for zone in draft.zones:
        if not zone.enabled:
            problems.append(f"The zone {zone.name} is switched off.")
        elif draft.cameras and zone.camera_id not in {camera.pk for camera in draft.cameras}:
            problems.append(f"The zone {zone.name} is of another camera.")
    if unseen := [name for name in draft.object_types if name not in settings.CONFIG.DETECT_CLASSES]:
        problems.append(f"DETECT_CLASSES leaves out: {', '.join(unseen)}.")
    try:
        rule_fields.usable_schedule(draft.schedule)
        rule_fields.usable_template(draft.dedup_key_template)
    except RuleRefused as refusal:
        problems.append(str(refusal))
    if draft.channels and not any(channel.enabled for channel in draft.channels):
        problems.append("Its channels are switched off: it tells nobody, see the inbox.")
    return problems


def _columns(draft: Draft) -> dict[str, Any]:
    return {name: getattr(draft, name) for name in COLUMNS} | {"object_types": list(draft.object_types)}


def _name_rows(rule: AlertRule, draft: Draft) -> None:
    """Write which cameras, zones and channels the rule names."""
    for through, column, named in (
        (RuleCamera, "camera", draft.cameras),
        (RuleZone, "zone", draft.zones),
        (RuleChannel, "channel", draft.channels),
    ):
        rows = cast("type[Model]", through)._default_manager.filter(rule=rule)
        rows.exclude(**{f"{column}__in": named}).delete()
        there = set(rows.values_list(column, flat=True))
        rows.bulk_create(through(rule=rule, **{column: one}) for one in named if one.pk not in there)


def _value(draft: Draft, field: str) -> object:
    """As the fields have it, for comparing and for the audit trail."""
    relation = {"camera_ids": "cameras", "zone_ids": "zones", "channels": "channels"}.get(field)
    if relation:
        return [row.pk for row in getattr(draft, relation)]
    value = getattr(draft, field)
    return list(value) if isinstance(value, tuple) else value


def _checked(fields: RuleFields, rule: AlertRule | None, *, holds: bool) -> Draft:
    """`holds`: what it names is held to the end of the transaction, so that none of it goes meanwhile."""
    draft = draft_of(rule) if rule else Draft()
    if rule is None and "name" not in fields:
        raise RuleRefused("name", "Give it a name.")
    given = dict(fields)
    if fields.get("enabled") and rule is not None and not rule.enabled:
        # What was written long ago may not do any more.
        given = {name: _value(draft, name) for name in ("object_types", "camera_ids", "zone_ids", "schedule")} | given
    checks: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "name": ("name", rule_fields.usable_name),
        "description": ("description", rule_fields.usable_description),
        "enabled": ("enabled", rule_fields.yes_or_no),
        "severity": ("severity", rule_fields.usable_severity),
        "risk_threshold": ("risk_threshold", rule_fields.usable_threshold),
        "object_types": ("object_types", rule_fields.usable_object_types),
        "camera_ids": ("cameras", rule_fields.known_cameras),
        "zone_ids": ("zones", lambda value: rule_fields.known_zones(value, holds=holds)),
        "min_confidence": ("min_confidence", rule_fields.usable_share),
        "schedule": ("schedule", rule_fields.usable_schedule),
        "when": ("when", rule_fields.usable_when),
        "dedup_key_template": ("dedup_key_template", rule_fields.usable_template),
        "cooldown_seconds": ("cooldown_seconds", rule_fields.usable_cooldown),
        "channels": ("channels", lambda value: rule_fields.known_channels(value, holds=holds)),
    }
    for field, value in given.items():
        if field not in checks:
            raise RuleRefused(field, f"Not known here; known are: {', '.join(checks)}.")
        attribute, check = checks[field]
        draft = replace(draft, **{attribute: check(value)})
    if {"camera_ids", "zone_ids"} & set(given):
        _refuse_zones_left_out(draft, "zone_ids" if "zone_ids" in fields else "camera_ids")
    return draft


def _refuse_zones_left_out(draft: Draft, field: str) -> None:
    named = {camera.pk for camera in draft.cameras}
    for zone in draft.zones:
        if named and zone.camera_id not in named:
            raise RuleRefused(
                field,
                f"{zone.name} is a zone of {zone.camera.name}, which this rule leaves out: "
                "add that camera, or take the zone away.",
            )
