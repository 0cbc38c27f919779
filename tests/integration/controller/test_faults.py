# SPDX-License-Identifier: Apache-2.0
"""Fault runs with one controller (docs/faults.md): what switches and connections do wrong, and that all is well after.

Each run ends with a comparison of what the switches hold with a full compilation, and of what was sent through them
with what arrived. Times are told, never judged.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import grpc
import pytest
from finsy.proto import p4r, p4r_grpc, rpc_code

from p4vpc.intent import load_yaml
from p4vpc.services import Controller, MobilityOptions, Outcome
from p4vpc.services.links import LinkOptions
from p4vpc.southbound import AgentOptions, Pipeline, PipelineState
from p4vpc.store import Store
from tests.integration.controller.fault_fabric import FaultFabric, Figures, PortedSwitch, bulk, fault_fabric
from tests.integration.controller.running import BOUND_SECONDS, PIPELINE, apply, controlling, realise, realised, until
from tests.integration.controller.targets import BMV2, Bmv2
from tests.integration.controller.test_mobility import BLUE, Host, blue

OPTIONS = AgentOptions(batch_size=20, first_backoff=0.02, last_backoff=0.2, inspection_round=0)
INSPECTING = replace(OPTIONS, inspection_round=2.0)
BULK = 40

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(
    params=[
        pytest.param(PortedSwitch, id="softswitch"),
        pytest.param(
            Bmv2,
            id="bmv2",
            marks=[
                pytest.mark.bmv2,
                pytest.mark.skipif(shutil.which(BMV2) is None, reason=f"{BMV2} is not on the PATH"),
            ],
        ),
    ]
)
async def fabric(request: pytest.FixtureRequest) -> AsyncIterator[FaultFabric]:
    async with fault_fabric(request.param) as it:
        yield it


def running_with(
    store: Store, options: AgentOptions = OPTIONS, pipeline: Pipeline = PIPELINE, **more: Any
) -> AbstractAsyncContextManager[Controller]:
    links = LinkOptions(first_look=1.0, lldp_interval=0)
    return controlling(store, pipeline, options=options, link_options=links, **more)


async def shown(running: Controller, leaf: str, revision: int) -> None:
    """Wait until a switch shows all of a revision."""
    await until(running, lambda status: any(it.name == leaf and it.has_realised(revision) for it in status.switches))


def table_of(update: p4r.Update) -> int:
    return update.entity.table_entry.table_id


@pytest.mark.parametrize("code", [rpc_code.RESOURCE_EXHAUSTED, rpc_code.INVALID_ARGUMENT])
async def test_a_switch_that_refuses_one_table(store: Store, fabric: FaultFabric, code: int) -> None:
    """Only what is in that table is missing there, each entry is told with its objects, and it heals by itself."""
    figures = Figures(f"refuses one table, {rpc_code.Code.Name(code)}", fabric.kind)
    hosts, proxy = PIPELINE.info.ids["hosts_v4"].table, fabric.proxies["leaf2"]
    async with running_with(store) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            proxy.refuses = lambda update: code if table_of(update) == hosts else 0
            revision = await apply(running, bulk(BULK))
            assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.DEGRADED
            status = {switch.name: switch for switch in running.status.switches}
            problems = status["leaf2"].problems
            assert {problem.table for problem in problems} == {"hosts_v4"}
            assert len(problems) == BULK
            assert {str(origin) for problem in problems for origin in problem.origins} >= {
                f"port {intent.key}" for intent in bulk(BULK)
            }
            assert not status["leaf1"].problems and not status["leaf3"].problems
            assert sum((await fabric.wrong(store)).values()) == BULK, "nothing else is missing"
            proxy.heal()
            figures.heal()
            await shown(running, "leaf2", revision)
            figures.settled()
        await figures.judge(fabric, store, more=f"{BULK} entries refused until then, on leaf2 only")


async def test_a_switch_that_answers_slowly(store: Store, fabric: FaultFabric) -> None:
    """The others show each of ten revisions while the slow one still has not answered the first write."""
    figures, slow = Figures("answers slowly", fabric.kind), fabric.proxies["leaf2"]
    ports = bulk(10)
    async with running_with(store) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            slow.open.clear()
            writes = slow.writes
            for intent in ports:
                revision = await apply(running, [intent])
                for leaf in ("leaf1", "leaf3"):
                    await shown(running, leaf, revision)
            assert slow.writes == writes, "leaf2 has not answered one yet"
            assert not running.agents()["leaf2"].status.has_settled(revision)
            slow.heal()
            figures.heal()
            await realised(running, revision)
            figures.settled()
        await figures.judge(fabric, store, more=f"{len(ports)} revisions realised at the others meanwhile")


async def test_a_port_moves_to_a_switch_that_answers_slowly(store: Store, fabric: FaultFabric) -> None:
    """A leaf that the port's VPC is not at shows each of ten revisions meanwhile; the port's old leaf waits."""
    figures, slow = Figures("a port moves to a slow switch", fabric.kind), fabric.proxies["leaf3"]
    ports = [Host(f"bulk{number}", number).at("leaf1") for number in range(40, 50)]
    mobility = MobilityOptions(patience=10 * BOUND_SECONDS)
    async with running_with(store, mobility=mobility) as running:
        await realise(running, [*fabric.base(), *load_yaml(BLUE, "test"), blue("mover", 31, "leaf2")])
        async with fabric.sending():
            slow.open.clear()
            move = await apply(running, [blue("mover", 31, "leaf3")])
            await until(running, lambda _: slow.writes > 0 and running.compiled_revision == move)
            for intent in ports:
                revision = await apply(running, [intent])
                await shown(running, "leaf1", revision)
            agents = running.agents()
            assert agents["leaf3"].status.realised_revision < move, "it has not answered"
            assert agents["leaf2"].status.desired_revision < move, "the old place does not let go before"
            slow.heal()
            figures.heal()
            await realised(running, revision)
            figures.settled()
            await until(running, lambda _: (it := running.compilation) is not None and not it.input.moved)
            await realised(running, revision)  # without redirects, which end when all have realised the move
        await figures.judge(fabric, store, more=f"{len(ports)} revisions realised at leaf1 meanwhile")


async def test_a_switch_that_accepts_and_forgets(store: Store, fabric: FaultFabric) -> None:
    """It is found by inspection, and told with the objects that miss it; what the switch then keeps is all there."""
    figures = Figures("accepts and forgets", fabric.kind)
    table, proxy = PIPELINE.info.ids["bridge"].table, fabric.proxies["leaf2"]
    async with running_with(store, INSPECTING) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            proxy.forgets = lambda update: table_of(update) == table
            revision = await apply(running, bulk(BULK))
            await running.wait_realised(revision, BOUND_SECONDS)
            status = await until(running, lambda status: bool(status.switches[1].problems))
            assert all(problem.reason == "it was acknowledged, but not done" for problem in status.switches[1].problems)
            assert all(problem.origins for problem in status.switches[1].problems)
            assert not status.switches[1].has_realised(revision)
            drifted = status.switches[1].entries_drifted
            proxy.heal()
            figures.heal()
            await shown(running, "leaf2", revision)
            figures.settled()
        assert running.status.switches[1].problems == ()
        await figures.judge(fabric, store, more=f"{drifted} entries found missing by inspection")


@pytest.mark.parametrize("updates", [1, 30, 110])
async def test_a_connection_that_is_cut_in_mid_batch(store: Store, fabric: FaultFabric, updates: int) -> None:
    """Part of a batch is done, and nobody is told which."""
    figures, proxy = Figures(f"gRPC cut after {updates} updates of a bulk apply", fabric.kind), fabric.proxies["leaf2"]
    async with running_with(store) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            proxy.cut_after = updates
            revision = await apply(running, bulk(BULK))
            await proxy.until(lambda: proxy.cuts == 1)
            figures.heal()
            await realised(running, revision)
            figures.settled()
        assert running.agents()["leaf2"].status.connections == 2
        await figures.judge(fabric, store)


@pytest.mark.parametrize("updates", [30, 110])
async def test_a_switch_that_restarts_during_writes(store: Store, fabric: FaultFabric, updates: int) -> None:
    """It comes back empty, and is filled with what is wanted by then. What goes through it is lost meanwhile."""
    figures = Figures(f"switch restarts after {updates} updates of a bulk apply", fabric.kind)
    proxy = fabric.proxies["leaf2"]
    async with running_with(store) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            proxy.on_cut = lambda: fabric.restart("leaf2")
            proxy.cut_after = updates
            revision = await apply(running, bulk(BULK))
            await proxy.until(lambda: proxy.cuts == 1)
            figures.heal()
            await until(running, lambda status: status.switches[1].connections >= 2)
            await realised(running, revision)
            figures.settled()
        assert not running.status.switches[1].problems
        await until(running, lambda status: not any(link.is_down for link in status.links))
        await realised(running, revision)
        await figures.judge(fabric, store, may_lose=True)


async def test_a_switch_that_answers_garbage(store: Store, fabric: FaultFabric) -> None:
    """Read back, its tables make no sense. That is told, what is right is not touched, and new entries get there."""
    figures, proxy = Figures("answers garbage when read", fabric.kind), fabric.proxies["leaf2"]
    hosts, groups = PIPELINE.info.ids["hosts_v4"].table, PIPELINE.info.ids["bridge"].table

    def garbled(entity: p4r.Entity) -> p4r.Entity | None:
        it = p4r.Entity.FromString(entity.SerializeToString())
        if it.table_entry.table_id == hosts:
            it.table_entry.action.action.action_id = 0x01FFFFFF
        elif it.table_entry.table_id == groups:
            it.table_entry.match[0].field_id = 77
        return it

    async with running_with(store, INSPECTING) as running:
        await realise(running, fabric.base())
        async with fabric.sending():
            proxy.garbles = garbled
            await proxy.cut()  # it is read back as a whole
            status = await until(running, lambda status: "make no sense" in status.switches[1].error)
            revision = await apply(running, bulk(BULK))
            assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.DEGRADED
            problems = running.status.switches[1].problems
            assert {problem.table for problem in problems} <= {"hosts_v4", "bridge"}
            assert all(problem.origins and problem.reason.startswith("ALREADY_EXISTS") for problem in problems)
            assert await fabric.wrong(store) == {}, "it holds all that is wanted, and only says otherwise"
            told = status.switches[1].error.split(";")[0]
            proxy.heal()
            figures.heal()
            await shown(running, "leaf2", revision)
            await until(running, lambda status: not status.switches[1].error)
            figures.settled()
        await figures.judge(fabric, store, more=told)


async def test_somebody_else_who_writes(store: Store, fabric: FaultFabric) -> None:
    """Entries that vanish are found and put back; what needs them is lost until then, and not after."""
    figures, switch = Figures("a table emptied by somebody else", fabric.kind), fabric.switches["leaf1"]
    async with running_with(store, INSPECTING) as running:
        await realise(running, [*fabric.base(), *bulk(BULK)])
        agent = running.agents()["leaf1"]
        async with fabric.sending():
            held = await read_table(switch.address, switch.device_id, PIPELINE.info.ids["bridge"].table)
            figures.heal()
            deletes = [p4r.Update(type=p4r.Update.DELETE, entity=entity).SerializeToString() for entity in held]
            assert not await agent.session().write(deletes)
            await until(running, lambda status: status.switches[0].entries_drifted >= len(held))
            await shown(running, "leaf1", store.revision)
            figures.settled()
            lost = 0 if fabric.traffic is None else len(fabric.traffic.lost)
        assert fabric.traffic is None or len(fabric.traffic.lost) == lost, "nothing is lost any more"
        more = f"{len(held)} entries deleted; every table is looked at once in {INSPECTING.inspection_round} s"
        await figures.judge(fabric, store, may_lose=True, more=more)


async def test_a_new_pipeline_is_rolled_out(store: Store, fabric: FaultFabric) -> None:
    """Switch by switch; each is empty from its push until it is filled again, and what goes through it is lost then."""
    figures = Figures("a new pipeline is rolled out", fabric.kind)
    async with running_with(store) as running:
        await realise(running, [*fabric.base(), *bulk(BULK)])
    p4info = type(PIPELINE.p4info)()
    p4info.CopyFrom(PIPELINE.p4info)
    p4info.pkg_info.version = "another"
    async with fabric.sending():
        figures.heal()
        async with running_with(store, pipeline=Pipeline.of(p4info, PIPELINE.device_config)) as running:
            status = await realised(running, store.revision)
            figures.settled()
            assert {switch.pipeline for switch in status.switches} == {PipelineState.PUSHED}
    await figures.judge(fabric, store, may_lose=True, more="three switches; from the start of the controller")


async def read_table(address: str, device_id: int, table_id: int) -> list[p4r.Entity]:
    wildcard = p4r.Entity(table_entry=p4r.TableEntry(table_id=table_id))
    request = p4r.ReadRequest(device_id=device_id, entities=[wildcard])
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = p4r_grpc.P4RuntimeStub(channel)
        return [it async for response in stub.Read(request) for it in response.entities]
