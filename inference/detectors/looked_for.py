"""What a detector looks for, in words for people: groups where a whole group is meant, else one by one."""

from __future__ import annotations

from collections.abc import Iterable

GROUPS = {
    "people": {"person": "people"},
    "vehicles": {
        "bicycle": "bicycles",
        "car": "cars",
        "motorcycle": "motorcycles",
        "bus": "buses",
        "truck": "trucks",
    },
    "animals": {"bird": "birds", "cat": "cats", "dog": "dogs"},
}


def looked_for(labels: Iterable[str]) -> str:
    """ "people, vehicles, animals", or "people, cars, dogs" where only some of a group are looked for."""
    wanted = set(labels)
    words: list[str] = []
    for group, members in GROUPS.items():
        some = [plural for label, plural in members.items() if label in wanted]
        words += [group] if len(some) == len(members) else some
    return ", ".join(words)
