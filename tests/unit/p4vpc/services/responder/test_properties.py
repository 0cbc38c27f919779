# SPDX-License-Identifier: Apache-2.0
"""Whatever arrives: nothing is raised, replies are well-formed, and no error is ever about an error."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_RS,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6TimeExceeded,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from p4vpc.intent import Mac
from p4vpc.services.responder import Reply, respond
from p4vpc.services.responder.announcements import read_announcement
from p4vpc.services.responder.ethernet import build_frame, parse_frame
from tests.unit.p4vpc.services.responder.frames import (
    ECHO,
    FABRIC_PORT,
    GATEWAY_MAC,
    GATEWAY_V4,
    GATEWAY_V6,
    HOST_LINK_LOCAL,
    HOST_MAC,
    LEARN,
    PORT,
    ROUTER_SOLICITATION,
    TAGGED_PORT,
    TO_GATEWAY,
    TOO_BIG,
    TTL,
    VIEW,
    VLAN_ID,
    check,
    ether,
    tunnelled,
    v4,
    v6,
)

PORTS = st.sampled_from([FABRIC_PORT, PORT, TAGGED_PORT, 99])
REASONS = st.sampled_from([TTL, TO_GATEWAY, TOO_BIG, LEARN, ROUTER_SOLICITATION])

BODIES: list[Packet] = [
    v4(ttl=1) / UDP(dport=33434) / Raw(b"probe"),
    v4(dst=GATEWAY_V4) / ECHO,
    v4(ttl=1, flags="DF") / TCP() / Raw(bytes(1500)),
    v4(ttl=1) / ICMP(type=11) / v4() / UDP(),
    v6(hlim=1) / UDP(dport=33434) / Raw(b"probe"),
    v6(dst=GATEWAY_V6) / ICMPv6EchoRequest(data=b"ping"),
    v6(hlim=1) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(m=1) / TCP() / Raw(bytes(1500)),
    v6(hlim=1) / ICMPv6TimeExceeded() / v6() / UDP(),
    ARP(hwsrc=HOST_MAC, psrc="10.0.1.11", pdst="10.0.1.11"),
    v6(src=HOST_LINK_LOCAL, dst="ff02::2", hlim=255) / ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=HOST_MAC),
]
FRAMES: list[tuple[bytes, int]] = [
    *((bytes(ether() / body), PORT) for body in BODIES),
    *((bytes(ether(vlan=VLAN_ID) / body), TAGGED_PORT) for body in BODIES),
    *((tunnelled(ether() / body), FABRIC_PORT) for body in BODIES),
    *((tunnelled(ether() / body, is_v6=True), FABRIC_PORT) for body in BODIES),
]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, int]:
    """A frame that means something, with a few octets changed and perhaps its end cut off."""
    frame, port = draw(st.sampled_from(FRAMES))
    octets = bytearray(frame)
    # The headers are where a changed octet matters.
    for position in draw(st.lists(st.integers(12, min(len(octets), 130) - 1), max_size=4)):
        octets[position] = draw(st.integers(0, 255))
    return bytes(octets[: draw(st.integers(0, len(octets)) | st.just(len(octets)))]), port


def exercise(frame: bytes, reason: int, port: int) -> Reply | None:
    reply = respond(frame, reason, port, VIEW)
    parsed = parse_frame(frame)
    if parsed is not None:
        assert build_frame(parsed) == frame
        read_announcement(parsed)
    return reply


@given(st.binary(max_size=200), REASONS, PORTS)
@example(b"", TTL, PORT)
def test_random_octets(frame: bytes, reason: int, port: int) -> None:
    assert exercise(frame, reason, port) is None


@given(st.binary(max_size=100), st.sampled_from([0x0800, 0x0806, 0x8035, 0x86DD, 0x8100]), REASONS)
def test_random_payloads_to_the_gateway(payload: bytes, ether_type: int, reason: int) -> None:
    frame = bytes(Ether(src=HOST_MAC, dst=GATEWAY_MAC, type=ether_type) / Raw(payload))
    assert exercise(frame, reason, PORT) is None or len(payload) >= 20


def said_in(reply: Reply) -> tuple[Packet, Packet]:
    """The answer's IP packet, and the frame that it is in without any tunnel."""
    frame = Ether(reply.frame)
    return check(reply.frame), frame[VXLAN].payload if frame.haslayer(VXLAN) else frame


def is_error(packet: Packet) -> bool:
    octets = bytes(packet)
    if packet.version == 4:
        return octets[20] in {3, 4, 5, 11, 12}
    return octets[40] < 128 or octets[40] == 137


@settings(max_examples=500)
@given(mutated(), REASONS)
def test_replies_to_whatever_resembles_a_packet_are_well_formed(arrived: tuple[bytes, int], reason: int) -> None:
    frame, port = arrived
    reply = exercise(frame, reason, port)
    if reply is None:
        return
    assert reply.egress_port == port
    said, inner = said_in(reply)
    assert inner.src == GATEWAY_MAC
    # Whoever sent it: inside of a tunnel the MAC may be among what was changed. An advertisement may be for all nodes.
    assert Mac.parse(inner.dst).is_unicast or (reason, inner.dst) == (ROUTER_SOLICITATION, "33:33:00:00:00:01")
    assert inner.haslayer(Dot1Q) == (port == TAGGED_PORT)
    assert not is_error(said) or len(bytes(said)) <= (576 if said.version == 4 else 1280)


@settings(max_examples=300)
@given(mutated(), REASONS, REASONS)
def test_never_an_error_about_an_error(arrived: tuple[bytes, int], reason: int, second: int) -> None:
    """Send each error back in as if a host had sent it to the gateway: there is no second one."""
    frame, port = arrived
    reply = exercise(frame, reason, port)
    if reply is None:
        return
    said, _ = said_in(reply)
    if not is_error(said):
        return
    said.src, said.dst = said.dst, said.src
    assert respond(bytes(ether() / said), second, PORT, VIEW) is None


@given(st.sampled_from(FRAMES), REASONS)
def test_the_core_is_a_function(arrived: tuple[bytes, int], reason: int) -> None:
    assert exercise(arrived[0], reason, arrived[1]) == exercise(arrived[0], reason, arrived[1])


def test_the_frames_of_these_tests_are_answered() -> None:
    answered = [
        any(
            respond(frame, reason, port, VIEW) is not None for reason in (TTL, TO_GATEWAY, TOO_BIG, ROUTER_SOLICITATION)
        )
        for frame, port in FRAMES
    ]
    expected = [True, True, True, False, True, True, True, False, False, True]
    assert answered == expected * 4
