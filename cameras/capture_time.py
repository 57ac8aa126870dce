from __future__ import annotations
from collections.abc import Sequence
from datetime import timedelta
def steady_offset(differences: Sequence[int]) -> timedelta | None:
    return None
