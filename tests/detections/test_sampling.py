from hypothesis import given
from hypothesis import strategies as st

from detections.sampling import MOST_FRAMES, sample_offsets


@given(st.floats(0, 100_000))
def test_a_video_is_sampled_from_its_start_in_order_within_its_length(duration: float) -> None:
    offsets = sample_offsets(duration)
    assert 1 <= len(offsets) <= MOST_FRAMES
    assert offsets[0] == 0
    assert offsets == sorted(set(offsets))
    assert offsets[-1] <= duration + 0.001


def test_a_short_video_gives_one_frame_a_second_and_a_long_one_twenty() -> None:
    assert sample_offsets(4.2) == [0, 1, 2, 3, 4]
    assert sample_offsets(None) == [0]
    assert len(sample_offsets(600)) == 20 and sample_offsets(600)[1] == 30
