# SPDX-License-Identifier: Apache-2.0
"""Time Exceeded and too big, in both families: who says it, what it quotes, and the next-hop MTU."""

import pytest
from scapy.layers.inet import ICMP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6TimeExceeded,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from p4vpc.services.responder import respond
from tests.unit.p4vpc.services.responder.frames import (
    ECHO,
    GATEWAY_LINK_LOCAL,
    GATEWAY_MAC,
    GATEWAY_V4,
    GATEWAY_V6,
    HOST_LINK_LOCAL,
    HOST_MAC,
    HOST_V4,
    HOST_V6,
    MTU,
    PORT,
    TAGGED_PORT,
    TOO_BIG,
    TTL,
    VIEW,
    VLAN_ID,
    check,
    ether,
    v4,
    v6,
)

UDP_BODY = UDP(sport=40000, dport=33434) / Raw(b"probe")


def answer(packet: Packet, reason: int, **frame: object) -> bytes | None:
    port = TAGGED_PORT if "vlan" in frame else PORT
    reply = respond(bytes(ether(**frame) / packet), reason, port, VIEW)
    assert reply is None or reply.egress_port == port
    return None if reply is None else reply.frame


@pytest.mark.parametrize("body", [UDP_BODY, TCP(dport=80), ECHO], ids=["udp", "tcp", "echo"])
@pytest.mark.parametrize("ttl", [0, 1])
def test_time_exceeded_v4_comes_from_the_gateway(body: Packet, ttl: int) -> None:
    packet = v4(ttl=ttl) / body
    frame = answer(packet, TTL)
    assert frame is not None
    assert (Ether(frame).src, Ether(frame).dst) == (GATEWAY_MAC, HOST_MAC)
    said = check(frame)
    assert (said.src, said.dst, said.ttl, said.tos) == (GATEWAY_V4, HOST_V4, 64, 0xC0)
    assert (said[ICMP].type, said[ICMP].code) == (11, 0)
    assert bytes(said[ICMP])[4:8] == bytes(4)
    assert bytes(said[ICMP])[8:] == bytes(packet)


@pytest.mark.parametrize("body", [UDP_BODY, TCP(dport=80), ICMPv6EchoRequest()], ids=["udp", "tcp", "echo"])
def test_time_exceeded_v6_comes_from_the_gateway(body: Packet) -> None:
    packet = v6(hlim=1, tc=0x20, fl=77) / body
    frame = answer(packet, TTL)
    assert frame is not None
    said = check(frame)
    assert (said.src, said.dst, said.hlim) == (GATEWAY_V6, HOST_V6, 64)
    assert (said[ICMPv6TimeExceeded].type, said[ICMPv6TimeExceeded].code) == (3, 0)
    assert bytes(said)[48:] == bytes(packet)


@pytest.mark.parametrize(("payload", "quoted"), [(0, 28), (520, 548), (521, 548), (1400, 548)])
def test_a_v4_error_quotes_what_fits_576_octets(payload: int, quoted: int) -> None:
    packet = v4(ttl=1) / UDP(dport=9) / Raw((bytes(range(256)) * 6)[:payload])
    frame = answer(packet, TTL)
    assert frame is not None
    said = bytes(check(frame))
    assert len(said) == 28 + quoted <= 576
    assert said[28:] == bytes(packet)[:quoted]


@pytest.mark.parametrize(("payload", "quoted"), [(0, 48), (1184, 1232), (1185, 1232), (1400, 1232)])
def test_a_v6_error_quotes_what_fits_1280_octets(payload: int, quoted: int) -> None:
    packet = v6(hlim=1) / UDP(dport=9) / Raw((bytes(range(256)) * 6)[:payload])
    frame = answer(packet, TTL)
    assert frame is not None
    said = bytes(check(frame))
    assert len(said) == 48 + quoted <= 1280
    assert said[48:] == bytes(packet)[:quoted]


def test_ethernet_padding_is_not_quoted() -> None:
    packet = v4(ttl=1) / UDP(dport=9)
    reply = respond(bytes(ether() / packet) + b"\xee" * 18, TTL, PORT, VIEW)
    assert reply is not None
    assert bytes(check(reply.frame))[28:] == bytes(packet)


def test_options_are_quoted_in_full() -> None:
    packet = v4(ttl=1, options=[IPOption_NOP()] * 4) / UDP_BODY
    frame = answer(packet, TTL)
    assert frame is not None
    assert bytes(check(frame))[28:] == bytes(packet)


def test_too_big_v4_with_df_tells_the_tenant_mtu() -> None:
    packet = v4(flags="DF") / UDP(dport=9) / Raw(bytes(MTU - 27))
    frame = answer(packet, TOO_BIG)
    assert frame is not None
    said = check(frame)
    assert (said.src, said[ICMP].type, said[ICMP].code, said[ICMP].nexthopmtu) == (GATEWAY_V4, 3, 4, MTU)
    assert bytes(said[ICMP])[8:] == bytes(packet)[:548]


def test_too_big_v4_without_df_is_lost_in_silence() -> None:
    assert answer(v4() / UDP(dport=9) / Raw(bytes(MTU)), TOO_BIG) is None


def test_too_big_v6_tells_the_tenant_mtu() -> None:
    packet = v6() / UDP(dport=9) / Raw(bytes(MTU - 47))
    frame = answer(packet, TOO_BIG)
    assert frame is not None
    said = check(frame)
    assert (said.src, said[ICMPv6PacketTooBig].code, said[ICMPv6PacketTooBig].mtu) == (GATEWAY_V6, 0, MTU)
    assert bytes(said)[48:] == bytes(packet)[:1232]


@pytest.mark.parametrize("packet", [v4(flags="DF") / UDP_BODY, v6() / UDP_BODY], ids=["v4", "v6"])
def test_what_fits_by_now_is_not_called_too_big(packet: Packet) -> None:
    assert answer(packet, TOO_BIG) is None


@pytest.mark.parametrize("reason", [TTL, TOO_BIG])
@pytest.mark.parametrize("packet", [v4(ttl=1, flags="DF"), v6(hlim=1)], ids=["v4", "v6"])
def test_bridged_packets_get_nothing(reason: int, packet: Packet) -> None:
    assert answer(packet / UDP() / Raw(bytes(MTU)), reason, dst="02:00:00:00:01:0c") is None
    assert answer(packet / UDP() / Raw(bytes(MTU)), reason) is not None


@pytest.mark.parametrize("priority", [0, 5])
@pytest.mark.parametrize("packet", [v4(ttl=1), v6(hlim=1)], ids=["v4", "v6"])
def test_the_reply_has_the_tag_of_the_frame(priority: int, packet: Packet) -> None:
    frame = answer(packet / UDP_BODY, TTL, vlan=VLAN_ID, priority=priority)
    assert frame is not None
    tag = Ether(frame)[Dot1Q]
    assert (tag.vlan, tag.prio) == (VLAN_ID, priority)
    check(frame)


def test_a_priority_tag_is_no_vlan() -> None:
    reply = respond(bytes(ether(vlan=0, priority=3) / v4(ttl=1) / UDP_BODY), TTL, PORT, VIEW)
    assert reply is not None
    assert (Ether(reply.frame)[Dot1Q].vlan, Ether(reply.frame)[Dot1Q].prio) == (0, 3)


@pytest.mark.parametrize(("port", "vlan"), [(PORT, 8), (99, None), (TAGGED_PORT, None), (TAGGED_PORT, 8)])
def test_nobody_is_attached_there(port: int, vlan: int | None) -> None:
    assert respond(bytes(ether(vlan=vlan) / v4(ttl=1) / UDP_BODY), TTL, port, VIEW) is None


@pytest.mark.parametrize("reason", [0, 1, 7, 9, 18, 31, 33, 128, 255])
def test_other_reasons_get_nothing(reason: int) -> None:
    assert answer(v4(ttl=1) / UDP_BODY, reason) is None


def test_extension_headers_are_walked_over_and_quoted() -> None:
    packet = v6(hlim=1) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(offset=0, m=1) / UDP_BODY
    frame = answer(packet, TTL)
    assert frame is not None
    assert bytes(check(frame))[48:] == bytes(packet)


def test_a_link_local_sender_is_told_by_the_link_local_gateway() -> None:
    frame = answer(v6(src=HOST_LINK_LOCAL, hlim=1) / UDP_BODY, TTL)
    assert frame is not None
    said = check(frame)
    assert (said.src, said.dst) == (GATEWAY_LINK_LOCAL, HOST_LINK_LOCAL)
