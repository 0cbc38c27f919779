# SPDX-License-Identifier: Apache-2.0
"""Whom nobody answers: RFC 1122 section 3.2.2 and RFC 4443 section 2.4 (e), row by row."""

import pytest
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.packet import Packet, Raw

from p4vpc.services.responder import respond
from tests.unit.p4vpc.services.responder.frames import (
    BROADCAST_V4,
    ECHO,
    FAR_BROADCAST_V4,
    GATEWAY_V4,
    GATEWAY_V6,
    MTU,
    PORT,
    TO_GATEWAY,
    TOO_BIG,
    TTL,
    VIEW,
    ether,
    v4,
    v6,
)

FILL = Raw(bytes(MTU))


def is_told(packet: Packet, **frame: str) -> set[int]:
    """The reasons for which there is an answer; DF is set and the packet long, so that each would do."""
    data = bytes(ether(**frame) / packet)
    return {reason for reason in (TTL, TOO_BIG) if respond(data, reason, PORT, VIEW) is not None}


@pytest.mark.parametrize("icmp_type", [3, 4, 5, 11, 12, 1, 2, 6, 7, 19, 41, 200, 255])
def test_no_error_about_an_icmp_error_or_redirect_or_what_may_be_one(icmp_type: int) -> None:
    assert is_told(v4(flags="DF") / ICMP(type=icmp_type) / FILL) == set()


@pytest.mark.parametrize("icmp_type", [0, 8, 13, 17])
def test_icmp_queries_are_told(icmp_type: int) -> None:
    assert is_told(v4(flags="DF") / ICMP(type=icmp_type) / FILL) == {TTL, TOO_BIG}


@pytest.mark.parametrize(
    "message",
    [ICMPv6DestUnreach(), ICMPv6PacketTooBig(), ICMPv6TimeExceeded(), ICMPv6ParamProblem(), ICMPv6ND_Redirect()],
)
@pytest.mark.parametrize("is_behind_options", [False, True])
def test_no_error_about_an_icmpv6_error_or_redirect(message: Packet, is_behind_options: bool) -> None:
    packet = v6() / IPv6ExtHdrDestOpt() if is_behind_options else v6()
    assert is_told(packet / message / FILL) == set()


@pytest.mark.parametrize("message", [ICMPv6EchoRequest(), ICMPv6EchoReply(), ICMPv6ND_RS()])
def test_icmpv6_queries_are_told(message: Packet) -> None:
    assert is_told(v6() / message / FILL) == {TTL, TOO_BIG}


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (v4(flags="DF", frag=0) / UDP() / FILL, {TTL, TOO_BIG}),
        (v4(flags="DF+MF", frag=0) / UDP() / FILL, {TTL, TOO_BIG}),
        (v4(flags="DF+MF", frag=10) / FILL, set()),
        (v4(flags="DF", frag=10) / FILL, set()),
        (v6() / IPv6ExtHdrFragment(offset=0, m=1) / UDP() / FILL, {TTL, TOO_BIG}),
        (v6() / IPv6ExtHdrFragment(offset=0, m=0) / UDP() / FILL, {TTL, TOO_BIG}),
        (v6() / IPv6ExtHdrFragment(offset=10, m=1, nh=17) / FILL, set()),
        (v6() / IPv6ExtHdrFragment(offset=10, m=0, nh=17) / FILL, set()),
    ],
)
def test_only_first_fragments_are_told(packet: Packet, told: set[int]) -> None:
    assert is_told(packet) == told


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "224.0.0.1", "239.255.255.250"),
        *("240.0.0.1", "255.255.255.255", BROADCAST_V4, FAR_BROADCAST_V4),
    ],
)
def test_no_single_host_v4(address: str) -> None:
    assert is_told(v4(src=address, flags="DF") / UDP() / FILL) == set()
    assert is_told(v4(dst=address, flags="DF") / UDP() / FILL) == set()


@pytest.mark.parametrize("address", ["::", "::1", "ff02::1", "ff0e::1"])
def test_no_single_host_v6(address: str) -> None:
    assert is_told(v6(src=address) / UDP() / FILL) == set()
    assert is_told(v6(dst=address) / UDP() / FILL) == set()


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"])
def test_group_macs(mac: str) -> None:
    for packet in (v4(flags="DF"), v6()):
        assert is_told(packet / UDP() / FILL, dst=mac) == set()
        assert is_told(packet / UDP() / FILL, src=mac) == set()


@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", BROADCAST_V4])
def test_the_gateway_does_not_answer_whoever_is_no_host(source: str) -> None:
    for body in (ECHO, UDP(dport=33434)):
        assert respond(bytes(ether() / v4(src=source, dst=GATEWAY_V4) / body), TO_GATEWAY, PORT, VIEW) is None


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1"])
def test_the_gateway_does_not_answer_whoever_is_no_host_v6(source: str) -> None:
    for body in (ICMPv6EchoRequest(), UDP(dport=33434)):
        assert respond(bytes(ether() / v6(src=source, dst=GATEWAY_V6) / body), TO_GATEWAY, PORT, VIEW) is None


def test_a_tcp_segment_is_told() -> None:
    assert is_told(v4(flags="DF") / TCP() / FILL) == {TTL, TOO_BIG}
