"""Pictures and videos, only for people who may see their camera. Under ASGI a file is read off the event loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import BinaryIO
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from accounts.models import User
from cameras.models import Capture
from cameras.names import decode_path
from cameras.pictures import PREVIEW_TYPE, open_original, read_preview
from cameras.stored_files import NotThere
from detections.models import Detection

CHUNK_BYTES = 256 * 1024
MADE_BY_US = "private, max-age=86400, immutable"
MADE_BY_A_CAMERA = "private, max-age=3600"
# Shown in the page; anything else is only ever saved to disk.
SHOWN_TYPES = {"image/jpeg", "image/png", "image/webp", "video/mp4", "video/x-matroska", "video/x-msvideo"}
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@require_safe
async def thumbnail(request: HttpRequest, detection_id: int) -> HttpResponse:
    """The small picture of one detection, with its box."""
    detection = await Detection.objects.for_user(await _viewer(request)).filter(pk=detection_id).afirst()
    return await _jpeg(detection.thumbnail_path if detection else "")


@require_safe
async def preview(request: HttpRequest, capture_id: int) -> HttpResponse:
    """The picture of a capture without boxes."""
    capture = await Capture.objects.for_user(await _viewer(request)).filter(pk=capture_id).afirst()
    return await _jpeg(capture.preview_path if capture else "")


@require_safe
async def original(request: HttpRequest, capture_id: int) -> HttpResponseBase:
    """The camera's own file, in parts if asked; 404 once other content lies in its place."""
    capture = await Capture.objects.for_user(await _viewer(request)).filter(pk=capture_id).afirst()
    if capture is None:
        raise Http404
    try:
        file = await asyncio.to_thread(open_original, capture)
    except NotThere as error:
        raise Http404("The file is gone, or another one has taken its place.") from error
    # A film may be watched for an hour; its viewer must not hold one of the pool's connections meanwhile.
    await sync_to_async(close_old_connections)()
    return _ranged(file, capture.size, request.headers.get("Range", ""), _headers_of(capture))


async def _viewer(request: HttpRequest) -> User:
    user = await request.auser()
    assert isinstance(user, User)  # LoginRequiredMiddleware
    return user


async def _jpeg(path: str) -> HttpResponse:
    try:
        content = await asyncio.to_thread(read_preview, path)
    except NotThere as error:
        raise Http404 from error
    return HttpResponse(
        content,
        content_type=PREVIEW_TYPE,
        headers={"Cache-Control": MADE_BY_US, "X-Content-Type-Options": "nosniff"},
    )


def _headers_of(capture: Capture) -> dict[str, str]:
    is_shown = capture.file_type in SHOWN_TYPES
    name = quote(decode_path(capture.file_name).encode("utf-8", "surrogateescape"), safe="")
    return {
        "Content-Type": capture.file_type if is_shown else "application/octet-stream",
        "Content-Disposition": f"{'inline' if is_shown else 'attachment'}; filename*=UTF-8''{name}",
        "Cache-Control": MADE_BY_A_CAMERA,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }


def _ranged(file: BinaryIO, size: int, asked: str, headers: dict[str, str]) -> HttpResponseBase:
    """The file whole, or the one part that was asked for (RFC 9110, 14.2); several parts are answered with all."""
    part = _part_asked_for(asked, size)
    if part is None:
        return _stream(file, 0, size, 200, headers)
    start, end = part
    if start >= size or end < start:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return _stream(file, start, end - start + 1, 206, headers)


def _part_asked_for(asked: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None where everything is to be sent."""
    found = RANGE.fullmatch(asked.strip())
    if found is None or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1


def _stream(file: BinaryIO, start: int, length: int, status: int, headers: dict[str, str]) -> StreamingHttpResponse:
    file.seek(start)
    headers["Content-Length"] = str(length)
    return StreamingHttpResponse(Chunks(file, length), status=status, headers=headers)


class Chunks:
    """The next `length` bytes of a file. Closed by the response, also when nobody reads them."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.file = file
        self.length = length
        self.close = file.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self.length
        while left > 0 and (chunk := await asyncio.to_thread(self.file.read, min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
