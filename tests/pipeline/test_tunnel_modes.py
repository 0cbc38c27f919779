# SPDX-License-Identifier: Apache-2.0
"""Modes of tunnels and tenants' own tags, from intent to packets over leaf, spine and leaf."""

import re

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, in6_chksum
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4vpc.intent import Fabric, Intent, Subnet, dump_yaml, from_document, load_yaml, to_document
from tests.pipeline.fabric import EXAMPLE, HostPort, MemoryFabric, hosts

CONGESTED = 3


def fabric(*, underlay: int, modes: dict[str, object], transparent: tuple[str, ...] = ()) -> MemoryFabric:
    """The example over an underlay of IPv4 or IPv6, with these fields of the fabric and subnets that carry tags."""
    objects: list[Intent] = [
        from_document({**to_document(intent), "vlan_transparent": True})
        if isinstance(intent, Subnet) and intent.key in transparent
        else intent
        for intent in load_yaml(EXAMPLE.read_text(), "example")
        if not isinstance(intent, Fabric)
    ]
    if underlay == 6:
        objects = load_yaml(re.sub(r"10\.255\.0\.(\d+)", r"fd00::\1", dump_yaml(objects)), "example over IPv6")
    made = MemoryFabric([from_document({"kind": "fabric", **modes}), *objects])
    made.realise(made.objects)
    return made


def red(made: MemoryFabric) -> dict[str, HostPort]:
    return {host.name: host for key, host in hosts(made).items() if key.startswith("red/")}


def ping(source: HostPort, target: HostPort, *, tos: int = 0) -> Packet:
    packet = IP(src=source.address, dst=target.address, tos=tos, proto=1) / Raw(b"\x08\0\xf7\xff" + bytes(4))
    return Ether(src=source.mac, dst=target.mac) / packet


def outer_of(made: MemoryFabric, source: HostPort, frame: Packet) -> Packet:
    """What leaves the source's leaf for a host behind another one."""
    [(_, raw)] = made.switches[source.place[0]].process(source.place[1], bytes(frame))
    return Ether(raw)


@pytest.mark.parametrize("underlay", [4, 6])
def test_leaves_mark_the_outer_header_as_the_fabric_says(underlay: int) -> None:
    for modes, expected in (
        ({}, CONGESTED),
        ({"ecn": "compatibility"}, 0),
        ({"dscp": {"mode": "pipe", "value": 46}}, 46 << 2 | CONGESTED),
        ({"dscp": {"mode": "uniform"}}, 10 << 2 | CONGESTED),
    ):
        made = fabric(underlay=underlay, modes=modes)
        source, target = red(made)["web-1"], red(made)["web-2"]
        frame = ping(source, target, tos=10 << 2 | CONGESTED)
        outer = outer_of(made, source, frame)
        assert (outer[IP].tos if underlay == 4 else outer[IPv6].tc) == expected
        [delivery] = made.send(source.place, bytes(frame))
        assert (delivery.place, delivery.frame) == (target.place, bytes(frame))


@pytest.mark.parametrize("mode", ["zero", "computed"])
def test_the_udp_checksum_over_ipv6_is_as_the_fabric_says(mode: str) -> None:
    made = fabric(underlay=6, modes={"udp_checksum": mode})
    source, target = red(made)["web-1"], red(made)["web-2"]
    outer = outer_of(made, source, ping(source, target))
    if mode == "zero":
        assert outer[UDP].chksum == 0
    else:
        assert outer[UDP].chksum != 0
        assert in6_chksum(17, IPv6(src=outer[IPv6].src, dst=outer[IPv6].dst), bytes(outer[UDP])) == 0
    [delivery] = made.send(source.place, bytes(ping(source, target)))
    assert delivery.place == target.place


def tagged(frame: Packet, vlan: int) -> bytes:
    return bytes(Ether(src=frame.src, dst=frame.dst) / Dot1Q(vlan=vlan, prio=3) / frame.payload)


@pytest.mark.parametrize("underlay", [4, 6])
def test_a_tenants_own_tags_pass_where_the_subnet_says_so(underlay: int) -> None:
    made = fabric(underlay=underlay, modes={}, transparent=("red/prod/web",))
    source, target, routed = (red(made)[name] for name in ("web-1", "web-2", "db-1"))
    assert source.place[0] != target.place[0], "the two are on two leaves"
    for vlan in (1, 100, 4095):
        frame = tagged(ping(source, target), vlan)
        [delivery] = made.send(source.place, frame)
        assert (delivery.place, delivery.frame, len(delivery.path)) == (target.place, frame, 3)
        back = tagged(ping(target, source), vlan)
        [delivery] = made.send(target.place, back)
        assert (delivery.place, delivery.frame) == (source.place, back)
        ask = Ether(src=source.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(
            hwsrc=source.mac, psrc=source.address, pdst=target.address
        )
        [answer] = made.send(source.place, tagged(ask, vlan))
        said = Ether(answer.frame)
        assert (answer.place, said[Dot1Q].vlan, said[ARP].hwsrc) == (source.place, vlan, target.mac)
        through_gateway = ping(source, routed)
        through_gateway.dst = source.gateway_mac
        assert made.send(source.place, tagged(through_gateway, vlan)) == []
    assert made.drops()[source.place[0], "unknown_destination"] == 3
    assert made.send(source.place, bytes(ping(source, target))) != []


def test_a_subnet_becomes_transparent_and_is_so_no_more() -> None:
    before = fabric(underlay=4, modes={})
    entries = before.snapshot()
    source, target = red(before)["web-1"], red(before)["web-2"]
    frame = tagged(ping(source, target), 100)
    assert before.send(source.place, frame) == []
    objects = [
        from_document({**to_document(intent), "vlan_transparent": True})
        if isinstance(intent, Subnet) and intent.key == "red/prod/web"
        else intent
        for intent in before.objects
    ]
    assert before.realise(objects) > 0
    assert [delivery.frame for delivery in before.send(source.place, frame)] == [frame]
    before.realise(before.objects)
    assert before.snapshot() == entries
