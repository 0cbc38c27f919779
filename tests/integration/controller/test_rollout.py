# SPDX-License-Identifier: Apache-2.0
"""A new pipeline goes from switch to switch; one that fares badly with it stops the roll-out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from finsy.proto import rpc_code

from p4vpc.southbound import Agent, AgentOptions, Pipeline, PipelineState, Rollout, SwitchState, Target
from p4vpc.store import Store
from tests.integration.controller.fake_switch import BOUND_SECONDS, FakeSwitch
from tests.integration.controller.running import controlling, realise, realised
from tests.integration.controller.targets import RealSwitch
from tests.integration.controller.test_agent import FULL, PIPELINE, state
from tests.integration.controller.test_controller import PORTS, fabric, switches
from tests.unit.p4vpc.southbound.small_pipeline import TABLES, small_pipeline

__all__ = ("switches",)

OLD = small_pipeline({"policy": 8})
OPTIONS = AgentOptions(first_backoff=0.01, last_backoff=0.05)


class Fleet:
    """An agent for each switch, all in one roll-out."""

    def __init__(self, fakes: Sequence[FakeSwitch], pipeline: Pipeline):
        self.rollout = Rollout(self._notify)
        self._changed = asyncio.Event()
        self._ids = iter(range(1 if pipeline is OLD else 1000, 10_000))
        self.agents = [
            Agent(
                Target(f"leaf-{fake.device_id}", fake.address, fake.device_id),
                pipeline,
                self._next_id,
                on_change=self._notify,
                rollout=self.rollout,
                options=OPTIONS,
            )
            for fake in fakes
        ]

    def _notify(self) -> None:
        self._changed.set()

    async def _next_id(self, _above: int) -> int:
        return next(self._ids)

    def states(self) -> list[PipelineState]:
        return [agent.status.pipeline for agent in self.agents]

    async def until(self, *wanted: PipelineState) -> None:
        """Wait until so many switches are in these states, whichever they are."""
        async with asyncio.timeout(BOUND_SECONDS):
            while sorted(self.states()) != sorted(wanted) or PipelineState.UNKNOWN in self.states():
                self._changed.clear()
                await self._changed.wait()

    async def until_failed(self, name: str) -> None:
        async with asyncio.timeout(BOUND_SECONDS):
            while not self.rollout.failure or self.rollout.at != name:
                self._changed.clear()
                await self._changed.wait()

    async def until_realised(self) -> None:
        async with asyncio.timeout(BOUND_SECONDS):
            while not all(agent.status.has_realised(1) for agent in self.agents):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def fleet(fakes: Sequence[FakeSwitch], pipeline: Pipeline = PIPELINE) -> AsyncIterator[Fleet]:
    it = Fleet(fakes, pipeline)
    tasks = [asyncio.create_task(agent.run()) for agent in it.agents]
    for agent in it.agents:
        agent.set_desired(state(1, *FULL))
    try:
        yield it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture
async def fakes() -> AsyncIterator[list[FakeSwitch]]:
    """Three switches that run the old pipeline, with all entries."""
    async with AsyncExitStack() as stack:
        started = [FakeSwitch(device_id) for device_id in (1, 2, 3)]
        for fake in started:
            stack.push_async_callback(fake.stop)
            await fake.start()
        async with fleet(started, OLD) as old:
            await old.until_realised()
        yield started


def outdated(fakes: Sequence[FakeSwitch]) -> int:
    return sum(fake.config is not None and fake.config.p4info == OLD.p4info for fake in fakes)


async def test_switches_without_any_pipeline_do_not_wait_for_each_other() -> None:
    async with AsyncExitStack() as stack:
        started = [FakeSwitch(device_id) for device_id in (1, 2)]
        for fake in started:
            stack.push_async_callback(fake.stop)
            await fake.start()
        started[0].held.clear()
        async with fleet(started) as new:
            await started[1].until(lambda: len(started[1].entries) == len(FULL))
            assert not started[0].entries
            started[0].held.set()
            await new.until_realised()


async def test_no_switch_is_changed_before_the_one_before_it_shows_everything(fakes: list[FakeSwitch]) -> None:
    for fake in fakes:
        fake.held.clear()
    async with fleet(fakes) as new:
        for number in (1, 2, 3):
            rest = [PipelineState.OUTDATED] * (3 - number)
            await new.until(*[PipelineState.PUSHED] * number, *rest)
            assert outdated(fakes) == 3 - number
            at = next(fake for fake in fakes if f"leaf-{fake.device_id}" == new.rollout.at)
            waiting = [agent for agent in new.agents if agent.status.pipeline is PipelineState.OUTDATED]
            assert all(agent.status.error == f"the new pipeline is being put on {new.rollout.at}" for agent in waiting)
            at.held.set()
        await new.until_realised()
    assert [fake.pushes for fake in fakes] == [2, 2, 2]
    assert [len(fake.entries) for fake in fakes] == [len(FULL)] * 3


async def test_a_switch_that_refuses_the_pipeline_stops_the_roll_out_and_keeps_what_it_has(
    fakes: list[FakeSwitch],
) -> None:
    for fake in fakes:
        fake.refuses_pipelines = True
    async with fleet(fakes) as new:
        async with asyncio.timeout(BOUND_SECONDS):
            while new.rollout.at is None or not new.rollout.failure:
                await asyncio.sleep(0.01)
        bad = next(fake for fake in fakes if f"leaf-{fake.device_id}" == new.rollout.at)
        await bad.until(lambda: bad.refused_pushes > 2)
        assert "INVALID_ARGUMENT: this does not fit" in new.rollout.failure
        assert outdated(fakes) == 3
        assert [len(fake.entries) for fake in fakes] == [len(FULL)] * 3
        assert sum(fake.refused_pushes for fake in fakes) == bad.refused_pushes
        others = [agent for agent in new.agents if agent.target.name != new.rollout.at]
        stopped = f"the roll-out of the new pipeline has stopped at {new.rollout.at}"
        assert all(agent.status.error.startswith(stopped) for agent in others)
        for fake in fakes:
            fake.refuses_pipelines = False
        await new.until_realised()
    assert outdated(fakes) == 0


async def test_a_switch_in_which_not_everything_fits_any_more_stops_the_roll_out(fakes: list[FakeSwitch]) -> None:
    table = TABLES["policy"][0]
    for fake in fakes:
        fake.refused_tables[table] = rpc_code.RESOURCE_EXHAUSTED
    async with fleet(fakes) as new:
        await new.until(PipelineState.PUSHED, PipelineState.OUTDATED, PipelineState.OUTDATED)
        assert new.rollout.at is not None
        await new.until_failed(new.rollout.at)
        assert new.rollout.failure == "it does not hold 1 of its entries"
        assert outdated(fakes) == 2
        for fake in fakes:
            fake.refused_tables.clear()
        await new.until_realised()


async def test_a_switch_that_can_keeps_its_entries(fakes: list[FakeSwitch]) -> None:
    for fake in fakes:
        fake.can_reconcile = True
    updates = [fake.updates for fake in fakes]
    async with fleet(fakes) as new:
        await new.until_realised()
        assert new.states() == [PipelineState.RECONCILED] * 3
        assert all(agent.status.state is SwitchState.READY for agent in new.agents)
    assert [fake.pushes for fake in fakes] == [1, 1, 1]
    assert [fake.updates for fake in fakes] == updates, "nothing was written, as nothing was lost"
    assert outdated(fakes) == 0


async def test_a_switch_that_has_nothing_to_lose_waits_for_nobody(fakes: list[FakeSwitch]) -> None:
    """It holds no entries, whatever it runs."""
    refusing, empty, _ = fakes
    refusing.refuses_pipelines = True
    async with fleet([refusing]) as first:
        await first.until_failed("leaf-1")
        empty.entries.clear()
        agent = Agent(
            Target("leaf-2", empty.address, empty.device_id),
            PIPELINE,
            first._next_id,
            on_change=first._notify,
            rollout=first.rollout,
            options=OPTIONS,
        )
        first.agents.append(agent)
        task = asyncio.create_task(agent.run())
        agent.set_desired(state(1, *FULL))
        await empty.until(lambda: len(empty.entries) == len(FULL))
        assert (first.rollout.at, outdated(fakes)) == ("leaf-1", 2)
        task.cancel()
        await asyncio.wait((task,))


async def test_a_switch_that_had_the_pipeline_gets_it_back_although_the_roll_out_has_stopped(
    fakes: list[FakeSwitch],
) -> None:
    first = fakes[0]
    async with fleet([first]) as alone:
        await alone.until_realised()
        rollout = alone.rollout
        await rollout.turn("another")
        rollout.failed("another", "it does not fit")
        await first.stop()
        first.config = OLD.config()
        await first.start()
        await first.until(lambda: first.config is not None and first.config.p4info == PIPELINE.p4info)
        await alone.until_realised()
        assert rollout.at == "another"


async def test_a_new_p4info_on_real_targets(store: Store, switches: list[RealSwitch]) -> None:
    """Another P4Info with the same program: both take it, one after the other, and show everything again."""
    async with controlling(store) as running:
        await realise(running, [*fabric(*switches), *PORTS])
        p4info = type(running.pipeline.p4info)()
        p4info.CopyFrom(running.pipeline.p4info)
        p4info.pkg_info.version = "another"
        renewed = Pipeline.of(p4info, running.pipeline.device_config)
    async with controlling(store, pipeline=renewed) as running:
        status = await realised(running, store.revision)
        assert {switch.pipeline for switch in status.switches} <= {PipelineState.PUSHED, PipelineState.RECONCILED}
        assert [switch.entries for switch in status.switches] == [
            len(running.desired(switch.name) or ()) for switch in status.switches
        ]
    async with controlling(store, pipeline=renewed) as running:
        status = await realised(running, store.revision)
        assert [switch.pipeline for switch in status.switches] == [PipelineState.SAME] * 2
