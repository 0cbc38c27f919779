# SPDX-License-Identifier: Apache-2.0
"""Meter cells over real gRPC to real targets: configured, found again, reset."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import pytest
from finsy.proto import p4r

from p4vpc.compiler.entries import DesiredEntry, DesiredState, MeterEntry, Origin
from p4vpc.southbound import Agent, AgentOptions, Pipeline, SwitchStatus, Target
from p4vpc.southbound.p4info import parse_p4info
from tests.integration.controller.targets import TARGETS, RealSwitch, SoftSwitch

PROGRAMS = Path(__file__).parents[1] / "softswitch" / "programs"
PIPELINE = Pipeline.of(
    parse_p4info((PROGRAMS / "everything.p4info.txtpb").read_text()), (PROGRAMS / "everything.json").read_bytes()
)
METER = "port_meter"
AWKWARD_RATE = 1001
"""Some of the numbers after it come back lower from a target that counts in doubles per microsecond."""
BOUND_SECONDS = 20.0
ELECTION_IDS = count(1)


def cell(index: int, rate: int = 1000) -> MeterEntry:
    return MeterEntry(METER, index, rate, 20, 2 * rate, 40)


def state(revision: int, *cells: MeterEntry) -> DesiredState:
    origins = (Origin("qos_policy", "red/gold"),)
    return DesiredState("leaf-1", revision, {entry.identity: DesiredEntry(entry, origins) for entry in cells})


@pytest.fixture(params=TARGETS)
async def switch(request: pytest.FixtureRequest) -> AsyncIterator[RealSwitch]:
    target: RealSwitch = request.param(1)
    await target.start()
    yield target
    await target.stop()


@asynccontextmanager
async def realised(switch: RealSwitch, desired: DesiredState) -> AsyncIterator[tuple[Agent, SwitchStatus]]:
    """An agent that has brought the switch to a state, and its status then."""
    changed = asyncio.Event()

    async def next_id(_above: int) -> int:
        return next(ELECTION_IDS)

    agent = Agent(
        Target("leaf-1", switch.address, switch.device_id),
        PIPELINE,
        next_id,
        on_change=changed.set,
        options=AgentOptions(),
    )
    agent.set_desired(desired)
    task = asyncio.create_task(agent.run())
    try:
        async with asyncio.timeout(BOUND_SECONDS):
            while not agent.status.has_realised(desired.revision):
                changed.clear()
                await changed.wait()
        yield agent, agent.status
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def held(agent: Agent) -> dict[int, tuple[int, int, int, int]]:
    """What the switch says, past the codec."""
    found = {}
    async for response in agent.session().read(p4r.Entity(meter_entry=p4r.MeterEntry())):
        for message in (entity.meter_entry for entity in response.entities):
            if message.HasField("config"):
                config = message.config
                found[message.index.index] = (config.cir, config.cburst, config.pir, config.pburst)
    return found


async def test_cells_are_configured_found_again_changed_and_reset(switch: RealSwitch) -> None:
    async with realised(switch, state(1, cell(0), cell(5))) as (agent, status):
        assert status.updates_written == status.entries == 2
        assert await held(agent) == {0: (1000, 20, 2000, 40), 5: (1000, 20, 2000, 40)}
    async with realised(switch, state(1, cell(0), cell(5))) as (_, status):
        assert (status.updates_written, status.entries) == (0, 2), "a restarted controller finds nothing to do"
    async with realised(switch, state(2, cell(5, 7), cell(6))) as (agent, status):
        assert status.updates_written == 3
        assert await held(agent) == {5: (7, 20, 14, 40), 6: (1000, 20, 2000, 40)}
    async with realised(switch, state(3)) as (agent, status):
        assert (status.updates_written, status.entries) == (2, 0)
        assert await held(agent) == {}


async def test_rates_that_a_target_rounds_are_written_once(switch: RealSwitch) -> None:
    cells = [cell(index, AWKWARD_RATE + index) for index in range(16)]
    async with realised(switch, state(1, *cells)):
        pass
    async with realised(switch, state(1, *cells)) as (_, status):
        assert (status.updates_written, status.entries) == (0, 16)


async def test_a_rate_that_came_back_one_lower_is_not_written_again() -> None:
    switch = SoftSwitch(1)
    await switch.start()
    async with realised(switch, state(1, MeterEntry(METER, 3, 999, 20, 1999, 40))):
        pass
    async with realised(switch, state(1, cell(3))) as (_, status):
        assert (status.updates_written, status.entries) == (0, 1)
    await switch.stop()
