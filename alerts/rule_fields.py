"""What may stand in each field of a rule: gives the value as it is kept, or refuses it. Called by `alerts.rules`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, cast

from django.conf import settings

from alerts.dedup_keys import TemplateRefused, parse_template
from alerts.models import AlertRule, NotificationChannel
from alerts.schedule import Schedule, ScheduleRefused
from cameras.models import Camera
from cameras.names import TURNS_TEXT
from inference.protocols import KEPT_CLASSES
from inference.scale import Level
from zones.models import Zone

LONGEST_NAME = 255
LONGEST_DESCRIPTION = 2000
LONGEST_COOLDOWN_S = 365 * 86_400
MOST_NAMED = 500


class RuleRefused(Exception):
    """A rule cannot be so; the message says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def merged(camera: Camera) -> Camera:
    """The camera its files belong to now."""
    return camera.merged_into or camera


def usable_name(value: object) -> str:
    name = " ".join(value.split()) if isinstance(value, str) else ""
    if not name:
        raise RuleRefused("name", "Give it a name.")
    if len(name) > LONGEST_NAME:
        raise RuleRefused("name", f"A name has {LONGEST_NAME} characters at most.")
    if any(unicodedata.category(character) in ("Cc", "Cs") or character in TURNS_TEXT for character in name):
        raise RuleRefused("name", "A name cannot hold control characters.")
    return name


def usable_description(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_DESCRIPTION or "\x00" in value:
        raise RuleRefused("description", f"A description is text of {LONGEST_DESCRIPTION:,} characters at most.")
    return value.strip()


def yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise RuleRefused("enabled", "It is true or false.")
    return value


def usable_severity(value: object) -> str:
    return _one_of("severity", value, [level.value for level in Level])


def usable_when(value: object) -> str:
    return _one_of("when", value, AlertRule.When.values)


def _one_of(field: str, value: object, known: list[str]) -> str:
    if not isinstance(value, str) or value not in known:
        raise RuleRefused(field, f"Choose one of: {', '.join(known)}.")
    return value


def usable_threshold(value: object) -> int | None:
    if value is not None and (not _is_whole(value) or not 0 <= cast("int", value) <= 100):
        raise RuleRefused("risk_threshold", "A whole number from 0 to 100, or none for any score.")
    return cast("int | None", value)


def usable_share(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise RuleRefused("min_confidence", "A share from 0 to 1, or none for any.")
    return float(value)


def usable_cooldown(value: object) -> int:
    if not _is_whole(value) or not 0 <= cast("int", value) <= LONGEST_COOLDOWN_S:
        raise RuleRefused("cooldown_seconds", "Seconds from 0 (every visit is told) to 31536000 (a year).")
    return cast("int", value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def usable_object_types(value: object) -> tuple[str, ...]:
    names = _list("object_types", value, str)
    looked_for = settings.CONFIG.DETECT_CLASSES
    for name in names:
        if name not in KEPT_CLASSES:
            raise RuleRefused("object_types", f"Nobody looks for “{name[:32]}”. Choose from: {', '.join(looked_for)}.")
        if name not in looked_for:
            raise RuleRefused("object_types", f"DETECT_CLASSES leaves out {name}: add it there, or take it away here.")
    return tuple(name for name in KEPT_CLASSES if name in names)


def known_cameras(value: object) -> tuple[Camera, ...]:
    ids = _list("camera_ids", value, str)
    found = {camera.pk: camera for camera in Camera.objects.filter(pk__in=ids).select_related("merged_into")}
    for camera_id in ids:
        if camera_id not in found:
            raise RuleRefused("camera_ids", f"There is no camera {camera_id[:100]}.")
        if (camera := merged(found[camera_id])).deleted_at is not None:
            raise RuleRefused("camera_ids", f"{camera.name} was put away: bring it back, or take it away here.")
    cameras = {camera.pk: camera for camera in map(merged, found.values())}
    return tuple(cameras[pk] for pk in sorted(cameras))


def known_zones(value: object, *, holds: bool) -> tuple[Zone, ...]:
    ids = _list("zone_ids", value, str)
    zones = Zone.objects.filter(pk__in=ids).select_related("camera")
    if holds:
        zones = zones.select_for_update(no_key=True, of=("self",))
    found = {zone.pk: zone for zone in zones.order_by("pk")}
    for zone_id in ids:
        if zone_id not in found:
            raise RuleRefused("zone_ids", f"There is no zone {zone_id[:200]}.")
        if not found[zone_id].enabled:
            raise RuleRefused("zone_ids", f"{found[zone_id].name} is switched off: switch it on, or take it away here.")
        if found[zone_id].camera.deleted_at is not None:
            raise RuleRefused("zone_ids", f"{found[zone_id].camera.name}, with {found[zone_id].name}, was put away.")
    return tuple(found.values())


def known_channels(value: object, *, holds: bool) -> tuple[NotificationChannel, ...]:
    ids = _list("channels", value, int)
    channels = NotificationChannel.objects.filter(pk__in=[pk for pk in ids if 0 < pk < 2**63]).order_by("pk")
    found = {channel.pk: channel for channel in (channels.select_for_update(no_key=True) if holds else channels)}
    if missing := [pk for pk in ids if pk not in found]:
        raise RuleRefused("channels", f"There is no channel {missing[0]}.")
    return tuple(found.values())


def _list(field: str, value: object, kind: type) -> list[Any]:
    """What a person named, none twice."""
    is_list = isinstance(value, list | tuple) and all(type(one) is kind for one in value)
    if not is_list or len(cast("list[Any]", value)) > MOST_NAMED:
        raise RuleRefused(field, f"A list of {MOST_NAMED} at most; an empty one for any.")
    named = list(dict.fromkeys(cast("Iterable[Any]", value)))
    if kind is str and any("\x00" in one for one in named):
        raise RuleRefused(field, "A name cannot hold control characters.")
    return named


def usable_schedule(value: object) -> dict[str, object] | None:
    if value is None:
        return None
    try:
        return Schedule.parse(value).as_json()
    except ScheduleRefused as refusal:
        raise RuleRefused("schedule", str(refusal)) from refusal


def usable_template(value: object) -> str:
    if not isinstance(value, str):
        raise RuleRefused("dedup_key_template", "It is text.")
    try:
        parse_template(value)
    except TemplateRefused as refusal:
        raise RuleRefused("dedup_key_template", str(refusal)) from refusal
    return value
