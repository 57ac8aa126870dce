"""The arithmetic of slowing down."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cameras.ftp.limits import FORGIVEN_AFTER_S, LONGEST_DELAY_S, MOST_ADDRESSES, Bucket, Patience

PAUSES = st.lists(st.floats(0, 10), min_size=1, max_size=60)


@given(PAUSES)
def test_who_waits_as_told_keeps_to_the_rate(pauses: list[float]) -> None:
    bucket, now = Bucket(rate=10, burst=5), 0.0
    for pause in pauses:
        now += pause + bucket.spend(1, now + pause)
    assert len(pauses) <= 5 + 10 * now + 1e-6


@given(PAUSES)
def test_who_keeps_to_the_rate_never_waits(pauses: list[float]) -> None:
    bucket, now = Bucket(rate=10, burst=5), 0.0
    for pause in pauses:
        now += 0.1 + pause
        assert bucket.spend(1, now) == 0


def test_a_burst_is_free_and_what_follows_is_not() -> None:
    bucket = Bucket(rate=10, burst=5)
    assert [bucket.spend(1, 100.0) for _ in range(5)] == [0] * 5
    assert bucket.spend(1, 100.0) == 0.1


def test_several_connections_wait_one_after_another() -> None:
    bucket = Bucket(rate=10, burst=0)
    assert [round(bucket.spend(1, 0.0), 6) for _ in range(3)] == [0.1, 0.2, 0.3]


def test_wrong_passwords_wait_longer_each_time_but_never_for_ever() -> None:
    patience = Patience()
    delays = [patience.after_wrong("10.0.0.1", 0.0) for _ in range(100)]
    assert delays[:4] == [1, 2, 4, 8]
    assert delays == sorted(delays) and delays[-1] == LONGEST_DELAY_S
    assert patience.after_wrong("10.0.0.2", 0.0) == 1


def test_wrong_passwords_are_forgiven() -> None:
    patience = Patience()
    for _ in range(5):
        patience.after_wrong("10.0.0.1", 0.0)
    assert patience.after_wrong("10.0.0.1", FORGIVEN_AFTER_S + 1) == 1


def test_the_addresses_of_a_flood_are_not_kept() -> None:
    patience = Patience()
    for number in range(3 * MOST_ADDRESSES):
        patience.after_wrong(str(number), 0.0)
    assert len(patience._wrong) == MOST_ADDRESSES
