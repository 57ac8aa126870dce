from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from cameras.settling import MAX_PAUSE_S, QUIET_S, Settling

A, B = Path("a"), Path("b")


def test_a_closed_file_is_looked_at_at_once() -> None:
    settling = Settling()
    settling.look_now(A, 10.0)
    assert settling.take_due(10.0) == A
    assert settling.take_due(99.0) is None


def test_a_file_being_written_is_looked_at_once_it_is_quiet() -> None:
    settling = Settling()
    for moment in (0.0, 0.5, 1.0, 1.5):
        settling.look_when_quiet(A, moment)
    assert settling.take_due(1.5 + QUIET_S - 0.01) is None
    assert settling.take_due(1.5 + QUIET_S) == A
    assert settling.take_due(99.0) is None


def test_pauses_between_looks_at_an_unfinished_file_grow_to_a_limit() -> None:
    settling = Settling()
    pauses, now = [], 0.0
    for _ in range(8):
        settling.look_again(A, now)
        due = settling.next_due()
        assert due is not None
        pauses.append(due - now)
        now = due
        assert settling.take_due(now) == A
    assert pauses == sorted(pauses)
    assert pauses[0] == QUIET_S and pauses[-1] == MAX_PAUSE_S


def test_a_file_waits_since_it_was_first_seen_until_it_is_done() -> None:
    settling = Settling()
    settling.look_when_quiet(A, 10.0)
    settling.look_now(B, 11.0)
    settling.look_when_quiet(A, 12.0)
    assert settling.take_due(12.0) == B
    settling.done(B)
    assert settling.take_due(13.0) == A
    settling.look_again(A, 13.0)
    settling.look_now(B, 14.0)
    assert settling.waits_since() == 10.0
    while (path := settling.take_due(99.0)) is not None:
        settling.done(path)
    assert settling.waits_since() is None


@given(st.lists(st.tuples(st.sampled_from("nqa"), st.sampled_from([A, B]), st.floats(0, 100)), max_size=30))
def test_every_path_that_was_planned_comes_up_exactly_once(plans: list[tuple[str, Path, float]]) -> None:
    settling = Settling()
    for how, path, now in plans:
        {"n": settling.look_now, "q": settling.look_when_quiet, "a": settling.look_again}[how](path, now)
    taken = []
    while (path_due := settling.take_due(1e6)) is not None:
        taken.append(path_due)
    assert sorted(taken) == sorted({path for _, path, _ in plans})
    assert len(settling) == 0
