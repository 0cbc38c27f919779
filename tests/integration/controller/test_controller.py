# SPDX-License-Identifier: Apache-2.0
"""From intent to switches over real gRPC and a real database, with the real pipeline."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from finsy.proto import rpc_code

from p4vpc.compiler.entries import ActionCall, CloneEntry, MulticastEntry, TableEntry
from p4vpc.errors import NotFoundError, StoreError
from p4vpc.intent import Claim, ClaimId, IdentifierPlan, Intent, ObjectId, load_yaml
from p4vpc.services import ControllerStatus, Outcome, controller, read_drops, read_telemetry
from p4vpc.southbound import PipelineState
from p4vpc.store import Delete, Put, Store
from tests.integration.controller.fake_switch import FakeSwitch
from tests.integration.controller.running import BOUND_SECONDS, PIPELINE, apply, controlling, realised, until
from tests.integration.controller.targets import TARGETS, RealSwitch

FABRIC = """
kind: switch
name: leaf1
role: leaf
vtep: 10.255.0.1
p4runtime: {leaf1.address}
device_id: {leaf1.device_id}
---
kind: switch
name: leaf2
role: leaf
vtep: 10.255.0.2
p4runtime: {leaf2.address}
device_id: {leaf2.device_id}
---
kind: link
name: leaf1-leaf2
a: {{switch: leaf1, port: 1}}
b: {{switch: leaf2, port: 1}}
---
kind: tenant
name: red
---
kind: vpc
tenant: red
name: prod
---
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
---
kind: security_group
tenant: red
vpc: prod
name: open
rules:
  - {{direction: ingress, protocol: any, peer: {{group: open}}}}
"""

FLOODING = """
kind: subnet
tenant: red
vpc: prod
name: web
ipv4: 10.0.1.0/24
broadcast: true
"""

MIRRORING = """
kind: mirror
tenant: red
vpc: prod
name: tap
ports: [a, b]
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web]
inbound: [{action: allow, mirror: tap, log: true}]
"""

PORT = """
kind: port
tenant: red
vpc: prod
name: {name}
subnet: web
mac: "02:00:00:00:00:{number:02x}"
addresses: [10.0.1.{number}]
security_groups: [open]
attachment: {{switch: {switch}, port: {number}}}
"""


def port(name: str, switch: str, number: int) -> Intent:
    return load_yaml(PORT.format(name=name, switch=switch, number=number), "test")[0]


PORTS = [port("a", "leaf1", 11), port("b", "leaf2", 12)]


def fabric(leaf1: RealSwitch | FakeSwitch, leaf2: RealSwitch | FakeSwitch) -> list[Intent]:
    return load_yaml(FABRIC.format(leaf1=leaf1, leaf2=leaf2), "test")


@pytest.fixture(params=TARGETS)
async def switches(request: pytest.FixtureRequest) -> AsyncIterator[list[RealSwitch]]:
    async with AsyncExitStack() as stack:
        started: list[RealSwitch] = [request.param(device_id) for device_id in (1, 2)]
        for switch in started:
            stack.push_async_callback(switch.stop)
            await switch.start()
        yield started


@asynccontextmanager
async def fakes(number: int) -> AsyncIterator[list[FakeSwitch]]:
    async with AsyncExitStack() as stack:
        started = [FakeSwitch(device_id) for device_id in range(1, number + 1)]
        for switch in started:
            stack.push_async_callback(switch.stop)
            await switch.start()
        yield started


def written(status: ControllerStatus) -> int:
    return sum(switch.updates_written for switch in status.switches)


async def test_intent_becomes_entries_and_a_port_more_costs_only_its_own(
    store: Store, switches: list[RealSwitch]
) -> None:
    async with controlling(store) as running:
        revision = await apply(running, [*fabric(*switches), *PORTS])
        status = await realised(running, revision)
        assert [switch.pipeline for switch in status.switches] == [PipelineState.PUSHED] * 2
        assert [switch.entries for switch in status.switches] == [
            len(running.desired(switch.name) or ()) for switch in status.switches
        ]
        before = written(status)
        status = await realised(running, await apply(running, [port("c", "leaf1", 13)]))
        assert 0 < written(status) - before < 20
        assert all(not switch.problems and not switch.updates_refused for switch in status.switches)


async def test_a_restarted_controller_writes_nothing(store: Store, switches: list[RealSwitch]) -> None:
    async with controlling(store) as running:
        revision = await apply(running, [*fabric(*switches), *PORTS])
        entries = [switch.entries for switch in (await realised(running, revision)).switches]
    async with controlling(store) as running:
        status = await realised(running, revision)
        assert [switch.entries for switch in status.switches] == entries
        assert [switch.pipeline for switch in status.switches] == [PipelineState.SAME] * 2
        assert written(status) == 0


async def test_a_restarted_switch_is_filled_again(store: Store, switches: list[RealSwitch]) -> None:
    async with controlling(store) as running:
        revision = await apply(running, [*fabric(*switches), *PORTS])
        entries = [switch.entries for switch in (await realised(running, revision)).switches]
        await switches[0].stop()
        await until(running, lambda status: not status.switches[0].is_connected)
        drops = await read_drops(running)
        assert (set(drops.switches), set(drops.errors)) == ({"leaf2"}, {"leaf1"})
        await switches[0].start()
        status = await until(running, lambda status: status.switches[0].connections == 2)
        status = await realised(running, revision)
        assert [switch.entries for switch in status.switches] == entries
        assert status.switches[1].connections == 1


async def test_what_is_deleted_leaves_the_switches(store: Store, switches: list[RealSwitch]) -> None:
    async with controlling(store) as running:
        bare = await realised(running, await apply(running, fabric(*switches)))
        await realised(running, await apply(running, PORTS))
        deletes = [Delete(intent.id) for intent in PORTS]
        revision = (await running.intents.apply(deletes, who="test")).revision
        status = await realised(running, revision)
        assert [switch.entries for switch in status.switches] == [switch.entries for switch in bare.switches]


async def test_mirrors_are_sessions_that_every_target_takes(store: Store, switches: list[RealSwitch]) -> None:
    """The last two as well; they are found again as they were written, follow their port, and go with the mirror."""
    before_the_last = Claim(ClaimId("mirror_session", "red/prod/before"), 510, 510, "mirror red/prod/before")
    store.commit([], who="test", identifiers=IdentifierPlan((before_the_last,)))
    mirroring = load_yaml(MIRRORING, "test")
    async with controlling(store) as running:
        await realised(running, await apply(running, [*fabric(*switches), *PORTS, *mirroring]))
        for name, number in (("leaf1", 11), ("leaf2", 12)):
            held = [item.entry for item in (running.desired(name) or {}).values() if isinstance(item.entry, CloneEntry)]
            assert held == [
                CloneEntry(1, ((510, 0),)),
                CloneEntry(1022, ((number, 1),)),
                CloneEntry(1023, ((number, 1), (510, 0))),
            ]
    async with controlling(store) as running:
        status = await realised(running, store.revision)
        assert written(status) == 0, "the sessions were read back as they are"
        await realised(running, await apply(running, [port("a", "leaf1", 15)]))
        deletes = [Delete(intent.id) for intent in reversed(mirroring)]
        revision = (await running.intents.apply(deletes, who="test")).revision
        status = await realised(running, revision)
        assert [switch.entries for switch in status.switches] == [
            len(running.desired(switch.name) or ()) for switch in status.switches
        ]
    async with controlling(store) as running:
        assert written(await realised(running, store.revision)) == 0, "nothing was left behind"


async def test_subnets_flood_by_groups_that_every_target_takes(store: Store, switches: list[RealSwitch]) -> None:
    """The last two groups too; they are found again as they were written, and go with `broadcast`."""
    before_the_last = Claim(ClaimId("flood_group", "red/prod/before"), 2046, 2046, "subnet red/prod/before")
    store.commit([], who="test", identifiers=IdentifierPlan((before_the_last,)))
    async with controlling(store) as running:
        objects = {intent.id: intent for intent in (*fabric(*switches), *PORTS)}
        (flooding,) = load_yaml(FLOODING, "test")
        await realised(running, await apply(running, {**objects, flooding.id: flooding}.values()))
        for name in ("leaf1", "leaf2"):
            wanted = [desired.entry for desired in (running.desired(name) or {}).values()]
            assert {entry.group_id for entry in wanted if isinstance(entry, MulticastEntry)} == {4094, 4095}
            assert {entry.action for entry in wanted if isinstance(entry, TableEntry) and entry.table == "flood"} == {
                ActionCall("set_flood_group", (group,)) for group in (4094, 4095)
            }
    async with controlling(store) as running:
        status = await realised(running, store.revision)
        assert written(status) == 0, "the groups were read back as they are"
        status = await realised(running, await apply(running, [objects[flooding.id]]))
        assert written(status) == 8, "two groups and two entries at each leaf"
        assert [switch.entries for switch in status.switches] == [
            len(running.desired(switch.name) or ()) for switch in status.switches
        ]


async def test_drops_and_counters_come_with_reasons_and_origins(store: Store, switches: list[RealSwitch]) -> None:
    async with controlling(store) as running:
        await realised(running, await apply(running, [*fabric(*switches), *PORTS]))
        drops = await read_drops(running, ["leaf1"])
        assert set(drops.switches) == {"leaf1"}
        assert drops.switches["leaf1"].keys() >= {"spoof", "policy", "unknown_port"}
        assert set(drops.switches["leaf1"].values()) == {0}
        policy = await read_telemetry(running, tables=["policy"])
        origins = {str(origin) for counter in policy.counters for origin in counter.origins}
        assert "security_group red/prod/open" in origins
        assert policy.errors == {}


async def test_switches_come_and_go_at_run_time(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        await realised(running, await apply(running, fabric(first, second)))
        gone = [Delete(ObjectId("link", "leaf1-leaf2")), Delete(ObjectId("switch", "leaf2"))]
        held = len(second.entries)
        status = await realised(running, (await running.intents.apply(gone, who="test")).revision)
        assert [switch.name for switch in status.switches] == ["leaf1"]
        await second.until(lambda: second.primary is None)
        assert len(second.entries) == held
        status = await realised(running, await apply(running, fabric(first, second)))
        assert [switch.name for switch in status.switches] == ["leaf1", "leaf2"]


async def test_a_leaf_goes_with_the_commit_that_moves_its_last_port_away(store: Store) -> None:
    third_leaf = """
kind: switch
name: leaf3
role: leaf
vtep: 10.255.0.3
p4runtime: {third.address}
device_id: {third.device_id}
---
kind: link
name: leaf1-leaf3
a: {{switch: leaf1, port: 2}}
b: {{switch: leaf3, port: 1}}
"""
    async with fakes(3) as (first, second, third), controlling(store) as running:
        leaves = [*fabric(first, second), *load_yaml(third_leaf.format(third=third), "test")]
        await realised(running, await apply(running, [*leaves, *PORTS]))
        gone = [Delete(ObjectId("link", "leaf1-leaf2")), Delete(ObjectId("switch", "leaf2"))]
        changes = [Put(port("b", "leaf3", 12)), *gone]
        status = await realised(running, (await running.intents.apply(changes, who="test")).revision)
        assert [switch.name for switch in status.switches] == ["leaf1", "leaf3"]
        await realised(running, await apply(running, [port("c", "leaf1", 13)]))


async def test_a_switch_that_moves_to_another_address_is_followed(store: Store) -> None:
    async with fakes(3) as (first, second, third), controlling(store) as running:
        await realised(running, await apply(running, fabric(first, second)))
        status = await realised(running, await apply(running, fabric(first, third)))
        assert status.switches[1].address == third.address
        assert len(third.entries) == len(second.entries)


async def test_a_refused_entry_degrades_its_intent_only(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        first.refused_tables[PIPELINE.info.ids["hosts_v4"].table] = rpc_code.RESOURCE_EXHAUSTED
        revision = await apply(running, [*fabric(first, second), *PORTS])
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.DEGRADED
        leaf1, leaf2 = running.status.switches
        assert {problem.table for problem in leaf1.problems} == {"hosts_v4"}
        named = {str(origin) for problem in leaf1.problems for origin in problem.origins}
        assert {"port red/prod/a", "port red/prod/b"} <= named
        assert leaf2.problems == ()
        assert leaf1.entries == len(running.desired("leaf1") or ()) - len(leaf1.problems)
        first.refused_tables.clear()
        await until(running, lambda status: all(switch.has_realised(revision) for switch in status.switches))


async def test_waiting_ends_when_time_is_up(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        await realised(running, await apply(running, fabric(first, second)))
        await second.stop()
        await until(running, lambda status: not status.switches[1].is_connected)
        revision = await apply(running, PORTS)
        assert await running.wait_realised(revision, 0.05) is Outcome.TIMEOUT
        tenant = load_yaml("kind: tenant\nname: blue", "test")
        untouched = await apply(running, tenant)
        assert untouched == revision + 1
        await second.start()
        await realised(running, untouched)


async def test_a_revision_that_touches_no_switch_does_not_wait_for_an_absent_one(store: Store) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        await realised(running, await apply(running, fabric(first, second)))
        await second.stop()
        await until(running, lambda status: not status.switches[1].is_connected)
        revision = await apply(running, load_yaml("kind: tenant\nname: blue", "test"))
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED


async def test_a_second_controller_on_the_same_sqlite_database_is_refused(store: Store, tmp_path: Path) -> None:
    async with controlling(store):
        with (
            Store(f"sqlite:///{tmp_path / 'p4vpc.db'}") as other,
            pytest.raises(StoreError, match=r"another controller works with .*use PostgreSQL"),
        ):
            async with controlling(other):
                raise AssertionError
    async with controlling(store):
        pass


async def test_a_revision_that_does_not_compile_leaves_the_switches_as_they_are(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fakes(2) as (first, second), controlling(store) as running:
        await realised(running, await apply(running, [*fabric(first, second), *PORTS]))
        updates = first.updates, second.updates

        def fail(*_: object) -> None:
            raise NotFoundError(())

        with monkeypatch.context() as patch:
            patch.setattr(controller, "recompile", fail)
            revision = await apply(running, [port("c", "leaf1", 13)])
            assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.DEGRADED
        assert f"revision {revision} cannot be realised" in running.status.error
        assert (first.updates, second.updates) == updates
        status = await realised(running, await apply(running, [port("d", "leaf2", 14)]))
        assert status.error == ""
