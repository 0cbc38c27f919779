# SPDX-License-Identifier: Apache-2.0
"""Down counts at once, up after a hold that flapping doubles, up to a bound."""

from hypothesis import given
from hypothesis import strategies as st

from p4vpc.services.links.damping import Damper

FIRST, LONGEST = 5.0, 300.0


def test_a_link_that_never_failed_is_up() -> None:
    damper = Damper(FIRST, LONGEST)
    damper.observe(is_bad=False, now=0)
    assert (damper.is_down(0), damper.counts_at(), damper.flaps) == (False, None, 0)


def test_down_counts_at_once_and_up_after_the_hold() -> None:
    damper = Damper(FIRST, LONGEST)
    damper.observe(is_bad=True, now=10)
    assert damper.is_down(10)
    damper.observe(is_bad=False, now=20)
    assert damper.counts_at() == 25
    assert damper.is_down(24.9)
    assert not damper.is_down(25)


def test_a_failure_during_the_hold_starts_it_again_and_doubles_it() -> None:
    damper = Damper(FIRST, LONGEST)
    now = 0.0
    holds = []
    for _ in range(9):
        damper.observe(is_bad=True, now=now)
        assert damper.is_down(now)
        damper.observe(is_bad=False, now=now + 1)
        counts_at = damper.counts_at()
        assert counts_at is not None
        holds.append(counts_at - now - 1)
        now += 2
    assert holds == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert damper.flaps == 9


def test_a_quiet_time_forgets() -> None:
    damper = Damper(FIRST, LONGEST)
    for now in (0, 10):
        damper.observe(is_bad=True, now=now)
        damper.observe(is_bad=False, now=now)
    assert damper.counts_at() == 10 + 2 * FIRST
    now = 10 + 2 * FIRST + LONGEST + 1
    damper.observe(is_bad=True, now=now)
    damper.observe(is_bad=False, now=now)
    assert damper.counts_at() == now + FIRST


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 400)), max_size=60))
def test_up_is_not_before_the_first_hold_and_not_after_the_longest(
    news: list[tuple[bool, float]],
) -> None:
    damper = Damper(FIRST, LONGEST)
    now = 0.0
    bad_until = -LONGEST
    for is_bad, pause in news:
        now += pause
        if damper.is_bad:
            bad_until = now
        damper.observe(is_bad=is_bad, now=now)
        if is_bad:
            assert damper.is_down(now)
            continue
        assert damper.is_down(now) or now - bad_until >= FIRST
        assert not damper.is_down(now + LONGEST)
