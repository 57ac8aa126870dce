import pytest

from inference.scale import Level, level_of


@pytest.mark.parametrize(
    ("score", "level"),
    [(0, "low"), (29, "low"), (30, "medium"), (59, "medium"), (60, "high"), (84, "high"), (85, "critical"), (100, "critical")],
)
def test_each_band_holds_its_edges(score: int, level: str) -> None:
    assert level_of(score) == Level(level)


@pytest.mark.parametrize("score", [-1, 101])
def test_a_score_off_the_scale_has_no_level(score: int) -> None:
    with pytest.raises(ValueError, match="0–100"):
        level_of(score)
