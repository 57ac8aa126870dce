"""Which moments of a video are looked at. Called by detection, and by whoever asks what a camera was looked at."""

from __future__ import annotations

MOST_FRAMES = 20
FRAME_EVERY_S = 1.0


def sample_offsets(duration_s: float | None) -> list[float]:
    """Seconds of a video that are looked at: one a second, spread when there would be more than twenty."""
    duration = max(duration_s or 0.0, 0.0)
    count = min(int(duration / FRAME_EVERY_S) + 1, MOST_FRAMES)
    step = max(FRAME_EVERY_S, duration / count)
    return [round(index * step, 3) for index in range(count) if index * step <= duration]
