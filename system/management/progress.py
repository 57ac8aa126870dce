"""The bar that commands of housekeeping show on a terminal, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from telemetry.jobs import Tell


@contextmanager
def progress_bar(doing: str) -> Iterator[Tell]:
    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=1.0)
        yield lambda share: progress.update(bar, completed=share)
