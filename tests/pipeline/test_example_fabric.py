# SPDX-License-Identifier: Apache-2.0
"""Intent of the example, compiled, in softswitches, with real packets from host to host across leaf, spine, leaf."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from tests.pipeline.fabric import HostPort, MemoryFabric, Place, hosts

TENANTS = ("red", "blue")
# What the example's security groups say, by the hosts' roles: written down by hand, not asked of the compiler.
ALLOWED = {
    "icmp": {("web", "web"), ("web", "db")},
    "tcp/5432": {("web", "web"), ("web", "db")},
    "tcp/80": {("web", "web")},
    "udp/53": {("web", "web")},
}


@dataclass(frozen=True)
class Case:
    tenant: str
    source: str
    target: str
    traffic: str

    @property
    def is_allowed(self) -> bool:
        return (_role(self.source), _role(self.target)) in ALLOWED[self.traffic]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.source} to {self.target}, {self.traffic}"


def _role(name: str) -> str:
    return name.rpartition("-")[0]


def _cases() -> Iterator[Case]:
    names = ("web-1", "web-2", "web-3", "quarantine-1", "db-1")
    for tenant in TENANTS:
        for source, target in permutations(names, 2):
            for traffic in ALLOWED:
                yield Case(tenant, source, target, traffic)


@pytest.fixture(scope="module")
def fabric() -> MemoryFabric:
    return MemoryFabric.example()


@pytest.fixture(scope="module")
def known(fabric: MemoryFabric) -> dict[str, HostPort]:
    return hosts(fabric)


def frame_of(source: HostPort, target: HostPort, traffic: str, sport: int = 40000) -> Packet:
    layers = {
        "icmp": ICMP(type=8, id=1, seq=1),
        "tcp/5432": TCP(sport=sport, dport=5432, flags="S"),
        "tcp/80": TCP(sport=sport, dport=80, flags="S"),
        "udp/53": UDP(sport=sport, dport=53),
    }
    ip = IP(src=source.address, dst=target.address, ttl=64, id=1)
    return Ether(src=source.mac, dst=source.next_mac(target)) / ip / layers[traffic] / Raw(bytes(range(40)))


def frame_at(source: HostPort, target: HostPort, sent: Packet) -> bytes:
    """The frame as the target sees it: as it was sent, or after one router hop."""
    if source.next_mac(target) == target.mac:
        return bytes(sent)
    seen = Ether(bytes(sent))
    seen.src, seen.dst = target.gateway_mac, target.mac
    seen[IP].ttl -= 1
    del seen[IP].chksum
    return bytes(seen)


def test_tenants_use_the_same_addresses(known: dict[str, HostPort]) -> None:
    for name in ("web-1", "web-2", "web-3", "quarantine-1", "db-1"):
        red, blue = known[f"red/prod/{name}"], known[f"blue/prod/{name}"]
        assert (red.mac, red.address) == (blue.mac, blue.address)
        assert red.place != blue.place


@pytest.mark.parametrize("case", list(_cases()), ids=str)
def test_who_reaches_whom(case: Case, fabric: MemoryFabric, known: dict[str, HostPort]) -> None:
    source, target = (known[f"{case.tenant}/prod/{name}"] for name in (case.source, case.target))
    sent = frame_of(source, target, case.traffic)
    before = fabric.drops()

    deliveries = fabric.send(source.place, bytes(sent))

    risen = {key: number - before.get(key, 0) for key, number in fabric.drops().items()}
    risen = {key: number for key, number in risen.items() if number}
    if case.is_allowed:
        assert [(one.place, one.frame) for one in deliveries] == [(target.place, frame_at(source, target, sent))]
        assert risen == {}
        is_far = source.place[0] != target.place[0]
        assert len(deliveries[0].path) == (3 if is_far else 1)
    else:
        assert deliveries == []
        assert risen == {(source.place[0], "policy"): 1}


@pytest.mark.parametrize("tenant", TENANTS)
def test_arp_is_answered_by_the_own_leaf(tenant: str, fabric: MemoryFabric, known: dict[str, HostPort]) -> None:
    mine = [host for key, host in known.items() if key.startswith(f"{tenant}/")]
    for asker in mine:
        neighbours = {host.address: host.mac for host in mine if host.subnet == asker.subnet and host != asker}
        for address, mac in {asker.gateway: asker.gateway_mac, **neighbours}.items():
            [reply] = fabric.send(asker.place, bytes(_who_has(asker, address)))
            answer = Ether(reply.frame)
            assert (reply.place, reply.path) == (asker.place, (asker.place[0],))
            assert (answer.dst, answer[ARP].op, answer[ARP].psrc, answer[ARP].hwsrc) == (asker.mac, 2, address, mac)


def test_arp_is_not_answered_across_subnets(fabric: MemoryFabric, known: dict[str, HostPort]) -> None:
    web, db = known["red/prod/web-1"], known["red/prod/db-1"]
    assert fabric.send(web.place, bytes(_who_has(web, db.address))) == []
    assert fabric.send(web.place, bytes(_who_has(web, db.gateway))) == []


def _who_has(asker: HostPort, address: str) -> Packet:
    request = ARP(op=1, hwsrc=asker.mac, psrc=asker.address, pdst=address)
    return Ether(src=asker.mac, dst="ff:ff:ff:ff:ff:ff") / request


def test_flows_use_both_spines_and_keep_to_theirs(fabric: MemoryFabric, known: dict[str, HostPort]) -> None:
    source, target = known["red/prod/web-1"], known["red/prod/web-2"]

    def spine(sport: int) -> str:
        [delivery] = fabric.send(source.place, bytes(frame_of(source, target, "tcp/80", sport)))
        return delivery.path[1]

    spines = {sport: spine(sport) for sport in range(1000, 1200)}
    for name in ("spine1", "spine2"):
        assert 60 <= list(spines.values()).count(name) <= 140
    assert spines == {sport: spine(sport) for sport in spines}


@pytest.mark.parametrize("tenant", TENANTS)
def test_nobody_sends_with_the_identity_of_another(
    tenant: str, fabric: MemoryFabric, known: dict[str, HostPort]
) -> None:
    mine = [host for key, host in known.items() if key.startswith(f"{tenant}/")]
    for thief, victim in permutations(mine, 2):
        target = next(host for host in mine if host not in (thief, victim))
        forged = frame_of(victim, target, "icmp")
        before = fabric.drops().get((thief.place[0], "spoof"), 0)
        assert fabric.send(thief.place, bytes(forged)) == []
        assert fabric.drops()[(thief.place[0], "spoof")] == before + 1


def test_unused_ports_are_closed(fabric: MemoryFabric, known: dict[str, HostPort]) -> None:
    frame = bytes(frame_of(known["red/prod/web-1"], known["red/prod/web-2"], "icmp"))
    used: set[Place] = {host.place for host in known.values()} | set(fabric.links)
    for name in fabric.switches:
        for port in range(1, 33):
            if (name, port) not in used:
                assert fabric.send((name, port), frame) == []
