# SPDX-License-Identifier: Apache-2.0
"""Ports that move, over real gRPC and with packets on the way: none lost, none twice; announcements that move ports."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from finsy.proto import p4r
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from p4vpc.intent import Intent, ObjectId, SwitchAttachment, from_document, load_yaml
from p4vpc.services import Concern, Controller, DampingOptions, MobilityOptions, Outcome, read_drops
from p4vpc.services.links import LinkOptions
from p4vpc.southbound.session import Session
from p4vpc.store import Store
from tests.integration.controller.running import BOUND_SECONDS, apply, controlling, realise
from tests.integration.controller.wired import Place, WiredFabric, wired

LEAVES = ("leaf1", "leaf2", "leaf3")
LINKS = ((("leaf1", 1), ("leaf2", 1)), (("leaf1", 2), ("leaf3", 1)), (("leaf2", 2), ("leaf3", 2)))
GATEWAY_MAC = "02:00:5e:00:01:01"
_IPV6 = 0x86DD

Number = tuple[int, bytes]
"""Family (0: IPv4, 1: IPv6) and what is written into a packet."""

FABRIC = """
kind: switch
name: {leaf}
role: leaf
vtep: 10.255.0.{number}
p4runtime: {address}
device_id: {number}
"""

LINK = """
kind: link
name: {a[0]}-{b[0]}
a: {{switch: {a[0]}, port: {a[1]}}}
b: {{switch: {b[0]}, port: {b[1]}}}
"""

VPC = """
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
ipv6: 2001:db8:1::/64
---
kind: subnet
tenant: red
vpc: prod
name: db
ipv4: 10.0.2.0/24
ipv6: 2001:db8:2::/64
---
kind: security_group
tenant: red
vpc: prod
name: open
rules:
  - {direction: ingress, protocol: any, peer: {group: open}}
"""


@dataclass(frozen=True)
class Host:
    """A host of the VPC: its number says its addresses, its MAC and the port that it is plugged into."""

    name: str
    number: int
    net: int = 1

    @property
    def mac(self) -> str:
        return f"02:00:00:00:0{self.net}:{self.number:02x}"

    @property
    def v4(self) -> str:
        return f"10.0.{self.net}.{self.number}"

    @property
    def v6(self) -> str:
        return f"2001:db8:{self.net}::{self.number:x}"

    @property
    def id(self) -> ObjectId:
        return ObjectId("port", f"red/prod/{self.name}")

    def at(self, switch: str, *, candidates: Sequence[dict[str, object]] = (), port: int = 0) -> Intent:
        document: dict[str, object] = {
            **{"kind": "port", "tenant": "red", "vpc": "prod", "name": self.name},
            **{"subnet": "web" if self.net == 1 else "db", "mac": self.mac, "addresses": [self.v4, self.v6]},
            **{"security_groups": ["open"], "attachment": {"switch": switch, "port": port or self.number}},
        }
        return from_document({**document, "candidates": list(candidates)} if candidates else document)

    def packets_to(self, other: "Host", payload: bytes) -> Iterator[bytes]:
        """A packet of each family, bridged or by the gateway."""
        mac = other.mac if other.net == self.net else GATEWAY_MAC
        for layer in (IP(src=self.v4, dst=other.v4), IPv6(src=self.v6, dst=other.v6)):
            yield bytes(Ether(src=self.mac, dst=mac) / layer / UDP(sport=1000, dport=2000) / Raw(payload))


WEB, DB, MOVER, STAYER = Host("web", 11), Host("db", 12, net=2), Host("mover", 13), Host("stayer", 14)


class Gate:
    """Holds writes to one device, as a slow switch would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.device_id = 0
        self.open = asyncio.Event()
        self.open.set()
        write = Session.write

        async def held(session: Session, updates: Sequence[p4r.Update]) -> object:
            if session._device_id == self.device_id:
                await self.open.wait()
            return await write(session, updates)

        monkeypatch.setattr(Session, "write", held)

    def close(self, device_id: int) -> None:
        self.device_id = device_id
        self.open.clear()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
async def fabric() -> AsyncIterator[WiredFabric]:
    async with wired(LEAVES, LINKS) as it:
        yield it


def moving(store: Store, **options: float) -> AbstractAsyncContextManager[Controller]:
    return controlling(store, mobility=MobilityOptions(damping=DampingOptions(first=0.2, longest=1.0), **options))


def base(fabric: WiredFabric) -> list[Intent]:
    texts = [
        FABRIC.format(leaf=leaf, number=number, address=fabric.addresses[leaf])
        for number, leaf in enumerate(LEAVES, start=1)
    ]
    texts += [LINK.format(a=a, b=b) for a, b in LINKS]
    return load_yaml("---\n".join([*texts, VPC]), "test")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


def actions(running: Controller, switch: str, table: str) -> list[str]:
    desired = running.desired(switch) or {}
    return [it.entry.action.name for identity, it in desired.items() if identity[0] == table]


def has_realised(running: Controller, switch: str, revision: int) -> bool:
    agent = running.agents().get(switch)
    return agent is not None and agent.status.has_realised(revision)


def redirects(running: Controller, switch: str) -> int:
    return actions(running, switch, "bridge").count("redirect_mac")


@dataclass
class Traffic:
    """Hosts that send numbered packets to one that moves, and what of it arrived where."""

    fabric: WiredFabric
    sources: Sequence[tuple[Host, Place]]
    target: Host
    places: Sequence[Place]
    sent: list[Number] = field(default_factory=list)
    arrived: Counter[Number] = field(default_factory=Counter)
    by_place: Counter[Place] = field(default_factory=Counter)

    def step(self) -> None:
        """Each source sends a packet of each family."""
        for host, place in self.sources:
            number = f"<{host.name} {len(self.sent)}>".encode()
            for family, frame in enumerate(host.packets_to(self.target, number)):
                self.sent.append((family, number))
                self.fabric.send(place, frame)
        self.collect()

    def collect(self) -> None:
        for place in self.places:
            for frame in self.fabric.received(place):
                self.count(place, frame)

    def count(self, place: Place, frame: bytes) -> None:
        number = frame[frame.rindex(b"<") : frame.rindex(b">") + 1]
        self.arrived[int(Ether(frame).type == _IPV6), number] += 1
        self.by_place[place] += 1

    async def run(self) -> None:
        while True:
            self.step()
            await asyncio.sleep(0)

    @property
    def lost(self) -> list[Number]:
        return [number for number in self.sent if number not in self.arrived]

    @property
    def duplicated(self) -> list[Number]:
        return [number for number, count in self.arrived.items() if count > 1]


OLD, NEW = ("leaf2", MOVER.number), ("leaf3", MOVER.number)
SOURCES = ((WEB, ("leaf1", WEB.number)), (DB, ("leaf1", DB.number)))


@asynccontextmanager
async def sending(traffic: Traffic) -> AsyncIterator[None]:
    """Traffic goes on meanwhile; afterwards nothing of it is lost, and nothing came twice."""
    task = asyncio.create_task(traffic.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled(), task.exception()
    traffic.collect()
    assert (traffic.lost, traffic.duplicated) == ([], [])


async def arrive(traffic: Traffic, place: Place, count: int = 40) -> None:
    """Wait until so many more packets have arrived at a place."""
    wanted = traffic.by_place[place] + count
    await until(lambda: traffic.by_place[place] >= wanted)


async def drops(running: Controller, switch: str, reason: str) -> int:
    return (await read_drops(running, [switch])).switches[switch][reason]


def stale_frames(fabric: WiredFabric) -> list[bytes]:
    """Packets to the mover as they are between leaf1 and leaf2."""
    for host, (leaf, port) in SOURCES:
        for frame in host.packets_to(MOVER, b"<late>"):
            fabric.ports[leaf].inject(port, frame)
    return fabric.ports["leaf1"].received(1)


@pytest.mark.parametrize("stayers", [(), (STAYER,)], ids=["nobody left", "subnet still there"])
async def test_a_move_under_traffic_with_a_slow_remote_leaf(
    stayers: Sequence[Host], store: Store, fabric: WiredFabric, gate: Gate
) -> None:
    """What the slow leaf sends to the old place is redirected until it knows the new one; then the old one drops it."""
    async with moving(store) as running:
        ports = [WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2"), *(host.at("leaf2") for host in stayers)]
        await realise(running, [*base(fabric), *ports])
        stale = stale_frames(fabric)
        assert len(stale) == 4
        traffic = Traffic(fabric, SOURCES, MOVER, (OLD, NEW))
        async with sending(traffic):
            await arrive(traffic, OLD)
            gate.close(1)
            revision = await apply(running, [MOVER.at("leaf3")])
            await arrive(traffic, NEW)
            assert redirects(running, "leaf2") == 1, "leaf1 cannot know, so the old place must have sent them on"
            assert await running.wait_realised(revision, 0.05) is Outcome.TIMEOUT
            gate.open.set()
            assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
            await until(lambda: redirects(running, "leaf2") == 0)
            await arrive(traffic, NEW)
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
        assert bool(actions(running, "leaf2", "vni_map")) is bool(stayers)
        reason = "unknown_destination" if stayers else "unknown_vtep"
        before = await drops(running, "leaf2", reason)
        for frame in stale:
            fabric.send(("leaf2", 1), frame)
        assert await drops(running, "leaf2", reason) == before + len(stale)


async def test_moves_in_a_row_under_traffic(store: Store, fabric: WiredFabric, gate: Gate) -> None:
    """There and back, and on to a third leaf, while a leaf that sends knows of none of it."""
    third = ("leaf1", MOVER.number)
    async with moving(store) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), STAYER.at("leaf3"), MOVER.at("leaf2")])
        traffic = Traffic(fabric, SOURCES, MOVER, (OLD, NEW, third))
        async with sending(traffic):
            await arrive(traffic, OLD)
            gate.close(1)
            for leaf, place in (("leaf3", NEW), ("leaf2", OLD), ("leaf3", NEW)):
                await apply(running, [MOVER.at(leaf)])
                await arrive(traffic, place)
            gate.open.set()
            revision = await apply(running, [MOVER.at("leaf1")])
            await arrive(traffic, third)
            assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
            await until(lambda: not any(redirects(running, leaf) for leaf in LEAVES))


async def test_a_move_survives_the_controllers_restart(store: Store, fabric: WiredFabric, gate: Gate) -> None:
    """A new controller goes on to redirect for a leaf that does not know yet; when that knows, nothing is left."""
    async with moving(store) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2")])
        traffic = Traffic(fabric, SOURCES, MOVER, (OLD, NEW))
        gate.close(1)
        await apply(running, [MOVER.at("leaf3")])
        await until(lambda: redirects(running, "leaf2") == 1)
    async with sending(traffic), moving(store) as running:
        await arrive(traffic, NEW)
        await until(lambda: redirects(running, "leaf2") == 1)
        await arrive(traffic, NEW)
        gate.open.set()
        assert await running.wait_realised(store.revision, BOUND_SECONDS) is Outcome.REALISED
        await until(lambda: redirects(running, "leaf2") == 0)
        await arrive(traffic, NEW)
        assert await running.wait_realised(store.revision, BOUND_SECONDS) is Outcome.REALISED
    async with moving(store) as running:
        outcome = await running.wait_realised(store.revision, BOUND_SECONDS, is_every_switch_ready=True)
        assert outcome is Outcome.REALISED
        assert sum(switch.updates_written for switch in running.status.switches) == 0, "the move is long over"


async def test_a_leaf_that_never_acknowledges_is_not_redirected_for_for_ever(
    store: Store, fabric: WiredFabric, gate: Gate
) -> None:
    async with moving(store, redirect_limit=2.0) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2"), STAYER.at("leaf2")])
        stale = stale_frames(fabric)
        gate.close(1)
        await apply(running, [MOVER.at("leaf3")])
        await until(lambda: redirects(running, "leaf2") == 1)
        await until(lambda: redirects(running, "leaf2") == 0)
        await until(lambda: running.agents()["leaf2"].status.realised_revision == store.revision)
        before = await drops(running, "leaf2", "unknown_destination")
        fabric.send(("leaf2", 1), stale[0])
        assert await drops(running, "leaf2", "unknown_destination") == before + 1
        gate.open.set()


async def test_nobody_hears_of_a_move_before_the_new_place_is_ready(
    store: Store, fabric: WiredFabric, gate: Gate
) -> None:
    """Until then the old place goes on to deliver; and who is never ready is not waited for for ever."""
    async with moving(store, patience=1.0) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2")])
        traffic = Traffic(fabric, SOURCES, MOVER, (OLD, NEW))
        async with sending(traffic):
            gate.close(3)
            await apply(running, [MOVER.at("leaf3")])
            await until(lambda: running.agents()["leaf3"].status.desired_revision == store.revision)
            await arrive(traffic, OLD)
            assert running.agents()["leaf1"].status.desired_revision < store.revision
            assert redirects(running, "leaf2") == 0
            gate.open.set()
            await arrive(traffic, NEW)
        gate.close(2)
        revision = await apply(running, [MOVER.at("leaf2")])
        await until(lambda: has_realised(running, "leaf1", revision))
        assert redirects(running, "leaf3") == 0, "there is nobody to redirect to"
        gate.open.set()
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED


BLUE = """
kind: tenant
name: blue
---
kind: vpc
tenant: blue
name: lab
---
kind: subnet
tenant: blue
vpc: lab
name: web
ipv4: 10.0.1.0/24
"""


def blue(name: str, number: int, switch: str = "leaf1") -> Intent:
    document: dict[str, object] = {
        **{"kind": "port", "tenant": "blue", "vpc": "lab", "name": name, "subnet": "web"},
        **{"mac": f"02:00:00:00:09:{number:02x}", "addresses": [f"10.0.1.{number}"], "security_groups": []},
        **{"attachment": {"switch": switch, "port": number}},
    }
    return from_document(document)


async def test_a_slow_new_place_holds_up_nobody_but_the_vpcs_switches(
    store: Store, fabric: WiredFabric, gate: Gate
) -> None:
    """Commits elsewhere are realised before the slow leaf has taken a single write; the old place goes on meanwhile."""
    async with moving(store, patience=10 * BOUND_SECONDS) as running:
        sources = [(WEB, ("leaf2", WEB.number)), (DB, ("leaf2", DB.number))]
        await realise(
            running,
            [*base(fabric), *load_yaml(BLUE, "test"), WEB.at("leaf2"), DB.at("leaf2"), MOVER.at("leaf2")],
        )
        traffic = Traffic(fabric, sources, MOVER, (OLD, NEW))
        async with sending(traffic):
            await arrive(traffic, OLD)
            gate.close(3)
            move = await apply(running, [MOVER.at("leaf3")])
            for number in (21, 22, 23):
                revision = await apply(running, [blue(f"web-{number}", number)])
                concern = Concern("blue", {"blue/lab"})
                assert await running.wait_realised(revision, BOUND_SECONDS, concern=concern) is Outcome.REALISED
                assert has_realised(running, "leaf1", revision)
            assert actions(running, "leaf1", "access_ports").count("set_access") == 3
            status = running.agents()["leaf2"].status
            assert status.desired_revision < move, "it must not send to where the port is not known yet"
            assert running.agents()["leaf3"].status.realised_revision < move, "nothing is ready there"
            assert redirects(running, "leaf2") == 0
            red = Concern("red", {"red/prod"})
            for waited in (move, revision):
                assert await running.wait_realised(waited, 0.05) is Outcome.TIMEOUT
                assert await running.wait_realised(waited, 0.05, concern=red) is Outcome.TIMEOUT
            await arrive(traffic, OLD)
            gate.open.set()
            await arrive(traffic, NEW)
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
        await until(lambda: not any(redirects(running, leaf) for leaf in LEAVES))
        assert {it.desired_revision for it in running.status.switches} == {store.revision}


async def test_a_leaf_that_is_held_gets_ports_in_its_turn(store: Store, fabric: WiredFabric, gate: Gate) -> None:
    """A port moves to a slow leaf, another one to a leaf that waits for that: nothing is lost on the way to either."""
    async with moving(store, patience=10 * BOUND_SECONDS) as running:
        ports = [WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2"), STAYER.at("leaf1")]
        await realise(running, [*base(fabric), *ports])
        first = Traffic(fabric, SOURCES, MOVER, (OLD, NEW))
        here, there = ("leaf1", STAYER.number), ("leaf2", STAYER.number)
        second = Traffic(fabric, SOURCES, STAYER, (here, there))
        async with sending(first), sending(second):
            await arrive(first, OLD)
            gate.close(3)
            move = await apply(running, [MOVER.at("leaf3")])
            await until(lambda: "leaf2" in running._fleet.held)
            last = await apply(running, [STAYER.at("leaf2")])
            await until(lambda: running.compiled_revision == last)
            await arrive(first, OLD)
            await arrive(second, here)
            assert running.agents()["leaf2"].given_revision < move
            gate.open.set()
            await arrive(first, NEW)
            await arrive(second, there)
        assert await running.wait_realised(last, BOUND_SECONDS) is Outcome.REALISED
        await until(lambda: not any(redirects(running, leaf) for leaf in LEAVES))


async def test_a_port_that_moves_on_does_not_wait_for_the_slow_leaf_between(
    store: Store, fabric: WiredFabric, gate: Gate
) -> None:
    async with moving(store, patience=10 * BOUND_SECONDS) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2")])
        third = ("leaf1", MOVER.number)
        traffic = Traffic(fabric, SOURCES, MOVER, (OLD, NEW, third))
        async with sending(traffic):
            gate.close(3)
            await apply(running, [MOVER.at("leaf3")])
            await until(lambda: "leaf1" in running._fleet.held)
            await arrive(traffic, OLD)
            revision = await apply(running, [MOVER.at("leaf1")])
            await arrive(traffic, third)
            await until(lambda: has_realised(running, "leaf1", revision))
            gate.open.set()
        assert await running.wait_realised(revision, BOUND_SECONDS) is Outcome.REALISED
        await until(lambda: not any(redirects(running, leaf) for leaf in LEAVES))


async def test_a_stream_of_moves_to_a_slow_leaf_starves_nobody(store: Store, fabric: WiredFabric, gate: Gate) -> None:
    """Whoever waits for one after the other is told after `patience`, whatever is still to come."""
    movers = [Host(f"mover{number}", number) for number in range(40, 80)]
    async with moving(store, patience=0.5) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), *(host.at("leaf2") for host in movers)])
        gate.close(3)
        first = store.revision + 1
        for host in movers:
            await apply(running, [host.at("leaf3")])
            if running.agents()["leaf1"].given_revision >= first:
                break
            await asyncio.sleep(0.1)
        assert running.agents()["leaf1"].given_revision >= first
        assert running.agents()["leaf3"].status.realised_revision < first
        gate.open.set()
        assert await running.wait_realised(store.revision, BOUND_SECONDS) is Outcome.REALISED
        await until(lambda: not any(redirects(running, leaf) for leaf in LEAVES))


async def test_a_leaf_that_is_held_goes_round_dead_links(store: Store, fabric: WiredFabric, gate: Gate) -> None:
    """It learns of the move with that: a dead link loses everything, a move that is early what is for one port."""
    links = LinkOptions(hold=0.05, longest_hold=0.1)
    options = {"mobility": MobilityOptions(patience=10 * BOUND_SECONDS), "link_options": links}
    async with controlling(store, **options) as running:
        await realise(running, [*base(fabric), WEB.at("leaf1"), DB.at("leaf1"), MOVER.at("leaf2")])
        gate.close(3)
        move = await apply(running, [MOVER.at("leaf3")])
        await until(lambda: {"leaf1", "leaf2"} <= running._fleet.held.keys())
        fabric.ports["leaf1"].set_link(1, is_up=False)
        await until(lambda: ObjectId("link", "leaf1-leaf2") in running.down_links)
        await until(lambda: has_realised(running, "leaf1", move) and has_realised(running, "leaf2", move))
        gate.open.set()
        assert await running.wait_realised(move, BOUND_SECONDS) is Outcome.REALISED


async def test_a_move_to_a_leaf_that_is_away_does_not_hold_up_others(store: Store, fabric: WiredFabric) -> None:
    async with moving(store, patience=BOUND_SECONDS) as running:
        away = from_document(
            {"kind": "switch", "name": "leaf4", "role": "leaf", "vtep": "10.255.0.4", "p4runtime": "127.0.0.1:1"}
        )
        ports = [WEB.at("leaf1"), MOVER.at("leaf2")]
        revision = await apply(running, [*base(fabric), away, *ports])
        await until(lambda: all(has_realised(running, leaf, revision) for leaf in LEAVES))
        revision = await apply(running, [MOVER.at("leaf4"), DB.at("leaf1")])
        await until(lambda: all(has_realised(running, leaf, revision) for leaf in LEAVES))
        assert not any(redirects(running, leaf) for leaf in LEAVES)


ELSEWHERE = {"switch": "leaf3", "port": 20, "vlan": 7}
SAME_LEAF = {"switch": "leaf2", "port": 21}
HOME = SwitchAttachment(switch="leaf2", port=MOVER.number)
