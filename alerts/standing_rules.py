"""Rules as visits are held against them: read with all they name in a few queries, made ready once for many visits."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models.functions import Coalesce

from accounts.models import HomeMode
from alerts.conditions import Conditions, Household, Sight
from alerts.dedup_keys import TemplateRefused, fill, parse_template
from alerts.models import DEFAULT_KEY, AlertRule, NotificationChannel, RuleCamera, RuleChannel, RuleZone
from alerts.outcomes import Condition, Outcome
from alerts.rules import COLUMNS, Draft
from alerts.schedule import Schedule, ScheduleRefused
from cameras.words import list_words
from inference.scale import Level
from zones.models import Zone

LEVELS = tuple(level.value for level in Level)
RANK = {level: rank for rank, level in enumerate(LEVELS)}


@dataclass(frozen=True)
class StandingRule:
    pk: uuid.UUID | None
    name: str
    rank: int
    conditions: Conditions
    key: tuple[tuple[str, str | None], ...]
    cooldown_s: int
    channels: tuple[NotificationChannel, ...]
    """Those that are switched on."""

    def key_of(self, camera_id: str, level: str, deciding: Sight) -> str:
        own = [zone for zone in deciding.zone_ids if zone in self.conditions.zones]
        return fill(
            self.key,
            {
                "camera_id": camera_id,
                "rule_id": str(self.pk or "draft"),
                "object_type": deciding.object_type,
                "zone_id": next(iter([*own, *deciding.zone_ids]), ""),
                "risk_level": level,
            },
        )

    def decided(self, outcome: str, condition: Condition | None, wanted: object, got: object) -> Outcome:
        return {
            "rule_id": str(self.pk) if self.pk else None,
            "rule": self.name,
            "outcome": outcome,
            "condition": condition.value if condition else None,
            "wanted": wanted,
            "got": got,
        }


# Which versions of the rows there are. Of cameras, which change with every file, only what a rule knows of them.
VERSIONS = " UNION ALL ".join(
    [
        *(
            f"SELECT sum(hashtextextended(concat_ws(' ', xmin, ctid), {seed})) FROM {model._meta.db_table}"  # noqa: S608
            for seed, model in enumerate((AlertRule, RuleCamera, RuleZone, RuleChannel, NotificationChannel, Zone))
        ),
        "SELECT sum(hashtextextended(concat_ws(' ', id, merged_into_id, name), 0)) FROM cameras",
    ]
)


class _ChangedMeanwhile(Exception):
    """Somebody wrote while the rules were read."""


def standing_rules() -> Sequence[StandingRule]:
    """Those that are switched on, by name, as they are now."""
    while True:
        try:
            return _made_ready(_versions())
        except _ChangedMeanwhile:
            continue


def _versions() -> tuple[object, ...]:
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS)
        return tuple(cursor.fetchall())


@lru_cache(maxsize=1)
def _made_ready(versions: tuple[object, ...]) -> Sequence[StandingRule]:
    """Rules change seldom, and five hundred take longer to be read than to be held against a visit.

    They are read in several queries: a rule written in between would be seen without its zone, and be met anywhere.
    """
    rules = AlertRule.objects.filter(enabled=True).order_by("name", "pk")
    cameras, zones, channels = _cameras(), _zones(), _channels()
    ready = [
        _standing(row["pk"], row, cameras.get(row["pk"], ()), zones.get(row["pk"], ()), channels.get(row["pk"], ()))
        for row in rules.values("pk", *COLUMNS)
    ]
    if _versions() != versions:
        raise _ChangedMeanwhile
    return ready


def standing(draft: Draft) -> StandingRule:
    row = {name: getattr(draft, name) for name in COLUMNS}
    cameras = [(camera.pk, camera.name) for camera in draft.cameras]
    zones = [(zone.pk, zone.name, zone.enabled) for zone in draft.zones]
    return _standing(draft.pk, row, cameras, zones, [channel for channel in draft.channels if channel.enabled])


def household_so_far() -> Household:
    said = list(HomeMode.objects.order_by("since", "pk").values_list("since", "mode"))
    return Household([since for since, _ in said], [mode for _, mode in said])


def _cameras() -> Mapping[uuid.UUID, list[tuple[str, str]]]:
    """Id and name of those that each rule names; one that was merged means the one its files belong to now."""
    pk, name = (Coalesce(f"camera__merged_into__{field}", f"camera__{field}") for field in ("id", "name"))
    return _by_rule(RuleCamera.objects.filter(rule__enabled=True).order_by("camera_id").values_list("rule", pk, name))


def _zones() -> Mapping[uuid.UUID, list[tuple[str, str, bool]]]:
    """Id and name of those that each rule names, and whether they are switched on."""
    named = RuleZone.objects.filter(rule__enabled=True).order_by("zone_id")
    return _by_rule(named.values_list("rule", "zone", "zone__name", "zone__enabled"))


def _channels() -> Mapping[uuid.UUID, list[NotificationChannel]]:
    channels = NotificationChannel.objects.filter(enabled=True).in_bulk()
    named = RuleChannel.objects.filter(rule__enabled=True, channel__in=channels).order_by("channel_id")
    of_rules: dict[uuid.UUID, list[NotificationChannel]] = defaultdict(list)
    for rule_id, channel_id in named.values_list("rule", "channel"):
        of_rules[rule_id].append(channels[channel_id])
    return of_rules


def _by_rule(rows: Iterable[tuple[Any, ...]]) -> Mapping[uuid.UUID, list[Any]]:
    of_rules: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for rule_id, *values in rows:
        of_rules[rule_id].append(tuple(values))
    return of_rules


def _standing(
    pk: uuid.UUID | None,
    row: Mapping[str, Any],
    cameras: Iterable[tuple[str, str]],
    zones: Iterable[tuple[str, str, bool]],
    channels: Iterable[NotificationChannel],
) -> StandingRule:
    """`row` holds the columns of the rule."""
    problems: dict[Condition, str] = {}
    schedule = None
    if row["schedule"] is not None:
        try:
            schedule = Schedule.parse(row["schedule"])
        except ScheduleRefused as refusal:
            problems[Condition.SCHEDULE] = str(refusal)
    names = [name for _, name, _ in zones]
    switched_on = {pk: name for pk, name, enabled in zones if enabled}
    if names and not switched_on:
        problems[Condition.ZONES] = f"{list_words(names)} {'is' if len(names) == 1 else 'are'} switched off."
    conditions = Conditions(
        cameras=dict(cameras),
        risk_threshold=row["risk_threshold"],
        object_types=tuple(row["object_types"]),
        min_confidence=row["min_confidence"],
        zones=switched_on,
        schedule=schedule,
        when=None if row["when"] == AlertRule.When.ANY else row["when"],
        problems=problems,
    )
    key = _key(row["dedup_key_template"])
    return StandingRule(
        pk, row["name"], RANK[row["severity"]], conditions, key, row["cooldown_seconds"], tuple(channels)
    )


@lru_cache(maxsize=256)
def _key(template: str) -> tuple[tuple[str, str | None], ...]:
    """One that was spoilt behind our back must not silence the rule; `rules.problems_of` tells."""
    try:
        return parse_template(template)
    except TemplateRefused:
        return parse_template(DEFAULT_KEY)
