# SPDX-License-Identifier: Apache-2.0
"""One switch after the other gets a new pipeline."""

import asyncio

from p4vpc.southbound import Rollout


async def waiting(rollout: Rollout, name: str) -> asyncio.Task[bool]:
    """A switch that asks for its turn and does not get it now."""
    task = asyncio.create_task(rollout.turn(name))
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_switches_take_turns_in_the_order_in_which_they_ask() -> None:
    rollout = Rollout()
    await rollout.turn("a")
    b, c = await waiting(rollout, "b"), await waiting(rollout, "c")
    assert rollout.waiting == ("b", "c")
    rollout.done("a")
    await b
    assert (rollout.at, rollout.waiting) == ("b", ("c",))
    rollout.done("a")
    assert not c.done(), "it was not the turn of a"
    rollout.done("b")
    await c
    rollout.done("c")
    assert rollout.at is None


async def test_a_failure_stops_the_others_until_it_is_over() -> None:
    changes: list[str] = []
    rollout = Rollout(lambda: changes.append(rollout.failure))
    await rollout.turn("a")
    b = await waiting(rollout, "b")
    rollout.failed("a", "it does not fit")
    rollout.failed("b", "not its turn")
    assert rollout.describe() == "the roll-out of the new pipeline has stopped at a: it does not fit"
    await rollout.turn("a")  # it tries again
    assert not b.done()
    rollout.done("a")
    await b
    assert changes == ["it does not fit", ""]


async def test_one_that_is_somebody_elses_now_lets_the_next_one_on() -> None:
    rollout = Rollout()
    await rollout.turn("a")
    b = await waiting(rollout, "b")
    rollout.failed("a", "it does not fit")
    rollout.withdraw("a")
    await b
    assert (rollout.at, rollout.failure) == ("b", "")


async def test_one_that_becomes_somebody_elses_while_it_waits_has_no_turn() -> None:
    rollout = Rollout()
    assert await rollout.turn("a")
    b, c = await waiting(rollout, "b"), await waiting(rollout, "c")
    rollout.withdraw("b")
    assert await b is False
    assert (rollout.at, rollout.waiting) == ("a", ("c",))
    rollout.done("a")
    assert await c is True


async def test_one_that_gives_up_waiting_is_left_out() -> None:
    rollout = Rollout()
    await rollout.turn("a")
    b, c = await waiting(rollout, "b"), await waiting(rollout, "c")
    b.cancel()
    await asyncio.wait((b,))
    assert rollout.waiting == ("c",)
    rollout.done("a")
    c.cancel()  # just when it is called
    await asyncio.wait((c,))
    assert rollout.at is None
