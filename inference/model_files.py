"""Files of models: where a name leads to, and whether what lies there is still what was recorded. Called by the engines
that load them and by `inference.fetching`.

A bare name lies in DATA_DIR/models and cannot leave it; any other place is named by an absolute path, on purpose: a
model file may run code when it is loaded.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from inference.protocols import EngineUnavailable

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
CHUNK_BYTES = 4 * 1024**2
SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Record:
    """What is known of a model file since it was fetched, or first loaded."""

    sha256: str
    origin: str
    """The address it was fetched from; empty where somebody else put it there."""
    recorded_at: str

    @property
    def deed(self) -> str:
        return "fetched" if self.origin else "first loaded"


def locate(name: str, models: Path) -> Path:
    """Where `name` leads to. Raises EngineUnavailable where there is nothing, or a bare name leads out of `models`."""
    is_own = Path(name).is_absolute()
    path = Path(name) if is_own else models / name
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        hint = "" if is_own else "; manage.py fetch_models brings the usual ones, your own is put there by hand"
        raise EngineUnavailable(f"{name} is not {'there' if is_own else f'in {models}'}{hint}") from error
    if not is_own and not real.is_relative_to(models.resolve()):
        raise EngineUnavailable(f"{name} leads out of {models}; name a file elsewhere by its absolute path")
    return path


@contextmanager
def verified(name: str, models: Path) -> Iterator[tuple[Path, str]]:
    """The path and SHA-256 of a model to be loaded in this block; a new one is recorded once the block is through.

    Raises EngineUnavailable where it is missing or is not the file that was recorded.
    """
    path = locate(name, models)
    try:
        before, sha256 = signature(path), sha256_of(path)
    except OSError as error:
        raise EngineUnavailable(f"{path} cannot be read: {error.strerror or error}") from error
    known = records(models).get(_key(path, models))
    if known is not None and known.sha256 != sha256:
        raise EngineUnavailable(_another_than(known, name, sha256, models))
    yield path, sha256
    try:
        if signature(path) != before:
            raise EngineUnavailable(f"{name} changed while it was loaded; it is tried again")
        if known is None:
            logger.warning("%s is recorded with its SHA-256 %s, which it must have from now on", name, sha256)
            record(path, sha256, models)
    except OSError as error:
        raise EngineUnavailable(
            f"the checksum of {name} cannot be kept in {models}: {error.strerror or error}"
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file; of a folder: of the names and checksums of the files in it. Raises OSError."""
    if path.is_dir():
        lines = [f"{_file_sha256(file)}  {file.relative_to(path)}\n" for file in _files_in(path)]
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return _file_sha256(path)


def signature(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of change of a model's files: the same as long as nobody touched them. Raises OSError.

    The time is the one that nobody can set back.
    """
    files = _files_in(path) if path.is_dir() else [path]
    stats = [(str(file), file.stat()) for file in files]
    return tuple((name, status.st_size, status.st_ctime_ns) for name, status in stats)


def records(models: Path) -> dict[str, Record]:
    """What is recorded, by name in the folder or absolute path. Raises EngineUnavailable where that cannot be read."""
    manifest = models / MANIFEST
    try:
        return {name: Record(**entry) for name, entry in json.loads(manifest.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EngineUnavailable(f"{manifest}, with the checksums of the models, cannot be read: {error}") from error


def record(path: Path, sha256: str, models: Path, *, origin: str = "") -> None:
    """Keep the checksum of a model; from then on nothing else is loaded under its name. Raises OSError."""
    entry = Record(sha256, origin, datetime.now(UTC).isoformat(timespec="seconds"))
    with locked(models / f".{MANIFEST}.lock"):
        known = {name: asdict(each) for name, each in records(models).items()} | {_key(path, models): asdict(entry)}
        part = models / f".{MANIFEST}.part"
        with part.open("w") as file:
            file.write(json.dumps(known, indent=2, sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(models / MANIFEST)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file for this block. Raises BlockingIOError where another process holds it and we do not wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield


def _another_than(known: Record, name: str, sha256: str, models: Path) -> str:
    mend = "fetch it again (manage.py fetch_models --again)" if known.origin else "put the right one there"
    return (
        f"{name} is not the file that was {known.deed} on {known.recorded_at:.10}: its SHA-256 is "
        f"{sha256[:SHOWN_DIGITS]}…, recorded is {known.sha256[:SHOWN_DIGITS]}…; {mend}, or, if you replaced it "
        f"yourself, remove its entry from {models / MANIFEST}"
    )


def _key(path: Path, models: Path) -> str:
    return str(path.relative_to(models)) if path.is_relative_to(models) else str(path)


def _files_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
