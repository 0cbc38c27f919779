# SPDX-License-Identifier: Apache-2.0
"""One agent and one switch over real gRPC: filling, settling, restarting, refusing, fencing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest
from finsy.proto import p4r, rpc_code

from p4vpc.compiler.entries import (
    ActionCall,
    ActionSet,
    CloneEntry,
    DesiredEntry,
    DesiredState,
    Entry,
    Exact,
    Lpm,
    MulticastEntry,
    Origin,
    Range,
    TableEntry,
    Ternary,
    WeightedAction,
)
from p4vpc.southbound import (
    Agent,
    AgentOptions,
    NotConnectedError,
    Packet,
    Pipeline,
    PipelineState,
    SwitchState,
    SwitchStatus,
    Target,
    read_counters,
)
from tests.integration.controller.fake_switch import BOUND_SECONDS, FakeSwitch
from tests.unit.p4vpc.southbound.small_pipeline import TABLES, small_pipeline

PIPELINE = small_pipeline()
OPTIONS = AgentOptions(batch_size=4, first_backoff=0.01, last_backoff=0.05)


class Watched:
    """A running agent whose status can be waited for."""

    def __init__(self, switch: FakeSwitch, pipeline: Pipeline, ids: Iterable[int], options: AgentOptions):
        self._ids = iter(ids)
        self._changed = asyncio.Event()
        self.packets: list[Packet] = []
        self.agent = Agent(
            Target("leaf-1", switch.address, switch.device_id),
            pipeline,
            self._next_id,
            on_change=self._changed.set,
            on_packet=self._on_packet,
            options=options,
        )

    def _on_packet(self, switch: str, packet: Packet) -> None:
        assert switch == "leaf-1"
        self.packets.append(packet)
        self._changed.set()

    async def _next_id(self, _above: int) -> int:
        return next(self._ids)

    async def until(self, condition: Callable[[SwitchStatus], bool]) -> SwitchStatus:
        async with asyncio.timeout(BOUND_SECONDS):
            while not condition(self.agent.status):
                self._changed.clear()
                await self._changed.wait()
        return self.agent.status


@pytest.fixture
async def switch() -> AsyncIterator[FakeSwitch]:
    fake = FakeSwitch()
    await fake.start()
    yield fake
    await fake.stop()


@asynccontextmanager
async def running(
    switch: FakeSwitch,
    *,
    pipeline: Pipeline = PIPELINE,
    ids: Iterable[int] = range(1, 100),
    options: AgentOptions = OPTIONS,
) -> AsyncIterator[Watched]:
    watched = Watched(switch, pipeline, ids, options)
    task = asyncio.create_task(watched.agent.run())
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled(), task.exception()


def tunnel(index: int) -> TableEntry:
    return TableEntry("tunnels", (Exact(index),), 0, ActionCall("set_tunnel", (1, index)))


def host(address: int, tunnel_index: int) -> TableEntry:
    return TableEntry("hosts_v4", (Exact(1), Exact(address)), 0, ActionCall("set_remote_host", (tunnel_index, 0xAA)))


def rule(label: int) -> TableEntry:
    return TableEntry("policy", (Ternary(label, 0xFFFF), Ternary(0, 0), Range(0, 65535)), 10, ActionCall("permit"))


def ecmp(*ports: int) -> TableEntry:
    members = tuple(WeightedAction(ActionCall("set_next_hop", (port,)), 1, port) for port in ports)
    return TableEntry("underlay_routes", (Lpm(0, 0),), 0, ActionSet(members))


def state(revision: int, *entries: Entry) -> DesiredState:
    return DesiredState(
        "leaf-1",
        revision,
        {
            entry.identity: DesiredEntry(entry, (Origin("port", f"red/prod/{position}"),))
            for position, entry in enumerate(entries)
        },
    )


FULL = (
    tunnel(1),
    tunnel(2),
    host(1, 1),
    host(2, 1),
    host(3, 2),
    rule(5),
    ecmp(1, 2),
    MulticastEntry(7, ((1, 0), (2, 0))),
    CloneEntry(5, ((1, 3), (2, 0))),
)


async def test_an_empty_switch_gets_pipeline_and_entries(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_realised(1))
        assert (status.state, status.pipeline) == (SwitchState.READY, PipelineState.PUSHED)
        assert status.updates_written == switch.updates == len(switch.entries) == status.entries == len(FULL)
        assert switch.pushes == 1


async def test_a_settled_switch_gets_no_write(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        writes = switch.writes
        watched.agent.set_desired(state(2, *FULL))
        status = await watched.until(lambda status: status.has_realised(2))
        assert (status.changed_revision, status.realised_revision) == (1, 2)
        assert switch.writes == writes


async def test_only_the_difference_is_written(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        updates = switch.updates
        moved = (tunnel(1), tunnel(3), host(1, 1), host(2, 1), host(3, 3), rule(5), *FULL[6:])
        watched.agent.set_desired(state(2, *moved))
        await watched.until(lambda status: status.has_realised(2))
        assert switch.updates - updates == 3
        assert len(switch.entries) == len(moved)


async def test_a_restarted_controller_writes_nothing(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
    writes, pushes = switch.writes, switch.pushes
    async with running(switch, ids=range(50, 60)) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_realised(1))
        assert (status.updates_written, status.pipeline, status.entries) == (0, PipelineState.SAME, len(FULL))
    assert (switch.writes, switch.pushes) == (writes, pushes)


async def test_a_restarted_switch_is_filled_again(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        await switch.stop()
        await watched.until(lambda status: not status.is_connected)
        switch.lose_state()
        await switch.start()
        status = await watched.until(lambda status: status.connections == 2 and status.state is SwitchState.READY)
        assert status.has_realised(1)
        assert (switch.pushes, len(switch.entries)) == (2, len(FULL))


async def test_a_cut_connection_costs_no_write(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        writes = switch.writes
        await switch.stop()
        status = await watched.until(lambda status: not status.is_connected)
        assert status.error
        with pytest.raises(NotConnectedError, match="switch leaf-1 is not connected"):
            watched.agent.session()
        await switch.start()
        await watched.until(lambda status: status.connections == 2 and status.state is SwitchState.READY)
        assert (switch.writes, switch.pushes) == (writes, 1)


async def test_a_connection_cut_in_mid_write_ends_well(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, tunnel(1)))
        await watched.until(lambda status: status.has_realised(1))
        writes = switch.writes
        switch.held.clear()
        watched.agent.set_desired(state(2, *FULL))
        await switch.until(lambda: switch.writes > writes)
        await switch.stop()
        await watched.until(lambda status: not status.is_connected)
        switch.held.set()
        await switch.start()
        await watched.until(lambda status: status.has_realised(2))
        assert len(switch.entries) == len(FULL)


async def test_a_switch_that_keeps_no_cookie_is_known_by_content() -> None:
    switch = FakeSwitch(has_cookie=False, has_multicast=False)
    await switch.start()
    for _ in range(2):
        async with running(switch) as watched:
            watched.agent.set_desired(state(1, *FULL[:-2]))
            await watched.until(lambda status: status.has_realised(1))
    assert (switch.pushes, switch.updates) == (1, len(FULL) - 2)
    await switch.stop()


async def test_another_pipeline_is_replaced_and_the_entries_come_back(switch: FakeSwitch) -> None:
    async with running(switch, pipeline=small_pipeline({"policy": 8})) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
    async with running(switch, ids=[50]) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_realised(1))
        assert (status.pipeline, status.updates_written) == (PipelineState.PUSHED, len(FULL))


async def test_a_refused_entry_is_reported_with_its_origin_and_the_rest_is_written(switch: FakeSwitch) -> None:
    switch.refused_tables[TABLES["policy"][0]] = rpc_code.RESOURCE_EXHAUSTED
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_settled(1))
        assert not status.has_realised(1)
        assert len(switch.entries) == len(FULL) - 1
        (problem,) = status.problems
        assert (problem.table, problem.origins) == ("policy", (Origin("port", "red/prod/5"),))
        assert problem.reason == "RESOURCE_EXHAUSTED: so it is"
        assert problem.entry == "insert policy[src_label=5, ip_protocol=*, l4_dst_port=*] priority 10 -> permit()"
        switch.refused_tables.clear()
        status = await watched.until(lambda status: status.has_realised(1))
        assert status.problems == ()
        assert len(switch.entries) == len(FULL)


async def test_a_refused_entry_is_forgotten_when_nobody_wants_it_any_more(switch: FakeSwitch) -> None:
    switch.refused_tables[TABLES["policy"][0]] = rpc_code.INVALID_ARGUMENT
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, tunnel(1), rule(5)))
        await watched.until(lambda status: status.has_settled(1))
        watched.agent.set_desired(state(2, tunnel(1)))
        status = await watched.until(lambda status: status.has_realised(2))
        assert status.problems == ()


async def test_an_entry_that_cannot_be_encoded_never_reaches_the_switch(switch: FakeSwitch) -> None:
    wrong = TableEntry("tunnels", (Exact(9),), 0, ActionCall("set_tunnel", (1,)))
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, wrong, tunnel(1)))
        status = await watched.until(lambda status: status.has_settled(1))
        assert [problem.origins for problem in status.problems] == [(Origin("port", "red/prod/0"),)]
        assert "takes 2 parameters" in status.problems[0].reason
        assert len(switch.entries) == 1


async def test_a_full_table_is_reported_before_the_switch_is_asked(switch: FakeSwitch) -> None:
    async with running(switch, pipeline=small_pipeline({"tunnels": 2})) as watched:
        watched.agent.set_desired(state(1, tunnel(1), tunnel(2), tunnel(3)))
        status = await watched.until(lambda status: status.has_settled(1))
        assert [(problem.table, problem.origins) for problem in status.problems] == [
            ("tunnels", (Origin("port", "red/prod/2"),))
        ]
        assert "table tunnels is full: it holds 2 entries, 3 are wanted" in status.problems[0].reason
        assert (status.updates_refused, switch.updates) == (0, 2)
        watched.agent.set_desired(state(2, tunnel(2), tunnel(3)))
        await watched.until(lambda status: status.has_realised(2))


async def test_a_write_refused_as_a_whole_is_narrowed_down(switch: FakeSwitch) -> None:
    switch.fails_as_a_whole = lambda update: update.entity.table_entry.table_id == TABLES["policy"][0]
    async with running(switch, options=AgentOptions(batch_size=100, first_backoff=0.01)) as watched:
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_settled(1))
        assert [problem.table for problem in status.problems] == ["policy"]
        assert len(switch.entries) == len(FULL) - 1


async def test_entries_changed_behind_our_back_are_found_when_they_matter(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        reads = switch.reads
        switch.entries.clear()
        watched.agent.set_desired(state(2, tunnel(1), *FULL[2:4], ecmp(1, 3)))
        await watched.until(lambda status: status.has_realised(2))
        assert switch.reads > reads
        assert len(switch.entries) == 4


async def test_the_lower_election_id_is_fenced_and_takes_over_when_the_higher_one_leaves(switch: FakeSwitch) -> None:
    async with running(switch, ids=[1, 3]) as deposed:
        deposed.agent.set_desired(state(1, tunnel(1)))
        await deposed.until(lambda status: status.has_realised(1))
        async with running(switch, ids=[2]) as owner:
            owner.agent.set_desired(state(2, tunnel(1), tunnel(2)))
            await owner.until(lambda status: status.has_realised(2))
            await deposed.until(lambda status: status.state is SwitchState.STANDBY)
            deposed.agent.set_desired(state(3, tunnel(3)))
            status = await deposed.until(lambda status: status.state is SwitchState.STANDBY)
            assert not status.has_settled(3)
            assert len(switch.entries) == 2
        status = await deposed.until(lambda status: status.has_realised(3))
        assert len(switch.entries) == 1


async def test_a_write_in_flight_is_refused_once_another_controller_is_primary(switch: FakeSwitch) -> None:
    async with running(switch, ids=[1]) as deposed:
        deposed.agent.set_desired(state(1, tunnel(1)))
        await deposed.until(lambda status: status.has_realised(1))
        writes = switch.writes
        switch.held.clear()
        deposed.agent.set_desired(state(2, tunnel(1), tunnel(2)))
        await switch.until(lambda: switch.writes > writes)
        async with running(switch, ids=[2]) as owner:
            await owner.until(lambda status: status.is_connected)
            switch.held.set()
            status = await deposed.until(lambda status: status.state is SwitchState.STANDBY)
            assert not status.has_settled(2)
            assert status.updates_written == 1


async def test_an_election_id_in_use_is_replaced_by_a_new_one(switch: FakeSwitch) -> None:
    async with running(switch, ids=[5, 7]) as first:
        await first.until(lambda status: status.is_connected)
        async with running(switch, ids=[5, 6]) as second:
            second.agent.set_desired(state(1, tunnel(1)))
            await second.until(lambda status: status.has_realised(1))
            await first.until(lambda status: status.state is SwitchState.STANDBY)


async def test_a_pipeline_changed_by_somebody_else_is_noticed_by_an_idle_agent(switch: FakeSwitch) -> None:
    options = AgentOptions(first_backoff=0.01, probe_interval=0.02)
    async with running(switch, options=options) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        switch.entries.clear()
        switch.config = small_pipeline({"policy": 8}).config()
        await switch.until(lambda: switch.pushes == 2 and len(switch.entries) == len(FULL))


async def test_packets_are_decoded_and_counted(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1))
        await watched.until(lambda status: status.state is SwitchState.READY)
        packet = p4r.PacketIn(payload=b"frame")
        packet.metadata.add(metadata_id=1, value=b"\x05")
        switch.send_packet(packet)
        status = await watched.until(lambda status: status.packets_in == 1)
        assert status.packets_in == 1
        assert watched.packets == [Packet(b"frame", {"ingress_port": 5})]


async def test_counters_are_read_with_their_entries(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
        readings = [reading async for reading in read_counters(watched.agent.session(), PIPELINE.codec, "policy")]
        assert [(reading.entry, reading.packets, reading.bytes) for reading in readings] == [(rule(5), 3, 300)]


async def test_nothing_is_deleted_before_anything_is_desired(switch: FakeSwitch) -> None:
    async with running(switch) as watched:
        watched.agent.set_desired(state(1, *FULL))
        await watched.until(lambda status: status.has_realised(1))
    async with running(switch, ids=[50]) as watched:
        await watched.until(lambda status: status.state is SwitchState.SYNCHRONISING)
        assert len(switch.entries) == len(FULL)
        watched.agent.set_desired(state(1, *FULL))
        status = await watched.until(lambda status: status.has_realised(1))
        assert (status.entries, status.updates_written) == (len(FULL), 0)
