# SPDX-License-Identifier: Apache-2.0
"""Groups as targets get them: with a spare member that watches nothing where a target would end without any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from finsy.proto import p4r

from p4vpc.compiler.entries import ActionCall, ActionSet, DesiredEntry, DesiredState, Exact, Origin, TableEntry
from p4vpc.compiler.entries import WeightedAction as Way
from p4vpc.southbound import Agent, SwitchState, Target
from p4vpc.southbound.pipeline import Pipeline
from p4vpc.southbound.readback import parts_of, read_entries
from tests.integration.controller import running as real
from tests.integration.controller.fake_switch import BOUND_SECONDS, FakeSwitch, identity_of
from tests.integration.controller.targets import TARGETS, RealSwitch, SoftSwitch
from tests.integration.controller.test_agent import PIPELINE, ecmp, running, state, switch, tunnel
from tests.integration.controller.test_inspection import INSPECTING, entity
from tests.unit.p4vpc.southbound.small_pipeline import small_p4info

__all__ = ("switch",)


def unwatched(entries: list[p4r.Entity]) -> list[int]:
    """Of each group the number of members that watch no port."""
    actions = [entry.table_entry.action for entry in entries]
    groups = [it.action_profile_action_set for it in actions if it.HasField("action_profile_action_set")]
    return [sum(not it.HasField("watch_port") for it in group.action_profile_actions) for group in groups]


async def test_a_target_without_gnmi_gets_a_spare_and_settles(switch: FakeSwitch) -> None:
    """Reading back and inspecting find nothing to write; a session later neither."""
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, tunnel(1), ecmp(1, 2, 3)))
        await watched.until(lambda status: status.has_realised(1))
        assert unwatched(list(switch.entries.values())) == [1]
        writes, asked = switch.writes, len(switch.asked)
        await switch.until(lambda: len(switch.asked) > asked + 2 * len(parts_of(PIPELINE.codec)))
        assert (watched.agent.status.entries_drifted, switch.writes) == (0, writes)
        assert watched.agent.held == {it.identity: it for it in (tunnel(1), ecmp(1, 2, 3))}
    async with running(switch, ids=range(50, 60), options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, tunnel(1), ecmp(1, 2, 3)))
        assert (await watched.until(lambda status: status.has_realised(1))).updates_written == 0


async def test_a_target_of_another_architecture_watches_every_port_whether_it_speaks_gnmi_or_not(
    switch: FakeSwitch,
) -> None:
    p4info = small_p4info()
    p4info.pkg_info.arch = "tna"
    async with running(switch, pipeline=Pipeline.of(p4info, b"tna")) as watched:
        watched.agent.set_desired(state(1, ecmp(1, 2, 3)))
        await watched.until(lambda status: status.has_realised(1))
        assert unwatched(list(switch.entries.values())) == [0]


async def test_a_group_that_was_written_without_a_spare_gets_one(switch: FakeSwitch) -> None:
    """By somebody else, or by a controller of before."""
    async with running(switch, options=INSPECTING) as watched:
        watched.agent.set_desired(state(1, ecmp(1, 2, 3)))
        await watched.until(lambda status: status.has_realised(1))
        right = dict(switch.entries)
        all_watched = entity(ecmp(1, 2, 3))
        assert unwatched([all_watched]) == [0]
        switch.entries[identity_of(all_watched)] = all_watched
        await switch.until(lambda: switch.entries == right)
        status = await watched.until(lambda status: status.has_realised(1) and status.state is SwitchState.READY)
        assert status.entries_drifted == 1


@asynccontextmanager
async def filled(target: RealSwitch, desired: DesiredState) -> AsyncIterator[Agent]:
    """An agent whose switch shows the state."""
    changed = asyncio.Event()
    ids = iter(range(1, 100))

    async def next_id(above: int) -> int:
        return next(number for number in ids if number > above)

    agent = Agent(
        Target("leaf-1", target.address, target.device_id),
        real.PIPELINE,
        next_id,
        on_change=changed.set,
        options=real.OPTIONS,
    )
    agent.set_desired(desired)
    task = asyncio.create_task(agent.run())
    try:
        async with asyncio.timeout(BOUND_SECONDS * 3):
            while not agent.is_realised:
                changed.clear()
                await changed.wait()
        yield agent
    finally:
        task.cancel()
        await asyncio.wait((task,))


@pytest.mark.parametrize("kind", TARGETS)
async def test_real_targets_hold_what_was_wanted_and_softswitch_watches_every_port(kind: type[RealSwitch]) -> None:
    ways = tuple(Way(ActionCall("set_next_hop", (port,)), 1, port) for port in (1, 2))
    entry = TableEntry("tunnel_next_hops", (Exact(7),), 0, ActionSet(ways))
    desired = DesiredState("leaf-1", 1, {entry.identity: DesiredEntry(entry, (Origin("switch", "leaf-2"),))})
    target = kind(1)  # type: ignore[call-arg]
    await target.start()
    try:
        async with filled(target, desired) as agent:
            everything = p4r.Entity(table_entry=p4r.TableEntry())
            responses = [it async for it in agent.session().read(everything)]
            is_spared = unwatched([it for response in responses for it in response.entities])
            assert is_spared == [0 if kind is SoftSwitch else 1]
            found = (await read_entries(agent.session(), agent.codec, desired)).entries
            assert found == {entry.identity: entry}
        async with filled(target, desired) as agent:
            assert agent.status.updates_written == 0
    finally:
        await target.stop()
