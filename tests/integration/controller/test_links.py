# SPDX-License-Identifier: Apache-2.0
"""Links that die, flap or are plugged in wrong, in a fabric of softswitches over real gRPC, gNMI and LLDP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import httpx
import pytest

from p4vpc.api import create_app
from p4vpc.api.first_token import create_first_token
from p4vpc.cli import show
from p4vpc.client import Status
from p4vpc.compiler.entries import ActionSet, Exact, TableEntry
from p4vpc.errors import StoreError
from p4vpc.intent import Intent, load_yaml
from p4vpc.services import Controller, ControllerStatus
from p4vpc.services.links import LinkOptions, LinkState, LinkStatus
from p4vpc.southbound import PortStates
from p4vpc.southbound.readback import read_entries
from p4vpc.store import Store
from softswitch.p4runtime import P4RuntimeServer
from softswitch.ports import MemoryPorts
from tests.integration.controller.running import PIPELINE, controlling, realise, until
from tests.integration.controller.targets import free_port

NAMES = ("leaf1", "leaf2", "spine1", "spine2")
"""Port n of a leaf is spine n, port n of a spine leaf n."""

PORT_STATES_ONLY = LinkOptions(hold=0.05, lldp_interval=0)
LLDP_TOO = LinkOptions(hold=0.05, lldp_interval=0.05)

End: TypeAlias = tuple[str, int]


class Cables:
    """What is plugged into what; frames cross after whatever runs now, as they would on a wire."""

    def __init__(self) -> None:
        self.drivers: dict[str, WiredPorts] = {}
        self.far: dict[End, End] = {}

    def plug(self, a: End, b: End) -> None:
        self.far[a], self.far[b] = b, a

    def unplug(self, a: End) -> End:
        """Nobody is told: ports stay up."""
        b = self.far.pop(a)
        del self.far[b]
        return b

    def carry(self, end: End, frame: bytes) -> None:
        if end in self.far:
            asyncio.get_running_loop().call_soon(self._arrive, end, frame)

    def _arrive(self, end: End, frame: bytes) -> None:
        far = self.far.get(end)
        if far is not None and self.drivers[far[0]].is_started:
            self.drivers[far[0]].inject(far[1], frame)


class WiredPorts(MemoryPorts):
    """Ports of one switch, with cables."""

    def __init__(self, name: str, cables: Cables) -> None:
        super().__init__(range(1, 17))
        self._name = name
        self._cables = cables

    @property
    def is_started(self) -> bool:
        return self._host is not None

    def _send(self, number: int, frame: bytes) -> None:
        super()._send(number, frame)
        self._cables.carry((self._name, number), frame)


VPC = """---
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
"""


class Fabric:
    """Two leaves, two spines, and the cables between them."""

    def __init__(self) -> None:
        self.cables = Cables()
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in NAMES}
        self.servers: dict[str, P4RuntimeServer] = {}
        for leaf in (1, 2):
            for spine in (1, 2):
                self.cables.plug((f"leaf{leaf}", spine), (f"spine{spine}", leaf))

    async def start(self, name: str) -> None:
        ports = self.cables.drivers[name] = WiredPorts(name, self.cables)
        self.servers[name] = P4RuntimeServer(self.addresses[name], device_id=1, drivers=[ports])
        await self.servers[name].start()

    async def stop(self, name: str) -> None:
        await self.servers.pop(name).stop()

    async def stop_all(self) -> None:
        for name in list(self.servers):
            await self.stop(name)

    def objects(self) -> list[Intent]:
        switches = "".join(
            f"---\nkind: switch\nname: {name}\nrole: {name[:-1]}\np4runtime: {address}\n"
            + (f"vtep: 10.255.0.{name[-1]}\n" if name.startswith("leaf") else "")
            for name, address in self.addresses.items()
        )
        links = "".join(
            f"---\nkind: link\nname: leaf{leaf}-spine{spine}\n"
            f"a: {{switch: leaf{leaf}, port: {spine}}}\nb: {{switch: spine{spine}, port: {leaf}}}\n"
            for leaf in (1, 2)
            for spine in (1, 2)
        )
        ports = "".join(
            f"---\nkind: port\ntenant: red\nvpc: prod\nname: web-{leaf}\nsubnet: web\nmac: 02:00:00:00:01:0{leaf}\n"
            f"addresses: [10.0.1.1{leaf}]\nattachment: {{switch: leaf{leaf}, port: 10}}\n"
            for leaf in (1, 2)
        )
        return load_yaml(switches + links + VPC + ports, "test")


@pytest.fixture
async def fabric() -> AsyncIterator[Fabric]:
    async with AsyncExitStack() as stack:
        it = Fabric()
        stack.push_async_callback(it.stop_all)
        for name in NAMES:
            await it.start(name)
        yield it


@asynccontextmanager
async def controlling_links(store: Store, fabric: Fabric, options: LinkOptions) -> AsyncIterator[Controller]:
    async with controlling(store, link_options=options) as running:
        await realise(running, fabric.objects())
        yield running


def link(status: ControllerStatus, name: str) -> LinkStatus:
    (found,) = (link for link in status.links if link.name == name)
    return found


async def ways(running: Controller, switch: str, to: str) -> set[int]:
    """The ports of the tunnel to a leaf, read from the switch; tunnels are numbered as leaves are."""
    entries = (await read_entries(running.agents()[switch].session(), PIPELINE.codec, {})).entries
    entry = entries["tunnel_next_hops", (Exact(int(to[-1])),), 0]
    assert isinstance(entry, TableEntry) and isinstance(entry.action, ActionSet)
    return {member.action.params[0] for member in entry.action.members}


async def all_ways(running: Controller) -> dict[str, set[int]]:
    """From each leaf to the other."""
    return {"leaf1": await ways(running, "leaf1", "leaf2"), "leaf2": await ways(running, "leaf2", "leaf1")}


async def heard_all(running: Controller) -> None:
    """Wait until LLDP has come in at every end."""
    await until(running, lambda status: all(found.is_heard for found in status.links))


def is_settled(status: ControllerStatus) -> bool:
    return all(switch.has_realised(status.compiled_revision) for switch in status.switches if switch.is_connected)


async def until_link(running: Controller, name: str, state: LinkState) -> LinkStatus:
    """Wait for a link to be in a state, and for the switches to have drawn their conclusions."""
    await until(running, lambda status: link(status, name).state is state)
    return link(await until(running, lambda status: is_told(running, status)), name)


def is_told(running: Controller, status: ControllerStatus) -> bool:
    down = {found.name for found in status.links if found.is_down}
    avoided = {found.name for found in status.links if found.is_avoided}
    return is_settled(status) and {item.key for item in running.down_links} == avoided == down


async def test_a_dead_link_leaves_the_groups_of_a_switch_that_is_not_at_it(store: Store, fabric: Fabric) -> None:
    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        assert [switch.port_states for switch in running.status.switches] == [PortStates.FOLLOWED] * 4
        assert {found.state for found in running.status.links} == {LinkState.UP}
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}
        fabric.cables.drivers["spine1"].set_link(2, is_up=False)
        found = await until_link(running, "leaf2-spine1", LinkState.DOWN)
        assert (found.a, found.b, found.detail) == ("leaf2:1", "spine1:2", "port 2 of spine1 is down")
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}
        fabric.cables.drivers["spine1"].set_link(2, is_up=True)
        found = await until_link(running, "leaf2-spine1", LinkState.UP)
        assert (found.detail, found.flaps) == ("", 1)
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}


async def test_a_spine_that_dies_is_left_out_because_of_its_neighbours_ports(store: Store, fabric: Fabric) -> None:
    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        await fabric.stop("spine1")
        await until(running, lambda status: not status.switches[2].is_connected)
        await until(running, is_settled)
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}, "a lost session says nothing"
        for leaf in ("leaf1", "leaf2"):
            fabric.cables.drivers[leaf].set_link(1, is_up=False)
        await until_link(running, "leaf1-spine1", LinkState.DOWN)
        await until_link(running, "leaf2-spine1", LinkState.DOWN)
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}


async def test_a_management_network_that_dies_changes_nothing(store: Store, fabric: Fabric) -> None:
    """All sessions but one are lost, with a dead link in the fabric; that one switch keeps its groups as they are."""
    async with controlling_links(store, fabric, LLDP_TOO) as running:
        await heard_all(running)
        fabric.cables.drivers["spine1"].set_link(2, is_up=False)
        await until_link(running, "leaf2-spine1", LinkState.DOWN)
        before = running.status
        written = before.switches[0].updates_written
        for name in ("leaf2", "spine1", "spine2"):
            await fabric.stop(name)
        await until(running, lambda status: sum(switch.is_connected for switch in status.switches) == 1)
        fabric.cables.drivers["leaf1"].received(1)
        for _ in range(8):
            await fabric.cables.drivers["leaf1"].receive(1)
        assert [found.state for found in running.status.links] == [found.state for found in before.links]
        assert await ways(running, "leaf1", "leaf2") == {2}
        assert running.status.switches[0].updates_written == written


async def test_a_cable_that_nobody_sees_is_found_by_lldp(store: Store, fabric: Fabric) -> None:
    """No port goes down, as on BMv2."""
    async with controlling_links(store, fabric, LLDP_TOO) as running:
        await heard_all(running)
        far = fabric.cables.unplug(("leaf2", 1))
        found = await until_link(running, "leaf2-spine1", LinkState.DOWN)
        assert "LLDP from port" in found.detail
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}
        fabric.cables.plug(("leaf2", 1), far)
        await until_link(running, "leaf2-spine1", LinkState.UP)
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}


async def test_swapped_cables_are_named(store: Store, fabric: Fabric) -> None:
    for end in (("leaf1", 1), ("leaf2", 1)):
        fabric.cables.unplug(end)
    fabric.cables.plug(("leaf1", 1), ("spine1", 2))
    fabric.cables.plug(("leaf2", 1), ("spine1", 1))
    async with controlling_links(store, fabric, LLDP_TOO) as running:
        for name, text in (
            ("leaf1-spine1", "wrong cable: port 1 of leaf1 leads to port 2 of spine1, not to port 1 of spine1"),
            ("leaf1-spine1", "wrong cable: port 1 of spine1 leads to port 1 of leaf2, not to port 1 of leaf1"),
            ("leaf2-spine1", "wrong cable: port 1 of leaf2 leads to port 1 of spine1, not to port 2 of spine1"),
            ("leaf2-spine1", "wrong cable: port 2 of spine1 leads to port 1 of leaf1, not to port 1 of leaf2"),
        ):
            await until(running, lambda status, name=name, text=text: text in link(status, name).detail)
            await until_link(running, name, LinkState.DOWN)
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}
        for end in (("leaf1", 1), ("leaf2", 1)):
            fabric.cables.unplug(end)
        fabric.cables.plug(("leaf1", 1), ("spine1", 1))
        fabric.cables.plug(("leaf2", 1), ("spine1", 2))
        await until_link(running, "leaf1-spine1", LinkState.UP)
        await until_link(running, "leaf2-spine1", LinkState.UP)
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}


async def test_a_neighbour_that_was_never_heard_is_reported_and_used(store: Store, fabric: Fabric) -> None:
    fabric.cables.unplug(("leaf1", 1))
    async with controlling_links(store, fabric, LLDP_TOO) as running:
        await until(running, lambda status: "has never come in" in link(status, "leaf1-spine1").detail)
        assert not link(running.status, "leaf1-spine1").is_down
        assert await all_ways(running) == {"leaf1": {1, 2}, "leaf2": {1, 2}}


async def test_a_controller_that_restarts_leaves_dead_links_out(store: Store, fabric: Fabric) -> None:
    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        fabric.cables.drivers["spine1"].set_link(2, is_up=False)
        await until_link(running, "leaf2-spine1", LinkState.DOWN)
    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}
        assert sum(switch.updates_written for switch in running.status.switches) == 0


async def test_a_database_that_is_away_hinders_nobody_from_going_round(
    store: Store, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> None:
        raise StoreError("away")

    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        monkeypatch.setattr(running.intents, "snapshot", away)
        await until(running, lambda status: "away" in status.error)
        fabric.cables.drivers["spine1"].set_link(2, is_up=False)
        await until_link(running, "leaf2-spine1", LinkState.DOWN)
        assert await all_ways(running) == {"leaf1": {2}, "leaf2": {2}}


async def test_links_are_shown(store: Store, fabric: Fabric, capsys: pytest.CaptureFixture[str]) -> None:
    async with controlling_links(store, fabric, PORT_STATES_ONLY) as running:
        fabric.cables.drivers["spine1"].set_link(2, is_up=False)
        await until_link(running, "leaf2-spine1", LinkState.DOWN)
        transport = httpx.ASGITransport(create_app(running))
        headers = {"Authorization": f"Bearer {await create_first_token(running.access, None)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://p4vpc", headers=headers) as client:
            status = Status.model_validate((await client.get("/v1/status")).json())
            metrics = (await client.get("/metrics")).text
    show.print_status(status)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith("leaf2-spine1")] == [
        ["leaf2-spine1", "down", "leaf2:1", "spine1:2", "1"]
    ]
    assert "! link leaf2-spine1: port 2 of spine1 is down" in lines
    assert 'p4vpc_link_up{link="leaf2-spine1"} 0.0' in metrics
    assert 'p4vpc_link_up{link="leaf1-spine1"} 1.0' in metrics
    assert 'p4vpc_link_flaps_total{link="leaf2-spine1"} 1.0' in metrics
