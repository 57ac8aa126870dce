import pytest

from inference.scale import Level, level_of


@pytest.mark.parametrize(
    ("score", "level"),
    [
        *((score, "low") for score in (0, 29)),
        *((score, "medium") for score in (30, 59)),
        *((score, "high") for score in (60, 84)),
        *((score, "critical") for score in (85, 100)),
    ],
)
def test_each_band_holds_its_edges(score: int, level: str) -> None:
    assert level_of(score) == Level(level)


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_off_the_scale_has_no_level(score: int) -> None:
    with pytest.raises(ValueError, match="0–100"):
        level_of(score)
