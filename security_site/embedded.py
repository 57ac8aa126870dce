"""Stub: where the private servers listen."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def database_url(data_dir: Path) -> str:
    return f"postgresql://postgres@/hsi?host={quote(str(data_dir / 'run'), safe='')}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{data_dir / 'run' / 'redis.sock'}"
