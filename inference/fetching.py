"""Fetching model files from their makers' own addresses into DATA_DIR/models. Called by `manage.py fetch_models`.

A fetch that is cut off leaves its `.part`, and the next one goes on from there if the server still has the same file.
A file has its name only once it is whole; from then on its recorded checksum is what may be loaded under that name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from inference.model_files import locked, record, records, sha256_of
from inference.sources import Source

MOST_BYTES = 100 * 1024**3
LEFT_FREE_BYTES = 500 * 1024**2
TIMEOUT = httpx.Timeout(60, connect=10)
MOST_REDIRECTS = 5
MOST_TRIES, MOST_FRUITLESS = 20, 2
SHA256 = re.compile(r'"?(?:sha256:)?(?P<digits>[0-9a-f]{64})"?')
GITHUB_FILE = re.compile(r"https://github\.com/(?P<repo>[^/]+/[^/]+)/releases/download/(?P<tag>[^/]+)/(?P<name>[^/]+)")

Progress = Callable[[int, int | None], None]
"""Is told how many bytes are there, and how many there will be where the server says."""


class FetchError(Exception):
    """It could not be fetched; the message says why. Whatever was there before is still there."""


@dataclass(frozen=True)
class Fetched:
    path: Path
    sha256: str
    was_there: bool = False
    """Nothing was fetched: it lies there, and is what was recorded."""
    is_published: bool = False
    """Its makers tell a checksum, and it is this one."""


@dataclass(frozen=True)
class _Part:
    """The beginning of a file, and of which: another file must not be added to it."""

    path: Path
    url: str
    etag: str = ""

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def as_left(self) -> _Part:
        """The same with the ETag that was noted; without one nothing can be added to it."""
        try:
            noted = json.loads(self._note.read_text())
        except (FileNotFoundError, ValueError):
            return self
        return replace(self, etag=noted["etag"]) if noted.get("url") == self.url else self

    def begin(self, etag: str) -> _Part:
        self.path.write_bytes(b"")  # first: what is left of another file must not get this one's ETag
        self._note.write_text(json.dumps({"url": self.url, "etag": etag}))
        return replace(self, etag=etag)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def fetch(source: Source, models: Path, progress: Progress, *, again: bool = False) -> Fetched:
    """Bring a model file into `models`, whole, with its checksum recorded. Raises FetchError."""
    try:
        with locked(models / f".{source.name}.lock", wait=False):
            path = models / source.name
            return _as_it_lies(path, models) if path.exists() and not again else _fetch(source, path, progress)
    except BlockingIOError as error:
        raise FetchError(f"{source.name} is being fetched by another process already") from error
    except OSError as error:
        raise FetchError(f"{source.name} cannot be written to {models}: {error.strerror or error}") from error


def _as_it_lies(path: Path, models: Path) -> Fetched:
    sha256, known = sha256_of(path), records(models).get(path.name)
    if known is not None and known.sha256 != sha256:
        raise FetchError(f"{path} is not the file that was recorded; --again fetches it anew")
    return Fetched(path, sha256, was_there=True)


def _fetch(source: Source, path: Path, progress: Progress) -> Fetched:
    part = _Part(path.with_name(f".{path.name}.part"), source.url)
    with httpx.Client(timeout=TIMEOUT) as client:
        published = _download(client, part, progress) or _told_by_github(client, source.url)
    sha256 = sha256_of(part.path)
    if published and published != sha256:
        part.remove()
        raise FetchError(f"what came from {source.url} is not what its makers published: SHA-256 {sha256}")
    with part.path.open("rb") as file:
        os.fsync(file.fileno())
    part.path.replace(path)
    record(path, sha256, path.parent, origin=source.url)
    part.remove()
    return Fetched(path, sha256, is_published=bool(published))


def _download(client: httpx.Client, part: _Part, progress: Progress) -> str:
    """Bring the part to its whole length, going on where a connection broke; the checksum if the server tells it."""
    fruitless = 0
    for left in reversed(range(MOST_TRIES)):
        before = part.size
        try:
            return _go_on(client, part, progress)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            fruitless = 0 if part.size > before else fruitless + 1
            if fruitless == MOST_FRUITLESS or not left:
                so_far = f" after {part.size:,} bytes; a next try goes on from there" if part.size else ""
                raise FetchError(f"{part.url} cannot be reached{so_far}: {error or type(error).__name__}") from error
    raise AssertionError("the last try returns or raises")


def _go_on(client: httpx.Client, part: _Part, progress: Progress) -> str:
    part = part.as_left()
    headers = {"Accept-Encoding": "identity"}
    if part.size and part.etag:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.etag}
    with _opened(client, part.url, headers) as (answer, published):
        if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            if answer.headers.get("content-range") == f"bytes */{part.size}":
                return published  # stopped between the last byte and its name
            part.remove()
            raise httpx.RemoteProtocolError("what was there is longer than the file")
        if answer.status_code != httpx.codes.PARTIAL_CONTENT:
            part = part.begin(_strong_etag(answer))
        total = _whole_length(answer, part.size)
        _check_room(part, total)
        with part.path.open("ab") as file:
            for chunk in answer.iter_raw():
                file.write(chunk)
                progress(file.tell(), total)
                if file.tell() > (total or MOST_BYTES):
                    raise FetchError(f"{part.url} sends more than it announced")
        if total is not None and part.size < total:
            raise httpx.RemoteProtocolError(f"the connection ended at {part.size:,} of {total:,} bytes")
    return published


@contextmanager
def _opened(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[tuple[httpx.Response, str]]:
    """The answer at the end of all redirects, and the checksum that one of them told. Raises FetchError."""
    published = ""
    for _ in range(MOST_REDIRECTS + 1):
        if not url.startswith("https://"):
            raise FetchError(f"{url} is not encrypted; models are fetched by https only")
        with client.stream("GET", url, headers=headers) as answer:
            # Hugging Face tells it in its redirect; the storage behind it has an ETag of its own kind.
            published = published or _digits(answer.headers.get("x-linked-etag", ""))
            if answer.is_redirect and "location" in answer.headers:
                url = str(answer.url.join(answer.headers["location"]))
                continue
            if answer.status_code not in (200, 206, 416):
                raise FetchError(f"{url} answers {answer.status_code} {answer.reason_phrase}")
            yield answer, published
            return
    raise FetchError(f"{url} is redirected too often")


def _whole_length(answer: httpx.Response, have: int) -> int | None:
    """How long the whole file is. Raises FetchError where what comes does not go on from what is there."""
    length = answer.headers.get("content-length")
    total = have + int(length) if length and length.isdigit() else None
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        told = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("content-range", ""))
        if told is None or int(told[1]) != have:
            raise FetchError(f"{answer.url} goes on from another place than was asked; --again begins anew")
        total = int(told[2]) if told[2] != "*" else total
    return total


def _check_room(part: _Part, total: int | None) -> None:
    if total is not None and total > MOST_BYTES:
        raise FetchError(f"{part.url} is {total / 1024**3:,.0f} GB large, which is more than any model is taken for")
    free, missing = shutil.disk_usage(part.path.parent).free, (total or 0) - part.size
    if missing + LEFT_FREE_BYTES > free:
        raise FetchError(
            f"{part.path.parent} has {free / 1024**3:.1f} GB free, and {missing / 1024**3:.1f} GB are still to come "
            f"(0.5 GB is left free); make room, or move DATA_DIR to a larger disk"
        )


def _strong_etag(answer: httpx.Response) -> str:
    etag = answer.headers.get("etag", "")
    return "" if etag.startswith("W/") else etag


def _told_by_github(client: httpx.Client, url: str) -> str:
    """The checksum that GitHub computed when a release's file was uploaded; empty where it does not say."""
    file = GITHUB_FILE.fullmatch(url)
    if file is None:
        return ""
    try:
        answer = client.get(f"https://api.github.com/repos/{file['repo']}/releases/tags/{file['tag']}")
        assets = answer.raise_for_status().json()["assets"]
        return next((_digits(asset["digest"] or "") for asset in assets if asset["name"] == file["name"]), "")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""  # told as not compared; the file itself came from GitHub over https


def _digits(told: str) -> str:
    match = SHA256.fullmatch(told)
    return match["digits"] if match else ""
