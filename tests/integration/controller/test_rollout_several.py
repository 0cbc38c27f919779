# SPDX-License-Identifier: Apache-2.0
"""A new pipeline goes from switch to switch of the whole fabric, whichever controllers they have. docs/adr/0029."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest

from p4vpc.intent import ObjectId
from p4vpc.services import Controller
from p4vpc.southbound import Pipeline, PipelineState
from p4vpc.store import Delete, Store, Turn
from tests.integration.controller.fake_switch import FakeSwitch
from tests.integration.controller.running import BOUND_SECONDS, PIPELINE, apply, controlling, realised, until
from tests.integration.controller.test_controller import PORTS, fabric, fakes
from tests.integration.controller.test_several import SECONDS, balanced, member, options, owners
from tests.postgres import PostgresServer


def renewed() -> Pipeline:
    """The pipeline with another P4Info."""
    p4info = type(PIPELINE.p4info)()
    p4info.CopyFrom(PIPELINE.p4info)
    p4info.pkg_info.version = "another"
    return Pipeline.of(p4info, PIPELINE.device_config)


NEW = renewed()


@pytest.fixture
def shared(postgres: PostgresServer) -> str:
    return postgres.new_url()


@asynccontextmanager
async def renewing(url: str, name: str) -> AsyncIterator[Controller]:
    """A controller that puts the new pipeline on its switches."""
    with Store(url) as store:
        async with controlling(store, pipeline=NEW, leases=options(name)) as running:
            yield running


@pytest.fixture
async def old(shared: str) -> AsyncIterator[list[FakeSwitch]]:
    """Two switches that show everything with the old pipeline; nobody controls them."""
    async with fakes(2) as started:
        async with member(shared, "one") as one:
            await realised(one, await apply(one, [*fabric(*started), *PORTS]))
        yield started


def has_new(switch: FakeSwitch) -> bool:
    return switch.config is not None and switch.config.p4info == NEW.p4info


def both(switches: Sequence[FakeSwitch]) -> dict[str, FakeSwitch]:
    return {f"leaf{switch.device_id}": switch for switch in switches}


def turn_in(url: str) -> Turn | None:
    with Store(url) as store:
        return store.reports(0)[0].turn


async def until_turn(url: str, *, fails: bool) -> Turn:
    """Wait until it is a switch's turn, and it has failed, or not."""
    async with asyncio.timeout(BOUND_SECONDS):
        while (turn := turn_in(url)) is None or bool(turn.failure) is not fails:
            await asyncio.sleep(0.05)
    return turn


async def until_waiting(controllers: Sequence[Controller], switch: str, error: str) -> None:
    """Wait until every controller tells of a switch that it waits, and for what."""
    for running in controllers:
        await until(
            running,
            lambda status: any(
                it.name == switch and it.pipeline is PipelineState.OUTDATED and it.error == error
                for it in status.switches
            ),
        )


async def in_turn(url: str, controllers: Sequence[Controller], switches: Collection[str]) -> tuple[str, str]:
    """Wait until each controller has a switch, and it is the turn of one; that one and the other."""
    for running in controllers:
        await until(running, lambda status: len(set(owners(status).values()) - {""}) == 2)
    first = (await until_turn(url, fails=False)).switch
    (second,) = set(switches) - {first}
    return first, second


async def test_one_switch_of_the_fabric_is_changed_at_a_time(shared: str, old: list[FakeSwitch]) -> None:
    switches = both(old)
    for switch in old:
        switch.held.clear()
    async with renewing(shared, "one") as one, renewing(shared, "two") as two:
        first, second = await in_turn(shared, (one, two), switches)
        await switches[first].until(lambda: has_new(switches[first]))
        await until_waiting((one, two), second, f"the new pipeline is being put on {first}")
        assert not has_new(switches[second])
        switches[first].held.set()
        await switches[second].until(lambda: has_new(switches[second]))
        assert len(switches[first].entries) == len(one.desired(first) or ())
        assert turn_in(shared) == Turn(second)
        switches[second].held.set()
        for running in (one, two):
            await realised(running, 1)
        async with asyncio.timeout(BOUND_SECONDS):
            while turn_in(shared) is not None:
                await asyncio.sleep(0.05)
    assert [switch.pushes for switch in old] == [2, 2]


async def test_a_switch_that_refuses_it_stops_the_roll_out_for_all_controllers(
    shared: str, old: list[FakeSwitch]
) -> None:
    switches = both(old)
    for switch in old:
        switch.refuses_pipelines = True
    async with renewing(shared, "one") as one, renewing(shared, "two") as two:
        turn = await until_turn(shared, fails=True)
        (other,) = switches.keys() - {turn.switch}
        error = f"the roll-out of the new pipeline has stopped at {turn.switch}: {turn.failure}"
        assert "INVALID_ARGUMENT: this does not fit" in error
        await until_waiting((one, two), other, error)
        bad = switches[turn.switch]
        tried = bad.refused_pushes
        await bad.until(lambda: bad.refused_pushes > tried + 2)
        assert switches[other].refused_pushes == 0
        assert not any(map(has_new, old))
        for switch in old:
            switch.refuses_pipelines = False
        for running in (one, two):
            await realised(running, 1)
    assert all(map(has_new, old))


async def test_what_a_switch_waits_for_is_told_to_all_controllers_when_it_changes(
    shared: str, old: list[FakeSwitch]
) -> None:
    """Its owner has told others that it waits for another switch, which then fails: nothing else happens to it."""
    switches = both(old)
    for switch in old:
        switch.held.clear()
    async with renewing(shared, "one") as one, renewing(shared, "two") as two:
        first, second = await in_turn(shared, (one, two), switches)
        await until_waiting((one, two), second, f"the new pipeline is being put on {first}")
        refused = {ids.table: grpc.StatusCode.INVALID_ARGUMENT.value[0] for ids in NEW.info.ids.values()}
        switches[first].refused_tables.update(refused)
        switches[first].held.set()
        turn = await until_turn(shared, fails=True)
        assert turn.switch == first
        error = f"the roll-out of the new pipeline has stopped at {first}: {turn.failure}"
        await until_waiting((one, two), second, error)
        switches[first].refused_tables.clear()
        switches[second].held.set()
        for running in (one, two):
            await realised(running, 1)
    assert all(map(has_new, old))


async def test_who_takes_over_a_switch_takes_its_turn_with_it(shared: str, old: list[FakeSwitch]) -> None:
    """Its owner is as if killed in the middle of it; the other controller's own switch still waits."""
    switches = both(old)
    for switch in old:
        switch.held.clear()
    async with AsyncExitStack() as stack:
        controllers = {name: await stack.enter_async_context(renewing(shared, name)) for name in ("one", "two")}
        for running in controllers.values():
            await until(running, lambda status: len(set(owners(status).values()) - {""}) == 2)
        first = (await until_turn(shared, fails=False)).switch
        (second,) = switches.keys() - {first}
        await switches[first].until(lambda: has_new(switches[first]))
        dead = controllers[owners(controllers["one"].status)[first]]
        (alive,) = (running for running in controllers.values() if running is not dead)
        assert dead._cluster is not None
        for task in dead._cluster._tasks:
            task.cancel()
        await until(alive, lambda status: owners(status)[first] == alive.status.name)
        assert turn_in(shared) == Turn(first)
        assert not has_new(switches[second])
        switches[first].held.set()
        await switches[second].until(lambda: has_new(switches[second]))
        assert len(switches[first].entries) == len(alive.desired(first) or ())
        switches[second].held.set()
        status = await realised(alive, 1)
        assert set(owners(status).values()) == {alive.status.name}
    assert [switch.pushes for switch in old] == [2, 2], "nothing was pushed twice"


async def test_a_switch_that_is_no_more_does_not_hold_up_the_others(shared: str, old: list[FakeSwitch]) -> None:
    """Nobody who knew it is left to end its turn."""
    for switch in old:
        switch.refuses_pipelines = True
    async with renewing(shared, "one"):
        turn = await until_turn(shared, fails=True)
    gone, (rest,) = both(old)[turn.switch], both(old).keys() - {turn.switch}
    port = next(it.id for it in PORTS if turn.switch in it.model_dump_json())
    links = [it.id for it in fabric(*old) if it.id.kind == "link"]
    with Store(shared) as store:
        store.commit([Delete(it) for it in (port, *links, ObjectId("switch", turn.switch))], who="test")
    assert turn_in(shared) == turn
    for switch in old:
        switch.refuses_pipelines = False
    async with renewing(shared, "two") as two:
        status = await realised(two, 2)
        assert [switch.name for switch in status.switches] == [rest]
        assert (has_new(gone), has_new(both(old)[rest])) == (False, True)


async def test_a_switch_that_changes_hands_while_it_waits_is_let_go(shared: str, old: list[FakeSwitch]) -> None:
    """Its old owner stands by, and waits for no turn any more."""
    switches = both(old)
    for switch in old:
        switch.held.clear()
    async with renewing(shared, "one") as one:
        await until(one, lambda status: set(owners(status).values()) == {"one"})
        first = (await until_turn(shared, fails=False)).switch
        (second,) = switches.keys() - {first}
        await until_waiting((one,), second, f"the new pipeline is being put on {first}")
        async with renewing(shared, "two") as two:
            await balanced_but_for_states(one, two)
            moved = next(name for name, owner in owners(one.status).items() if owner == "two")
            await until(one, lambda _: one.agents()[moved].status.state.value == "standby")
            assert moved not in one._rollout.waiting
            for switch in old:
                switch.held.set()
            for running in (one, two):
                await realised(running, 1)
            await balanced(one, two)
    assert all(map(has_new, old))


async def balanced_but_for_states(*controllers: Controller) -> None:
    async with asyncio.timeout(BOUND_SECONDS + 4 * SECONDS):
        for running in controllers:
            await until(running, lambda status: len(set(owners(status).values()) - {""}) == 2)
