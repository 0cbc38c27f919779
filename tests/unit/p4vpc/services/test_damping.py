# SPDX-License-Identifier: Apache-2.0
"""Damping: at once, then after longer and longer pauses, until it is calm."""

from p4vpc.services.damping import Damping, DampingOptions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_the_longest_and_are_forgotten_when_it_is_calm() -> None:
    clock = Clock()
    damping = Damping(DampingOptions(first=1.0, longest=5.0), clock)
    pauses = []
    for _ in range(5):
        assert damping.pause("a") == 0.0
        damping.happened("a")
        pauses.append(damping.pause("a"))
        clock.now += damping.pause("a")
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
    clock.now += 4.9
    damping.happened("a")
    assert damping.pause("a") == 5.0
    clock.now += 10.0
    damping.happened("a")
    assert damping.pause("a") == 1.0


def test_keys_do_not_hinder_each_other() -> None:
    clock = Clock()
    damping = Damping(DampingOptions(first=1.0, longest=5.0), clock)
    damping.happened("a")
    assert damping.pause("b") == 0.0
    damping.happened("b")
    clock.now = 0.25
    assert damping.pause("a") == damping.pause("b") == 0.75
