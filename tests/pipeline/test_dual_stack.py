# SPDX-License-Identifier: Apache-2.0
"""The example with both families and flooding subnets, over an underlay of either family, from intent to packets."""

import re

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4vpc.intent import Intent, Port, SecurityGroup, Subnet, dump_yaml, from_document, load_yaml, to_document
from p4vpc.intent.addresses import link_local_of
from tests.pipeline.fabric import EXAMPLE, HostPort, MemoryFabric, hosts

ALL_NODES_MAC = "33:33:00:00:00:01"


def v6(address: str) -> str:
    """The IPv6 address that stands for one of the example's: `10.0.1.11` -> `2001:db8:1::11`."""
    _, _, subnet, host = address.split(".")
    return f"2001:db8:{subnet}::{host}"


def flooding(intent: Intent) -> Intent:
    """The same with subnets that flood, and IPv6 addresses that show which IPv4 address they belong to."""
    document = to_document(intent)
    if isinstance(intent, Subnet) and intent.ipv4 is not None:
        document |= {"ipv6": v6(str(intent.ipv4.network_address)).removesuffix("0") + "/64", "broadcast": True}
    if isinstance(intent, Port):
        addresses = [str(address) for address in intent.addresses if address.version == 4]
        document["addresses"] = addresses + [v6(address) for address in addresses]
    if isinstance(intent, SecurityGroup) and intent.rules:
        pings = [rule for rule in document["rules"] if rule["protocol"] == "icmp"]
        others = [rule for rule in document["rules"] if rule["protocol"] != "icmpv6"]
        document["rules"] = others + [{**rule, "protocol": "icmpv6", "icmp_type": 128} for rule in pings]
    return from_document(document)


@pytest.fixture(scope="module", params=["v4", "v6"])
def fabric(request: pytest.FixtureRequest) -> MemoryFabric:
    objects = [flooding(intent) for intent in load_yaml(EXAMPLE.read_text(), "example")]
    if request.param == "v6":
        objects = load_yaml(re.sub(r"10\.255\.0\.(\d+)", r"fd00::\1", dump_yaml(objects)), "example over IPv6")
    made = MemoryFabric(objects)
    made.realise(made.objects)
    return made


@pytest.fixture(scope="module")
def red(fabric: MemoryFabric) -> dict[str, HostPort]:
    return {host.name: host for key, host in hosts(fabric).items() if key.startswith("red/")}


def address_of(host: HostPort) -> str:
    (address,) = (str(address) for address in host.port.addresses if address.version == 6)
    return address


def echo(source: HostPort, target: HostPort, dst_mac: str) -> Packet:
    ip = IPv6(src=address_of(source), dst=address_of(target), hlim=64)
    return Ether(src=source.mac, dst=dst_mac) / ip / ICMPv6EchoRequest(id=1, seq=1) / Raw(bytes(40))


def test_a_settled_fabric_gets_no_updates(fabric: MemoryFabric) -> None:
    assert fabric.realise(fabric.objects) == 0


def test_a_packet_in_the_subnet_arrives_as_it_was_sent(fabric: MemoryFabric, red: dict[str, HostPort]) -> None:
    source, target = red["web-1"], red["web-2"]
    sent = bytes(echo(source, target, target.mac))
    [delivery] = fabric.send(source.place, sent)
    assert (delivery.place, delivery.frame, len(delivery.path)) == (target.place, sent, 3)


def test_a_packet_to_another_subnet_takes_one_hop(fabric: MemoryFabric, red: dict[str, HostPort]) -> None:
    source, target = red["web-1"], red["db-1"]
    [delivery] = fabric.send(source.place, bytes(echo(source, target, source.gateway_mac)))
    seen = Ether(delivery.frame)
    assert delivery.place == target.place
    assert (seen.src, seen.dst, seen[IPv6].hlim) == (target.gateway_mac, target.mac, 63)


def test_policy_tells_protocols_of_ipv6_apart(fabric: MemoryFabric, red: dict[str, HostPort]) -> None:
    source, target = red["web-1"], red["quarantine-1"]
    assert fabric.send(source.place, bytes(echo(source, target, target.mac))) == []
    assert fabric.drops()[source.place[0], "policy"] > 0


def test_neighbours_and_gateway_are_found(fabric: MemoryFabric, red: dict[str, HostPort]) -> None:
    asker, other = red["web-1"], red["web-2"]
    wanted = {
        address_of(other): other.mac,
        "2001:db8:1::1": asker.gateway_mac,
        str(link_local_of(other.port.mac)): other.mac,
        "fe80::5eff:fe00:101": asker.gateway_mac,
    }
    for source in (address_of(asker), str(link_local_of(asker.port.mac))):
        for target, mac in wanted.items():
            ask = IPv6(src=source, dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=target)
            frame = Ether(src=asker.mac, dst="33:33:ff:00:00:01") / ask / ICMPv6NDOptSrcLLAddr(lladdr=asker.mac)
            [reply] = fabric.send(asker.place, bytes(frame))
            answer = Ether(reply.frame)
            assert (reply.place, answer.dst, answer[IPv6].dst) == (asker.place, asker.mac, source)
            assert (answer[ICMPv6ND_NA].tgt, answer[ICMPv6NDOptDstLLAddr].lladdr) == (target, mac)


def test_a_port_uses_no_other_address(fabric: MemoryFabric, red: dict[str, HostPort]) -> None:
    source, target = red["web-1"], red["web-2"]
    before = fabric.drops().get((source.place[0], "spoof"), 0)
    forged = echo(source, target, target.mac)
    forged[IPv6].src = "2001:db8:1::99"
    assert fabric.send(source.place, bytes(forged)) == []
    assert fabric.drops()[source.place[0], "spoof"] == before + 1


def test_a_flooded_frame_reaches_every_other_port_of_the_subnet_once(
    fabric: MemoryFabric, red: dict[str, HostPort]
) -> None:
    source = red["web-1"]
    ip = IPv6(src=address_of(source), dst="ff02::1", hlim=1)
    frame = bytes(Ether(src=source.mac, dst=ALL_NODES_MAC) / ip / UDP(sport=5353, dport=5353) / Raw(bytes(40)))
    deliveries = fabric.send(source.place, frame)
    others = [host for host in red.values() if host.subnet == source.subnet and host != source]
    assert len({host.place[0] for host in others}) > 1, "the subnet is on several leaves"
    assert sorted((one.place, one.frame) for one in deliveries) == sorted((host.place, frame) for host in others)
