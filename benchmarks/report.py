"""What a benchmark prints and leaves behind: a small table, notes, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from security_site.config import BASE_DIR

RESULTS = BASE_DIR / "build" / "bench"


class Report:
    """Rows of one benchmark, all with the same columns. Numbers are written with their unit in the column's name."""

    def __init__(self, name: str, title: str) -> None:
        self.name = name
        self.title = title
        self.rows: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def row(self, **columns: Any) -> None:
        self.rows.append(columns)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def finish(self) -> Path:
        """Print the table and write `build/bench/<name>.json`; returns where."""
        console = Console(width=None if os.isatty(1) else 140)
        table = Table(title=self.title, title_justify="left")
        for column in self.rows[0] if self.rows else ():
            numeric = isinstance(self.rows[0][column], int | float)
            table.add_column(column.replace("_", " "), justify="right" if numeric else "left")
        for row in self.rows:
            table.add_row(*(_shown(value) for value in row.values()))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False)
        RESULTS.mkdir(parents=True, exist_ok=True)
        path = RESULTS / f"{self.name}.json"
        content = {"name": self.name, "title": self.title, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        path.write_text(
            json.dumps(content | {"machine": machine(), "rows": self.rows, "notes": self.notes}, indent=2) + "\n"
        )
        return path


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_at_the_end": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 1 else f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
