"""Videos: whether all of one is there, and opening it with nothing but the demuxer its kind allows.

Imported only where a video is at hand: FFmpeg's libraries are large.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.error

from cameras.media import (
    AVI,
    DAHUA,
    MATROSKA,
    MP4,
    Incomplete,
    MediaFacts,
    Unacceptable,
    VideoFormat,
    refuse_too_many_pixels,
)

# A clip may end a little before its header says: the last frame's length is often not counted.
END_TOLERANCE_S = 1.5


def inspect_video(file: io.BufferedReader, video_format: VideoFormat) -> MediaFacts:
    """Read a video to its end. Raises Incomplete or Unacceptable with a reason for a person."""
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    try:
        with open_video(file, video_format.mime_type) as container:
            stream = _only_video_stream(container)
            if stream.codec_context is None:
                raise Unacceptable("its pictures are coded in a way that is not known here")
            refuse_too_many_pixels(stream.codec_context.width, stream.codec_context.height)
            duration_s = _duration_s(container, stream)
            end_s = _last_moment_s(container, stream)
            if duration_s is not None and end_s < duration_s - max(END_TOLERANCE_S, 0.05 * duration_s):
                raise Incomplete(f"the video says {duration_s:.0f} s but holds {end_s:.0f} s")
            codec = stream.codec_context.name
            container.seek(0)
            frame = next(container.decode(stream), None)
    except av.error.FFmpegError as error:
        raise Incomplete("the video is not complete or damaged") from error
    if frame is None:
        raise Incomplete("the video holds no pictures")
    return MediaFacts(
        mime_type=video_format.mime_type,
        is_video=True,
        sha256=sha256,
        width=frame.width,
        height=frame.height,
        duration_s=duration_s if duration_s is not None else end_s,
        codec=codec,
    )


@contextmanager
def open_video(file: io.BufferedReader, mime_type: str) -> Iterator[av.container.InputContainer]:
    """The container of an inspected video, with only the demuxer its kind allows."""
    demuxer = next(f.demuxer for f in (MP4, MATROSKA, AVI, DAHUA) if f.mime_type == mime_type)
    with av.open(file, mode="r", format=demuxer, metadata_errors="replace") as container:
        yield container


def _only_video_stream(container: av.container.InputContainer) -> av.VideoStream:
    if not container.streams.video:
        raise Incomplete("the video holds no pictures")
    return container.streams.video[0]


def _duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> float | None:
    """Length the header tells, in seconds; None where it tells none."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _last_moment_s(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    """End of the last packet counted from the first, in seconds; reads the whole file without decoding it."""
    first: int | None = None
    end = 0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise Incomplete("the video is cut off in the middle of a picture")
        moment = packet.pts if packet.pts is not None else packet.dts
        if moment is None:
            continue
        first = moment if first is None else min(first, moment)
        end = max(end, moment + (packet.duration or 0))
    if first is None or stream.time_base is None:
        raise Incomplete("the video holds no pictures")
    return float((end - first) * stream.time_base)
