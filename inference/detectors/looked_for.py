"""What a detector looks for, in words for people: groups where a whole group is meant, else one by one."""

from __future__ import annotations

from collections.abc import Iterable

from inference.analysts.rules.phrases import plural
from inference.analysts.rules.subjects import KIND_OF, Kind


def looked_for(labels: Iterable[str]) -> str:
    """ "people, vehicles, animals", or "people, cars, dogs" where only some of a group are looked for."""
    wanted = set(labels)
    words: list[str] = []
    for kind in Kind:
        members = [label for label, its_kind in KIND_OF.items() if its_kind is kind]
        some = [plural(label) for label in members if label in wanted]
        words += [plural(kind.value)] if len(some) == len(members) else some
    return ", ".join(words)
