# SPDX-License-Identifier: Apache-2.0
"""Frames of traces, read by somebody else: addresses, ports, lengths, checksums; and what hosts answer."""

from ipaddress import ip_address
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet as Parsed

from p4vpc.intent import Mac
from p4vpc.services.responder.ethernet import EthernetFrame, build_frame
from p4vpc.services.trace.frames import (
    Packet,
    build_packet,
    build_question,
    build_reply,
    ether_type_of,
    group_mac,
)
from p4vpc.services.trace.summary import summary_of

A, B = Mac(0x020000000001), Mac(0x020000000002)
V4, V6 = (ip_address("10.0.1.1"), ip_address("10.0.1.2")), (ip_address("fd00::1"), ip_address("fd00::2"))


def framed(packet: Packet, tci: int | None = None) -> bytes:
    return build_frame(EthernetFrame(B, A, tci, ether_type_of(packet.src), build_packet(packet)))


def rebuilt(frame: bytes) -> bytes:
    """The frame with lengths and checksums as scapy works them out."""
    parsed: Any = Ether(frame)
    for layer in (IP, IPv6, TCP, UDP, ICMP, ICMPv6EchoRequest, ICMPv6EchoReply, ICMPv6ND_NS):
        if layer in parsed:
            for field in ("chksum", "cksum", "len", "plen"):
                if field in parsed[layer].fields:
                    delattr(parsed[layer], field)
    return bytes(parsed)


def packets() -> list[Packet]:
    found = []
    for addresses in (V4, V6):
        echo = (1, (8, 0)) if addresses is V4 else (58, (128, 0))
        for length in (None, 20, 100, 1500):
            found += [
                Packet(*addresses, 6, 40000, 443, ttl=9, length=length),
                Packet(*addresses, 17, 40000, 53, length=length),
                Packet(*addresses, echo[0], icmp=echo[1], length=length),
                Packet(*addresses, 47, length=length),
            ]
    return found


@pytest.mark.parametrize("packet", packets(), ids=str)
def test_packets_are_as_scapy_builds_them(packet: Packet) -> None:
    frame = framed(packet)
    assert rebuilt(frame) == frame
    parsed = Ether(frame)
    ip = parsed[IP] if packet.src.version == 4 else parsed[IPv6]
    assert (ip.src, ip.dst) == (str(packet.src), str(packet.dst))
    assert (ip.ttl if packet.src.version == 4 else ip.hlim) == packet.ttl
    shortest = len(framed(Packet(*(packet.src, packet.dst), packet.protocol, icmp=packet.icmp))) - 14
    assert len(frame) - 14 == max(packet.length or 0, shortest)
    if packet.protocol in (6, 17):
        assert (ip.payload.sport, ip.payload.dport) == (packet.source_port, packet.destination_port)


def test_families_do_not_mix() -> None:
    with pytest.raises(TypeError):
        build_packet(Packet(V4[0], V6[0], 6))
    with pytest.raises(TypeError):
        build_question(A, V4[0], V6[0], None)


def test_questions_for_neighbours() -> None:
    arp = Ether(build_question(A, *V4, None))
    assert (arp.dst, arp[ARP].op, arp[ARP].hwsrc, arp[ARP].psrc, arp[ARP].pdst) == (
        *("ff:ff:ff:ff:ff:ff", 1, str(A), "10.0.1.1", "10.0.1.2"),
    )
    frame = build_question(A, *V6, 7)
    solicitation = Ether(frame)
    assert (solicitation.dst, solicitation[Dot1Q].vlan) == ("33:33:ff:00:00:02", 7)
    assert (solicitation[IPv6].dst, solicitation[IPv6].hlim) == ("ff02::1:ff00:2", 255)
    assert solicitation[ICMPv6ND_NS].tgt == "fd00::2"
    assert rebuilt(frame) == frame


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("255.255.255.255", "ff:ff:ff:ff:ff:ff"),
        ("224.128.0.251", "01:00:5e:00:00:fb"),
        ("ff02::fb", "33:33:00:00:00:fb"),
        ("10.0.1.2", None),
        ("fd00::2", None),
    ],
)
def test_groups_have_macs(address: str, mac: str | None) -> None:
    found = group_mac(ip_address(address))
    assert (None if found is None else str(found)) == mac


@pytest.mark.parametrize("packet", [it for it in packets() if it.length in (None, 100)], ids=str)
def test_replies_turn_everything_round(packet: Packet) -> None:
    frame = framed(packet, tci=5)
    reply = build_reply(frame, is_tunnelled=False)
    assert reply is not None
    assert rebuilt(reply) == reply
    there, back = Ether(frame), Ether(reply)
    assert (back.src, back.dst, back[Dot1Q].vlan) == (there.dst, there.src, 5)
    family: type[Parsed] = IP if packet.src.version == 4 else IPv6
    assert (back[family].src, back[family].dst) == (there[family].dst, there[family].src)
    if TCP in there:
        assert (back[TCP].sport, back[TCP].dport, back[TCP].flags) == (443, 40000, "SA")
    if ICMP in there:
        assert (back[ICMP].type, back[ICMP].id, back[ICMP].payload) == (0, there[ICMP].id, there[ICMP].payload)
    if ICMPv6EchoRequest in there:
        assert back[ICMPv6EchoReply].data == there[ICMPv6EchoRequest].data


def test_what_nobody_answers_has_no_reply() -> None:
    unreachable = framed(Packet(*V4, 1, icmp=(3, 1)))
    group = build_frame(EthernetFrame(Mac(0xFFFFFFFFFFFF), A, None, 0x0800, build_packet(Packet(*V4, 17))))
    for frame in (unreachable, group, build_question(A, *V4, None), b"short", framed(Packet(*V4, 6))[:40]):
        assert build_reply(frame, is_tunnelled=False) is None


def test_only_what_came_by_a_tunnel_goes_back_into_one() -> None:
    inner = framed(Packet(*V4, 17, 1000, 2000))
    outer = Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:0b") / IP(src="192.0.2.1", dst="192.0.2.2")
    frame = bytes(outer / UDP(sport=50000, dport=4789) / VXLAN(flags=8, vni=77) / Ether(inner))
    tunnelled = build_reply(frame, is_tunnelled=True)
    assert tunnelled is not None
    back = Ether(tunnelled)
    assert (back[IP].src, back[IP].dst, back[VXLAN].vni) == ("192.0.2.2", "192.0.2.1", 77)
    assert (back[VXLAN][UDP].sport, back[VXLAN][UDP].dport) == (2000, 1000)
    own = build_reply(frame, is_tunnelled=False)
    assert own is not None
    assert (Ether(own)[UDP].sport, Ether(own)[UDP].dport) == (4789, 50000)
    assert summary_of(frame, is_tunnelled=True) == (
        "vxlan vni 77 192.0.2.1 > 192.0.2.2 "
        "[02:00:00:00:00:01 > 02:00:00:00:00:02 udp 10.0.1.1:1000 > 10.0.1.2:2000 ttl 64]"
    )


@pytest.mark.parametrize(
    ("frame", "summary"),
    [
        (framed(Packet(*V4, 6, 1, 2), tci=9), "vlan 9 {a} > {b} tcp 10.0.1.1:1 > 10.0.1.2:2 ttl 64"),
        (framed(Packet(*V6, 58, icmp=(128, 0))), "{a} > {b} icmpv6 type 128 code 0 fd00::1 > fd00::2 ttl 64"),
        (framed(Packet(*V6, 17, 1, 2)), "{a} > {b} udp [fd00::1]:1 > [fd00::2]:2 ttl 64"),
        (framed(Packet(*V4, 47)), "{a} > {b} protocol 47 10.0.1.1 > 10.0.1.2 ttl 64"),
        (build_question(A, *V4, None), "{a} > ff:ff:ff:ff:ff:ff arp 10.0.1.1 > 10.0.1.2"),
        (build_frame(EthernetFrame(B, A, None, 0x88CC, b"")), "{a} > {b} ether type 0x88cc"),
    ],
)
def test_a_frame_in_one_line(frame: bytes, summary: str) -> None:
    assert summary_of(frame, is_tunnelled=False) == summary.format(a=A, b=B)
