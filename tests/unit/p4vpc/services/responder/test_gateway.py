# SPDX-License-Identifier: Apache-2.0
"""What is addressed to a gateway: echo is answered, UDP is refused, everything else meets silence."""

from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6NIQueryNOOP,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from p4vpc.services.responder import respond
from tests.unit.p4vpc.services.responder.frames import (
    ECHO,
    FAR_V4,
    FAR_V6,
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    GATEWAY_V4,
    GATEWAY_V6,
    HOST_LINK_LOCAL,
    HOST_MAC,
    HOST_V4,
    HOST_V6,
    PORT,
    SUBNET,
    TO_GATEWAY,
    VIEW,
    check,
    ether,
    switch_view,
    v4,
    v6,
)

ECHO_V6 = ICMPv6EchoRequest(id=7, seq=3, data=b"0123456789abc")
PROBE = UDP(sport=40000, dport=33434) / Raw(b"probe")


def answer(packet: Packet, **frame: str) -> Packet | None:
    reply = respond(bytes(ether(**frame) / packet), TO_GATEWAY, PORT, VIEW)
    if reply is None:
        return None
    assert reply.egress_port == PORT
    assert (Ether(reply.frame).src, Ether(reply.frame).dst) == (GATEWAY_MAC, HOST_MAC)
    return check(reply.frame)


@pytest.mark.parametrize("ttl", [1, 17, 255])
@pytest.mark.parametrize("size", [0, 1, 56, 1472])
def test_echo_v4(ttl: int, size: int) -> None:
    data = (bytes(range(256)) * 6)[:size]
    said = answer(v4(dst=GATEWAY_V4, ttl=ttl, tos=0xB9) / ICMP(id=7, seq=3) / Raw(data))
    assert said is not None
    assert (said.src, said.dst, said.ttl, said.tos) == (GATEWAY_V4, HOST_V4, 64, 0xB8)
    assert (said[ICMP].type, said[ICMP].code, said[ICMP].id, said[ICMP].seq) == (0, 0, 7, 3)
    assert bytes(said[ICMP].payload) == data


@pytest.mark.parametrize(("source", "gateway"), [(HOST_V6, GATEWAY_V6), (HOST_LINK_LOCAL, GATEWAY_LINK_LOCAL)])
def test_echo_v6(source: str, gateway: str) -> None:
    said = answer(v6(src=source, dst=gateway, hlim=1) / ECHO_V6)
    assert said is not None
    assert (said.src, said.dst, said.hlim) == (gateway, source, 64)
    reply = said[ICMPv6EchoReply]
    assert (reply.code, reply.id, reply.seq, reply.data) == (0, 7, 3, b"0123456789abc")


def test_echo_behind_options() -> None:
    said = answer(v6(dst=GATEWAY_V6) / IPv6ExtHdrHopByHop() / ECHO_V6)
    assert said is not None
    assert said[ICMPv6EchoReply].id == 7


def test_traceroute_to_the_gateway_ends() -> None:
    packet = v4(dst=GATEWAY_V4, ttl=1) / PROBE
    said = answer(packet)
    assert said is not None
    assert (said.src, said[ICMP].type, said[ICMP].code) == (GATEWAY_V4, 3, 3)
    assert bytes(said[ICMP])[8:] == bytes(packet)


@pytest.mark.parametrize(("source", "gateway"), [(HOST_V6, GATEWAY_V6), (HOST_LINK_LOCAL, GATEWAY_LINK_LOCAL)])
def test_traceroute_to_the_gateway_ends_v6(source: str, gateway: str) -> None:
    packet = v6(src=source, dst=gateway, hlim=1) / PROBE
    said = answer(packet)
    assert said is not None
    assert (said.src, said[ICMPv6DestUnreach].type, said[ICMPv6DestUnreach].code) == (gateway, 1, 4)
    assert bytes(said)[48:] == bytes(packet)


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(v4(dst=GATEWAY_V4) / TCP(dport=22), id="tcp"),
        pytest.param(v4(dst=GATEWAY_V4, proto=47) / Raw(b"gre"), id="gre"),
        pytest.param(v4(dst=GATEWAY_V4) / ICMP(type=0), id="echo reply"),
        pytest.param(v4(dst=GATEWAY_V4) / ICMP(type=8, code=1), id="echo of another code"),
        pytest.param(v4(dst=GATEWAY_V4) / ICMP(type=13), id="timestamp"),
        pytest.param(v4(dst=GATEWAY_V4) / ICMP(chksum=0x1234) / Raw(b"broken"), id="wrong checksum"),
        pytest.param(v4(dst=GATEWAY_V4, flags="MF") / ECHO, id="fragment"),
        pytest.param(v4(dst=GATEWAY_V4, flags="MF") / PROBE, id="fragment of UDP"),
        pytest.param(v4(dst=GATEWAY_V4, frag=5) / ECHO, id="later fragment"),
        pytest.param(v4(dst=GATEWAY_V4, proto=17) / Raw(b"short"), id="UDP without header"),
        pytest.param(v4(dst=GATEWAY_V4, proto=1) / Raw(b"\x08\0"), id="ICMP without header"),
        pytest.param(v4(dst=FAR_V4) / ECHO, id="not to the gateway"),
        pytest.param(v4(dst=GATEWAY_V4, proto=58) / ECHO, id="the other family's ICMP"),
        pytest.param(v6(dst=GATEWAY_V6) / TCP(dport=22), id="tcp v6"),
        pytest.param(v6(dst=GATEWAY_V6) / ICMPv6EchoReply(), id="echo reply v6"),
        pytest.param(v6(dst=GATEWAY_V6) / ICMPv6NIQueryNOOP(), id="node information"),
        pytest.param(v6(dst=GATEWAY_V6) / ICMPv6EchoRequest(cksum=0x1234), id="wrong checksum v6"),
        pytest.param(v6(dst=GATEWAY_V6) / IPv6ExtHdrFragment(m=1) / ECHO_V6, id="fragment v6"),
        pytest.param(v6(dst=GATEWAY_V6) / IPv6ExtHdrRouting(segleft=1, type=4) / ECHO_V6, id="a stop on the way"),
        pytest.param(v6(dst=FAR_V6) / ECHO_V6, id="not to the gateway v6"),
        pytest.param(v6(dst="fe80::1") / ECHO_V6, id="another link-local"),
    ],
)
def test_silence(packet: Packet) -> None:
    assert answer(packet) is None


def test_other_macs_are_not_the_gateway() -> None:
    assert answer(v4(dst=GATEWAY_V4) / ECHO, dst="02:00:00:00:01:0c") is None
    assert answer(v4(dst=GATEWAY_V4) / ECHO, dst="ff:ff:ff:ff:ff:ff") is None


def test_a_subnet_without_v6_has_a_link_local_gateway_all_the_same() -> None:
    view = switch_view(replace(SUBNET, gateway_v6=None))
    frame = bytes(ether() / v6(src=HOST_LINK_LOCAL, dst=GATEWAY_LINK_LOCAL) / ECHO_V6)
    assert respond(frame, TO_GATEWAY, PORT, view) is not None
    assert respond(bytes(ether() / v6(dst=GATEWAY_V6) / ECHO_V6), TO_GATEWAY, PORT, view) is None


def test_a_subnet_without_v4_answers_nobody_there() -> None:
    view = switch_view(replace(SUBNET, gateway_v4=None))
    assert respond(bytes(ether() / v4(dst=GATEWAY_V4) / ECHO), TO_GATEWAY, PORT, view) is None
    assert respond(bytes(ether() / v4(ttl=1) / PROBE), 8, PORT, view) is None
