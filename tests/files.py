"""Small real files for tests: every seed gives other bytes. Drawn people are in `tests/footage.py`."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
from PIL import Image


def picture_bytes(seed: int, *, size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> bytes:
    """A picture of coarse noise, complete and decodable."""
    noise = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).resize(size).save(target, kind)
    return target.getvalue()


def video_bytes(seed: int, *, seconds: float = 2.0, rate: int = 5, kind: str = "mp4", codec: str = "h264") -> bytes:
    """A video of coarse noise that drifts, complete and decodable."""
    target = io.BytesIO()
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    with av.open(target, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        container.start_encoding()
        for number in range(int(seconds * rate)):
            frame = av.VideoFrame.from_ndarray(np.roll(ground, number, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return target.getvalue()


def drop(folder: Path, name: str, content: bytes) -> Path:
    """Write a file the way a careful uploader does: whole, under its name at once."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    arriving = folder / f".{abs(hash(name))}.part"
    arriving.write_bytes(content)
    return arriving.replace(path)
