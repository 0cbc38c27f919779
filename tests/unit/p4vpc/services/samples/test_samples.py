# SPDX-License-Identifier: Apache-2.0
"""From packet-ins to samples: whose a frame is, which rule has logged it, what is kept, and what is told of it."""

import asyncio
from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet as Frame
from scapy.packet import Raw

from p4vpc.compiler import DropReason, Origin
from p4vpc.intent import Mac
from p4vpc.model import Model
from p4vpc.services.samples import ACL_LOG, Sample, Sampler, SampleRing, SampleView
from p4vpc.services.samples.headers import read_headers
from p4vpc.southbound import Packet
from tests.unit.p4vpc.model.world import build, number, number_of, world

EXTRA = """
kind: fabric
drop_samples: {policy: 10/s, spoof: 10/s, ttl: 2/s}
---
kind: network_acl
tenant: red
vpc: prod
name: edge
subnets: [web, db]
inbound:
  - {action: allow, protocol: icmp}
  - {action: deny, protocol: tcp, ports: 22-23, source: 10.0.1.0/24, log: true}
  - {action: allow, protocol: tcp, log: true}
outbound: [{action: allow, protocol: udp, source_ports: "53", log: true}, {action: allow}]
"""
OBJECTS = world(EXTRA)
NUMBERS = number(OBJECTS)
MODEL: Model = build(OBJECTS)
PROD = number_of(NUMBERS, "vrf", "red/prod")
WEB_VNI = number_of(NUMBERS, "vni", "red/prod/web")
WEB_1, WEB_2, DB_1, FAR_1 = (Origin("port", f"red/prod/{name}") for name in ("web-1", "web-2", "db-1", "far-1"))
MACS = {WEB_1: "02:00:00:00:01:01", WEB_2: "02:00:00:00:01:02", DB_1: "02:00:00:00:01:03", FAR_1: "02:00:00:00:01:04"}
POLICY, SPOOF, TTL, RATE = DropReason.POLICY, DropReason.SPOOF, DropReason.TTL, DropReason.RATE
OUTBOUND, INBOUND = 40, 41


def frame(source: Origin, layer: Frame, vlan: int | None = None) -> Frame:
    ethernet = Ether(src=MACS[source], dst="02:00:5e:00:01:01")
    return ethernet / layer if vlan is None else ethernet / Dot1Q(vlan=vlan) / layer


def in_tunnel(inner: Frame, switch: str = "leaf2") -> Frame:
    vni = (0x08 << 24).to_bytes(4) + (WEB_VNI << 8).to_bytes(4)
    outer = Ether(src="02:00:00:00:99:01", dst=str(MODEL.switches[switch].router_mac))
    return outer / IP(src="10.255.9.1", dst="10.255.0.2") / UDP(dport=4789, chksum=0) / Raw(vni + bytes(inner))


class Bench:
    """A sampler at one switch, whose clock stands still."""

    def __init__(self, switch: str):
        self.now = 1000.0
        self.ring = SampleRing(capacity=5)
        self.sampler = Sampler(switch, self.ring, clock=lambda: 1.5e9, steady_clock=lambda: self.now)
        self.sampler.set_view(SampleView(MODEL, switch))

    def offer(self, packet: Frame | bytes, reason: int, port: int, vrf: int = PROD) -> None:
        self.sampler.offer(Packet(bytes(packet), {"reason": reason, "ingress_port": port, "vrf": vrf}))

    def one(self, packet: Frame | bytes, reason: int, port: int, vrf: int = PROD) -> Sample:
        before = self.ring.last
        self.offer(packet, reason, port, vrf)
        (sample,) = self.ring.after(before)
        return sample


TO_DB = IP(src="10.0.1.11", dst="10.0.2.21") / TCP(sport=40000, dport=22)


def test_a_sample_tells_when_where_why_whose_and_what() -> None:
    packet = bytes(frame(WEB_1, TO_DB / Raw(bytes(200))))
    assert Bench("leaf1").one(packet, POLICY, 11) == Sample(
        number=1,
        time=1.5e9,
        switch="leaf1",
        port=11,
        reason="policy",
        vpc="red/prod",
        source=WEB_1,
        destination=DB_1,
        rule=None,
        source_mac=Mac.parse(MACS[WEB_1]),
        destination_mac=Mac.parse("02:00:5e:00:01:01"),
        ether_type=0x0800,
        vlan_id=None,
        source_address=read_headers(packet).src,
        destination_address=read_headers(packet).dst,
        protocol=6,
        source_port=40000,
        destination_port=22,
        icmp_type=None,
        icmp_code=None,
        length=len(packet),
        frame=packet[:128],
    )


@pytest.mark.parametrize(
    ("packet", "switch", "port", "vrf", "source"),
    [
        pytest.param(frame(WEB_2, TO_DB, vlan=7), "leaf2", 11, PROD, WEB_2, id="tagged; a lie about the address"),
        pytest.param(frame(DB_1, IP(src="10.0.2.22")), "leaf2", 12, 0, DB_1, id="no VRF"),
        pytest.param(frame(WEB_2, IP(src="10.0.1.12")), "leaf2", 11, PROD, WEB_2, id="tag is gone: egress"),
        pytest.param(frame(WEB_1, IP(src="10.0.1.11")), "leaf2", 1, PROD, WEB_1, id="from a leaf: egress"),
        pytest.param(frame(DB_1, IP(src="10.0.2.21")), "leaf2", 1, PROD, None, id="a lie: it is not behind a tunnel"),
        pytest.param(frame(DB_1, IP(src="10.0.2.21")), "leaf2", 3, PROD, None, id="a lie: nobody is at that port"),
        pytest.param(in_tunnel(frame(FAR_1, IP(src="10.0.1.14"))), "leaf2", 9, PROD, FAR_1, id="tunnel"),
        pytest.param(in_tunnel(frame(FAR_1, IP(src="10.0.1.14"))), "leaf2", 9, 0, FAR_1, id="tunnel, no VRF"),
        pytest.param(frame(WEB_1, ARP(psrc="0.0.0.0")), "leaf1", 11, PROD, WEB_1, id="by MAC"),
    ],
)
def test_a_senders_address_counts_only_where_that_port_is(
    packet: Frame, switch: str, port: int, vrf: int, source: Origin | None
) -> None:
    sample = Bench(switch).one(packet, SPOOF, port, vrf)
    assert (sample.source, sample.vpc) == (source, "red/prod")


def test_nobodys_frame_is_nobodys() -> None:
    sample = Bench("leaf1").one(frame(WEB_1, TO_DB), SPOOF, 30, 0)
    assert (sample.vpc, sample.source, sample.destination) == (None, None, None)
    assert sample.destination_port == 22


@pytest.mark.parametrize("length", range(60))
def test_a_frame_may_end_anywhere(length: int) -> None:
    whole = bytes(frame(WEB_1, TO_DB))
    sample = Bench("leaf1").one(whole[:length], SPOOF, 11)
    assert (sample.length, sample.frame) == (min(length, len(whole)), whole[:length])
    assert (sample.source_address is None) is (length < 34)
    assert (sample.destination_port is None) is (length < 38)


@pytest.mark.parametrize(
    ("layer", "ports"),
    [
        (IP() / UDP(sport=5, dport=6), (17, 5, 6)),
        (IP() / ICMP(type=8, code=1), (1, None, 0x0801)),
        (IP(frag=9) / Raw(bytes(20)), (0, None, None)),
        (IP(options=b"\x01\x01\x01\x01") / UDP(sport=5, dport=6), (17, None, None)),
        (IPv6() / TCP(sport=5, dport=6), (6, 5, 6)),
        (IPv6() / ICMPv6EchoRequest(), (58, None, 0x8000)),
        (IPv6() / IPv6ExtHdrFragment(m=1) / UDP(sport=5, dport=6), (17, 5, 6)),
        (IPv6() / IPv6ExtHdrFragment(offset=3, nh=17) / Raw(bytes(8)), (17, None, None)),
        (IPv6(nh=0) / Raw(bytes([17, 0, *bytes(6)]) + bytes(UDP(sport=5, dport=6))), (0, None, None)),
    ],
)
def test_ports_are_those_that_the_pipeline_sees(layer: Frame, ports: tuple[int, int | None, int | None]) -> None:
    headers = read_headers(bytes(Ether() / layer))
    assert (headers.protocol, headers.l4_src_port, headers.l4_dst_port) == ports


@pytest.mark.parametrize(
    ("reason", "layer", "rule"),
    [
        (INBOUND, IP(src="10.0.1.11", dst="10.0.2.21") / TCP(dport=22), ("inbound", 1, "deny")),
        (INBOUND, IP(src="10.0.1.11", dst="10.0.2.21") / TCP(dport=24), ("inbound", 2, "allow")),
        (INBOUND, IP(src="10.0.1.11", dst="10.0.2.21", frag=1, proto=6) / Raw(bytes(8)), ("inbound", 2, "allow")),
        (INBOUND, IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(dport=22), None),
        (OUTBOUND, IP(src="10.0.1.11", dst="10.0.2.21") / UDP(sport=53), ("outbound", 0, "allow")),
        (OUTBOUND, IP(src="10.0.1.11", dst="10.0.2.21") / UDP(sport=54), ("outbound", 1, "allow")),
        (INBOUND, IP(src="10.0.1.11", dst="192.0.2.7") / TCP(dport=22), ("inbound", 1, "deny")),
    ],
)
def test_the_rule_that_logged_is_the_first_that_matches(
    reason: int, layer: Frame, rule: tuple[str, int, str] | None
) -> None:
    sample = Bench("leaf1").one(frame(WEB_1, layer), reason, 11)
    assert sample.reason == ACL_LOG
    found = sample.rule
    assert (found and (found.direction, found.position, found.action)) == rule
    assert found is None or found.acl == Origin("network_acl", "red/prod/edge")


def test_only_what_was_asked_for_is_a_sample() -> None:
    bench = Bench("leaf1")
    for reason in (RATE, DropReason.LEARN, 128, 200, 34 + 100):
        bench.offer(frame(WEB_1, TO_DB), reason, 11)
    bench.sampler.offer(Packet(b"", {}))
    assert bench.ring.after(0) == []
    assert bench.sampler.counts == {}


def test_of_what_the_controller_answers_the_sampler_takes_its_share() -> None:
    bench = Bench("leaf1")
    for _ in range(5):
        bench.offer(frame(WEB_1, TO_DB), TTL, 11)
        bench.offer(frame(WEB_1, TO_DB), POLICY, 11)
    bench.sampler.set_view(SampleView(MODEL, "leaf1"))
    bench.offer(frame(WEB_1, TO_DB), TTL, 11)
    assert bench.sampler.counts == {"ttl": 2, "policy": 5}
    bench.now += 0.5
    bench.offer(frame(WEB_1, TO_DB), TTL, 11)
    assert bench.sampler.counts == {"ttl": 3, "policy": 5}


def test_before_there_is_a_model_nothing_is_taken() -> None:
    ring = SampleRing()
    Sampler("leaf1", ring).offer(
        Packet(bytes(frame(WEB_1, TO_DB)), {"reason": POLICY, "ingress_port": 11, "vrf": PROD})
    )
    assert ring.last == 0


def sample_of(switch: str, reason: str = "policy") -> Sample:
    return replace(Bench("leaf1").one(frame(WEB_1, TO_DB), POLICY, 11), switch=switch, reason=reason)


def test_the_ring_keeps_the_latest_of_each_switch() -> None:
    ring = SampleRing(capacity=2)
    for switch in ("a", "b", "b", "b"):
        ring.add(sample_of(switch))
    assert [(sample.number, sample.switch) for sample in ring.after(0)] == [(1, "a"), (3, "b"), (4, "b")]
    assert [sample.number for sample in ring.after(3)] == [4]
    assert [sample.number for sample in ring.after(0, ["a"])] == [1]
    assert ring.after(0, None, ["rate"]) == []
    assert ring.last == 4


async def test_who_waits_gets_the_next_sample_that_was_asked_for() -> None:
    ring = SampleRing()
    ring.add(sample_of("a"))
    waiting = asyncio.create_task(ring.wait_after(1, 30.0, ["a"], ["rate"]))
    await asyncio.sleep(0)
    for switch, reason in (("a", "policy"), ("b", "rate")):
        ring.add(sample_of(switch, reason))
        await asyncio.sleep(0)
    assert not waiting.done()
    ring.add(sample_of("a", "rate"))
    assert [sample.number for sample in await waiting] == [4]


async def test_who_waits_in_vain_gets_nothing() -> None:
    assert await SampleRing().wait_after(0, 0.0) == []
