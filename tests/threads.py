"""Deeds done at the same moment, each on a database connection of its own. For tests with `transaction=True`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once(*deeds: Callable[[], object], refusal: type[Exception]) -> list[object]:
    """Do them in threads of their own, begun at the same moment; where one is refused, that is its answer."""
    together = threading.Barrier(len(deeds))

    def run(deed: Callable[[], object]) -> object:
        together.wait()
        try:
            return deed()
        except refusal as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as threads:
        return list(threads.map(run, deeds))
