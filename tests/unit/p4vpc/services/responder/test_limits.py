# SPDX-License-Identifier: Apache-2.0
"""Token buckets on a clock of their own."""

from hypothesis import given
from hypothesis import strategies as st

from p4vpc.services.responder.limits import TokenBuckets


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def taken(buckets: TokenBuckets, key: str, times: int) -> int:
    return sum(buckets.take(key) for _ in range(times))


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(10, 10, clock)
    assert taken(buckets, "a", 50) == 10
    clock.now += 0.5
    assert taken(buckets, "a", 50) == 5
    clock.now += 3600
    assert taken(buckets, "a", 50) == 10


def test_buckets_do_not_share() -> None:
    buckets = TokenBuckets(10, 10, Clock())
    assert taken(buckets, "a", 50) == 10
    assert taken(buckets, "b", 50) == 10


def test_the_bucket_that_was_not_asked_for_the_longest_is_forgotten() -> None:
    buckets = TokenBuckets(10, 1, Clock(), capacity=2)
    assert [buckets.take(key) for key in "abacab"] == [True, True, False, True, False, True]


@given(st.lists(st.floats(0, 5), max_size=100))
def test_never_more_than_burst_and_rate_allow(pauses: list[float]) -> None:
    clock = Clock()
    buckets = TokenBuckets(4, 3, clock)
    count = 0
    for pause in pauses:
        clock.now += pause
        count += buckets.take("a")
    assert count <= 3 + 4 * (clock.now - 1000.0) + 1e-6
